#include "commands.hpp"
#include "line_writer.hpp"
#include "report.hpp"
#include "run_until_signal.hpp"

#include <strandcast/agent_server.hpp>
#include <strandcast/shard_pool.hpp>
#include <strandcast/swarm_server.hpp>
#include <strandcast/task_server.hpp>
#include <strandcast/ws_router.hpp>
#include <strandcast/ws_server.hpp>

#include <asio/cancellation_state.hpp>
#include <asio/redirect_error.hpp>
#include <asio/signal_set.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tool
{

namespace
{

using namespace strandcast;

constexpr std::size_t maxShards = 1'024;

struct ServeArguments
{
    std::uint16_t port = 8080;
    std::string host = "127.0.0.1";
    std::string token;
    std::string certificate;
    std::string privateKey;
    std::size_t queueSize = 1'000;
    std::string rateLimit = "100/60";
    std::size_t maxConnections = 1'000;
    std::optional<std::size_t> maxPerAddress;
    std::optional<std::size_t> acceptRate;
    std::size_t shards = 1;
    std::size_t maxMessage = 4 * 1024 * 1024;
    std::string heartbeat = "30";
    bool deflate = false;
    std::vector<std::string> listen;
    bool reusePort = false;
    std::vector<std::string> allowedOrigins;
    std::vector<std::string> allowedHosts;
    std::vector<std::string> trustedProxies;
};

/// A positive number of seconds, fractions allowed; nothing where it is none.
std::optional<std::chrono::milliseconds> secondsOf(std::string_view text)
{
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    // As a comparison that not-a-number fails.
    const bool isInRange = seconds > 0 && seconds <= 1e9;
    if (error != std::errc() || end != text.data() + text.size() || !isInRange) return std::nullopt;
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

/// "100/60" or "off"; nothing where it is neither.
std::optional<std::optional<RateLimitOptions>> rateLimitOf(std::string_view text)
{
    if (text == "off") return std::optional<RateLimitOptions>();
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + slash, count);
    const auto window = secondsOf(text.substr(slash + 1));
    if (error != std::errc() || end != text.data() + slash || count == 0 || !window) return std::nullopt;
    return RateLimitOptions{count, *window};
}

std::string checkRateLimit(const std::string& text)
{
    if (rateLimitOf(text)) return {};
    return "'" + text + "' is no rate limit: COUNT/SECONDS, such as 100/60, or off is expected";
}

std::string checkSeconds(const std::string& text)
{
    if (secondsOf(text)) return {};
    return "'" + text + "' is no number of seconds: one above 0 is expected, such as 30 or 0.5";
}

std::string checkCount(const std::string& text)
{
    std::size_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && end == text.data() + text.size() && count > 0) return {};
    return "'" + text + "' is no count: a whole number above 0 is expected";
}

std::string checkShards(const std::string& text)
{
    auto wrong = checkCount(text);
    if (wrong.empty() && (text.size() > 4 || std::stoul(text) > maxShards))
        wrong = fmt::format("'{}' are too many shards: {} at most", text, maxShards);
    return wrong;
}

std::string checkListen(const std::string& text)
{
    if (parseListenAddress(text)) return {};
    return "'" + text +
           "' is nothing to listen on: one such as 127.0.0.1:8080, [::1]:8080, unix:/run/it.sock or fd:3 "
           "is expected";
}

std::string checkOrigin(const std::string& text)
{
    const auto host = text.find("://");
    if (text == "*" || (host != std::string::npos && host > 0 && text.size() > host + 3 &&
                        text.find('/', host + 3) == std::string::npos))
        return {};
    return "'" + text + "' is no origin: one such as https://example.com, or * is expected";
}

// As it comes from a variable that was never set: to let everybody in is not what was meant.
std::string checkToken(const std::string& text)
{
    return text.empty() ? "the token is empty: leave the option out to let everybody in" : "";
}

using Digest = std::array<unsigned char, EVP_MAX_MD_SIZE>;

Digest digestOf(std::string_view text)
{
    Digest digest{};
    unsigned int size = 0;
    if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
        throw std::bad_alloc();
    return digest;
}

// Digests, so that the time it takes tells neither the token's length nor how much of a guess was right.
Authenticate accepting(const std::string& token)
{
    // The server keeps its hooks for as long as a call of one lasts.
    // NOLINTNEXTLINE(cppcoreguidelines-avoid-capturing-lambda-coroutines)
    return [expected = digestOf(token)](std::string given,
                                        std::optional<Json>) -> asio::awaitable<Authentication>
    {
        const auto digest = digestOf(given);
        co_return CRYPTO_memcmp(digest.data(), expected.data(), digest.size()) == 0;
    };
}

WSServerOptions optionsOf(const ServeArguments& arguments)
{
    WSServerOptions options;
    options.port = arguments.port;
    options.host = arguments.host;
    for (const auto& text : arguments.listen) options.listen.push_back(*parseListenAddress(text));
    options.reusePort = arguments.reusePort;
    if (!arguments.certificate.empty())
        options.tls = {.certificates = {{arguments.certificate, arguments.privateKey}}};
    if (!arguments.token.empty()) options.authenticate = accepting(arguments.token);
    options.rateLimit = *rateLimitOf(arguments.rateLimit);
    options.maxConnections = arguments.maxConnections;
    options.maxConnectionsPerAddress = arguments.maxPerAddress;
    options.maxAcceptsPerSecond = arguments.acceptRate;
    options.maxMessageSize = arguments.maxMessage;
    options.maxUnauthenticatedMessageSize =
        std::min(options.maxUnauthenticatedMessageSize, arguments.maxMessage);
    if (arguments.deflate) options.deflate.emplace();
    options.allowedOrigins = arguments.allowedOrigins;
    options.allowedHosts = arguments.allowedHosts;
    options.trustedProxies = arguments.trustedProxies;
    options.heartbeatInterval = *secondsOf(arguments.heartbeat);
    return options;
}

void reloadCertificates(WSServer& server)
{
    try
    {
        server.reloadCertificates();
        report("the certificate was read again");
    }
    catch (const std::exception& error)
    {
        report(std::string(error.what()) + "; the certificate stays as it was");
    }
}

/// Until it is cancelled. With TLS a hang-up signal has the certificate read again, as is the custom.
asio::awaitable<void> waitForEnd(WSServer& server, bool hasTls)
{
    asio::signal_set hangUp(co_await asio::this_coro::executor);
    if (hasTls) hangUp.add(SIGHUP);
    for (;;)
    {
        asio::error_code ended;
        co_await hangUp.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        if (ended) co_return;
        reloadCertificates(server);
    }
}

/// A line for each address.
std::string whereItListens(const WSServer& server, const ServeArguments& arguments)
{
    std::string lines;
    for (const auto& address : server.addresses())
    {
        const auto scheme = arguments.certificate.empty() ? "ws" : "wss";
        const bool isUnix = address.starts_with("unix:");
        lines += fmt::format("strandcast: listening on {}{}{}\n", scheme, isUnix ? "+" : "://", address);
    }
    return lines;
}

/// On the pool, or with none on the command's own thread.
asio::awaitable<int> serve(asio::io_context& io, const ShardPool* pool, ServeArguments arguments)
{
    auto server = pool ? WSServer(*pool, optionsOf(arguments)) : WSServer(io, optionsOf(arguments));
    WSRouter router(server, {.queueSize = arguments.queueSize});
    // What clients report of one agent, task or swarm, all who watch its channel get as well.
    const AgentChannelServer agents(router);
    const TaskChannelServer tasks(router);
    const SwarmChannelServer swarms(router, {.maxClientBallots = 1'000});
    co_await server.start();
    LineWriter output(io);
    // Whoever reads no more need not be told.
    static_cast<void>(co_await output.write(whereItListens(server, arguments)));
    co_await waitForEnd(server, !arguments.certificate.empty());
    co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
    co_await server.shutdown();
    co_return 0;
}

}  // namespace

void addServe(CLI::App& app, Run& run)
{
    auto arguments = std::make_shared<ServeArguments>();
    auto* command = app.add_subcommand("serve", "Serve clients until Ctrl-C");
    command->add_option("--port", arguments->port, "Port to listen on; 0 lets the system choose")
        ->capture_default_str();
    command
        ->add_option("--host", arguments->host,
                     "Numeric address to listen on; 0.0.0.0 or :: is every interface")
        ->capture_default_str();
    command
        ->add_option("--listen", arguments->listen,
                     "Where to listen instead of --host and --port, also on several: 127.0.0.1:8080,\n"
                     "[::1]:8080, unix:/run/it.sock, or fd:3, a socket that listens already")
        ->check(checkListen);
    command->add_flag("--reuse-port", arguments->reusePort,
                      "Share the ports with other processes that do so as well");
    command
        ->add_option("--token", arguments->token, "The token that clients must give; none lets everybody in")
        ->check(checkToken);
    auto* const certificate = command->add_option(
        "--tls-cert", arguments->certificate,
        "Serve wss:// with the certificate in this PEM file, behind which its chain may stand");
    auto* const privateKey =
        command->add_option("--tls-key", arguments->privateKey, "PEM file of the certificate's private key");
    certificate->needs(privateKey);
    privateKey->needs(certificate);
    command
        ->add_option("--queue-size", arguments->queueSize,
                     "Events that wait for a slow client before the oldest is dropped")
        ->check(checkCount)
        ->capture_default_str();
    command->add_option("--rate-limit", arguments->rateLimit, "Messages per client: COUNT/SECONDS, or off")
        ->check(checkRateLimit)
        ->capture_default_str();
    command->add_option("--max-connections", arguments->maxConnections, "Clients at a time")
        ->check(checkCount)
        ->capture_default_str();
    command
        ->add_option("--max-per-address", arguments->maxPerAddress,
                     "Connections of one address at a time, an IPv6 /64 as one; any number without this")
        ->check(checkCount);
    command
        ->add_option("--accept-rate", arguments->acceptRate,
                     "New connections a second; further ones wait. As they come without this")
        ->check(checkCount);
    command->add_option("--shards", arguments->shards, "Threads that serve the clients")
        ->check(checkShards)
        ->capture_default_str();
    command
        ->add_option("--max-message", arguments->maxMessage, "Bytes of the largest message that is accepted")
        ->check(checkCount)
        ->capture_default_str();
    command
        ->add_option("--heartbeat", arguments->heartbeat,
                     "Seconds; a client silent for two of these is closed")
        ->check(checkSeconds)
        ->capture_default_str();
    command->add_flag("--deflate", arguments->deflate, "Compress messages for clients that offer it");
    command
        ->add_option(
            "--allowed-origin", arguments->allowedOrigins,
            "Web pages that may connect, such as https://example.com; * is any; without this, those\n"
            "of the host that is asked for")
        ->check(checkOrigin);
    command->add_option("--allowed-host", arguments->allowedHosts,
                        "Names beside localhost under which a server on loopback may be asked for; * is any");
    command->add_option(
        "--trusted-proxy", arguments->trustedProxies,
        "Proxies whose Forwarded and X-Forwarded-For are believed: addresses, ranges such as\n"
        "10.0.0.0/8, or unix for who connects to a Unix socket");
    command->footer(
        "Prints a line for each address when it listens. Ctrl-C and SIGTERM shut it down in good order, "
        "which is\n"
        "exit code 0; a second one ends it at once. With TLS, SIGHUP has it read the certificate again.");
    command->callback(
        [arguments, &run]
        {
            run = [arguments]
            {
                std::optional<ShardPool> pool;
                if (arguments->shards > 1) pool.emplace(arguments->shards);
                const auto* const onPool = pool ? &*pool : nullptr;
                return runUntilSignal([&](asio::io_context& io) { return serve(io, onPool, *arguments); });
            };
        });
}

}  // namespace tool
