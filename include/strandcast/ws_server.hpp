#pragma once

#include <strandcast/clock.hpp>
#include <strandcast/close_reason.hpp>
#include <strandcast/deflate_options.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/listen_address.hpp>
#include <strandcast/message.hpp>
#include <strandcast/random.hpp>
#include <strandcast/server_events.hpp>
#include <strandcast/tls.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace strandcast
{

class ServerParts;
class ShardPool;

/// What an `authenticate` hook says of a client: `co_return true`, or who it is. With nothing more than a
/// yes, what the client said of itself in `auth` stands as its metadata.
struct Authentication
{
    bool accepted = false;
    std::optional<std::string> identity = {};             ///< who it is, whatever its connection
    std::optional<std::vector<std::string>> agents = {};  ///< those it may speak for; nullopt is any
    std::optional<Json> metadata = {};
    std::optional<Timestamp> expiresAt = {};  ///< then it is closed with 1008, unless it authenticated anew
};

/// What a client asked for when it connected, as it came.
struct UpgradeInfo
{
    std::string path;
    std::string query;                  ///< behind the '?'
    std::string host;                   ///< with the port, where it was named
    std::optional<std::string> origin;  ///< the web page's, if a browser sent it
    std::optional<std::string> authorization;
    std::optional<std::string> subprotocol;  ///< the one that was chosen
};

/// What a server knows of a client.
struct ClientInfo
{
    std::string id;
    std::string
        peerAddress;  ///< "192.0.2.7:51234", "[::1]:80", "unix"; what a trusted proxy tells has no port
    UpgradeInfo upgrade;
    bool authenticated = false;
    std::optional<std::string> identity;             ///< as the hook said, like those that follow
    std::optional<std::vector<std::string>> agents;  ///< those it may speak for; nullopt is any
    std::optional<Json> metadata;                    ///< the hook's, or what the client said of itself
    std::optional<Timestamp> expiresAt;
    Timestamp connectedAt{};
    std::vector<std::string>
        subscriptions;             ///< topics and patterns, in the order in which they were subscribed
    std::size_t queuedEvents = 0;  ///< waiting for its socket
    std::size_t queuedBytes = 0;   ///< the same in bytes
    std::uint64_t messagesReceived = 0;
    // Every event that it was to have is one of these two, or still queued.
    std::uint64_t eventsDelivered = 0;  ///< handed to the socket
    std::uint64_t eventsDropped = 0;
};

/// Asked with the `token` and the `metadata` of an `auth` message (protocol.md, "A connection's life", item
/// 3), on the client's own shard, and with what is known of the client so far, where it takes that first. A
/// hook that throws refuses, and its text goes no further. It is cancelled when its client goes, and at
/// `authTimeout`, which closes the client: a hook that never ends holds up nobody.
class Authenticate
{
public:
    using Answer = asio::awaitable<Authentication>;

    Authenticate() = default;
    Authenticate(std::nullptr_t) {}
    template <typename Hook>
        requires std::is_invocable_r_v<Answer, const Hook&, const ClientInfo&, std::string,
                                       std::optional<Json>>
    Authenticate(Hook hook) : hook_(std::move(hook))
    {
    }
    template <typename Hook>
        requires std::is_invocable_r_v<Answer, const Hook&, std::string, std::optional<Json>>
    Authenticate(Hook hook)
        : hook_([hook = std::move(hook)](const ClientInfo&, std::string token, std::optional<Json> metadata)
                { return hook(std::move(token), std::move(metadata)); })
    {
    }

    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(hook_); }
    /// `client` lasts until it ends.
    [[nodiscard]] Answer operator()(const ClientInfo& client, std::string token,
                                    std::optional<Json> metadata) const
    {
        return hook_(client, std::move(token), std::move(metadata));
    }

private:
    std::function<Answer(const ClientInfo& client, std::string token, std::optional<Json> metadata)> hook_;
};

/// What a client wants to do with a topic.
enum class Action : std::uint8_t
{
    subscribe,
    publish,
};

/// Asked whether a client may subscribe to a topic, which may be a pattern (see TopicPattern::covers()), or
/// publish on one: once for each topic of a request, and again for what is subscribed when the client
/// authenticates anew. One no refuses the whole request with AUTHORIZATION_FAILED. On the client's own shard;
/// what it is given lasts until it ends. The client's further requests wait for it, nobody else's do. A hook
/// that throws refuses, and its text goes no further. It is cancelled when its client goes.
using Authorize =
    std::function<asio::awaitable<bool>(const ClientInfo& client, Action action, std::string topic)>;

/// So many messages in so much time.
struct RateLimitOptions
{
    std::size_t maxMessages = 100;             ///< in a window; those over it get RATE_LIMIT_EXCEEDED
    std::chrono::milliseconds window{60'000};  ///< 0 or less: too short for any message to be over it
};

struct WSServerOptions
{
    std::uint16_t port = 8080;  ///< 0: the system chooses, see WSServer::port()
    std::string host =
        "127.0.0.1";  ///< the numeric address to listen on: "0.0.0.0" or "::" is every interface
    std::vector<ListenAddress> listen = {};  ///< where to listen instead of `host` and `port`, on all of them
    bool reusePort = false;  ///< SO_REUSEPORT: other processes that say so as well may share the ports
    std::string path = {};   ///< the one path that is served; empty is any
    std::optional<TlsServerOptions> tls = {};  ///< wss:// instead of ws://

    /// Web pages that may connect, such as "https://example.com"; "*" is any. With none, those of the host
    /// that the server was asked for. Whoever sends no Origin is no browser, and let in.
    std::vector<std::string> allowedOrigins = {};
    /// Names, beside localhost, under which a server that listens on loopback alone may be asked for, such as
    /// those that a proxy passes on; "*" is any.
    std::vector<std::string> allowedHosts = {};
    /// Proxies whose Forwarded and X-Forwarded-For are believed: addresses, ranges such as "10.0.0.0/8", and
    /// "unix" for who connects to a Unix socket. A client is then the nearest who is not one of them.
    std::vector<std::string> trustedProxies = {};
    std::vector<std::string> subprotocols = {};  ///< of these the first that a client offers is chosen

    Authenticate authenticate = {};  ///< without one, every client is authenticated at once
    Authorize authorize = {};        ///< without one, every client may do everything

    // The longest of a year or more is for ever.
    std::chrono::milliseconds handshakeTimeout{
        10'000};  ///< from the accept to the end of the upgrade; 0 is for ever, less is no time at all
    std::chrono::milliseconds authTimeout{
        10'000};  ///< from the upgrade to an accepted `auth`, and for every later `auth`; 0 and less as above
    std::chrono::milliseconds heartbeatInterval{
        30'000};  ///< silent for two of these: closed with 1008; 0 or less is never
    std::chrono::milliseconds closeTimeout{
        5'000};  ///< from closing a connection to ending it without the peer; 0 or less does not wait for it

    std::size_t maxConnections = 1'000;  ///< further clients are closed with 1008
    std::size_t maxHandshakes = 1'000;  ///< connections that are not upgraded yet, or not authenticated where
                                        ///< they must, or being turned away, 1 at least; at it further ones
                                        ///< wait in the system's backlog
    std::optional<std::size_t> maxConnectionsPerAddress = {};  ///< of any kind, an IPv6 /64 as one address;
                                                               ///< further ones get 429 (over TLS an end);
                                                               ///< not set: as many as it likes
    std::optional<std::size_t> maxAcceptsPerSecond = {};  ///< as many at once after a second of rest, 1 at
                                                          ///< least; further ones wait in the system's
                                                          ///< backlog; not set: as they come
    std::optional<RateLimitOptions> rateLimit = RateLimitOptions();  ///< per client; nullopt is off

    std::size_t maxMessageSize = 4 * 1024 * 1024;  ///< bytes, of what a compressed one inflates to as well;
                                                   ///< larger: closed with 1009
    std::size_t maxUnauthenticatedMessageSize = 64 * 1024;  ///< the same before an accepted `auth`
    std::size_t maxFramesPerMessage = 1'000'000;  ///< fragments of a message; one more: closed with 1009
    std::size_t maxJsonDepth = 128;               ///< nested deeper: INVALID_MESSAGE
    std::size_t maxRequestLineSize = 8 * 1024;    ///< bytes of the upgrade request's first line; over it: 414
    std::size_t maxHeaderCount = 100;             ///< header lines of the upgrade request; over it: 431
    std::size_t maxHeaderSize = 16 * 1024;        ///< bytes of the upgrade request in all; over it: 431
    std::size_t replyBytes = 256 * 1024;       ///< answers that a client has not taken: above, it is not read
    std::size_t queueSize = 1'000;             ///< events that wait for a client; WSRouter sets its own
    std::size_t queueBytes = 4 * 1024 * 1024;  ///< the same in bytes; one event always fits
    std::size_t maxQueuedBytes =
        1024 * 1024 * 1024;  ///< of all queues together, an event that waits in many counts once: at it the
                             ///< fullest are the first to drop; of a pool's shards each has its share

    std::optional<DeflateOptions> deflate = {};  ///< compression for clients that offer it; off if not set

    std::size_t eventStreamSize = 1'000;  ///< server events that a stream keeps; above, its oldest is dropped

    Clock* clock = &Clock::system();     ///< outlives the server
    Random* random = &Random::system();  ///< outlives the server
};

/// A WebSocket server for the protocol of protocol.md, on one io_context, which one thread runs, or on a pool
/// of such. It serves subscribe and publish once a WSRouter is on it.
///
/// Every operation may be awaited from any executor; it hops to the server's and ends on the caller's.
/// Cancelling one never breaks a connection. shutdown() is the orderly end. Destroying the server at any
/// moment is safe as well: it lets go of the hooks and cancels what runs, which unwinds in the io_context's
/// next turns. The io_context outlives the server.
class WSServer
{
public:
    /// @throws Error with Errc::invalidArgument for a file for TLS that cannot be used, or a trusted proxy
    /// that is none, which it names.
    explicit WSServer(asio::io_context& io, WSServerOptions options = {});
    /// `executor` is one of an asio::io_context.
    /// @throws Error with Errc::invalidArgument where it is of another kind, or as above.
    explicit WSServer(const asio::any_io_executor& executor, WSServerOptions options = {});
    /// With a part on every shard of the pool, over which the connections are spread one after the other.
    /// Hooks run on the shard of their client, so on several threads at a time.
    explicit WSServer(const ShardPool& pool, WSServerOptions options = {});
    WSServer(WSServer&&) noexcept;
    WSServer& operator=(WSServer&&) = delete;
    ~WSServer();

    /// Listens. When it returns, clients can connect and port() tells where.
    /// @throws Error with Errc::addressUnavailable, naming the address; Errc::alreadyRunning.
    [[nodiscard]] asio::awaitable<void> start();

    /// Stops listening, lets every client have what is queued for it and a Close with 1001 "Server shutting
    /// down", waits for their Close up to `closeTimeout`, and ends what is left. When it returns, every
    /// strand of the server has ended. Harmless where it does not run. Cancelling it insists at once.
    [[nodiscard]] asio::awaitable<void> shutdown();

    /// Reads the files of `tls` again: clients that come from now on get what is in them now, and those that
    /// are there stay. Where one cannot be used all is as it was. It blocks for as long as reading does. From
    /// any thread; nothing to do without TLS.
    /// @throws Error with Errc::invalidArgument, naming the file and what is wrong with it.
    void reloadCertificates();

    /// The port it listens on, of several the first one; 0 while it does not, or on none. From any thread.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Where it listens, in the order of the options: "127.0.0.1:8080", "[::1]:80", "unix:/run/it.sock"; none
    /// while it does not. From any thread.
    [[nodiscard]] std::vector<std::string> addresses() const;

    /// Queues `message` for one client, as answers are: it is never dropped, and is not logged. An id and a
    /// timestamp that are left empty are filled in. A client that has `queueBytes` of such to take is closed
    /// with 1008 "Slow consumer".
    /// @returns false where no such client is authenticated, or it is being closed.
    [[nodiscard]] asio::awaitable<bool> sendMessage(std::string clientId, Message message);

    /// The same for every authenticated client.
    /// @returns for how many.
    [[nodiscard]] asio::awaitable<std::size_t> broadcast(Message message);

    /// Closes a client's connection, after what is queued for it. Does not wait for its end.
    /// @returns false where there is no such client.
    [[nodiscard]] asio::awaitable<bool> disconnectClient(std::string clientId,
                                                         CloseReason reason = {CloseCode::normal,
                                                                               "Disconnected by server"});

    /// The ids of the authenticated clients, in the order in which they connected.
    [[nodiscard]] asio::awaitable<std::vector<std::string>> getConnectedClients() const;

    [[nodiscard]] asio::awaitable<std::optional<ClientInfo>> getClient(std::string clientId) const;

    /// What happens in the server from now on, until it is destroyed, in the order in which it happens on
    /// each shard. From any thread. The stream is bounded; one that nobody reads loses its oldest, which it
    /// counts, and holds up nothing.
    [[nodiscard]] EventStream<ServerEvent> events();
    /// The same of one kind alone, such as `server.events<Disconnect>()`.
    template <typename Event>
    [[nodiscard]] EventStream<Event> events()
    {
        return EventStream<Event>(
            std::make_shared<AlternativeSource<Event, ServerEvent>>(listen(serverEventKind<Event>())));
    }

private:
    friend class WSRouter;

    [[nodiscard]] std::shared_ptr<EventSource<ServerEvent>> listen(ServerEventKinds kinds);

    std::shared_ptr<const ServerParts> parts_;
};

}  // namespace strandcast
