#pragma once

#include "coro/task_group.hpp"
#include "router/routes.hpp"
#include "router/subscriber.hpp"
#include "router/topic_lines.hpp"
#include "server/request_handler.hpp"
#include "server/server_core.hpp"
#include "topic/trie.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/ws_router.hpp>

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// What a WSRouter is a handle on. Its strands own it. Used on its server's shard alone, but for abandon().
class RouterCore final : public RequestHandler, public BrokerSink
{
public:
    RouterCore(std::shared_ptr<ServerCore> server, RouterOptions options);
    RouterCore(const RouterCore&) = delete;
    RouterCore& operator=(const RouterCore&) = delete;
    ~RouterCore();

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }

    /// Begins to serve what the server's clients ask for. On any thread; it takes effect before what is asked
    /// of the server or the router afterwards.
    static void attach(const std::shared_ptr<RouterCore>& core);

    // The operations of WSRouter, each of which owns the core while it runs.
    [[nodiscard]] static Strand<> route(std::shared_ptr<RouterCore> core, RouteConfig config);
    [[nodiscard]] static Strand<std::size_t> unroute(std::shared_ptr<RouterCore> core, std::string topic);
    [[nodiscard]] static Strand<PublishReceipt> publish(std::shared_ptr<RouterCore> core, std::string topic,
                                                        std::optional<Json> data);
    [[nodiscard]] static Strand<std::vector<std::string>> topicSubscribers(std::shared_ptr<RouterCore> core,
                                                                           std::string topic);
    [[nodiscard]] static Strand<std::map<std::string, std::vector<std::string>>>
    allSubscriptions(std::shared_ptr<RouterCore> core);

    /// The handle has gone, on whichever thread: routes are let go of, and what runs is cancelled.
    static void abandon(std::shared_ptr<RouterCore> core);

private:
    void opened(ClientSession& client) override;
    void closed(ClientSession& client) noexcept override;
    void subscribe(ClientSession& client, SubscribeMessage request) override;
    void unsubscribe(ClientSession& client, UnsubscribeMessage request) override;
    void publish(ClientSession& client, PublishMessage request) override;
    [[nodiscard]] std::vector<std::string> subscriptions(const ClientSession& client) const override;
    void serverGone() noexcept override;

    void appended(std::span<const EntryRef> entries) override;
    [[nodiscard]] bool isWanted(std::string_view topic) const override;

    [[nodiscard]] std::optional<std::string> whatIsWrong(std::string_view pattern) const;
    void append(ClientSession* client, std::uint64_t publisher, RoutedPublish publish);
    void waitInLine(ClientSession& client, RoutedPublish publish);
    void leaveLine(std::uint64_t client);
    void letAllGoOn();
    void deliver(const LogEntry& entry);
    void answer(std::uint64_t client, std::string_view messageId, ErrorCode code, std::string_view text);

    [[nodiscard]] static Strand<> workOnLine(std::shared_ptr<RouterCore> core, std::string topic);
    [[nodiscard]] static Strand<> pass(std::shared_ptr<RouterCore> core, WaitingPublish waiting);
    [[nodiscard]] static Strand<> appendElsewhere(std::shared_ptr<RouterCore> core, std::uint64_t client,
                                                  std::string messageId, Publication publication);

    struct ByNumber
    {
        bool operator()(const Subscriber* one, const Subscriber* other) const
        {
            return one->client.number() < other->client.number();
        }
    };

    const ShardExecutor executor_;
    std::shared_ptr<ServerCore> server_;
    RouterOptions options_;
    std::shared_ptr<Broker> broker_;
    mutable Trie<Subscriber*, ByNumber> trie_;  // whose answers are cached
    Routes routes_;
    TopicLines lines_;
    TaskGroup strands_;
    std::weak_ptr<RouterCore> self_;  // for the strands that it starts
    std::size_t delivered_ = 0;       // for how many clients the entry that was appended last was queued
    bool attached_ = false;
    bool abandoned_ = false;
};

}  // namespace strandcast
