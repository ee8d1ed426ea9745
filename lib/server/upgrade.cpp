#include "server/upgrade.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <algorithm>
#include <string_view>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

// Read from a refused peer before its connection ends, so that what it still sends does not reset it before
// it has read why.
constexpr std::size_t maxDiscardedBytes = 256 * 1024;

/// What could be read at once, in the buffer; empty at the peer's end.
Strand<std::string_view> readSome(Transport& transport, std::span<std::byte> buffer)
{
    for (;;)
    {
        const auto transfer = transport.tryRead(buffer);
        if (transfer.outcome == Transfer::Outcome::failed) throw asio::system_error(transfer.error);
        if (transfer.outcome != Transfer::Outcome::wouldBlock)
            co_return std::string_view(reinterpret_cast<const char*>(buffer.data()), transfer.size);
        co_await transport.waitReadable();
    }
}

Strand<> writeAll(Transport& transport, std::string text)
{
    auto left = std::as_bytes(std::span(text));
    while (!left.empty())
    {
        const auto transfer = transport.tryWrite(std::span(&left, 1));
        if (transfer.outcome == Transfer::Outcome::failed) throw asio::system_error(transfer.error);
        left = left.subspan(transfer.size);
        if (transfer.outcome == Transfer::Outcome::wouldBlock) co_await transport.waitWritable();
    }
}

/// Ends the conversation with a response.
Strand<> answer(Transport& transport, std::string response, std::span<std::byte> buffer)
{
    co_await writeAll(transport, std::move(response));
    transport.shutdownWrite();
    std::size_t discarded = 0;
    while (discarded < maxDiscardedBytes)
    {
        const auto bytes = co_await readSome(transport, buffer);
        if (bytes.empty()) co_return;
        discarded += bytes.size();
    }
}

std::optional<HttpRefusal> judge(const HttpRequest& request, const UpgradeOptions& options,
                                 const JudgeRequest& judgeRequest)
{
    if (auto refusal = options.origins.judge(request)) return refusal;
    if (!options.path.empty() && request.path != options.path)
        return HttpRefusal{404, "Nothing is served on this path"};
    if (auto refusal = judgeUpgrade(request)) return refusal;
    return judgeRequest ? judgeRequest(request) : std::nullopt;
}

/// The request that is to be upgraded, or the response to any other.
std::variant<HttpRequest, std::string> judge(HttpHead head, const UpgradeOptions& options,
                                             const JudgeRequest& judgeRequest)
{
    auto read = readRequest(std::move(head));
    if (const auto* const refusal = std::get_if<HttpRefusal>(&read)) return refusalResponse(*refusal);
    auto& request = std::get<HttpRequest>(read);
    const bool isHead = request.method == "HEAD";
    if (request.path == "/healthz" && (isHead || request.method == "GET") && !request.wantsUpgrade())
        return plainResponse(200, "ok", isHead);
    if (const auto refusal = judge(request, options, judgeRequest)) return refusalResponse(*refusal, isHead);
    return std::move(request);
}

/// The first of ours that the client offers.
std::optional<std::string> chooseSubprotocol(const HttpRequest& request, const std::vector<std::string>& ours)
{
    const auto offered = request.subprotocols();
    for (const auto& one : ours)
        if (std::ranges::find(offered, one) != offered.end()) return one;
    return std::nullopt;
}

}  // namespace

Strand<std::optional<AcceptedUpgrade>> acceptUpgrade(Transport& transport, const UpgradeOptions& options,
                                                     std::span<std::byte> buffer, JudgeRequest judgeRequest)
{
    HttpHeadParser parser(HttpHeadParser::Kind::request, options.limits);
    std::string received;
    while (!parser.isComplete())
    {
        auto bytes = co_await readSome(transport, buffer);
        if (bytes.empty()) co_return std::nullopt;  // the peer went
        bytes.remove_prefix(parser.feed(bytes));
        if (const auto& refusal = parser.refusal())
        {
            co_await answer(transport, refusalResponse(*refusal), buffer);
            co_return std::nullopt;
        }
        received = bytes;
    }
    auto judged = judge(std::move(parser.head()), options, judgeRequest);
    if (auto* const response = std::get_if<std::string>(&judged))
    {
        co_await answer(transport, std::move(*response), buffer);
        co_return std::nullopt;
    }
    AcceptedUpgrade accepted{std::get<HttpRequest>(std::move(judged)), {}, {}, std::move(received), {}};
    const auto& request = accepted.request;
    accepted.subprotocol = chooseSubprotocol(request, options.subprotocols);
    std::optional<AcceptedDeflate> deflate;
    if (options.deflate) deflate = acceptDeflate(*readExtensions(request.head), *options.deflate);
    if (deflate) accepted.deflate = deflate->parameters;
    accepted.response =
        upgradeResponse(request, accepted.subprotocol, deflate ? deflate->answer : std::string());
    co_return accepted;
}

}  // namespace strandcast
