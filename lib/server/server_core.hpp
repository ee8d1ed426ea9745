#pragma once

#include "connection/peer_connection.hpp"
#include "connection/shard.hpp"
#include "coro/lean_strand.hpp"
#include "coro/pool_lease.hpp"
#include "coro/task_group.hpp"
#include "coro/turnstile.hpp"
#include "server/accept_pace.hpp"
#include "server/address_places.hpp"
#include "server/arrival.hpp"
#include "server/guest_count.hpp"
#include "server/handshake_deadlines.hpp"
#include "server/handshake_slots.hpp"
#include "server/registry.hpp"
#include "server/request_handler.hpp"
#include "server/server_event_sinks.hpp"
#include "server/trusted_proxies.hpp"
#include "server/upgrade.hpp"
#include "transport/listener.hpp"
#include "transport/stream.hpp"
#include "transport/tls_context.hpp"

#include <strandcast/message.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/ws_server.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

struct Guest;

/// A client's place in the order of a server's connections, and its id.
struct NumberedClient
{
    std::uint64_t number;
    std::string id;
};

/// What the parts of one server share, whichever thread runs them.
struct ServerTotals
{
    ServerTotals(ShardExecutor first, const WSServerOptions& options, std::size_t ofParts);

    const std::size_t parts;
    ServerEventSinks events;
    const std::shared_ptr<HandshakeSlots> handshakes;
    const std::shared_ptr<AddressPlaces> addresses;  ///< none: any number for each
    const TrustedProxies proxies;
    const std::unique_ptr<TlsServerContext> tls;  ///< none: ws://
    std::atomic<std::uint64_t> connections = 0;   ///< so many there have been
    std::atomic<std::size_t> open = 0;            ///< so many there are
    std::atomic<std::uint64_t> runs = 0;          ///< so often the server was to be started
    std::atomic<std::uint64_t> run = 0;           ///< the one that has begun last, 0 before the first
};

/// What a WSServer is a handle on: a server, or its part on one shard of a pool. Its strands own it; so it
/// outlives the handle until they have unwound. Used on its shard's thread alone, but for executor(), port(),
/// addresses() and abandon().
class ServerCore
{
public:
    ServerCore(ShardExecutor executor, const WSServerOptions& options);
    ServerCore(ShardExecutor executor, WSServerOptions options, std::shared_ptr<ServerTotals> totals);

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::vector<std::string> addresses() const;

    // The operations of WSServer, each of which owns the core while it runs.
    /// Listens, and spreads who connects over `parts`, itself among them. `run` is this run's own number, by
    /// which a shutdown finds it and no other.
    [[nodiscard]] static Strand<> start(std::shared_ptr<ServerCore> core, std::uint64_t run,
                                        std::vector<std::weak_ptr<ServerCore>> parts);
    /// Serves what a part that listens hands over.
    [[nodiscard]] static Strand<> join(std::shared_ptr<ServerCore> core, std::uint64_t run);
    /// Serves a peer at the other end of `transport`, wherever it comes from, like one that was accepted.
    static void serve(const std::shared_ptr<ServerCore>& core, std::unique_ptr<Transport> transport);
    /// Lets nobody in any more, and handles no further request: what has been taken from clients so far is
    /// with the first part when every part has done so, and on its way to all once that has settled. Nothing
    /// where that run has ended.
    [[nodiscard]] static Strand<> stopTaking(std::shared_ptr<ServerCore> core, std::uint64_t run);
    /// Ends when what this part's turn had to say to others, when it began, has been said.
    [[nodiscard]] static Strand<> settle(std::shared_ptr<ServerCore> core);
    /// Lets nobody in any more, and asks everybody to go; shutdown() waits for them.
    [[nodiscard]] static Strand<> beginShutdown(std::shared_ptr<ServerCore> core, std::uint64_t run);
    /// Ends every connection now; shutdown() waits for them. On any thread.
    static void insist(std::shared_ptr<ServerCore> core, std::uint64_t run);
    [[nodiscard]] static Strand<> shutdown(std::shared_ptr<ServerCore> core, std::uint64_t run);
    [[nodiscard]] ServerTotals& totals() const noexcept { return *totals_; }
    [[nodiscard]] static Strand<bool> sendMessage(std::shared_ptr<ServerCore> core, std::string id,
                                                  Message message);
    [[nodiscard]] static Strand<std::size_t> broadcast(std::shared_ptr<ServerCore> core, Message message);
    [[nodiscard]] static Strand<bool> disconnectClient(std::shared_ptr<ServerCore> core, std::string id,
                                                       CloseReason reason);
    /// Each with its number, in their order.
    [[nodiscard]] static Strand<std::vector<NumberedClient>>
    connectedClients(std::shared_ptr<ServerCore> core);
    [[nodiscard]] static Strand<std::optional<ClientInfo>> clientInfo(std::shared_ptr<ServerCore> core,
                                                                      std::string id);

    /// The handle has gone, on whichever thread: hooks are let go of now, and what runs is cancelled.
    static void abandon(std::shared_ptr<ServerCore> core);

    // For sessions.
    [[nodiscard]] Shard& shard() noexcept { return *shard_; }
    [[nodiscard]] const WSServerOptions& options() const noexcept { return options_; }
    [[nodiscard]] const ConnectionOptions& connectionOptions() const noexcept { return connectionOptions_; }
    [[nodiscard]] std::shared_ptr<const Authenticate> authenticateHook() const;
    [[nodiscard]] std::shared_ptr<const Authorize> authorizeHook() const;
    /// Whether clients must authenticate; so it stays when the hook has been let go of.
    [[nodiscard]] bool authenticates() const noexcept { return authenticates_; }
    [[nodiscard]] bool authorizes() const noexcept { return authorizes_; }
    [[nodiscard]] RequestHandler* handler() const noexcept { return handler_; }
    [[nodiscard]] std::string newId() const;                 ///< of a message
    [[nodiscard]] Message completed(Message message) const;  ///< with an id and a timestamp
    [[nodiscard]] ClientId newClientId() const;
    [[nodiscard]] std::uint64_t newPublisher() const { return options_.random->next() | 1; }
    [[nodiscard]] std::string negotiation() const;                      ///< the first message to every client
    [[nodiscard]] std::string& scratch() noexcept { return scratch_; }  ///< for a text that is sent at once
    [[nodiscard]] Timestamp now() const;
    /// Who listens to what happens in the server, all parts of it.
    [[nodiscard]] ServerEventSinks& events() const noexcept { return totals_->events; }
    /// Something threw that must not end the process: memory that ran out, or a seam of the application's.
    void failed(const std::exception& failure, const std::string& clientId = {}) noexcept
    {
        events().tell<ServerError>(clientId, failure.what());
    }

    // For the router.
    /// Claims the place of the one request handler, on any thread; false where it is taken.
    [[nodiscard]] bool claimHandler() noexcept { return !handlerClaimed_.exchange(true); }
    /// From now on `handler` serves, with these limits on what waits for a client; clients that are there are
    /// told to it as opened.
    void attach(RequestHandler& handler, OutboxLimits limits);
    /// Nobody serves any more, and nothing of the handler's is kept with a client.
    void detach(const RequestHandler& handler) noexcept;
    [[nodiscard]] const Registry& registry() const noexcept { return registry_; }

    // For guests.
    [[nodiscard]] Registry& registry() noexcept { return registry_; }
    [[nodiscard]] GuestCount& guests() noexcept { return run_->guests; }

private:
    /// From a start to the end of its shutdown.
    struct Run
    {
        Run(ShardExecutor executor, std::uint64_t ownNumber)
            : number(ownNumber),
              housekeeping(executor),
              handshakes(executor),
              guests(executor)
        {
        }

        /// Until nobody is left, also of those who come in meanwhile.
        [[nodiscard]] Strand<> waitForAll();

        const std::uint64_t number;
        TaskGroup housekeeping;  // the sweep, the handshake deadlines, the acceptor
        TaskGroup handshakes;
        GuestCount guests;
    };

    [[nodiscard]] std::shared_ptr<Run> runOf(std::uint64_t number) const
    {
        return run_ && run_->number == number ? run_ : nullptr;
    }
    void throwIfGone() const;
    void listen();
    [[nodiscard]] static Strand<> accept(std::shared_ptr<ServerCore> core,
                                         std::shared_ptr<Listener> listener);
    [[nodiscard]] static Strand<asio::error_code> acceptOne(std::shared_ptr<ServerCore> core,
                                                            std::shared_ptr<Listener> listener);
    [[nodiscard]] std::shared_ptr<ServerCore> nextPart() const;
    /// A connection that was accepted, as what its bytes go through.
    [[nodiscard]] std::unique_ptr<Transport> transportOf(AcceptedSocket socket) const;
    static void adopt(const std::shared_ptr<ServerCore>& core, AcceptedSocket socket, Arrival arrival);
    static void adopt(const std::shared_ptr<ServerCore>& core, std::unique_ptr<Transport> transport,
                      Arrival arrival);
    [[nodiscard]] std::optional<Arrival> admit(const AcceptedSocket& socket) const;
    void refuse(AcceptedSocket socket);
    [[nodiscard]] std::unique_ptr<const AddressPlaces::Place> placeOf(const asio::ip::address& address) const;
    [[nodiscard]] std::optional<HttpRefusal> judgeProxied(const HttpRequest& request, Arrival& arrival) const;
    static void begin(const std::shared_ptr<ServerCore>& core, std::uint64_t run);
    [[nodiscard]] static Strand<> serve(std::shared_ptr<ServerCore> core,
                                        std::unique_ptr<Transport> transport, Arrival arrival);
    static LeanStrand attend(std::unique_ptr<Guest> guest, Arrival& arrival, AcceptedUpgrade& upgraded);
    [[nodiscard]] static Strand<std::optional<AcceptedUpgrade>>
    shakeHands(std::shared_ptr<ServerCore> core, Transport& transport, Arrival& arrival);
    [[nodiscard]] static Strand<> rejectOverLimit(std::shared_ptr<ServerCore> core,
                                                  std::unique_ptr<Transport> transport,
                                                  AcceptedUpgrade upgraded, const Arrival& arrival);
    void askAllToGo();
    void insistOnAll(Run& run);
    void stopListening() noexcept;

    const PoolLease lease_;  // the first, so that the pool outlives the rest
    const ShardExecutor executor_;
    const WSServerOptions options_;  // without the hook
    ConnectionOptions connectionOptions_;
    UpgradeOptions upgradeOptions_;
    const bool authenticates_;
    const bool authorizes_;
    mutable std::mutex hookMutex_;  // the handle lets go of the hook on its own thread
    std::shared_ptr<const Authenticate> authenticate_;
    std::shared_ptr<const Authorize> authorize_;
    std::shared_ptr<Shard> shard_;
    std::shared_ptr<HandshakeDeadlines> handshakes_;
    std::shared_ptr<Run> run_;
    AcceptPace pace_;
    const std::shared_ptr<Turnstile> entrance_;  // of those who accept, one for each listener
    std::vector<std::shared_ptr<Listener>> listeners_;
    std::vector<std::string> addresses_;  // where they listen
    mutable std::mutex addressesMutex_;
    std::vector<std::weak_ptr<ServerCore>> parts_;  // of whom it listens for
    std::size_t nextPart_ = 0;
    const std::shared_ptr<ServerTotals> totals_;
    Registry registry_;
    std::string scratch_;
    RequestHandler* handler_ = nullptr;
    std::atomic<bool> handlerClaimed_ = false;
    std::atomic<std::uint16_t> port_ = 0;
    std::atomic<bool> gone_ = false;
    bool admitting_ = false;  // from start() to the shutdown
};

}  // namespace strandcast
