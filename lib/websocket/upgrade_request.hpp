#pragma once

#include "websocket/http_head.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace strandcast
{

/// An HTTP request that asks for something, a WebSocket or not.
struct HttpRequest
{
    std::string method;
    std::string path;   ///< of the target, as it came
    std::string query;  ///< behind the '?', as it came
    HttpHead head;

    /// The subprotocols that the client offers, the one that it likes best first.
    [[nodiscard]] std::vector<std::string_view> subprotocols() const
    {
        return head.tokens("Sec-WebSocket-Protocol");
    }

    /// Whether it asks for a WebSocket, rightly or not.
    [[nodiscard]] bool wantsUpgrade() const
    {
        return head.hasToken("Upgrade", "websocket") && head.hasToken("Connection", "upgrade");
    }
};

/// Reads the request out of a head that is complete, and refuses what no HTTP/1.1 request may be: another
/// version, no Host or two, a body.
[[nodiscard]] std::variant<HttpRequest, HttpRefusal> readRequest(HttpHead head);

/// Whether the request asks for a WebSocket in the right way (RFC 6455, section 4.2.1); otherwise why it is
/// refused.
[[nodiscard]] std::optional<HttpRefusal> judgeUpgrade(const HttpRequest& request);

/// The response that accepts a request which judgeUpgrade() found right, with one of its subprotocols or
/// none, and with `extensions`, or none where that is empty.
[[nodiscard]] std::string upgradeResponse(const HttpRequest& request,
                                          std::optional<std::string_view> subprotocol = {},
                                          std::string_view extensions = {});

/// A response with a line of text, after which the connection ends; to a HEAD without the text.
[[nodiscard]] std::string plainResponse(int status, std::string_view text, bool isHead = false);

/// The one that refuses a request.
[[nodiscard]] std::string refusalResponse(const HttpRefusal& refusal, bool isHead = false);

}  // namespace strandcast
