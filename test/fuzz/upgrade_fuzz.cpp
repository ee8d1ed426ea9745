// Any bytes in place of an upgrade request or its response: whole and cut into pieces they are judged alike,
// and what is accepted can be answered.

#include "websocket/deflate_negotiation.hpp"
#include "websocket/upgrade_request.hpp"
#include "websocket/upgrade_response.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

using namespace strandcast;

namespace
{

void require(bool isSo)
{
    if (!isSo) std::abort();
}

HttpHeadParser parsed(HttpHeadParser::Kind kind, std::string_view bytes, std::size_t step)
{
    HttpHeadParser parser(kind, {.maxStartLineSize = 200, .maxHeaderCount = 10, .maxSize = 1'000});
    for (std::size_t at = 0; at < bytes.size() && !parser.isComplete() && !parser.refusal(); at += step)
        parser.feed(bytes.substr(at, step));
    return parser;
}

std::string answerTo(HttpHeadParser parser)
{
    if (parser.refusal()) return refusalResponse(*parser.refusal());
    if (!parser.isComplete()) return {};
    auto read = readRequest(std::move(parser.head()));
    if (const auto* const refusal = std::get_if<HttpRefusal>(&read)) return refusalResponse(*refusal);
    const auto& request = std::get<HttpRequest>(read);
    if (const auto refusal = judgeUpgrade(request)) return refusalResponse(*refusal);
    const auto deflate = acceptDeflate(*readExtensions(request.head), {.contextTakeover = true});
    return upgradeResponse(request, {}, deflate ? deflate->answer : std::string());
}

std::string judgementOf(HttpHeadParser parser)
{
    if (parser.refusal()) return parser.refusal()->reason;
    if (!parser.isComplete()) return "incomplete";
    const UpgradeRequest request{
        .host = "a", .target = "/", .key = "dGhlIHNhbXBsZSBub25jZQ==", .deflate = DeflateOptions()};
    const auto wrong = judgeResponse(parser.head(), request);
    if (!wrong) static_cast<void>(agreedDeflate(parser.head(), request));
    return wrong.value_or("right");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    if (size < 1) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    const std::size_t step = 1 + data[0] % 16;
    const auto answer = answerTo(parsed(HttpHeadParser::Kind::request, bytes, bytes.size() + 1));
    require(answerTo(parsed(HttpHeadParser::Kind::request, bytes, step)) == answer);
    require(answer.empty() || answer.starts_with("HTTP/1.1 "));
    const auto judgement = judgementOf(parsed(HttpHeadParser::Kind::response, bytes, bytes.size() + 1));
    require(judgementOf(parsed(HttpHeadParser::Kind::response, bytes, step)) == judgement);
    return 0;
}
