#include "router/publish_gate.hpp"
#include "router/router_access.hpp"
#include "support/served.hpp"

#include <strandcast/error.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view topics)
{
    return request("subscribe", "s", fmt::format(R"("topics":{})", topics));
}

std::string publish(std::string_view id, std::string_view topic, std::string_view more = "")
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":1{})", topic, more));
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

struct TestGate final : PublishGate
{
    explicit TestGate(std::function<GateVerdict(const RoutedPublish&)> judged) : judging(std::move(judged)) {}

    GateVerdict judge(const RoutedPublish& publish) override
    {
        ++asked;
        return judging(publish);
    }

    [[nodiscard]] bool concerns(std::string_view topic) const noexcept override { return topic != notOf; }

    std::function<GateVerdict(const RoutedPublish&)> judging;
    std::string notOf;
    int asked = 0;
};

std::shared_ptr<TestGate> addGate(Served& served, std::function<GateVerdict(const RoutedPublish&)> judged)
{
    auto gate = std::make_shared<TestGate>(std::move(judged));
    RouterAccess::core(*served.router)->gates().add(gate);
    return gate;
}

}  // namespace

TEST_CASE("a gate's no refuses a publish with its code and its text, and nothing is logged")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto first = addGate(served,
                                              [](const RoutedPublish& publish)
                                              {
                                                  GateVerdict verdict;
                                                  if (publish.topic == "closed")
                                                      verdict.refusal = {ErrorCode::authorizationFailed,
                                                                         "Not as another agent"};
                                                  return verdict;
                                              });
                   const auto second = addGate(served, [](const RoutedPublish&) { return GateVerdict(); });
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe(R"(["#"])"));
                   auto peer = co_await served.peer();
                   const auto refused = co_await peer.ask(publish("p", "closed"));
                   CHECK(brief(refused) == "error p AUTHORIZATION_FAILED");
                   CHECK(refused.at("message") == "Not as another agent");
                   CHECK(second->asked == 0);
                   answer = co_await asked(peer, publish("q", "open"));
                   CHECK(answer == "ack q");
                   CHECK(second->asked == 1);
                   answer = co_await heard(listener);
                   CHECK(answer == "event open 1 1");
                   // What the server publishes passes no gate.
                   co_await served.router->publish("closed", Json(2));
                   answer = co_await heard(listener);
                   CHECK(answer == "event closed 1 2");
                   CHECK(first->asked == 2);
               });
}

TEST_CASE("a gate judges no publish on a topic that does not concern it, and the others do")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto refuse = [](const RoutedPublish&)
                   {
                       GateVerdict verdict;
                       verdict.refusal = {ErrorCode::publishFailed, "No"};
                       return verdict;
                   };
                   const auto first = addGate(served, refuse);
                   first->notOf = "open";
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, publish("p", "open"));
                   CHECK(answer == "ack p");
                   CHECK(first->asked == 0);
                   answer = co_await asked(peer, publish("q", "other"));
                   CHECK(answer == "error q PUBLISH_FAILED");
                   CHECK(first->asked == 1);
                   const auto second = addGate(served, refuse);
                   answer = co_await asked(peer, publish("r", "open"));
                   CHECK(answer == "error r PUBLISH_FAILED");
                   CHECK(first->asked == 1);
                   CHECK(second->asked == 1);
               });
}

TEST_CASE("a publish is logged on further topics side by side, as the same event of the same client")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto further = [](const RoutedPublish&)
                   {
                       // What is no topic to publish on, or is one already, is passed over.
                       return GateVerdict{
                           .furtherTopics = {"agent.status", "", "a.*", "$own", "agent.1.status"}};
                   };
                   addGate(served, further);
                   addGate(served, further);
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe(R"(["#","$own"])"));
                   auto peer = co_await served.peer();
                   answer = co_await asked(peer, subscribe(R"(["agent.#"])"));
                   co_await served.router->publish("agent.status", Json(0));
                   answer = co_await heard(listener);
                   answer = co_await heard(peer);
                   CHECK(answer == "event agent.status 1 0");

                   // Its own publish comes back on neither topic, or on both.
                   answer = co_await asked(peer, publish("p", "agent.1.status"));
                   CHECK(answer == "ack p");
                   answer = co_await asked(peer, publish("q", "agent.1.status", R"(,"broadcast":true)"));
                   CHECK(answer == "ack q");
                   answer = co_await heard(peer);
                   CHECK(answer == "event agent.1.status 2 1");
                   answer = co_await heard(peer);
                   CHECK(answer == "event agent.status 3 1");

                   const auto entity = co_await listener.message();
                   const auto channel = co_await listener.message();
                   CHECK(brief(entity) == "event agent.1.status 1 1");
                   CHECK(brief(channel) == "event agent.status 2 1");
                   CHECK(entity.at("id") == channel.at("id"));
                   CHECK(entity.at("timestamp") == channel.at("timestamp"));
               });
}

TEST_CASE("what a gate publishes once a publish is logged comes behind it")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   const auto core = RouterAccess::core(*served.router);
                   std::vector<std::uint64_t> numbers;
                   addGate(served,
                           [&](const RoutedPublish& vote)
                           {
                               return GateVerdict{.logged = [&, topic = vote.topic](const Appended& appended)
                                                  {
                                                      numbers.push_back(appended.sequenceNumber);
                                                      core->publishNow({topic, "tallies"}, Json("tally"));
                                                      throw std::runtime_error("which harms nobody");
                                                  }};
                           });
                   auto listener = co_await served.peer();
                   auto answer = co_await asked(listener, subscribe(R"(["#"])"));
                   auto peer = co_await served.peer();
                   answer = co_await asked(peer, publish("p", "vote"));
                   CHECK(answer == "ack p");
                   answer = co_await asked(peer, publish("q", "vote"));
                   CHECK(answer == "ack q");
                   for (const auto* const expected :
                        {"event vote 1 1", R"(event vote 2 "tally")", R"(event tallies 1 "tally")",
                         "event vote 3 1", R"(event vote 4 "tally")", R"(event tallies 2 "tally")"})
                   {
                       answer = co_await heard(listener);
                       CHECK(answer == expected);
                   }
                   CHECK(numbers == std::vector<std::uint64_t>{1, 3});
               });
}

TEST_CASE("a gate is asked when a publish has passed its routes, and not for one that they refuse")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   std::vector<std::string> order;
                   const Middleware middleware = [&](const RoutedPublish& publish) -> asio::awaitable<bool>
                   {
                       order.push_back("route");
                       co_return publish.messageId != "no";
                   };
                   co_await served.router->route({"t", {}, {middleware}});
                   addGate(served,
                           [&](const RoutedPublish& publish)
                           {
                               order.push_back("gate " + publish.messageId + " " + publish.data->text());
                               return GateVerdict();
                           });
                   auto peer = co_await served.peer();
                   auto answer = co_await asked(peer, publish("no", "t"));
                   CHECK(answer == "error no PUBLISH_FAILED");
                   answer = co_await asked(peer, publish("yes", "t"));
                   CHECK(answer == "ack yes");
                   CHECK(order == std::vector<std::string>{"route", "route", "gate yes 1"});
               });
}

TEST_CASE("a gate that throws refuses without its text; one may go at any time, also while it is asked")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   auto& gates = RouterAccess::core(*served.router)->gates();
                   const auto throwing = addGate(served, [](const RoutedPublish&) -> GateVerdict
                                                 { throw std::runtime_error("a secret"); });
                   auto peer = co_await served.peer();
                   co_await peer.send(publish("p", "t"));
                   const auto text = co_await peer.text();
                   CHECK(text.find("INTERNAL_ERROR") != std::string::npos);
                   CHECK(text.find("secret") == std::string::npos);
                   gates.remove(*throwing);
                   gates.remove(*throwing);

                   auto once = std::make_shared<TestGate>(nullptr);
                   const std::weak_ptr<TestGate> watched = once;
                   once->judging = [&gates, gate = once.get()](const RoutedPublish&)
                   {
                       gates.remove(*gate);
                       return GateVerdict();
                   };
                   gates.add(std::move(once));
                   auto answer = co_await asked(peer, publish("q", "t"));
                   CHECK(answer == "ack q");
                   CHECK(watched.expired());

                   // The router itself may go: the publish is refused, and the gates with it.
                   const std::weak_ptr<TestGate> last = addGate(served,
                                                                [&](const RoutedPublish&)
                                                                {
                                                                    served.router.reset();
                                                                    return GateVerdict();
                                                                });
                   answer = co_await asked(peer, publish("r", "t"));
                   CHECK(answer == "error r INTERNAL_ERROR");
                   CHECK(last.expired());
                   answer = co_await asked(peer, publish("s", "t"));
                   CHECK(answer == "error s INTERNAL_ERROR");
               });
}

TEST_CASE("a gate knows who published, and for which agents that client may speak")
{
    const Authenticate authenticate = [](std::string token,
                                         std::optional<Json>) -> asio::awaitable<Authentication>
    {
        Authentication login{.accepted = true};
        if (token != "anybody") login.identity = token;
        if (token == "agent-1") login.agents.emplace(1, token);
        co_return login;
    };
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   std::vector<std::string> asked;
                   addGate(served,
                           [&](const RoutedPublish& publish)
                           {
                               std::string who = publish.login ? *publish.login->identity : "nobody";
                               if (publish.login && publish.login->agents)
                                   who += " for " + publish.login->agents->at(0);
                               asked.push_back(who);
                               return GateVerdict();
                           });
                   for (const auto* const token : {"anybody", "admin", "agent-1"})
                   {
                       auto peer = co_await served.peer();
                       auto answer = co_await ::asked(
                           peer, request("auth", "a", fmt::format(R"("token":"{}")", token)));
                       CHECK(answer == "ack a");
                       answer = co_await ::asked(peer, publish("p", "t"));
                       CHECK(answer == "ack p");
                   }
                   CHECK(asked == std::vector<std::string>{"nobody", "admin", "agent-1 for agent-1"});
               },
               {.authenticate = authenticate, .rateLimit = std::nullopt});
}
