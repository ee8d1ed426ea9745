#include "server/upgrade.hpp"

#include <asio/error.hpp>
#include <asio/system_error.hpp>

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

Strand<> refuse(Transport& transport, HttpRefusal refusal, std::span<std::byte> buffer)
{
    co_await writeAll(transport, refusalResponse(refusal));
    transport.shutdownWrite();
    std::size_t discarded = 0;
    while (discarded < maxDiscardedBytes)
    {
        const auto bytes = co_await readSome(transport, buffer);
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

Strand<std::optional<AcceptedUpgrade>> acceptUpgrade(Transport& transport, const UpgradeOptions& options,
                                                     std::span<std::byte> buffer)
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
            co_await refuse(transport, *refusal, buffer);
            co_return std::nullopt;
        }
        received = bytes;
    }
    auto judged = judge(std::move(parser.head()), options.path);
    if (auto* const refusal = std::get_if<HttpRefusal>(&judged))
    {
        co_await refuse(transport, std::move(*refusal), buffer);
        co_return std::nullopt;
    }
    auto& request = std::get<HttpRequest>(judged);
    std::optional<AcceptedDeflate> deflate;
    if (options.deflate) deflate = acceptDeflate(*readExtensions(request.head), *options.deflate);
    co_await writeAll(transport, upgradeResponse(request, {}, deflate ? deflate->answer : std::string()));
    AcceptedUpgrade accepted{std::move(request), {}, std::move(received)};
    if (deflate) accepted.deflate = deflate->parameters;
    co_return accepted;
}

}  // namespace strandcast
