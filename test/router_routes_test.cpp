#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <asio/cancellation_type.hpp>
#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view id, std::string_view topics)
{
    return request("subscribe", id, fmt::format(R"("topics":{})", topics));
}

std::string publish(std::string_view id, std::string_view topic, int data)
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":{})", topic, data));
}

asio::awaitable<std::string> heard(RawPeer& peer)
{
    const auto message = co_await peer.message();
    co_return brief(message);
}

asio::awaitable<std::string> asked(RawPeer& peer, std::string question)
{
    const auto answer = co_await peer.ask(std::move(question));
    co_return brief(answer);
}

// Holds up whoever comes, one after another, until the test lets them on.
class Gate
{
public:
    explicit Gate(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}

    asio::awaitable<void> pass()
    {
        ++came_;
        while (open_ == 0)
        {
            asio::error_code woken;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() != asio::cancellation_type::none)
                throw std::runtime_error("cancelled");
        }
        --open_;
    }

    void let(int count)
    {
        open_ += count;
        timer_.cancel();
    }

    [[nodiscard]] int came() const { return came_; }

private:
    asio::steady_timer timer_;
    int open_ = 0;
    int came_ = 0;
};

RouteHandler through(std::shared_ptr<Gate> gate)
{
    return [gate](const RoutedPublish&) -> asio::awaitable<void> { co_await gate->pass(); };
}

// Ends when everything that the peer has sent was taken in.
asio::awaitable<void> settle(RawPeer& peer)
{
    const auto pong = co_await asked(peer, request("ping", "settled"));
    CHECK(pong == "pong settled");
}

}  // namespace

TEST_CASE("every middleware of all routes that match runs first, then the handlers, in registration's order")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   std::vector<std::string> order;
                   const auto middleware = [&](std::string name) -> Middleware
                   {
                       return [&order, name](const RoutedPublish& publish) -> asio::awaitable<bool>
                       {
                           order.push_back(name + " " + publish.messageId);
                           co_return true;
                       };
                   };
                   const auto handler = [&](std::string name) -> RouteHandler
                   {
                       return [&order, name](const RoutedPublish& publish) -> asio::awaitable<void>
                       {
                           order.push_back(name + " " + publish.topic + " " + publish.data->text());
                           co_return;
                       };
                   };
                   co_await served.router->route(
                       {"t.*", handler("h1"), {middleware("m1"), middleware("m2")}});
                   co_await served.router->route({"other", handler("never"), {middleware("never")}});
                   co_await served.router->route({"#", {}, {middleware("m3")}});
                   co_await served.router->route({"t.a", handler("h2"), {}});
                   auto peer = co_await served.peer();
                   const auto ack = co_await asked(peer, publish("p", "t.a", 7));
                   CHECK(ack == "ack p");
                   CHECK(order == std::vector<std::string>{"m1 p", "m2 p", "m3 p", "h1 t.a 7", "h2 t.a 7"});

                   // What the server publishes passes no route.
                   order.clear();
                   co_await served.router->publish("t.a", Json(8));
                   CHECK(order.empty());

                   auto removed = co_await served.router->unroute("t.*");
                   CHECK(removed == 1);
                   removed = co_await served.router->unroute("t.*");
                   CHECK(removed == 0);
                   co_await asked(peer, publish("q", "t.a", 9));
                   CHECK(order == std::vector<std::string>{"m3 q", "h2 t.a 9"});
               });
}

TEST_CASE("a middleware's no refuses, and so does what throws, without its text; nothing is delivered")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   int handled = 0;
                   const RouteHandler count = [&](const RoutedPublish&) -> asio::awaitable<void>
                   {
                       ++handled;
                       co_return;
                   };
                   const Middleware no = [](const RoutedPublish&) -> asio::awaitable<bool>
                   { co_return false; };
                   const Middleware throwing = [](const RoutedPublish&) -> asio::awaitable<bool>
                   {
                       throw std::runtime_error("a secret");
                       co_return true;
                   };
                   const RouteHandler throwingHandler = [](const RoutedPublish&) -> asio::awaitable<void>
                   {
                       throw 42;
                       co_return;
                   };
                   co_await served.router->route({"no", count, {no}});
                   co_await served.router->route({"middleware", count, {throwing}});
                   co_await served.router->route({"handler", throwingHandler, {}});
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe("s", R"(["#"])"));
                   CHECK(answer == "ack s");
                   auto peer = co_await served.peer();
                   answer = co_await asked(peer, publish("p-1", "no", 1));
                   CHECK(answer == "error p-1 PUBLISH_FAILED");
                   for (const auto* const topic : {"middleware", "handler"})
                   {
                       co_await peer.send(publish("p-2", topic, 1));
                       const auto text = co_await peer.text();
                       CHECK(text.find("INTERNAL_ERROR") != std::string::npos);
                       CHECK(text.find("secret") == std::string::npos);
                   }
                   CHECK(handled == 0);
                   answer = co_await asked(peer, publish("p-3", "free", 1));
                   CHECK(answer == "ack p-3");
                   answer = co_await heard(listener);
                   CHECK(answer == "event free 1 1");
               });
}

TEST_CASE("a slow route keeps its topic in order, and delays no other topic nor the client's other requests")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe("s", R"(["#"])"));
                   auto one = co_await served.peer();
                   auto two = co_await served.peer();
                   for (int number = 0; number < 10; ++number)
                   {
                       auto& peer = number % 2 == 0 ? one : two;
                       co_await peer.send(publish(fmt::format("p-{}", number), "slow", number));
                       co_await settle(peer);
                   }
                   CHECK(gate->came() == 1);
                   answer = co_await asked(one, publish("fast", "fast", 1));
                   CHECK(answer == "ack fast");
                   answer = co_await heard(listener);
                   CHECK(answer == "event fast 1 1");
                   gate->let(10);
                   for (int number = 0; number < 10; ++number)
                   {
                       answer = co_await heard(listener);
                       CHECK(answer == fmt::format("event slow {} {}", number + 1, number));
                       answer = co_await heard(number % 2 == 0 ? one : two);
                       CHECK(answer == fmt::format("ack p-{}", number));
                   }
               });
}

TEST_CASE("a publish joins the line of its topic even if its route was taken away meanwhile")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto peer = co_await served.peer();
                   co_await peer.send(publish("p-1", "slow", 1));
                   co_await settle(peer);
                   const auto removed = co_await served.router->unroute("slow");
                   CHECK(removed == 1);
                   co_await peer.send(publish("p-2", "slow", 2));
                   co_await settle(peer);
                   gate->let(1);
                   auto answer = co_await heard(peer);
                   CHECK(answer == "ack p-1");
                   answer = co_await heard(peer);
                   CHECK(answer == "ack p-2");
                   CHECK(gate->came() == 1);
               });
}

TEST_CASE("a publish that is under way finishes though its client is gone")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe("s", R"(["#"])"));
                   auto peer = co_await served.peer();
                   co_await peer.send(publish("p-1", "slow", 1));
                   co_await peer.send(publish("p-2", "slow", 2));
                   co_await settle(peer);
                   const auto end = co_await peer.leave();
                   CHECK(end == "1000");
                   gate->let(2);
                   answer = co_await heard(listener);
                   CHECK(answer == "event slow 1 1");
                   answer = co_await heard(listener);
                   CHECK(answer == "event slow 2 2");
               });
}

TEST_CASE("a full line refuses one more, and has room again later")
{
    withRouter({.maxWaitingPublishesPerTopic = 2},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto peer = co_await served.peer();
                   for (int number = 1; number <= 3; ++number)  // one passes, two wait
                       co_await peer.send(publish(fmt::format("p-{}", number), "slow", number));
                   auto answer = co_await asked(peer, publish("p-4", "slow", 4));
                   CHECK(answer == "error p-4 PUBLISH_FAILED");
                   gate->let(3);
                   for (int number = 1; number <= 3; ++number)
                   {
                       answer = co_await heard(peer);
                       CHECK(answer == fmt::format("ack p-{}", number));
                   }
                   gate->let(1);
                   answer = co_await asked(peer, publish("p-5", "slow", 5));
                   CHECK(answer == "ack p-5");
               });
}

TEST_CASE("a client with too many unfinished publishes is not read until one ends, and others are")
{
    withRouter({.maxWaitingPublishesPerClient = 3},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow.*", through(gate), {}});
                   auto peer = co_await served.peer();
                   for (int number = 0; number < 20; ++number)
                       co_await peer.send(
                           publish(fmt::format("p-{}", number), fmt::format("slow.{}", number), 1));
                   co_await peer.send(request("ping", "last"));
                   auto other = co_await served.peer();
                   for (int turn = 0; turn < 20; ++turn) co_await settle(other);
                   CHECK(gate->came() == 3);
                   auto answer = co_await asked(other, publish("q", "fast", 1));
                   CHECK(answer == "ack q");
                   gate->let(20);
                   // The ping overtakes those alone that may be unfinished together.
                   int acks = 0;
                   for (int number = 0; number < 21; ++number)
                   {
                       answer = co_await heard(peer);
                       if (answer == "pong last")
                       {
                           CHECK(acks >= 17);
                           continue;
                       }
                       CHECK(answer.starts_with("ack p-"));
                       ++acks;
                   }
                   CHECK(acks == 20);
               });
}

TEST_CASE("a handler may publish to its own topic, which passes no route and comes first")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto& router = *served.router;
                   const RouteHandler handler = [&](const RoutedPublish& publish) -> asio::awaitable<void>
                   { co_await router.publish(publish.topic, Json("from the handler")); };
                   co_await router.route({"t", handler, {}});
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe("s", R"(["t"])"));
                   auto peer = co_await served.peer();
                   answer = co_await asked(peer, publish("p", "t", 1));
                   CHECK(answer == "ack p");
                   answer = co_await heard(listener);
                   CHECK(answer == R"(event t 1 "from the handler")");
                   answer = co_await heard(listener);
                   CHECK(answer == "event t 2 1");
               });
}

TEST_CASE("what waits for a router that goes is answered, and a client that waited for it is read again")
{
    withRouter({.maxWaitingPublishesPerClient = 3},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto peer = co_await served.peer();
                   for (int number = 0; number < 5; ++number)
                       co_await peer.send(publish(fmt::format("p-{}", number), "slow", number));
                   auto other = co_await served.peer();
                   for (int turn = 0; turn < 5; ++turn) co_await settle(other);
                   served.router.reset();
                   served.router.emplace(served.server);
                   std::vector<std::string> answers;
                   for (int number = 0; number < 5; ++number) answers.push_back(co_await heard(peer));
                   std::sort(answers.begin(), answers.end());
                   CHECK(answers == std::vector<std::string>{"ack p-3", "ack p-4", "error p-0 INTERNAL_ERROR",
                                                             "error p-1 INTERNAL_ERROR",
                                                             "error p-2 INTERNAL_ERROR"});
                   co_await settle(peer);
               });
}

TEST_CASE("a route whose topic is none is refused")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto code = Errc::cancelled;
                   try
                   {
                       co_await served.router->route({"a..b", {}, {}});
                   }
                   catch (const Error& error)
                   {
                       code = error.errc();
                   }
                   CHECK(code == Errc::invalidArgument);
               });
}

TEST_CASE("lines are bounded in bytes, each and all together, and one publish always fits")
{
    const auto large = [](std::string_view id, std::string_view topic)
    {
        return request("publish", id,
                       fmt::format(R"("topic":"{}","data":"{}")", topic, std::string(10'000, 'x')));
    };
    withRouter({.maxWaitingBytesPerTopic = 5'000, .maxWaitingBytes = 25'000},
               [&](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow.*", through(gate), {}});
                   auto peer = co_await served.peer();
                   co_await peer.send(large("p-1", "slow.a"));
                   auto answer = co_await asked(peer, publish("p-2", "slow.a", 1));
                   CHECK(answer == "error p-2 PUBLISH_FAILED");
                   co_await peer.send(large("p-3", "slow.b"));
                   answer = co_await asked(peer, large("p-4", "slow.c"));
                   CHECK(answer == "error p-4 PUBLISH_FAILED");
                   answer = co_await asked(peer, publish("p-5", "fast", 1));
                   CHECK(answer == "ack p-5");
                   gate->let(3);
                   answer = co_await heard(peer);
                   CHECK(answer == "ack p-1");
                   answer = co_await heard(peer);
                   CHECK(answer == "ack p-3");
                   answer = co_await asked(peer, large("p-6", "slow.c"));
                   CHECK(answer == "ack p-6");
               });
}

TEST_CASE("where nothing may wait one publish passes at a time, and no line is left behind")
{
    withRouter({.maxWaitingPublishesPerTopic = 0},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto gate = std::make_shared<Gate>(served.io);
                   co_await served.router->route({"slow", through(gate), {}});
                   auto peer = co_await served.peer();
                   for (int round = 0; round < 3; ++round)
                   {
                       co_await peer.send(publish("p-1", "slow", 1));
                       auto answer = co_await asked(peer, publish("p-2", "slow", 2));
                       CHECK(answer == "error p-2 PUBLISH_FAILED");
                       gate->let(1);
                       answer = co_await heard(peer);
                       CHECK(answer == "ack p-1");
                   }
               });
}
