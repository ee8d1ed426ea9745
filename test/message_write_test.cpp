#include "message/envelope.hpp"
#include "message/message_id.hpp"

#include <strandcast/error.hpp>
#include <strandcast/frame_slot.hpp>
#include <strandcast/message.hpp>
#include <strandcast/message_serializer.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

const Timestamp at{std::chrono::milliseconds(1'700'000'000'000)};

std::string written(const Message& message, ProtocolVersion version = ProtocolVersion::v1_0)
{
    std::string text;
    appendMessage(text, message, version);
    return text;
}

/// Messages of every type with whatever fields the protocol allows.
class RandomMessages
{
public:
    explicit RandomMessages(std::uint32_t seed) : random_(seed) {}

    /// With what 1.1.0 has added as well.
    Message nextOf1_1()
    {
        auto message = next();
        std::visit([this](auto& one) { add(one); }, message);
        return message;
    }

    Message next()
    {
        const auto id = "i" + text();
        const Timestamp timestamp{std::chrono::milliseconds(1 + static_cast<std::int64_t>(random_()))};
        switch (static_cast<MessageType>(random_() % 10))
        {
        case MessageType::versionNegotiation:
            return VersionNegotiationMessage{id, timestamp, texts(), maybe([&] { return text(); })};
        case MessageType::auth:
            return AuthMessage{id, timestamp, text(),
                               maybe([&] { return Json::parse("{ \"a\":" + number() + "}"); })};
        case MessageType::subscribe:
            return SubscribeMessage{id, timestamp, texts(), maybe([&] { return texts(); })};
        case MessageType::unsubscribe: return UnsubscribeMessage{id, timestamp, texts()};
        case MessageType::publish:
            return PublishMessage{id, timestamp, text(), maybe([&] { return json(); }), random_() % 2 == 0};
        case MessageType::event:
            return EventMessage{id, timestamp, text(), maybe([&] { return json(); }),
                                maybe([&] { return std::uint64_t{random_()} << (random_() % 33); })};
        case MessageType::ack: return AckMessage{id, timestamp, text(), random_() % 2 == 0};
        case MessageType::error:
            return ErrorMessage{id,
                                timestamp,
                                text(),
                                text(),
                                maybe([&] { return json(); }),
                                maybe([&] { return "i" + text(); })};
        case MessageType::ping: return PingMessage{id, timestamp};
        case MessageType::pong: return PongMessage{id, timestamp, std::chrono::milliseconds(random_())};
        }
        return PingMessage{id, timestamp};
    }

private:
    void add(SubscribeMessage& message)
    {
        message.last = maybe([&] { return std::uint64_t{random_()}; });
    }

    void add(EventMessage& message)
    {
        message.replay = maybe([&] { return text(); });
        message.live = random_() % 2 == 0;
        message.more = random_() % 2 == 0;
    }

    void add(AckMessage& message)
    {
        message.sequenceNumber = maybe([&] { return std::uint64_t{random_()}; });
        message.clientId = maybe([&] { return text(); });
        message.dedupWindow = maybe([&] { return std::chrono::milliseconds(random_()); });
        message.maxMessageSize = maybe([&] { return std::uint64_t{random_()}; });
    }

    void add(ErrorMessage& message)
    {
        message.retriable = maybe([&] { return random_() % 2 == 0; });
        message.retryAfter = maybe([&] { return std::chrono::milliseconds(random_()); });
    }

    template <typename Other>
    void add(Other&)
    {
    }

    std::string text()
    {
        static constexpr std::string_view pieces[] = {"a",      ".",    "\"",       "\\",
                                                      "/",      "\n",   "\r\t",     "\x01",
                                                      "\x1F",   "\x7F", "\xC3\xA9", "\xF0\x9F\x98\x80",
                                                      "\\u0041"};
        std::string text;
        for (auto count = random_() % 8; count > 0; --count) text += pieces[random_() % std::size(pieces)];
        if (random_() % 16 == 0) text += '\0';
        return text;
    }

    std::vector<std::string> texts()
    {
        std::vector<std::string> texts(random_() % 4);
        for (auto& one : texts) one = text();
        return texts;
    }

    std::string number() { return fmt::format("{}.{}e{}", random_(), random_(), random_() % 100); }

    Json json()
    {
        switch (random_() % 4)
        {
        case 0: return Json(text());
        case 1: return Json::parse("[ " + number() + " , \"\\ud800\\/\" ]");
        case 2: return nullptr;
        default: return {{"n", 1}, {"text", text()}};
        }
    }

    template <typename Make>
    auto maybe(Make&& make) -> std::optional<decltype(make())>
    {
        if (random_() % 2 == 0) return std::nullopt;
        return make();
    }

    std::mt19937 random_;
};

}  // namespace

TEST_CASE("messages are written with the envelope first, in one order, and no field that is absent")
{
    const std::string envelope = R"("version":"1.0.0","timestamp":1700000000000)";
    CHECK(written(VersionNegotiationMessage{"i", at, {"1.1.0", "1.0.0"}}) ==
          R"({"id":"i","type":"version-negotiation",)" + envelope +
              R"(,"supportedVersions":["1.1.0","1.0.0"]})");
    CHECK(written(VersionNegotiationMessage{"i", at, {}, "1.0.0"}) ==
          R"({"id":"i","type":"version-negotiation",)" + envelope +
              R"(,"supportedVersions":[],"selectedVersion":"1.0.0"})");
    CHECK(written(AuthMessage{"i", at, "t"}) ==
          R"({"id":"i","type":"auth",)" + envelope + R"(,"token":"t"})");
    CHECK(written(AuthMessage{"i", at, "t", Json{{"a", 1}}}) ==
          R"({"id":"i","type":"auth",)" + envelope + R"(,"token":"t","metadata":{"a":1}})");
    CHECK(written(SubscribeMessage{"i", at, {"a", "b"}}) ==
          R"({"id":"i","type":"subscribe",)" + envelope + R"(,"topics":["a","b"]})");
    CHECK(written(SubscribeMessage{"i", at, {}, std::vector<std::string>{"#"}}) ==
          R"({"id":"i","type":"subscribe",)" + envelope + R"(,"topics":[],"patterns":["#"]})");
    CHECK(written(UnsubscribeMessage{"i", at, {"a"}}) ==
          R"({"id":"i","type":"unsubscribe",)" + envelope + R"(,"topics":["a"]})");
    CHECK(written(PublishMessage{"i", at, "a"}) ==
          R"({"id":"i","type":"publish",)" + envelope + R"(,"topic":"a"})");
    CHECK(written(PublishMessage{"i", at, "a", nullptr, true}) ==
          R"({"id":"i","type":"publish",)" + envelope + R"(,"topic":"a","data":null,"broadcast":true})");
    CHECK(written(EventMessage{"i", at, "a"}) ==
          R"({"id":"i","type":"event",)" + envelope + R"(,"topic":"a"})");
    CHECK(
        written(EventMessage{"i", at, "a", Json::parse("1.50"), std::numeric_limits<std::uint64_t>::max()}) ==
        R"({"id":"i","type":"event",)" + envelope +
            R"(,"topic":"a","data":1.50,"sequenceNumber":18446744073709551615})");
    CHECK(written(AckMessage{"i", at, "r", false}) ==
          R"({"id":"i","type":"ack",)" + envelope + R"(,"messageId":"r","success":false})");
    CHECK(written(ErrorMessage{"i", at, "C", "m"}) ==
          R"({"id":"i","type":"error",)" + envelope + R"(,"code":"C","message":"m"})");
    CHECK(written(ErrorMessage{"i", at, "C", "m", Json::parse("[]"), "r"}) ==
          R"({"id":"i","type":"error",)" + envelope +
              R"(,"code":"C","message":"m","details":[],"messageId":"r"})");
    CHECK(written(PingMessage{"i", at}) == R"({"id":"i","type":"ping",)" + envelope + "}");
    CHECK(written(PongMessage{"i", at, std::chrono::milliseconds(3)}) ==
          R"({"id":"i","type":"pong",)" + envelope + R"(,"latency":3})");
}

TEST_CASE("every message is read as it was written")
{
    RandomMessages messages(1700);
    std::set<std::size_t> types;
    for (int round = 0; round < 5'000; ++round)
    {
        const auto message = messages.next();
        const auto text = written(message);
        CAPTURE(text);
        const auto parsed = parseMessage(text);
        REQUIRE(std::holds_alternative<Message>(parsed));
        REQUIRE((std::get<Message>(parsed) == message));
        // Written again it is the same to the byte, data and all.
        REQUIRE(written(std::get<Message>(parsed)) == text);
        types.insert(message.index());
    }
    CHECK(types.size() == 10);
}

TEST_CASE("under 1.1.0 every message is read as it was written, with what that version has added")
{
    RandomMessages messages(1702);
    for (int round = 0; round < 5'000; ++round)
    {
        const auto message = messages.nextOf1_1();
        const auto text = written(message, ProtocolVersion::v1_1);
        CAPTURE(text);
        const auto parsed = parseMessage(text, {.newest = ProtocolVersion::v1_1});
        REQUIRE(std::holds_alternative<Message>(parsed));
        REQUIRE((std::get<Message>(parsed) == message));
        REQUIRE(written(std::get<Message>(parsed), ProtocolVersion::v1_1) == text);
        const bool isNegotiation = messageType(message) == MessageType::versionNegotiation;
        CHECK((text.find(R"("version":"1.0.0")") != std::string::npos) == isNegotiation);
        // Under 1.0.0 it is the message without all that.
        const auto old = parseMessage(written(message));
        REQUIRE(std::holds_alternative<Message>(old));
        REQUIRE(written(std::get<Message>(old)) == written(message));
    }
}

TEST_CASE("what 1.1.0 has added stands behind what 1.0.0 has, a replay's mark last")
{
    const std::string envelope = R"("version":"1.1.0","timestamp":1700000000000)";
    const auto text = [](const Message& message) { return written(message, ProtocolVersion::v1_1); };
    const std::string session(22, 'A');
    CHECK(text(VersionNegotiationMessage{"i", at, {}, "1.1.0", session}) ==
          R"({"id":"i","type":"version-negotiation","version":"1.0.0","timestamp":1700000000000,)"
          R"("supportedVersions":[],"selectedVersion":"1.1.0","session":")" +
              session + R"("})");
    CHECK(text(SubscribeMessage{"i", at, {"a"}, {}, 3}) ==
          R"({"id":"i","type":"subscribe",)" + envelope + R"(,"topics":["a"],"last":3})");
    CHECK(text(EventMessage{"i", at, "a", Json(1), 7, false, "s"}) ==
          R"({"id":"i","type":"event",)" + envelope +
              R"(,"topic":"a","data":1,"sequenceNumber":7,"replay":"s"})");
    CHECK(text(EventMessage{"i", at, "", {}, {}, true, "s"}) ==
          R"({"id":"i","type":"event",)" + envelope + R"(,"live":true,"replay":"s"})");
    CHECK(text(AckMessage{"i", at, "r", true, {}, "c", std::chrono::milliseconds(0), 4096}) ==
          R"({"id":"i","type":"ack",)" + envelope +
              R"(,"messageId":"r","success":true,"clientId":"c","dedupWindow":0,"maxMessageSize":4096})");
    CHECK(text(ErrorMessage{"i", at, "C", "m", {}, "r", true, std::chrono::milliseconds(5)}) ==
          R"({"id":"i","type":"error",)" + envelope +
              R"(,"code":"C","message":"m","messageId":"r","retriable":true,"retryAfter":5})");

    std::string out;
    appendAck(out, "i", at, "r", true, ProtocolVersion::v1_1, 7);
    CHECK(out == text(AckMessage{"i", at, "r", true, 7}));
    out.clear();
    appendError(out, "i", at, "C", "m", "", "r", ProtocolVersion::v1_1, {true, std::chrono::milliseconds(5)});
    CHECK(out == text(ErrorMessage{"i", at, "C", "m", {}, "r", true, std::chrono::milliseconds(5)}));
    out.clear();
    appendEvent(out, "i", at, "a", "1", 7, ProtocolVersion::v1_1, "s");
    CHECK(out == text(EventMessage{"i", at, "a", Json(1), 7, false, "s"}));
    out.clear();
    appendReplayEnd(out, "i", at, "s", ReplayEnd::live);
    CHECK(out == text(EventMessage{"i", at, "", {}, {}, true, "s"}));
    out.clear();
    appendReplayEnd(out, "i", at, "s", ReplayEnd::more);
    CHECK(out == text(EventMessage{"i", at, "", {}, {}, false, "s", true}));
    CHECK(out == R"({"id":"i","type":"event",)" + envelope + R"(,"more":true,"replay":"s"})");
    // Of what 1.1.0 has added nothing is left under 1.0.0.
    out.clear();
    appendAck(out, "i", at, "r", true, ProtocolVersion::v1_0, 7);
    appendError(out, "i", at, "C", "m", "", "r", ProtocolVersion::v1_0, {true, std::chrono::milliseconds(5)});
    CHECK(out == written(AckMessage{"i", at, "r"}) + written(ErrorMessage{"i", at, "C", "m", {}, "r"}));
}

TEST_CASE("what is written is JSON to another reader")
{
    RandomMessages messages(1701);
    for (int round = 0; round < 2'000; ++round)
    {
        const auto message = messages.next();
        const auto text = written(message);
        if (text.find("\\ud800") != std::string::npos) continue;  // Boost.JSON has no lone surrogates
        CAPTURE(text);
        boost::json::error_code error;
        const auto value = boost::json::parse(text, error);
        REQUIRE(!error);
        CHECK(value.at("id").as_string() == messageId(message));
        CHECK(value.at("type").as_string() == toString(messageType(message)));
        CHECK(value.at("version").as_string() == "1.0.0");
        CHECK(value.at("timestamp").is_int64());
    }
}

TEST_CASE("writers append to what is there")
{
    std::string out = "[";
    appendAck(out, "i", at, "r", true);
    out += ',';
    appendPong(out, "i", at, std::chrono::milliseconds(1));
    out += ']';
    CHECK(out == "[" + written(AckMessage{"i", at, "r", true}) + "," +
                     written(PongMessage{"i", at, std::chrono::milliseconds(1)}) + "]");
    out.clear();
    appendError(out, "i", at, "C", "m", "", "");
    CHECK(out == written(ErrorMessage{"i", at, "C", "m"}));
    out.clear();
    appendEvent(out, "i", at, "a", std::nullopt, std::nullopt);
    CHECK(out == written(EventMessage{"i", at, "a"}));
}

TEST_CASE("events and acks that are written at once are those that are written piece by piece")
{
    std::mt19937 random(36);
    const auto text = [&](std::size_t least)
    {
        static constexpr std::string_view odd = "\"\\\n\x01\x7f\xc3\xa9\xff";
        std::string characters(least + random() % 40, 'a');
        for (auto& character : characters)
            if (random() % 16 == 0) character = odd[random() % odd.size()];
        return random() % 2 == 0 ? std::string(characters.size(), 'b') : characters;
    };
    const auto number = [&]() -> std::optional<std::uint64_t>
    {
        if (random() % 4 == 0) return std::nullopt;
        return std::uint64_t{random()} * random() >> random() % 60;
    };
    for (int round = 0; round < 5'000; ++round)
    {
        const auto version = random() % 2 == 0 ? ProtocolVersion::v1_0 : ProtocolVersion::v1_1;
        const Timestamp moment(std::chrono::milliseconds(static_cast<int>(random())));
        EventMessage event{text(1), moment, text(1), std::nullopt, number()};
        if (random() % 2 == 0) event.data = Json::fromValidText("[" + std::string(random() % 40, ' ') + "]");
        if (version == ProtocolVersion::v1_1 && random() % 2 == 0) event.replay = text(1);
        std::string out = "before";
        std::optional<std::string_view> data;
        if (event.data) data = event.data->text();
        appendEvent(out, event.id, moment, event.topic, data, event.sequenceNumber, version,
                    event.replay ? std::string_view(*event.replay) : std::string_view());
        REQUIRE(out == "before" + written(event, version));

        AckMessage ack{text(1), moment, text(0), random() % 2 == 0};
        ack.sequenceNumber = number();
        out = "before";
        appendAck(out, ack.id, moment, ack.messageId, ack.success, version, ack.sequenceNumber);
        REQUIRE(out == "before" + written(ack, version));
    }
}

TEST_CASE("every type of message has its name on the wire, and goes one way but for version-negotiation")
{
    static constexpr std::string_view names[] = {"version-negotiation",
                                                 "auth",
                                                 "subscribe",
                                                 "unsubscribe",
                                                 "publish",
                                                 "event",
                                                 "ack",
                                                 "error",
                                                 "ping",
                                                 "pong"};
    static constexpr std::string_view fromClients = " auth subscribe unsubscribe publish ping ";
    for (std::size_t index = 0; index < std::size(names); ++index)
    {
        const auto type = static_cast<MessageType>(index);
        CHECK(toString(type) == names[index]);
        CHECK((messageTypeFrom(names[index]) == type));
        const bool client = fromClients.find(" " + std::string(names[index]) + " ") != std::string_view::npos;
        CHECK(sentByClient(type) == (client || index == 0));
        CHECK(sentByServer(type) == !client);
    }
    CHECK_FALSE(messageTypeFrom("going-away").has_value());
    CHECK_FALSE(messageTypeFrom("").has_value());
}

TEST_CASE("an id is the time in milliseconds and nine characters of base 36")
{
    const std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";
    std::mt19937_64 random(36);
    std::set<std::string> ids;
    for (int round = 0; round < 1'000; ++round)
    {
        const auto drawn = random();
        const auto id = formatMessageId(at, drawn);
        REQUIRE(id.size() == 23);
        auto left = drawn;
        for (const char digit : id.substr(14))
        {
            REQUIRE(digit == digits[left % 36]);
            left /= 36;
        }
        REQUIRE(id.starts_with("1700000000000-"));
        REQUIRE(id.find_first_not_of(digits, 14) == std::string::npos);
        ids.insert(id);
    }
    CHECK(ids.size() == 1'000);
    CHECK(formatMessageId(at, 0) == "1700000000000-000000000");
    CHECK(formatMessageId(at, std::numeric_limits<std::uint64_t>::max()).size() == 23);
}

TEST_CASE("a serializer throws what is wrong with a text")
{
    const MessageSerializer serializer;
    const Message ping = PingMessage{"i", at};
    CHECK((serializer.deserialize(serializer.serialize(ping)) == ping));
    const auto check = [&](std::string_view text, std::string_view what)
    {
        try
        {
            (void)serializer.deserialize(text);
            FAIL("nothing was thrown");
        }
        catch (const Error& error)
        {
            CHECK((error.errc() == Errc::invalidMessage));
            CHECK(std::string_view(error.what()) == what);
        }
    };
    check("x", "Not JSON: '{' was expected at byte 0");
    check(R"({"id":"i","type":"ping","version":"1.0.0"})", "'timestamp' is missing: a number is expected");
    CHECK_THROWS_AS(
        (void)MessageSerializer(2).deserialize(written(PublishMessage{"i", at, "a", Json::parse("[[]]")})),
        Error);
}

TEST_CASE("a validator says what is wrong with a text, or with a message that is to be sent")
{
    const MessageValidator validator;
    CHECK(validator.validate(written(PingMessage{"i", at})) == std::nullopt);
    CHECK(validator.validate(R"({"id":"i"})") == "'type' is missing: a string is expected");
    CHECK(validator.validate(Message(PingMessage{"i", at})) == std::nullopt);
    CHECK(validator.validate(Message(PingMessage{"", at})) == "'id' must be a string that is not empty");
    CHECK(validator.validate(Message(PingMessage{"i", {}})) == "'timestamp' must be other than 0");
}

TEST_CASE("a negotiator takes the first of its own versions that the other side offers")
{
    const VersionNegotiator both({"1.1.0", "1.0.0"});
    CHECK(both.select({"1.0.0", "1.1.0"}) == "1.1.0");
    CHECK(both.select({"0.9.0", "1.0.0"}) == "1.0.0");
    CHECK(both.select({"2.0.0"}) == std::nullopt);
    CHECK(both.select({}) == std::nullopt);
    CHECK(both.isSupported("1.0.0"));
    CHECK_FALSE(both.isSupported("1.0"));
    CHECK(VersionNegotiator().supportedVersions() == std::vector<std::string>{"1.0.0"});
}

TEST_CASE("the first content of a frame slot stays, and goes with the slot")
{
    struct Counted : FrameSlot::Content
    {
        explicit Counted(int& count) : count_(count) { ++count_; }
        ~Counted() override { --count_; }
        int& count_;
    };
    int alive = 0;
    {
        const FrameSlot slot;
        CHECK(slot.get() == nullptr);
        const auto& first = slot.set(std::make_unique<Counted>(alive));
        CHECK(slot.get() == &first);
        CHECK(&slot.set(std::make_unique<Counted>(alive)) == &first);
        CHECK(alive == 1);
    }
    CHECK(alive == 0);
}
