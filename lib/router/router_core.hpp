#pragma once

#include "coro/pool_lease.hpp"
#include "coro/postbag.hpp"
#include "coro/signal.hpp"
#include "coro/task_group.hpp"
#include "router/gates.hpp"
#include "router/home_link.hpp"
#include "router/publish_origin.hpp"
#include "router/retained.hpp"
#include "router/router_event_sinks.hpp"
#include "router/routes.hpp"
#include "router/subscriber.hpp"
#include "router/topic_lines.hpp"
#include "server/request_handler.hpp"
#include "server/server_core.hpp"
#include "topic/ahead.hpp"
#include "topic/trie.hpp"

#include <strandcast/broker.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/ws_router.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

namespace strandcast
{

/// What a WSRouter is a handle on: a router, or its part on one shard of a pool. Each part has the
/// subscriptions of its shard's clients; the first one is at home where the log is, and publishes of all
/// parts pass the routes there. Its strands own it. Used on its server's shard alone, but for abandon().
class RouterCore final : public RequestHandler, public BrokerSink
{
public:
    RouterCore(std::shared_ptr<ServerCore> server, RouterOptions options);
    RouterCore(const RouterCore&) = delete;
    RouterCore& operator=(const RouterCore&) = delete;
    ~RouterCore();

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }

    /// Makes `parts` those of one router, the first of them its home. Before they are attached.
    static void link(const std::vector<std::shared_ptr<RouterCore>>& parts);

    /// Begins to serve what the server's clients ask for. On any thread; it takes effect before what is asked
    /// of the server or the router afterwards.
    static void attach(const std::shared_ptr<RouterCore>& core);

    // The operations of WSRouter, each of which owns the core while it runs.
    [[nodiscard]] static Strand<> route(std::shared_ptr<RouterCore> core, RouteConfig config);
    [[nodiscard]] static Strand<std::size_t> unroute(std::shared_ptr<RouterCore> core, std::string topic);
    /// Logs one event on each of the topics, side by side and by the same id; the receipt is of the first.
    /// `elsewhere` counts for how many clients of other parts it was queued, once delivered() has ended
    /// there.
    [[nodiscard]] static Strand<PublishReceipt> publish(std::shared_ptr<RouterCore> core,
                                                        std::vector<std::string> topics,
                                                        std::optional<Json> data,
                                                        std::shared_ptr<std::atomic<std::size_t>> elsewhere);
    /// Ends when this part has delivered what home had logged before.
    [[nodiscard]] static Strand<> delivered(std::shared_ptr<RouterCore> core);
    [[nodiscard]] static Strand<std::vector<NumberedClient>>
    topicSubscribers(std::shared_ptr<RouterCore> core, std::string topic);
    [[nodiscard]] static Strand<std::map<std::string, std::vector<NumberedClient>>>
    allSubscriptions(std::shared_ptr<RouterCore> core);

    /// The same without waiting for it, at home, on its shard: where the log is this thread's, it is logged
    /// and queued when this returns. An abandoned router ignores it.
    /// @throws Error with Errc::invalidArgument for a topic that is none.
    void publishNow(std::vector<std::string> topics, std::optional<Json> data);

    /// Keeps what the rule says from now on. On any thread; it takes effect before what is asked of the
    /// router afterwards.
    /// @throws Error with Errc::invalidArgument for a pattern that is none.
    static void retain(std::shared_ptr<RouterCore> home, RetainRule rule);

    /// Who listens to what happens in the router. On any thread.
    [[nodiscard]] RouterEventSinks& events() noexcept { return *events_; }

    /// Who judges what clients publish. On any thread.
    [[nodiscard]] Gates& gates() noexcept { return gates_; }

    /// The handle has gone, on whichever thread: routes are let go of, and what runs is cancelled.
    static void abandon(std::shared_ptr<RouterCore> core);

private:
    void opened(ClientSession& client) override;
    void closed(ClientSession& client) noexcept override;
    void subscribe(ClientSession& client, SubscribeMessage request) override;
    void unsubscribe(ClientSession& client, UnsubscribeMessage request) override;
    void publish(ClientSession& client, PublishMessage request) override;
    void sent(ClientSession& client) override;
    void reauthenticated(ClientSession& client) override;
    void eventDropped(ClientSession& client, std::string_view topic, DropReason reason) noexcept override;
    [[nodiscard]] std::vector<std::string> subscriptions(const ClientSession& client) const override;
    void serverGone() noexcept override;

    void appended(std::span<const EntryRef> entries) override;
    [[nodiscard]] bool isWanted(std::string_view topic) const override;

    /// How many times what is being published was queued.
    struct Counted
    {
        std::string id;
        std::shared_ptr<std::atomic<std::size_t>> elsewhere;  // the same in other parts
        std::size_t queued = 0;
    };

    /// A publish of the server's own that waits for a log elsewhere.
    struct FarAppend
    {
        explicit FarAppend(ShardExecutor executor) : ended(executor) {}

        Signal ended;
        bool isOver = false;
        std::optional<Appended> appended;
        std::exception_ptr failure;
    };

    /// What the authorize hook is asked for.
    struct Reauthenticated
    {
    };
    using AuthorizedRequest = std::variant<SubscribeMessage, PublishMessage, Reauthenticated>;

    void askFor(ClientSession& client, AuthorizedRequest request);
    void answered(ClientSession& client, AuthorizedRequest request, const std::vector<std::string>& refused);
    void subscribeTo(ClientSession& client, SubscribeMessage request);
    void publishOn(ClientSession& client, PublishMessage&& request);
    [[nodiscard]] bool passesAtOnce(const std::string& topic) const;
    void appendAtOnce(ClientSession& client, PublishMessage&& request);
    void leave(ClientSession& client, const std::vector<std::string>& topics);
    void throwIfAbandoned() const;
    [[nodiscard]] std::optional<std::string> whatIsWrong(std::string_view pattern) const;
    [[nodiscard]] std::optional<std::string> whatIsTooMany(std::size_t topics) const;
    /// Subscribes to all of them, or to none and tells why.
    [[nodiscard]] std::optional<std::string> add(Subscriber& subscriber,
                                                 const std::vector<std::string>& topics);
    void eraseAll(Subscriber& subscriber, std::span<const std::string> topics) noexcept;
    [[nodiscard]] std::string limitExceeded(const ClientSession& client);
    void checkTopics(const std::vector<std::string>& topics) const;
    [[nodiscard]] std::vector<Publication> serverPublications(std::vector<std::string> topics,
                                                              std::optional<Json> data) const;
    [[nodiscard]] std::shared_ptr<FarAppend> beginAppend(std::vector<Publication> publications);
    [[nodiscard]] std::unique_lock<std::mutex> lockTrie() const;
    static void defer(ClientSession& client, std::variant<SubscribeMessage, UnsubscribeMessage> request);
    void forward(ClientSession& client, RoutedPublish publish);
    void takeForwarded(std::vector<ForwardedPublish>& batch);
    void takeNews(std::vector<NewsFromHome>& batch);
    void take(const ForwardedAnswer& answer);
    void placed(const HomeLink::Waiting& waiting);
    void admit(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish);
    void append(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish);
    /// Where the log is elsewhere.
    void appendLater(const PublishOrigin& origin, std::string messageId, Judgement judgement,
                     std::vector<Publication> publications, std::optional<Publish> told);
    void logged(const PublishOrigin& origin, ClientSession* client, std::string_view messageId,
                const Judgement& judgement, const Appended& appended);
    void tell(std::optional<Publish> publish, const Appended& appended);
    [[nodiscard]] bool mayAlsoBeLoggedOn(const std::string& further, const std::string& topic) const;
    void block(const PublishOrigin& origin, const RoutedPublish& publish, ErrorCode code,
               std::string_view text);
    void waitInLine(const PublishOrigin& origin, ClientSession* client, RoutedPublish publish);
    void countWaiting(ClientSession& client);
    void leaveLine(std::uint64_t client);
    void letAllGoOn();
    void unlink();
    [[nodiscard]] Postbag<NewsFromHome>& other(std::size_t part) { return others_[part - 1]; }
    [[nodiscard]] std::size_t deliver(const EntryRef& entry, Ahead& ahead);
    [[nodiscard]] bool deliverBesideReplays(Subscriber& subscriber, const EntryRef& entry);
    [[nodiscard]] static bool isOwn(const ClientSession& client, const LogEntry& entry)
    {
        return client.publisher() == entry.publisher && !entry.broadcast;
    }
    void beginReplay(ClientSession& client, std::string request, const std::vector<std::string>& topics,
                     std::unordered_set<std::string> held, std::uint64_t last);
    void replayFrom(ClientSession& client, Replay& replay, LastEntries found);
    [[nodiscard]] static std::size_t replayed(const ClientSession& client);
    void feed(ClientSession& client);
    void leaveReplays(ClientSession& client, const std::unordered_set<std::string_view>& topics);
    [[nodiscard]] bool isWantedByOthers(std::string_view topic) const;
    void acknowledge(const PublishOrigin& origin, ClientSession* client, std::string_view messageId,
                     std::uint64_t sequenceNumber);
    void refuse(const PublishOrigin& origin, std::string_view messageId, ErrorCode code,
                std::string_view text, bool retriable = false);

    [[nodiscard]] static Strand<> ask(std::shared_ptr<RouterCore> core, std::uint64_t number, ClientInfo info,
                                      Action action, std::vector<std::string> topics,
                                      AuthorizedRequest request);
    [[nodiscard]] static Strand<> fetchBacklog(std::shared_ptr<RouterCore> core, std::uint64_t number,
                                               std::weak_ptr<Replay> asked, LastQuery query);
    [[nodiscard]] static Strand<LastEntries> readLast(std::shared_ptr<RouterCore> core, LastQuery query);
    [[nodiscard]] static Strand<> workOnLine(std::shared_ptr<RouterCore> core, std::string topic);
    [[nodiscard]] static Strand<> pass(std::shared_ptr<RouterCore> core, WaitingPublish waiting);
    [[nodiscard]] static Strand<> appendElsewhere(std::shared_ptr<RouterCore> core, PublishOrigin origin,
                                                  std::string messageId, Judgement judgement,
                                                  std::vector<Publication> publications,
                                                  std::optional<Publish> told);
    [[nodiscard]] static Strand<> appendForServer(std::shared_ptr<RouterCore> core,
                                                  std::vector<Publication> publications,
                                                  std::shared_ptr<FarAppend> append);

    struct ByNumber
    {
        bool operator()(const Subscriber* one, const Subscriber* other) const
        {
            return one->client.number() < other->client.number();
        }
    };

    const PoolLease lease_;  // the first, so that the pool outlives the rest
    const ShardExecutor executor_;
    std::shared_ptr<ServerCore> server_;
    RouterOptions options_;
    std::shared_ptr<Broker> broker_;
    mutable Trie<Subscriber*, ByNumber> trie_;  // whose answers are cached
    mutable std::mutex trieMutex_;              // home asks other parts whether a topic is wanted
    Routes routes_;
    TopicLines lines_;
    Gates gates_;
    std::shared_ptr<RouterEventSinks> events_;  // of all parts
    mutable Retained retained_;                 // home: what outlasts the log
    TaskGroup strands_;
    std::weak_ptr<RouterCore> self_;  // for the strands that it starts
    Counted* counted_ = nullptr;      // of the publish that is under way
    Ahead ahead_;                     // for its topic

    // What links the parts of a router on several shards.
    std::size_t part_ = 0;                                       // its place among them; home is 0
    std::shared_ptr<const Mailbox<ForwardedPublish>> incoming_;  // home: from the others
    std::vector<Postbag<NewsFromHome>> others_;                  // home: to them, from the second on
    std::vector<std::weak_ptr<RouterCore>> otherCores_;
    std::shared_ptr<const Mailbox<NewsFromHome>> news_;  // another: from home
    std::optional<HomeLink> home_;                       // another: to it
    std::weak_ptr<RouterCore> homeCore_;

    bool attached_ = false;
    bool abandoned_ = false;
};

}  // namespace strandcast
