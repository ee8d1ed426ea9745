#include "server/upgrade.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <array>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

// Read from a refused peer before its connection ends, so that what it still sends does not reset it before
// it has read why.
constexpr std::size_t maxDiscardedBytes = 256 * 1024;

/// What could be read at once; empty at the peer's end.
Strand<std::string> readSome(Transport& transport)
{
    std::string bytes(4096, '\0');
    for (;;)
    {
        const auto transfer = transport.tryRead(std::as_writable_bytes(std::span(bytes)));
        if (transfer.outcome == Transfer::Outcome::failed) throw asio::system_error(transfer.error);
        if (transfer.outcome != Transfer::Outcome::wouldBlock)
        {
            bytes.resize(transfer.size);
            co_return bytes;
        }
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

Strand<> refuse(Transport& transport, HttpRefusal refusal)
{
    co_await writeAll(transport, refusalResponse(refusal));
    transport.shutdownWrite();
    std::size_t discarded = 0;
    while (discarded < maxDiscardedBytes)
    {
        const auto bytes = co_await readSome(transport);
        if (bytes.empty()) co_return;
        discarded += bytes.size();
    }
}

std::variant<HttpRequest, HttpRefusal> judge(HttpHead head, const std::string& path)
{
    auto request = readRequest(std::move(head));
    if (const auto* const read = std::get_if<HttpRequest>(&request))
    {
        if (!path.empty() && read->path != path) return HttpRefusal{404, "Nothing is served on this path"};
        if (auto refusal = judgeUpgrade(*read)) return std::move(*refusal);
    }
    return request;
}

}  // namespace

Strand<std::optional<AcceptedUpgrade>> acceptUpgrade(Transport& transport, const UpgradeOptions& options)
{
    HttpHeadParser parser(HttpHeadParser::Kind::request, options.limits);
    std::string bytes;
    while (!parser.isComplete())
    {
        bytes = co_await readSome(transport);
        if (bytes.empty()) co_return std::nullopt;  // the peer went
        bytes.erase(0, parser.feed(bytes));
        if (const auto& refusal = parser.refusal())
        {
            co_await refuse(transport, *refusal);
            co_return std::nullopt;
        }
    }
    auto judged = judge(std::move(parser.head()), options.path);
    if (auto* const refusal = std::get_if<HttpRefusal>(&judged))
    {
        co_await refuse(transport, std::move(*refusal));
        co_return std::nullopt;
    }
    auto& request = std::get<HttpRequest>(judged);
    co_await writeAll(transport, upgradeResponse(request));
    co_return AcceptedUpgrade{std::move(request), std::move(bytes)};
}

}  // namespace strandcast
