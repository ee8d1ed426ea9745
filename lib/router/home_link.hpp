#pragma once

#include "coro/postbag.hpp"
#include "router/publish_origin.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/error.hpp>
#include <strandcast/message.hpp>
#include <strandcast/ws_router.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace strandcast
{

/// A publish on its way to the home shard, the one of a router's that orders them and has the log.
struct ForwardedPublish
{
    PublishOrigin origin;
    RoutedPublish publish;
};

/// What the home shard tells of a forwarded publish.
struct ForwardedAnswer
{
    enum class Kind : std::uint8_t
    {
        placed,  ///< it waits behind routes; what comes of it is told later
        acknowledged,
        refused,
    };

    std::uint64_t token;
    Kind kind;
    ErrorCode code = ErrorCode::internalError;
    std::string text = {};
    bool retriable = false;
    std::uint64_t sequenceNumber = 0;  ///< of what was acknowledged
};

/// An entry of the log, on its way to the subscribers of another shard.
struct ForwardedEntry
{
    EntryRef entry;
    std::shared_ptr<std::atomic<std::size_t>> delivered;  ///< counts for how many it was queued, if asked for
};

/// All that the home shard tells another, in one order.
using NewsFromHome = std::variant<ForwardedEntry, ForwardedAnswer>;

/// A shard's way to the home shard, and its publishes that are still there.
class HomeLink
{
public:
    struct Waiting
    {
        std::uint64_t client;
        std::string messageId;
        bool isPlaced = false;
    };

    HomeLink(std::size_t part, ShardExecutor own, std::shared_ptr<const Mailbox<ForwardedPublish>> home)
        : part_(part),
          home_(own, std::move(home))
    {
    }

    void forward(std::uint64_t client, std::uint64_t publisher, RoutedPublish publish)
    {
        waiting_.emplace(++lastToken_, Waiting{client, publish.messageId, false});
        home_.put({{part_, client, publisher, lastToken_}, std::move(publish)});
    }

    /// Home says that a publish has its place; none where it is not known any more.
    [[nodiscard]] const Waiting* placed(std::uint64_t token)
    {
        const auto found = waiting_.find(token);
        if (found == waiting_.end()) return nullptr;
        found->second.isPlaced = true;
        return &found->second;
    }

    [[nodiscard]] std::optional<Waiting> take(std::uint64_t token)
    {
        auto node = waiting_.extract(token);
        if (node.empty()) return std::nullopt;
        return std::move(node.mapped());
    }

    [[nodiscard]] std::map<std::uint64_t, Waiting> takeAll() { return std::exchange(waiting_, {}); }

private:
    std::size_t part_;
    Postbag<ForwardedPublish> home_;
    std::uint64_t lastToken_ = 0;
    std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace strandcast
