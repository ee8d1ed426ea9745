#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view id, std::string_view topics, std::string_view more = {})
{
    return request("subscribe", id, fmt::format(R"("topics":{}{})", topics, more));
}

std::string unsubscribe(std::string_view id, std::string_view topics)
{
    return request("unsubscribe", id, fmt::format(R"("topics":{})", topics));
}

std::string publish(std::string_view id, std::string_view topic, std::string_view more = {})
{
    return request("publish", id, fmt::format(R"("topic":"{}"{})", topic, more));
}

// The next message in short.
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

}  // namespace

TEST_CASE("subscribing and unsubscribing are acked, whatever was subscribed before")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const std::vector<std::string> requests = {
                       subscribe("a", "[]"),
                       unsubscribe("a", "[]"),
                       unsubscribe("a", R"(["never"])"),
                       subscribe("a", R"(["t"])"),
                       subscribe("a", R"(["t","t"])"),
                       subscribe("a", "[]", R"(,"patterns":["u.*"])"),
                       subscribe("a", R"(["v"])", R"(,"patterns":[])"),
                       subscribe("a", R"(["#"])"),
                       unsubscribe("a", R"(["#","#"])"),
                   };
                   for (const auto& question : requests)
                   {
                       CAPTURE(question);
                       const auto answer = co_await asked(peer, question);
                       CHECK(answer == "ack a");
                   }
                   const auto ids = co_await served.server.getConnectedClients();
                   const auto info = co_await served.server.getClient(ids.at(0));
                   CHECK(info->subscriptions == std::vector<std::string>{"t", "u.*", "v"});
                   co_await served.router->publish("u.x", Json(1));
                   auto event = co_await heard(peer);
                   CHECK(event == "event u.x 1 1");
                   const auto ack = co_await asked(peer, unsubscribe("b", R"(["t","u.*"])"));
                   CHECK(ack == "ack b");
                   co_await served.router->publish("t", Json(1));
                   co_await served.router->publish("u.x", Json(2));
                   co_await served.router->publish("v", Json(3));
                   event = co_await heard(peer);
                   CHECK(event == "event v 1 3");
               });
}

TEST_CASE("one bad topic refuses the whole request, and nothing of it is kept")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   const std::vector<std::string> bad = {"",     ".",    "a.",   ".a", "a..b",
                                                         "a.b*", "a.#b", "a//b", "/",  std::string(256, 'x')};
                   for (const auto& topic : bad)
                   {
                       CAPTURE(topic);
                       auto answer =
                           co_await asked(peer, subscribe("s", fmt::format(R"(["good","{}"])", topic)));
                       CHECK(answer == "error s SUBSCRIPTION_FAILED");
                       answer = co_await asked(
                           peer, subscribe("s", R"(["good"])", fmt::format(R"(,"patterns":["{}"])", topic)));
                       CHECK(answer == "error s SUBSCRIPTION_FAILED");
                       answer =
                           co_await asked(peer, unsubscribe("u", fmt::format(R"(["good","{}"])", topic)));
                       CHECK(answer == "error u SUBSCRIPTION_FAILED");
                       answer = co_await asked(peer, publish("p", topic));
                       CHECK(answer == "error p PUBLISH_FAILED");
                   }
                   const auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.empty());
                   const auto wrong = co_await peer.ask(subscribe("s", R"(["a.b*"])"));
                   CHECK(wrong.at("message") == "Invalid pattern: a wildcard must be a whole segment");
                   for (const auto* const topic : {"a.*", "#", "*", "$own", "$presence.t"})
                   {
                       CAPTURE(topic);
                       const auto answer = co_await asked(peer, publish("p", topic));
                       CHECK(answer == "error p PUBLISH_FAILED");
                   }
               });
}

TEST_CASE("over the limit on subscriptions the whole request is refused; what one has counts once")
{
    withRouter({.maxSubscriptionsPerClient = 3},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, subscribe("s", R"(["a","b"])"));
                   CHECK(answer == "ack s");
                   answer = co_await asked(peer, subscribe("s", R"(["a"])", R"(,"patterns":["c","d"])"));
                   CHECK(answer == "error s SUBSCRIPTION_FAILED");
                   auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.size() == 2);
                   answer = co_await asked(peer, subscribe("s", R"(["a","b","c","c"])"));
                   CHECK(answer == "ack s");
                   answer = co_await asked(peer, subscribe("s", R"(["a","b","c"])"));
                   CHECK(answer == "ack s");
                   answer = co_await asked(peer, subscribe("s", R"(["d"])"));
                   CHECK(answer == "error s SUBSCRIPTION_FAILED");
                   answer = co_await asked(peer, unsubscribe("u", R"(["a"])"));
                   CHECK(answer == "ack u");
                   answer = co_await asked(peer, subscribe("s", R"(["d"])"));
                   CHECK(answer == "ack s");
                   auto other = co_await served.peer();
                   answer = co_await asked(other, subscribe("s", R"(["x","y","z"])"));
                   CHECK(answer == "ack s");
               });
}

TEST_CASE("of all of a client's patterns so many segments may stand behind a #, and not one more")
{
    withRouter({.maxSegmentsBehindHash = 3},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer =
                       co_await asked(peer, subscribe("s", R"(["a.#","#","a.*.b.c.d","a.#.x","#.y.#"])"));
                   CHECK(answer == "ack s");
                   const auto refused = co_await peer.ask(subscribe("s", R"(["other","#.z"])"));
                   CHECK(brief(refused) == "error s SUBSCRIPTION_FAILED");
                   CHECK(refused.at("message") == "Too many segments behind '#' in all patterns: 3 at most");
                   auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.size() == 5);
                   answer = co_await asked(peer, unsubscribe("u", R"(["a.#.x"])"));
                   CHECK(answer == "ack u");
                   answer = co_await asked(peer, subscribe("s", R"(["#.z"])"));
                   CHECK(answer == "ack s");
                   auto other = co_await served.peer();
                   answer = co_await asked(other, subscribe("s", R"(["#.1.2.3"])"));
                   CHECK(answer == "ack s");
               });
}

TEST_CASE("where patterns are off, they are refused, and exact topics work")
{
    withRouter({.enablePatterns = false},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, subscribe("s", R"(["a","b.*"])"));
                   CHECK(answer == "error s SUBSCRIPTION_FAILED");
                   answer = co_await asked(peer, subscribe("s", R"(["a"])", R"(,"patterns":["#"])"));
                   CHECK(answer == "error s SUBSCRIPTION_FAILED");
                   answer = co_await asked(peer, subscribe("s", R"(["a"])", R"(,"patterns":["b"])"));
                   CHECK(answer == "ack s");
               });
}

TEST_CASE("an event comes once however many subscriptions match, and not back unless broadcast is true")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto speaker = co_await served.peer();
                   auto listener = co_await served.peer();
                   const auto topics = subscribe("s", R"(["t.a","t.*","#","t.#","*.a"])");
                   auto answer = co_await asked(speaker, topics);
                   answer = co_await asked(listener, topics);
                   CHECK(answer == "ack s");
                   answer = co_await asked(speaker, publish("p-1", "t.a", R"(,"data":1)"));
                   CHECK(answer == "ack p-1");
                   answer = co_await asked(speaker, publish("p-2", "t.a", R"(,"data":2,"broadcast":false)"));
                   CHECK(answer == "ack p-2");
                   co_await speaker.send(publish("p-3", "t.a", R"(,"data":3,"broadcast":true)"));
                   std::vector<std::string> own;
                   for (int count = 0; count < 2; ++count) own.push_back(co_await heard(speaker));
                   std::sort(own.begin(), own.end());  // the ack may overtake the event, or not
                   CHECK(own == std::vector<std::string>{"ack p-3", "event t.a 3 3"});
                   const auto receipt = co_await served.router->publish("t.a", Json(4));
                   CHECK(receipt.sequenceNumber == 4);
                   CHECK(receipt.subscribers == 2);
                   answer = co_await heard(speaker);
                   CHECK(answer == "event t.a 4 4");
                   for (int number = 1; number <= 4; ++number)
                   {
                       answer = co_await heard(listener);
                       CHECK(answer == fmt::format("event t.a {} {}", number, number));
                   }
                   answer = co_await asked(listener, request("ping", "p"));
                   CHECK(answer == "pong p");
               });
}

TEST_CASE("numbers count per topic from 1, and every subscriber sees one order")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto one = co_await served.peer();
                   auto two = co_await served.peer();
                   auto first = co_await served.peer();
                   auto second = co_await served.peer();
                   for (auto* const peer : {&one, &two})
                   {
                       const auto ack = co_await asked(*peer, subscribe("s", R"(["#"])"));
                       CHECK(ack == "ack s");
                   }
                   constexpr int count = 50;
                   for (int number = 0; number < count; ++number)
                   {
                       co_await first.send(publish("a", number % 2 == 0 ? "x" : "y"));
                       co_await second.send(publish("b", number % 3 == 0 ? "x" : "y"));
                   }
                   std::vector<std::string> ofOne;
                   std::vector<std::string> ofTwo;
                   int inX = 0;
                   int inY = 0;
                   for (int number = 0; number < 2 * count; ++number)
                   {
                       ofOne.push_back(co_await heard(one));
                       ofTwo.push_back(co_await heard(two));
                       const bool isX = ofOne.back().starts_with("event x");
                       CHECK(ofOne.back() ==
                             (isX ? fmt::format("event x {}", ++inX) : fmt::format("event y {}", ++inY)));
                   }
                   CHECK(ofOne == ofTwo);
                   CHECK(inX + inY == 2 * count);
               });
}

TEST_CASE("data arrives as the bytes that were sent, and absent data stays absent")
{
    const std::vector<std::string> all = {
        "null",
        "false",
        "0",
        R"("")",
        "[]",
        "{}",
        "1.0",
        "-0",
        "1e5",
        "12345678901234567890123456789",
        R"("\ud800")",
        R"({"b":1,"a":[ 1 , 2 ],"b":2})",
        R"("é\/\u00e9")",
        "0.1000",
    };
    withRouter({},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto speaker = co_await served.peer();
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe("s", R"(["t"])"));
                   CHECK(answer == "ack s");
                   for (const auto& data : all)
                   {
                       CAPTURE(data);
                       answer = co_await asked(speaker, publish("p", "t", R"(,"data":)" + data));
                       CHECK(answer == "ack p");
                       const auto text = co_await listener.text();
                       CHECK(text.find(R"("data":)" + data) != std::string::npos);
                   }
                   answer = co_await asked(speaker, publish("p", "t"));
                   CHECK(answer == "ack p");
                   const auto text = co_await listener.text();
                   CHECK(text.find("data") == std::string::npos);
                   co_await served.router->publish("t");
                   const auto fromServer = co_await listener.text();
                   CHECK(fromServer.find("data") == std::string::npos);
                   CHECK(fromServer.find("broadcast") == std::string::npos);
               });
}

TEST_CASE("who is subscribed is told in the order in which clients connected, and forgotten when they go")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto one = co_await served.peer();
                   auto two = co_await served.peer();
                   const auto ids = co_await served.server.getConnectedClients();
                   auto answer = co_await asked(two, subscribe("s", R"(["t","a.*"])"));
                   answer = co_await asked(one, subscribe("s", R"(["#","t"])"));
                   CHECK(answer == "ack s");
                   auto subscribers = co_await served.router->getTopicSubscribers("t");
                   CHECK(subscribers == ids);
                   subscribers = co_await served.router->getTopicSubscribers("other");
                   CHECK(subscribers == std::vector<std::string>{ids.at(0)});
                   auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all == std::map<std::string, std::vector<std::string>>{
                                    {"t", ids}, {"#", {ids.at(0)}}, {"a.*", {ids.at(1)}}});
                   const auto end = co_await one.leave();
                   CHECK(end == "1000");
                   answer = co_await asked(two, request("ping", "p"));
                   all = co_await served.router->getAllSubscriptions();
                   CHECK(all == std::map<std::string, std::vector<std::string>>{{"t", {ids.at(1)}},
                                                                                {"a.*", {ids.at(1)}}});
               });
}

TEST_CASE("the server may not publish to what is no topic, nor have two routers")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   for (const std::string topic : {"", "a.*", "#", "a..b"})
                   {
                       CAPTURE(topic);
                       auto code = Errc::cancelled;
                       try
                       {
                           co_await served.router->publish(topic, Json(1));
                       }
                       catch (const Error& error)
                       {
                           code = error.errc();
                       }
                       CHECK(code == Errc::invalidArgument);
                   }
                   CHECK_THROWS_AS(WSRouter(served.server), Error);
               });
}

TEST_CASE("a router that goes leaves its server serving, and another may take its place")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, subscribe("s", R"(["t"])"));
                   CHECK(answer == "ack s");
                   served.router.reset();
                   answer = co_await asked(peer, publish("p", "t"));
                   CHECK(answer == "error p INTERNAL_ERROR");
                   served.router.emplace(served.server);
                   const auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.empty());
                   answer = co_await asked(peer, subscribe("s", R"(["t"])"));
                   CHECK(answer == "ack s");
                   co_await served.router->publish("t");
                   answer = co_await heard(peer);
                   CHECK(answer == "event t 1");
               });
}

TEST_CASE("a list of topics is bounded, and one that goes over the limit leaves nothing behind")
{
    const auto list = [](int count, std::string_view last = "x")
    {
        std::string topics = "[";
        for (int number = 0; number < count; ++number) topics += fmt::format(R"("t.{}",)", number);
        return topics + fmt::format(R"("{}"])", last);
    };
    withRouter({.maxSubscriptionsPerClient = 50, .maxTopicsPerRequest = 100},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto refused = co_await peer.ask(subscribe("s", list(100)));
                   CHECK(brief(refused) == "error s SUBSCRIPTION_FAILED");
                   CHECK(refused.at("message") == "Too many topics in one request: 100 at most");
                   refused = co_await peer.ask(unsubscribe("u", list(100)));
                   CHECK(refused.at("message") == "Too many topics in one request: 100 at most");
                   refused = co_await peer.ask(subscribe("s", list(99, "a..b")));
                   CHECK(refused.at("message") == "Too many subscriptions: 50 at most");
                   refused = co_await peer.ask(subscribe("s", list(10, "a..b")));
                   CHECK(refused.at("message") == "Invalid pattern: it has an empty segment");
                   auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.empty());
                   auto answer = co_await asked(peer, subscribe("s", list(49)));
                   CHECK(answer == "ack s");
                   answer = co_await asked(peer, unsubscribe("u", list(99)));
                   CHECK(answer == "ack u");
                   all = co_await served.router->getAllSubscriptions();
                   CHECK(all.empty());
               });
    // Who may have more subscriptions may ask for them at once.
    withRouter({.maxSubscriptionsPerClient = 5'000, .maxTopicsPerRequest = 100},
               [&](Served& served) -> asio::awaitable<void>
               {
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, subscribe("s", list(4'999)));
                   CHECK(answer == "ack s");
                   answer = co_await asked(peer, unsubscribe("u", list(4'999)));
                   CHECK(answer == "ack u");
                   const auto all = co_await served.router->getAllSubscriptions();
                   CHECK(all.empty());
               });
}

TEST_CASE("a receipt counts the clients for whom an event was queued, not those who lost it at once")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto stays = co_await served.peer();
                   auto answer = co_await asked(stays, subscribe("s", R"(["t"])"));
                   auto goes = co_await served.peer();
                   answer = co_await asked(goes, subscribe("s", R"(["t"])"));
                   auto receipt = co_await served.router->publish("t", Json(1));
                   CHECK(receipt.subscribers == 2);
                   const auto ids = co_await served.server.getConnectedClients();
                   co_await served.server.disconnectClient(ids.at(1));
                   receipt = co_await served.router->publish("t", Json(2));
                   CHECK(receipt.subscribers == 1);
               });
}

TEST_CASE("what is asked of a router before it goes and awaited after it ends as cancelled")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto publishing = served.router->publish("t", Json(1));
                   auto routing = served.router->route({"t", {}, {}});
                   auto unrouting = served.router->unroute("t");
                   auto subscribers = served.router->getTopicSubscribers("t");
                   auto subscriptions = served.router->getAllSubscriptions();
                   served.router.reset();
                   int cancelled = 0;
                   const auto count = [&](const Error& error)
                   {
                       CHECK(error.errc() == Errc::cancelled);
                       ++cancelled;
                   };
                   try
                   {
                       co_await std::move(publishing);
                   }
                   catch (const Error& error)
                   {
                       count(error);
                   }
                   try
                   {
                       co_await std::move(routing);
                   }
                   catch (const Error& error)
                   {
                       count(error);
                   }
                   try
                   {
                       co_await std::move(unrouting);
                   }
                   catch (const Error& error)
                   {
                       count(error);
                   }
                   try
                   {
                       co_await std::move(subscribers);
                   }
                   catch (const Error& error)
                   {
                       count(error);
                   }
                   try
                   {
                       co_await std::move(subscriptions);
                   }
                   catch (const Error& error)
                   {
                       count(error);
                   }
                   CHECK(cancelled == 5);
               });
}
