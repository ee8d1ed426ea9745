#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <asio/steady_timer.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

using namespace strandcast;
using namespace std::chrono_literals;

namespace
{

struct BadInput
{
    std::string text;
    std::string answer;  // in short
};

const std::vector<BadInput>& badInputs()
{
    static const std::vector<BadInput> all = {
        {"", "error - INVALID_MESSAGE"},
        {"not JSON", "error - INVALID_MESSAGE"},
        {"{", "error - INVALID_MESSAGE"},
        {"[]", "error - INVALID_MESSAGE"},
        {"null", "error - INVALID_MESSAGE"},
        {"{}", "error - INVALID_MESSAGE"},
        {R"({"id":"","type":"ping","version":"1.0.0","timestamp":1})", "error - INVALID_MESSAGE"},
        {R"({"id":7,"type":"ping","version":"1.0.0","timestamp":1})", "error - INVALID_MESSAGE"},
        {R"({"type":"ping","version":"1.0.0","timestamp":1})", "error - INVALID_MESSAGE"},
        {R"({"id":"a","version":"1.0.0","timestamp":1})", "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","timestamp":1})", "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","version":"1.0.0"})", "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":0})", "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":"1"})", "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","version":"2.0.0","timestamp":1})", "error a UNSUPPORTED_VERSION"},
        {R"({"timestamp":1,"version":"1.0.0","type":"dance","id":"a"})", "error a INVALID_MESSAGE"},
        {request("subscribe", "a"), "error a INVALID_MESSAGE"},
        {request("subscribe", "a", R"("topics":"x")"), "error a INVALID_MESSAGE"},
        {request("subscribe", "a", R"("topics":[1])"), "error a INVALID_MESSAGE"},
        {request("publish", "a", R"("data":1)"), "error a INVALID_MESSAGE"},
        {request("publish", "a", R"("topic":"t","broadcast":"yes")"), "error a INVALID_MESSAGE"},
        {request("auth", "a"), "error a INVALID_MESSAGE"},
        {request("event", "a", R"("topic":"t")"), "error a INVALID_MESSAGE"},
        {request("ack", "a", R"("messageId":"b","success":true)"), "error a INVALID_MESSAGE"},
        {request("error", "a", R"("code":"c","message":"m")"), "error a INVALID_MESSAGE"},
        {request("pong", "a", R"("latency":1)"), "error a INVALID_MESSAGE"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":1} more)", "error - INVALID_MESSAGE"},
    };
    return all;
}

WSServerOptions withoutRateLimit()
{
    WSServerOptions options;
    options.rateLimit.reset();
    return options;
}

}  // namespace

TEST_CASE("what is no message gets an error that names it where it has an id, and the connection stays")
{
    withServer(withoutRateLimit(),
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto other = co_await served.peer();
                   for (const auto& [text, answer] : badInputs())
                   {
                       CAPTURE(text);
                       const auto refused = co_await peer.ask(text);
                       // An error without a request still has an id, a fresh one, and no messageId.
                       CHECK(brief(refused) == answer);
                       CHECK_FALSE(refused.at("id").as_string().empty());
                       CHECK(refused.at("version") == "1.0.0");
                       const auto pong = co_await other.ask(request("ping", "p"));
                       CHECK(brief(pong) == "pong p");
                   }
                   const auto end = co_await peer.leave();
                   CHECK(end == "1000");
               });
}

TEST_CASE("what breaks WebSocket, or a limit, ends the connection with its code, and no other one")
{
    struct Case
    {
        std::string bytes;
        std::string end;
    };
    const auto ping = request("ping", "p");
    const std::vector<Case> cases = {
        {wire::masked(wire::binary, ping), "1003"},
        {wire::unmasked(wire::text, ping), "1002"},
        {wire::masked(wire::text, "\xFF"), "1007"},
        {wire::masked(wire::text, std::string(10'001, ' ')), "1009"},
        {wire::masked(wire::text, std::string(6'000, ' '), false) +
             wire::masked(wire::continuation, std::string(6'000, ' ')),
         "1009"},
        {wire::masked(wire::ping, std::string(126, 'x')), "1002"},
        {"\xF1\x80" + std::string(wire::mask), "1002"},
    };
    auto options = withoutRateLimit();
    options.maxMessageSize = 10'000;
    withServer(options,
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto other = co_await served.peer();
                   for (const auto& [bytes, code] : cases)
                   {
                       CAPTURE(code);
                       auto peer = co_await served.peer();
                       co_await peer.write(bytes);
                       const auto end = co_await peer.closed();
                       CHECK(end.substr(0, 4) == code);
                       peer.close();
                       const auto pong = co_await other.ask(ping);
                       CHECK(brief(pong) == "pong p");
                   }
               });
}

TEST_CASE("a message of just the largest size is taken, before and after authentication")
{
    auto options = withoutRateLimit();
    options.maxMessageSize = 300'000;
    options.authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    { co_return true; };
    const auto padded = [](std::size_t size)
    {
        auto text = request("ping", "big", R"("pad":"")");
        text.insert(text.size() - 2, std::string(size - text.size(), 'x'));
        return text;
    };
    withServer(options,
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await peer.ask(padded(64 * 1024));
                   CHECK(brief(answer) == "error big AUTHENTICATION_FAILED");
                   answer = co_await peer.ask(request("auth", "a", R"("token":"t")"));
                   CHECK(brief(answer) == "ack a");
                   answer = co_await peer.ask(padded(300'000));
                   CHECK(brief(answer) == "pong big");
                   co_await peer.send(padded(300'001));
                   const auto end = co_await peer.closed();
                   CHECK(end.substr(0, 4) == "1009");

                   auto early = co_await served.peer();
                   co_await early.send(padded(64 * 1024 + 1));
                   const auto earlyEnd = co_await early.closed();
                   CHECK(earlyEnd.substr(0, 4) == "1009");
               });
}

TEST_CASE("a ping gets its pong with the time that it took, never below 0; a WebSocket ping its own payload")
{
    withServer(withoutRateLimit(),
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                                        std::chrono::system_clock::now().time_since_epoch())
                                        .count();
                   const auto ping = [](std::int64_t timestamp)
                   {
                       return fmt::format(R"({{"id":"p","type":"ping","version":"1.0.0","timestamp":{}}})",
                                          timestamp);
                   };
                   const auto past = co_await peer.ask(ping(now - 5'000));
                   CHECK(brief(past) == "pong p");
                   CHECK(past.at("latency").to_number<double>() >= 5'000);
                   CHECK(past.at("latency").to_number<double>() < 25'000);
                   const auto future = co_await peer.ask(ping(now + 1'000'000));
                   CHECK(future.at("latency").to_number<double>() == 0);

                   co_await peer.write(wire::masked(wire::ping, "payload"));
                   const auto pong = co_await peer.frame();
                   REQUIRE(pong);
                   CHECK(*pong == wire::Frame{wire::pong, "payload"});
               });
}

TEST_CASE("over the rate limit a message is refused by its id; pings of WebSocket do not count; time helps")
{
    auto options = withoutRateLimit();
    options.rateLimit = RateLimitOptions{.maxMessages = 3, .window = 200ms};
    withServer(options,
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   for (int number = 0; number < 10; ++number)
                   {
                       co_await peer.write(wire::masked(wire::ping, "x"));
                       const auto pong = co_await peer.frame();
                       REQUIRE(pong);
                       CHECK(pong->opcode == wire::pong);
                   }
                   auto answer = co_await peer.ask(request("ping", "1"));
                   CHECK(brief(answer) == "pong 1");
                   answer = co_await peer.ask("not JSON");
                   CHECK(brief(answer) == "error - INVALID_MESSAGE");
                   answer = co_await peer.ask(request("auth", "3", R"("token":"t")"));
                   CHECK(brief(answer) == "ack 3");
                   answer = co_await peer.ask(request("ping", "4"));
                   CHECK(brief(answer) == "error 4 RATE_LIMIT_EXCEEDED");
                   answer = co_await peer.ask(R"({"id":"5","type":"dance"})");
                   CHECK(brief(answer) == "error 5 RATE_LIMIT_EXCEEDED");
                   answer = co_await peer.ask("not JSON");
                   CHECK(brief(answer) == "error - RATE_LIMIT_EXCEEDED");
                   auto other = co_await served.peer();
                   answer = co_await other.ask(request("ping", "6"));
                   CHECK(brief(answer) == "pong 6");
                   bool again = false;
                   asio::steady_timer timer(served.io);
                   for (int attempt = 0; attempt < 100 && !again; ++attempt)
                   {
                       timer.expires_after(20ms);
                       co_await timer.async_wait(asio::use_awaitable);
                       answer = co_await peer.ask(request("ping", "7"));
                       again = brief(answer) == "pong 7";
                   }
                   CHECK(again);
               });
}

TEST_CASE("a server without a router answers every request, subscribe and publish with INTERNAL_ERROR")
{
    withServer(withoutRateLimit(),
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await peer.ask(request("subscribe", "s", R"("topics":["t"])"));
                   CHECK(brief(answer) == "error s INTERNAL_ERROR");
                   CHECK(answer.at("message") == "No router");
                   answer = co_await peer.ask(request("unsubscribe", "u", R"("topics":["t"])"));
                   CHECK(brief(answer) == "error u INTERNAL_ERROR");
                   answer = co_await peer.ask(request("publish", "p", R"("topic":"t")"));
                   CHECK(brief(answer) == "error p INTERNAL_ERROR");
                   answer = co_await peer.ask(request("auth", "a", R"("token":"t")"));
                   CHECK(brief(answer) == "ack a");
               });
}
