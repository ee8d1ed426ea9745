#include "websocket/upgrade_response.hpp"

#include "websocket/extensions.hpp"
#include "websocket/handshake_key.hpp"

#include <algorithm>

namespace strandcast
{

namespace
{

// The status and its phrase are the server's, and end up in a text for people: short, and of visible
// characters.
std::string printable(std::string_view text)
{
    std::string shown(text.substr(0, 100));
    for (auto& character : shown)
        if (character < ' ' || character > '~') character = '?';
    return shown;
}

std::optional<std::string> judgeExtensions(const HttpHead& response, const UpgradeRequest& request)
{
    const auto extensions = readExtensions(response);
    if (!extensions) return "the server's Sec-WebSocket-Extensions are no list of them";
    if (!request.deflate && !extensions->empty())
        return "the server uses an extension that was not asked for";
    if (!request.deflate) return std::nullopt;
    auto answer = readDeflateAnswer(*extensions, *request.deflate);
    if (auto* const wrong = std::get_if<std::string>(&answer)) return std::move(*wrong);
    return std::nullopt;
}

}  // namespace

std::string upgradeRequest(const UpgradeRequest& request)
{
    std::string text = "GET " + request.target + " HTTP/1.1\r\nHost: " + request.host +
                       "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13"
                       "\r\nSec-WebSocket-Key: " +
                       request.key + "\r\n";
    for (std::size_t index = 0; index < request.subprotocols.size(); ++index)
        text += (index == 0 ? "Sec-WebSocket-Protocol: " : ", ") + request.subprotocols[index];
    if (!request.subprotocols.empty()) text += "\r\n";
    if (request.deflate) text += "Sec-WebSocket-Extensions: " + deflateOffer(*request.deflate) + "\r\n";
    for (const auto& header : request.headers) text += header.name + ": " + header.value + "\r\n";
    return text += "\r\n";
}

bool isHeader(const HttpHead::Header& header) noexcept
{
    return isToken(header.name) && std::none_of(header.value.begin(), header.value.end(),
                                                [](char character)
                                                {
                                                    const auto byte = static_cast<unsigned char>(character);
                                                    return (byte < 0x20 && character != '\t') || byte == 0x7F;
                                                });
}

std::optional<std::string> judgeResponse(const HttpHead& response, const UpgradeRequest& request)
{
    const std::string_view line = response.startLine;
    if (!line.starts_with("HTTP/1.1 ") || line.size() < 12) return "the server's answer is not HTTP/1.1";
    const auto status = line.substr(9);
    if (status.substr(0, 3) != "101" || (status.size() > 3 && status[3] != ' '))
        return "the server answered " + printable(status);
    // Section 4.1: the one value of Upgrade is "websocket"; Connection is a list.
    const bool isUpgrade =
        response.tokens("Upgrade").size() == 1 && response.hasToken("Upgrade", "websocket");
    if (!isUpgrade || !response.hasToken("Connection", "upgrade"))
        return "the server's answer upgrades to something else";
    if (response.count("Sec-WebSocket-Accept") != 1 ||
        response.first("Sec-WebSocket-Accept") != acceptKey(request.key))
        return "the server's Sec-WebSocket-Accept does not answer this request";
    if (auto wrong = judgeExtensions(response, request)) return wrong;
    const auto subprotocol = response.first("Sec-WebSocket-Protocol");
    if (subprotocol && (response.count("Sec-WebSocket-Protocol") != 1 ||
                        std::find(request.subprotocols.begin(), request.subprotocols.end(), *subprotocol) ==
                            request.subprotocols.end()))
        return "the server chose a subprotocol that was not asked for";
    return std::nullopt;
}

std::optional<DeflateParameters> agreedDeflate(const HttpHead& response, const UpgradeRequest& request)
{
    if (!request.deflate) return std::nullopt;
    return std::get<std::optional<DeflateParameters>>(
        readDeflateAnswer(*readExtensions(response), *request.deflate));
}

}  // namespace strandcast
