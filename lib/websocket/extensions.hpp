#pragma once

#include "websocket/http_head.hpp"

#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

/// An element of Sec-WebSocket-Extensions (RFC 6455, section 9.1).
struct Extension
{
    struct Parameter
    {
        std::string name;
        std::optional<std::string> value;  ///< a token, without the quotes that it may have come in

        friend bool operator==(const Parameter&, const Parameter&) = default;
    };

    std::string name;
    std::vector<Parameter> parameters;

    friend bool operator==(const Extension&, const Extension&) = default;
};

/// All that a head offers or accepts, in its order; nothing where that breaks the grammar.
[[nodiscard]] std::optional<std::vector<Extension>> readExtensions(const HttpHead& head);

}  // namespace strandcast
