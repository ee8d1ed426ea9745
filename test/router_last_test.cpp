#include "support/served.hpp"

#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <variant>
#include <vector>

using namespace strandcast;

TEST_CASE("a client that subscribes with last sees what came before, then what comes, all of it once")
{
    withRouter({},
               [](Served& served) -> asio::awaitable<void>
               {
                   WSClient client(served.io,
                                   {.url = fmt::format("ws://127.0.0.1:{}", served.server.port())});
                   co_await client.connect();
                   for (int number = 1; number <= 20; ++number)
                       static_cast<void>(co_await served.router->publish("a", Json(number)));
                   const auto receipt = co_await client.publish("b", Json(1));
                   CHECK(receipt.sequenceNumber == 1);
                   // Beside it, on and on, so that some come while the replay is under way.
                   auto stream = co_await client.subscribe({"a", "b"}, {.last = 5});
                   for (int number = 21; number <= 40; ++number)
                       static_cast<void>(co_await served.router->publish("a", Json(number)));
                   std::vector<std::string> seen;
                   while (seen.size() < 25)
                   {
                       const auto item = co_await stream.next();
                       REQUIRE(item.has_value());
                       REQUIRE(std::holds_alternative<EventMessage>(*item));
                       const auto& event = std::get<EventMessage>(*item);
                       // Its own publish does not come back to it, replayed or not.
                       CHECK(event.topic == "a");
                       seen.push_back(event.data.value().text());
                   }
                   std::vector<std::string> expected;
                   for (int number = 16; number <= 40; ++number) expected.push_back(std::to_string(number));
                   CHECK(seen == expected);
                   co_await client.disconnect();
               });
}
