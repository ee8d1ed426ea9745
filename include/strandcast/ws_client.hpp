#pragma once

#include <strandcast/authenticated.hpp>
#include <strandcast/clock.hpp>
#include <strandcast/close_reason.hpp>
#include <strandcast/deflate_options.hpp>
#include <strandcast/error.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/message.hpp>
#include <strandcast/random.hpp>
#include <strandcast/tls.hpp>
#include <strandcast/topics.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace strandcast
{

class ClientCore;

struct WSClientOptions
{
    std::string url;  ///< ws://host[:port][/path][?query], wss:// for TLS, or ws+unix:/socket[:/path]
    TlsClientOptions tls = {};  ///< for wss://; without effect on ws://
    /// An HTTP proxy to go through, with CONNECT: http://[user[:password]@]host[:port]. It looks up the
    /// server's name; with wss:// it sees none of what is said. The environment's proxies are not heeded.
    std::optional<std::string> proxy = {};
    std::vector<std::string> subprotocols =
        {};  ///< offered, the one liked best first (RFC 6455, section 1.9)
    /// Sent with the upgrade beside its own, such as {"Authorization", "Bearer ..."}, Cookie or Origin.
    std::vector<std::pair<std::string, std::string>> headers = {};
    std::optional<std::string> token = {};  ///< sent in `auth` where there is one
    std::optional<Json> metadata = {};      ///< sent beside the token: a JSON object

    std::chrono::milliseconds connectTimeout{
        10'000};  ///< from the first packet to the end of the upgrade and `auth`
    std::chrono::milliseconds messageTimeout{30'000};  ///< for the answer to a request; 0 is for ever
    std::chrono::milliseconds pingInterval{30'000};  ///< a server silent for two of these is lost; 0 is never
    std::chrono::milliseconds closeTimeout{5'000};   ///< for the server's Close at disconnect()

    bool reconnect = true;  ///< a connection that was lost is replaced; connect() itself fails at once
    std::chrono::milliseconds reconnectInterval{
        5'000};  ///< the most that is waited before the first attempt; a connection that held so long, and a
                 ///< second at least, begins it anew
    double reconnectFactor = 2;                              ///< by which that grows with each attempt
    std::chrono::milliseconds reconnectMaxInterval{60'000};  ///< and never beyond
    std::optional<std::uint32_t> reconnectMaxAttempts = {};  ///< one after the other; without end if not set

    std::size_t queueSize = 1'000;  ///< events that an EventStream keeps for its reader; requests that wait
                                    ///< for a connection
    std::size_t queueBytes = 4 * 1024 * 1024;       ///< of the events of a stream; one event always fits
    std::size_t maxMessageSize = 16 * 1024 * 1024;  ///< bytes; a server that sends more is closed with 1009

    std::optional<DeflateOptions> deflate = {};  ///< compression, where the server does it; off if not set

    bool keepText = false;  ///< each event brings the text it came as: EventMessage::wireText

    Clock* clock = &Clock::system();     ///< outlives the client
    Random* random = &Random::system();  ///< outlives the client
};

/// Whether a publish comes back to its publisher, if subscribed.
enum class Broadcast : bool
{
    no,
    yes,
};

/// What becomes of a request whose answer has not come when the connection is lost.
enum class OnDisconnect : std::uint8_t
{
    resend,  ///< it is sent again on the next connection; what the server had already may so happen twice
    fail,    ///< Errc::disconnected: it may have happened or not
};

/// What became of an acked publish.
struct Receipt
{
    /// The event's number in its topic; a server of version 1.0.0 does not tell.
    std::optional<std::uint64_t> sequenceNumber;
};

struct SubscribeOptions
{
    /// So many of the newest events of each topic first, those that the router retains among them: at least
    /// 1. They come to this stream alone, before what is new, with nothing missing and nothing twice between
    /// them. A server that speaks version 1.0.0 alone gives none.
    std::optional<std::uint64_t> last = {};
};

/// Events that match will not come: in their place in the stream.
struct Gap
{
    enum class Reason : std::uint8_t
    {
        dropped,       ///< the stream's reader, or the client for its server, was slower than a bound allows
        disconnected,  ///< the connection was lost, and what was sent meanwhile is unknown
    };

    std::optional<std::uint64_t> missed;  ///< how many; nullopt where that is unknown
    Reason reason = Reason::dropped;

    friend bool operator==(const Gap&, const Gap&) = default;
};

/// After a reconnect, from here on nothing is missing any more.
struct Resumed
{
    friend bool operator==(const Resumed&, const Resumed&) = default;
};

/// An item of a stream of events: continuity is part of it, so that nobody overlooks a hole by accident.
using Delivery = std::variant<EventMessage, Gap, Resumed>;

/// The upgrade is done and the server has said which versions it speaks.
struct Connected
{
    std::string url;
    std::optional<std::string> subprotocol = {};  ///< the one that the server chose
};
/// The connection has ended.
struct Disconnected
{
    CloseReason reason;
};
/// The connection is lost, and another attempt follows.
struct Reconnecting
{
    std::uint32_t attempt;            ///< counted from 1, since a connection that held
    std::chrono::milliseconds delay;  ///< from now
};
/// The server answered a ping.
struct Pong
{
    std::chrono::milliseconds latency;  ///< of the way there, by the server's clock
};
/// Something went wrong that no operation reports: a message that is none, an error that answers no request.
struct ClientError
{
    Errc code;
    std::string text;
};
using Lifecycle = std::variant<Connected, Disconnected, Authenticated, Reconnecting, Pong, ClientError>;

/// A client of a server that speaks protocol.md, on one io_context, which one thread runs.
///
/// Every operation may be awaited from any executor; it hops to the client's and ends on the caller's. Every
/// request ends with its ack, a RemoteError, Errc::timedOut, Errc::disconnected or Errc::cancelled, and
/// leaves nothing behind. Cancelling one never breaks the connection: an answer that comes later is ignored.
/// disconnect() is the orderly end; destroying the client at any moment is safe as well: it ends pending
/// operations with Errc::cancelled. The io_context outlives the client.
class WSClient
{
public:
    /// @throws Error with Errc::invalidArgument for a URL that is none, or a file for TLS that cannot be
    /// used, which it names.
    WSClient(asio::io_context& io, WSClientOptions options);
    /// `executor` is one of an asio::io_context.
    /// @throws Error with Errc::invalidArgument where it is of another kind, or as above.
    WSClient(const asio::any_io_executor& executor, WSClientOptions options);
    WSClient(WSClient&&) noexcept;
    WSClient& operator=(WSClient&&) = delete;
    ~WSClient();

    /// Connects, and authenticates where there is a token. When it returns, requests can be sent.
    /// @throws Error with Errc::connectFailed, naming the address and the cause; Errc::timedOut;
    /// Errc::alreadyRunning; RemoteError where the token is refused. Cancelling leaves the client
    /// disconnected.
    [[nodiscard]] asio::awaitable<void> connect();

    /// Closes the connection with 1000, waits for the server's Close, and ends all streams and pending
    /// requests (Errc::disconnected). When it returns, every strand of the client has ended. Harmless where
    /// it is not connected; connect() may follow. Cancelling it insists at once.
    [[nodiscard]] asio::awaitable<void> disconnect();

    [[nodiscard]] bool
    isConnected() const noexcept;  ///< from any thread; true means that it was so a moment ago

    /// Subscribes to topics and patterns, and gives the events that match them as a stream. The topics stay
    /// subscribed when the stream goes: see unsubscribe().
    /// @throws Error with Errc::disconnected, Errc::timedOut, Errc::invalidArgument; RemoteError.
    [[nodiscard]] asio::awaitable<EventStream<Delivery>> subscribe(Topics topics,
                                                                   SubscribeOptions options = {});

    /// Takes back one subscribe() of each of these topics. The request goes out with the last one.
    /// @throws as subscribe().
    [[nodiscard]] asio::awaitable<void> unsubscribe(Topics topics);

    /// Publishes, and waits until the server has it in its log.
    /// @throws as subscribe(). After Errc::timedOut or Errc::disconnected it may have been logged or not.
    [[nodiscard]] asio::awaitable<Receipt> publish(std::string topic, Json data,
                                                   Broadcast broadcast = Broadcast::no,
                                                   OnDisconnect onDisconnect = OnDisconnect::resend);
    /// The same for an event without data.
    [[nodiscard]] asio::awaitable<Receipt> publish(std::string topic, std::nullopt_t none = std::nullopt,
                                                   Broadcast broadcast = Broadcast::no,
                                                   OnDisconnect onDisconnect = OnDisconnect::resend);

    /// Sends a message as it is, with id and timestamp filled in where they are empty; waits for no answer.
    /// @throws Error with Errc::disconnected.
    [[nodiscard]] asio::awaitable<void> send(Message message);

    /// Sends a message, and waits for the ack of its id; for a ping, for the pong.
    /// @throws Error with Errc::timedOut after `timeout`, or the option's, Errc::disconnected; RemoteError.
    [[nodiscard]] asio::awaitable<Message> sendAndWait(Message message,
                                                       std::optional<std::chrono::milliseconds> timeout = {},
                                                       OnDisconnect onDisconnect = OnDisconnect::resend);

    /// All events that come, or those on topics that match, as a stream: bounded by `queueSize` and
    /// `queueBytes`, with a Gap in the place of what was dropped. It subscribes to nothing. On any thread; a
    /// stream for whose part in the client there is no memory ends with the next event.
    /// @throws Error with Errc::invalidArgument for a pattern that is none; std::bad_alloc.
    [[nodiscard]] EventStream<Delivery> events();
    [[nodiscard]] EventStream<Delivery> events(std::string pattern);

    /// What happens to the connection, as a stream.
    [[nodiscard]] EventStream<Lifecycle> lifecycle();

private:
    friend struct ClientAccess;

    std::shared_ptr<ClientCore> core_;
};

}  // namespace strandcast
