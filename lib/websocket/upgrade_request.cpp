#include "websocket/upgrade_request.hpp"

#include "websocket/extensions.hpp"
#include "websocket/handshake_key.hpp"

#include <algorithm>

namespace strandcast
{

namespace
{

// RFC 9112, section 3.2: the path itself, or, to a proxy, a whole URL.
std::optional<std::string> originForm(std::string_view target)
{
    for (const std::string_view scheme : {"http://", "https://"})
    {
        if (!equalIgnoringCase(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(std::min(target.find_first_of("/?", scheme.size()), target.size()));
        return target.starts_with('/') ? std::string(target) : '/' + std::string(target);
    }
    if (!target.starts_with('/')) return std::nullopt;
    return std::string(target);
}

// RFC 9110, section 2.5: a later minor version of 1 is heard as this one.
bool isHttp1(std::string_view version)
{
    return version.size() == 8 && version.starts_with("HTTP/1.") && version[7] >= '1' && version[7] <= '9';
}

bool isBodiless(const HttpHead& head)
{
    if (head.count("Transfer-Encoding") > 0) return false;
    return std::all_of(head.headers.begin(), head.headers.end(), [](const HttpHead::Header& header)
                       { return !equalIgnoringCase(header.name, "Content-Length") || header.value == "0"; });
}

}  // namespace

std::variant<HttpRequest, HttpRefusal> readRequest(HttpHead head)
{
    const std::string_view line = head.startLine;
    const auto methodEnd = line.find(' ');
    const auto targetEnd = line.rfind(' ');
    if (methodEnd == std::string_view::npos || methodEnd == targetEnd)
        return HttpRefusal{400, "A request line that is not 'METHOD target HTTP/1.1'"};
    const auto version = line.substr(targetEnd + 1);
    if (!version.starts_with("HTTP/"))
        return HttpRefusal{400, "A request line that is not 'METHOD target HTTP/1.1'"};
    if (!isHttp1(version)) return HttpRefusal{505, "HTTP/1.1 is expected"};
    const auto target = originForm(line.substr(methodEnd + 1, targetEnd - methodEnd - 1));
    if (!target || target->find_first_of(" #") != std::string_view::npos)
        return HttpRefusal{400, "A target that is not a path"};
    if (head.count("Host") != 1) return HttpRefusal{400, "Exactly one Host is expected"};

    HttpRequest request;
    request.method = line.substr(0, methodEnd);
    // Of another method the method is what is wrong; its body is of no use, and never read as a request.
    const bool mayHaveBody = request.method != "GET" && request.method != "HEAD";
    if (!mayHaveBody && !isBodiless(head)) return HttpRefusal{400, "A request without a body is expected"};
    const auto question = std::min(target->find('?'), target->size());
    request.path = target->substr(0, question);
    if (question < target->size()) request.query = target->substr(question + 1);
    request.head = std::move(head);
    return request;
}

std::optional<HttpRefusal> judgeUpgrade(const HttpRequest& request)
{
    const auto& head = request.head;
    if (request.method != "GET" && request.method != "HEAD")
        return HttpRefusal{405, "GET or HEAD is expected"};
    if (!request.wantsUpgrade()) return HttpRefusal{426, "A WebSocket upgrade is expected"};
    if (request.method != "GET") return HttpRefusal{405, "GET is expected for an upgrade"};
    if (head.count("Sec-WebSocket-Version") != 1 || head.first("Sec-WebSocket-Version") != "13")
        return HttpRefusal{426, "Sec-WebSocket-Version: 13 is expected"};
    if (head.count("Sec-WebSocket-Key") != 1 || !isKey(*head.first("Sec-WebSocket-Key")))
        return HttpRefusal{400, "One Sec-WebSocket-Key of 16 bytes in base64 is expected"};
    if (!readExtensions(head)) return HttpRefusal{400, "A Sec-WebSocket-Extensions that is no list of them"};
    return std::nullopt;
}

std::string upgradeResponse(const HttpRequest& request, std::optional<std::string_view> subprotocol,
                            std::string_view extensions)
{
    std::string response = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Accept: ";
    response += acceptKey(*request.head.first("Sec-WebSocket-Key"));
    if (subprotocol)
    {
        response += "\r\nSec-WebSocket-Protocol: ";
        response += *subprotocol;
    }
    if (!extensions.empty())
    {
        response += "\r\nSec-WebSocket-Extensions: ";
        response += extensions;
    }
    response += "\r\n\r\n";
    return response;
}

std::string plainResponse(int status, std::string_view text, bool isHead)
{
    std::string response = "HTTP/1.1 " + std::to_string(status) + ' ';
    response += reasonPhrase(status);
    if (status == 405) response += "\r\nAllow: GET, HEAD";
    if (status == 426) response += "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13";
    response += "\r\nConnection: ";
    response += status == 426 ? "Upgrade, close" : "close";
    response += "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ";
    response += std::to_string(text.size() + 1) + "\r\n\r\n";
    if (isHead) return response;
    response += text;
    response += '\n';
    return response;
}

std::string refusalResponse(const HttpRefusal& refusal, bool isHead)
{
    return plainResponse(refusal.status, refusal.reason, isHead);
}

}  // namespace strandcast
