#include "support/wire.hpp"
#include "websocket/protocol.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

using namespace strandcast;

namespace
{

const ProtocolLimits defaults;

struct ZeroMask final : MaskSource
{
    std::uint32_t nextMask() override { return 0; }
};

ZeroMask masks;

std::span<std::byte> writable(std::string& bytes)
{
    return std::as_writable_bytes(std::span(bytes));
}

std::string incoming(Role role, unsigned opcode, std::string_view payload, bool fin = true)
{
    return role == Role::server ? wire::masked(opcode, payload, fin) : wire::unmasked(opcode, payload, fin);
}

/// Gives the bytes in one piece, and hands back what came out of them.
std::vector<std::string> receive(Protocol& protocol, std::string bytes)
{
    std::vector<std::string> events;
    protocol.receive(writable(bytes));
    while (const auto event = protocol.nextEvent())
    {
        if (const auto* const text = std::get_if<TextReceived>(&*event))
            events.push_back("text " + std::string(text->text));
        else if (const auto* const failed = std::get_if<ProtocolFailed>(&*event))
            events.push_back("failed " + std::to_string(static_cast<int>(failed->reason.code)));
        else if (const auto* const closed = std::get_if<PeerClosed>(&*event))
            events.push_back("closed " + std::to_string(static_cast<int>(closed->reason.code)));
        else if (const auto* const ping = std::get_if<PingReceived>(&*event))
            events.push_back("ping " + std::string(ping->payload));
        else
            events.push_back("other");
    }
    protocol.retain();
    return events;
}

}  // namespace

TEST_CASE("between messages a connection holds no memory, whatever came before")
{
    for (const auto role : {Role::server, Role::client})
    {
        Protocol protocol(role, defaults, &masks);
        CHECK(protocol.heldBytes() == 0);
        const std::string big(100'000, 'x');
        for (const auto& bytes : {incoming(role, wire::text, big), incoming(role, wire::ping, "p"),
                                  incoming(role, wire::text, big, false) + incoming(role, wire::ping, "p") +
                                      incoming(role, wire::continuation, big)})
        {
            receive(protocol, bytes);
            CHECK(protocol.heldBytes() == 0);
            // In two pieces, and with the owner pausing between them.
            auto first = bytes.substr(0, bytes.size() / 2);
            protocol.receive(writable(first));
            protocol.retain();
            receive(protocol, bytes.substr(bytes.size() / 2));
            CHECK(protocol.heldBytes() == 0);
        }
        CHECK_FALSE(protocol.takeOutput().empty());
        CHECK_FALSE(protocol.hasOutput());
    }
}

TEST_CASE("a length that is only claimed takes no memory, and one that arrives takes what arrived")
{
    Protocol server(Role::server, defaults);
    receive(server, wire::header(wire::binary, 4 * 1024 * 1024, true) + std::string(wire::mask));
    CHECK(server.heldBytes() < 1024);
    receive(server, std::string(10'000, '\0'));
    CHECK(server.heldBytes() >= 10'000);
    CHECK(server.heldBytes() < 40'000);
}

TEST_CASE("a message lets go of its memory as soon as the next begins")
{
    Protocol server(Role::server, defaults);
    receive(server, wire::masked(wire::binary, std::string(50'000, 'x'), false));
    CHECK(server.heldBytes() >= 50'000);
    receive(server, wire::masked(wire::continuation, "") + wire::masked(wire::binary, "next", false));
    CHECK(server.heldBytes() < 1024);
}

TEST_CASE("empty fragments take no memory, however many there are")
{
    Protocol server(Role::server, defaults);
    receive(server, wire::masked(wire::text, "", false));
    for (int count = 0; count < 10'000; ++count) receive(server, wire::masked(wire::continuation, "", false));
    CHECK(server.heldBytes() < 1024);
    CHECK(receive(server, wire::masked(wire::continuation, "end")) == std::vector<std::string>{"text end"});
}

TEST_CASE("a whole frame is shown where it was received, without a copy")
{
    Protocol server(Role::server, defaults);
    auto bytes = wire::masked(wire::text, "one") + wire::masked(wire::binary, "two");
    server.receive(writable(bytes));
    const auto first = server.nextEvent();
    CHECK(static_cast<const void*>(std::get<TextReceived>(*first).text.data()) == bytes.data() + 6);
    const auto second = server.nextEvent();
    CHECK(static_cast<const void*>(std::get<BinaryReceived>(*second).bytes.data()) == bytes.data() + 15);
    CHECK(server.heldBytes() == 0);
}

TEST_CASE("what waits in a pause is not moved at each message, also where more arrives")
{
    constexpr int messages = 2000;
    std::string bytes;
    for (int count = 0; count < messages; ++count) bytes += wire::masked(wire::text, "x");
    Protocol server(Role::server, defaults);
    server.receive(writable(bytes));
    server.retain();
    bytes.clear();

    // A frame of 7 bytes: where nothing moves, each text lies 7 bytes behind the one before it.
    const char* before = nullptr;
    int moved = 0;
    for (int count = 0; count < messages + 100; ++count)
    {
        auto more = count < 100 ? wire::masked(wire::text, "x") : std::string();
        server.receive(writable(more));
        const auto event = server.nextEvent();
        REQUIRE(event);
        const auto* const at = std::get<TextReceived>(*event).text.data();
        CHECK(*at == 'x');
        if (before && at != before + 7) ++moved;
        before = at;
        server.retain();
    }
    CHECK(moved < 5);
    CHECK_FALSE(server.hasRetained());
    CHECK(server.heldBytes() == 0);
}

TEST_CASE("after its own Close a side passes over a message of any size and kind, and holds nothing of it")
{
    const ProtocolLimits limits{.maxMessageSize = 10'000, .maxFramesPerMessage = 2, .acceptBinary = false};
    for (const auto role : {Role::server, Role::client})
    {
        Protocol protocol(role, limits, &masks);
        CHECK(receive(protocol, incoming(role, wire::text, std::string(9'000, 'x'), false)).empty());
        protocol.close({CloseCode::goingAway, {}});
        const std::string big(50'000, '\xFF');
        for (int count = 0; count < 3; ++count)
            CHECK(receive(protocol, incoming(role, wire::continuation, big, false)).empty());
        CHECK(receive(protocol, incoming(role, wire::continuation, big).substr(0, 40'000)).empty());
        CHECK(protocol.heldBytes() < 1024);
        CHECK_FALSE(protocol.closed());
        CHECK(receive(protocol, incoming(role, wire::continuation, big).substr(40'000)).empty());
        CHECK(receive(protocol, incoming(role, wire::binary, big)).empty());
        CHECK(receive(protocol, incoming(role, wire::close, wire::closePayload(1001))) ==
              std::vector<std::string>{"closed 1001"});
        CHECK(protocol.closed());
    }
}

TEST_CASE("after its own Close a side still fails on what is no WebSocket frame")
{
    Protocol server(Role::server, defaults);
    server.close({CloseCode::normal, {}});
    CHECK_FALSE(server.takeOutput().empty());
    CHECK(receive(server, wire::unmasked(wire::text, "x")) == std::vector<std::string>{"failed 1002"});
    CHECK_FALSE(server.hasOutput());
    CHECK(server.closed());
}

TEST_CASE("a reason that is not UTF-8 is left out of a Close")
{
    Protocol server(Role::server, defaults);
    server.close({CloseCode::normal, "\xC3"});
    CHECK(server.takeOutput() == wire::unmasked(wire::close, wire::closePayload(1000)));
}

TEST_CASE("a conversation means the same to either role, cut in two at every place, paused there or not")
{
    for (const auto role : {Role::server, Role::client})
    {
        const auto bytes =
            incoming(role, wire::text, "h\xC3\xA9", false) +
            incoming(role, wire::ping, std::string(125, 'p')) +
            incoming(role, wire::continuation, "", false) +
            incoming(role, wire::continuation, "\xE4\xB8\x96") +
            incoming(role, wire::text, std::string(200, 'y')) + incoming(role, wire::text, "") +
            incoming(role, wire::close, wire::closePayload(4000, "bye")) + incoming(role, wire::text, "late");
        Protocol whole(role, defaults, &masks);
        const auto expected = receive(whole, bytes);
        const auto output = whole.takeOutput();
        REQUIRE(expected.size() == 5);
        for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
            for (const bool paused : {false, true})
            {
                Protocol pieces(role, defaults, &masks);
                std::vector<std::string> events;
                auto first = bytes.substr(0, cut);
                if (paused)
                {
                    pieces.receive(writable(first));
                    pieces.retain();
                    first.assign(first.size(), '\xFF');
                }
                else
                {
                    events = receive(pieces, first);
                }
                for (auto& event : receive(pieces, bytes.substr(cut))) events.push_back(std::move(event));
                REQUIRE(events == expected);
                REQUIRE(pieces.takeOutput() == output);
                REQUIRE(pieces.heldBytes() == 0);
            }
    }
}
