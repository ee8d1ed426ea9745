#pragma once

#include "websocket/deflate_negotiation.hpp"
#include "websocket/http_head.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// What a client asks a server for.
struct UpgradeRequest
{
    std::string host;                            ///< with the port where it is not the scheme's own
    std::string target;                          ///< path and query
    std::string key;                             ///< see makeKey()
    std::vector<HttpHead::Header> headers = {};  ///< further ones, each checked by isHeader()
    std::vector<std::string> subprotocols = {};
    std::optional<DeflateOptions> deflate = {};  ///< offered
};

/// The request as it goes to the server (RFC 6455, section 4.1). Nothing is checked here: host and target
/// come from a parsed URL, and subprotocols are tokens.
[[nodiscard]] std::string upgradeRequest(const UpgradeRequest& request);

/// Whether a header can be sent as it is: no line end hides in it.
[[nodiscard]] bool isHeader(const HttpHead::Header& header) noexcept;

/// What is wrong with a response as the answer to `request`, for people; nothing where the WebSocket is open.
[[nodiscard]] std::optional<std::string> judgeResponse(const HttpHead& response,
                                                       const UpgradeRequest& request);

/// What the server agreed to of the request's offer, in a response in which nothing is wrong.
[[nodiscard]] std::optional<DeflateParameters> agreedDeflate(const HttpHead& response,
                                                             const UpgradeRequest& request);

}  // namespace strandcast
