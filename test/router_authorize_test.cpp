#include "support/pooled.hpp"
#include "support/served.hpp"

#include <strandcast/topics.hpp>

#include <asio/redirect_error.hpp>
#include <asio/steady_timer.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

std::string subscribe(std::string_view id, std::string_view topics, std::string_view more = "")
{
    return request("subscribe", id, fmt::format(R"("topics":{}{})", topics, more));
}

std::string publish(std::string_view id, std::string_view topic)
{
    return request("publish", id, fmt::format(R"("topic":"{}","data":1)", topic));
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

WSServerOptions with(Authorize authorize, Authenticate authenticate = {})
{
    WSServerOptions options;
    options.rateLimit = std::nullopt;
    options.authenticate = std::move(authenticate);
    options.authorize = std::move(authorize);
    return options;
}

// Whoever comes waits until the test opens it, or is cancelled.
struct Door
{
    explicit Door(asio::io_context& io) : timer(io, asio::steady_timer::time_point::max()) {}

    asio::awaitable<void> pass()
    {
        ++came;
        while (!isOpen)
        {
            asio::error_code woken;
            co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
            const auto cancellation = co_await asio::this_coro::cancellation_state;
            if (cancellation.cancelled() == asio::cancellation_type::none) continue;
            ++cancelled;
            throw std::runtime_error("cancelled");
        }
    }

    void open()
    {
        isOpen = true;
        timer.cancel();
    }

    asio::steady_timer timer;
    bool isOpen = false;
    int came = 0;
    int cancelled = 0;
};

}  // namespace

TEST_CASE("authorize is asked once per topic, with the pattern itself, and one no refuses the whole request")
{
    std::vector<std::string> questions;
    const Authorize hook = [&](const ClientInfo& client, Action action,
                               std::string topic) -> asio::awaitable<bool>
    {
        CHECK(client.authenticated);
        questions.push_back((action == Action::publish ? "publish " : "subscribe ") + topic);
        co_return TopicPattern("open.#").covers(TopicPattern(topic));
    };
    withRouter(
        {},
        [&](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await served.peer();
            auto answer = co_await asked(
                peer, subscribe("s", R"(["open.a","open.*","open.a"])", R"(,"patterns":["open.#"])"));
            CHECK(answer == "ack s");
            CHECK(questions ==
                  std::vector<std::string>{"subscribe open.a", "subscribe open.*", "subscribe open.#"});
            const auto refused = co_await peer.ask(subscribe("s", R"(["open.b","#","closed.a"])"));
            CHECK(brief(refused) == "error s AUTHORIZATION_FAILED");
            CHECK(boost::json::serialize(refused.at("details")) == R"({"topics":["#","closed.a"]})");
            auto all = co_await served.router->getAllSubscriptions();
            CHECK(all.size() == 3);
            CHECK_FALSE(all.contains("open.b"));

            questions.clear();
            const auto blocked = co_await peer.ask(publish("p", "closed"));
            CHECK(brief(blocked) == "error p AUTHORIZATION_FAILED");
            CHECK(boost::json::serialize(blocked.at("details")) == R"({"topics":["closed"]})");
            answer = co_await asked(peer, publish("p", "open.x"));
            CHECK(answer == "ack p");
            CHECK(questions == std::vector<std::string>{"publish closed", "publish open.x"});

            // Nobody is asked for what is no topic, for leaving, or for what the server publishes.
            questions.clear();
            answer = co_await asked(peer, subscribe("s", R"(["open.c","a..b"])"));
            CHECK(answer == "error s SUBSCRIPTION_FAILED");
            answer = co_await asked(peer, publish("p", "a.*"));
            CHECK(answer == "error p PUBLISH_FAILED");
            answer = co_await asked(peer, request("unsubscribe", "u", R"("topics":["open.a","closed"])"));
            CHECK(answer == "ack u");
            co_await served.router->publish("open.y", Json(2));
            answer = co_await heard(peer);
            CHECK(answer == "event open.y 1 2");
            CHECK(questions.empty());
        },
        with(hook));
}

TEST_CASE("an authorize hook that throws refuses, and its text stays with it")
{
    const Authorize hook = [](const ClientInfo&, Action, std::string topic) -> asio::awaitable<bool>
    {
        if (topic == "bad") throw std::runtime_error("a secret");
        co_return true;
    };
    withRouter(
        {},
        [](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await served.peer();
            co_await peer.send(subscribe("s", R"(["good","bad"])"));
            const auto text = co_await peer.text();
            CHECK(text.find("AUTHORIZATION_FAILED") != std::string::npos);
            CHECK(text.find("secret") == std::string::npos);
            const auto answer = co_await asked(peer, subscribe("s", R"(["good"])"));
            CHECK(answer == "ack s");
        },
        with(hook));
}

TEST_CASE("a slow authorize hook keeps a client's requests in order, and delays no other client")
{
    std::unique_ptr<Door> door;
    const Authorize hook = [&](const ClientInfo&, Action, std::string topic) -> asio::awaitable<bool>
    {
        if (topic == "slow") co_await door->pass();
        co_return true;
    };
    withRouter(
        {},
        [&](Served& served) -> asio::awaitable<void>
        {
            door = std::make_unique<Door>(served.io);
            auto peer = co_await served.peer();
            co_await peer.send(publish("p-1", "slow"));
            co_await peer.send(publish("p-2", "fast"));
            co_await peer.send(subscribe("s", R"(["slow"])"));
            co_await peer.send(request("ping", "last"));
            auto other = co_await served.peer();
            for (int turn = 0; turn < 5; ++turn)
            {
                const auto answer = co_await asked(other, publish("q", "fast"));
                CHECK(answer == "ack q");
            }
            CHECK(door->came == 1);
            door->open();
            for (const auto* const expected : {"ack p-1", "ack p-2", "ack s", "pong last"})
            {
                const auto answer = co_await heard(peer);
                CHECK(answer == expected);
            }
            door.reset();
        },
        with(hook));
}

TEST_CASE("a client that goes while authorize is asked cancels the hook, and nothing of its request is done")
{
    std::unique_ptr<Door> door;
    const Authorize hook = [&](const ClientInfo&, Action, std::string topic) -> asio::awaitable<bool>
    {
        if (topic == "slow") co_await door->pass();
        co_return true;
    };
    withRouter(
        {},
        [&](Served& served) -> asio::awaitable<void>
        {
            door = std::make_unique<Door>(served.io);
            auto listener = co_await served.peer();
            auto answer = co_await asked(listener, subscribe("s", R"(["#"])"));
            {
                auto goes = co_await served.peer();
                co_await goes.send(publish("p", "slow"));
                while (door->came == 0) answer = co_await asked(listener, request("ping", "t"));
                goes.reset();
                while (door->cancelled == 0) answer = co_await asked(listener, request("ping", "t"));
            }
            // The router goes while it is asked: what waits for it is answered, and the client is read again.
            auto stays = co_await served.peer();
            co_await stays.send(subscribe("s", R"(["slow"])"));
            while (door->came == 1) answer = co_await asked(listener, request("ping", "t"));
            served.router.reset();
            answer = co_await heard(stays);
            CHECK(answer == "error s INTERNAL_ERROR");
            answer = co_await asked(stays, request("ping", "p"));
            CHECK(answer == "pong p");
            CHECK(door->cancelled == 2);
            answer = co_await asked(listener, request("ping", "p"));
            CHECK(answer == "pong p");
            door.reset();
        },
        with(hook));
}

TEST_CASE("who authenticates anew keeps what it may still be subscribed to, and is told what not")
{
    bool isStrict = false;
    const Authorize authorize = [&](const ClientInfo&, Action, std::string topic) -> asio::awaitable<bool>
    { co_return !isStrict || topic != "secret.#"; };
    const Authenticate authenticate = [](std::string, std::optional<Json>) -> asio::awaitable<Authentication>
    { co_return true; };
    withRouter(
        {},
        [&](Served& served) -> asio::awaitable<void>
        {
            auto peer = co_await served.peer();
            auto answer = co_await asked(peer, request("auth", "a", R"("token":"t")"));
            CHECK(answer == "ack a");
            answer = co_await asked(peer, subscribe("s", R"(["secret.#","open"])"));
            CHECK(answer == "ack s");
            answer = co_await asked(peer, request("auth", "b", R"("token":"t")"));
            CHECK(answer == "ack b");
            auto all = co_await served.router->getAllSubscriptions();
            CHECK(all.size() == 2);

            isStrict = true;
            answer = co_await asked(peer, request("auth", "c", R"("token":"t")"));
            CHECK(answer == "ack c");
            const auto told = co_await peer.message();
            CHECK(told.at("code") == "AUTHORIZATION_FAILED");
            CHECK_FALSE(told.contains("messageId"));
            CHECK(boost::json::serialize(told.at("details")) == R"({"topics":["secret.#"]})");
            co_await served.router->publish("secret.x", Json(1));
            co_await served.router->publish("open", Json(2));
            answer = co_await heard(peer);
            CHECK(answer == "event open 1 2");
        },
        with(authorize, authenticate));
}

TEST_CASE("authorize is asked on every shard of a pool")
{
    const Authorize hook = [](const ClientInfo&, Action action, std::string topic) -> asio::awaitable<bool>
    { co_return action == Action::subscribe || topic != "closed"; };
    withPool(
        3, {},
        [](Pooled& pooled) -> asio::awaitable<void>
        {
            std::vector<RawPeer> peers;
            for (int index = 0; index < 6; ++index) peers.push_back(co_await pooled.peer());
            for (auto& peer : peers)
            {
                for (int round = 0; round < 10; ++round)
                {
                    co_await peer.send(publish("p", "open"));
                    co_await peer.send(publish("q", "closed"));
                    co_await peer.send(subscribe("s", R"(["t"])"));
                }
                int acks = 0;
                int refusals = 0;
                for (int answers = 0; answers < 30; ++answers)
                {
                    const auto answer = co_await heard(peer);
                    if (answer.starts_with("ack ")) ++acks;
                    if (answer == "error q AUTHORIZATION_FAILED") ++refusals;
                }
                CHECK(acks == 20);
                CHECK(refusals == 10);
            }
        },
        with(hook));
}
