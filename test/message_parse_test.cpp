#include "message/envelope.hpp"
#include "message/fields.hpp"
#include "message/usual_message.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message.hpp>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace std::string_view_literals;
using namespace strandcast;

namespace
{

using Parsed = std::variant<Message, Refusal>;

// Parses a copy that ends where its allocation does, so that the sanitizer sees a byte read too many.
Parsed parse(std::string_view text, ParseLimits limits = {})
{
    const auto copy = std::make_unique<char[]>(text.size());
    std::memcpy(copy.get(), text.data(), text.size());
    return parseMessage({copy.get(), text.size()}, limits);
}

template <typename T>
T accepted(std::string_view text)
{
    CAPTURE(text);
    auto parsed = parse(text);
    if (const auto* const refused = std::get_if<Refusal>(&parsed)) FAIL(refused->message);
    auto* const message = std::get_if<T>(&std::get<Message>(parsed));
    REQUIRE(message);
    return std::move(*message);
}

Refusal refused(std::string_view text, ParseLimits limits = {})
{
    CAPTURE(text);
    auto parsed = parse(text, limits);
    REQUIRE(std::holds_alternative<Refusal>(parsed));
    return std::get<Refusal>(std::move(parsed));
}

// A message with a right envelope and these fields more.
std::string withFields(std::string_view type, std::string_view fields)
{
    return fmt::format(R"({{"id":"m-1","type":"{}","version":"1.0.0","timestamp":1700000000000{}{}}})", type,
                       fields.empty() ? "" : ",", fields);
}

// A message as text with space behind it, which no writer leaves: it is read field by field.
std::string withSpace(std::string_view text)
{
    return std::string(text) + ' ';
}

bool isSame(const Parsed& one, const Parsed& other)
{
    const auto* const refused = std::get_if<Refusal>(&one);
    if (!refused) return one.index() == other.index() && std::get<Message>(one) == std::get<Message>(other);
    const auto* const otherwise = std::get_if<Refusal>(&other);
    if (!otherwise || refused->code != otherwise->code || refused->id != otherwise->id) return false;
    // Where a text is cut off, what was expected depends on what stands there.
    return refused->message == otherwise->message || refused->message.starts_with("Not JSON");
}

// One of each type, with all of its fields.
const std::vector<std::string> complete = {
    withFields("version-negotiation", R"("supportedVersions":["1.1.0","1.0.0"],"selectedVersion":"1.0.0")"),
    withFields("auth", R"("token":"t","metadata":{"a":[1]})"),
    withFields("subscribe", R"("topics":["a.b","a.*"],"patterns":["#"])"),
    withFields("unsubscribe", R"("topics":["a.b"])"),
    withFields("publish", R"("topic":"a.b","data":{"x":1.50},"broadcast":true)"),
    withFields("event", R"("topic":"a.b","data":[null],"sequenceNumber":7)"),
    withFields("ack", R"("messageId":"m-0","success":true)"),
    withFields("error", R"("code":"PUBLISH_FAILED","message":"No","details":{"t":1},"messageId":"m-0")"),
    withFields("ping", ""),
    withFields("pong", R"("latency":12)"),
};

// The same with no optional field.
const std::vector<std::string> least = {
    withFields("version-negotiation", R"("supportedVersions":[])"),
    withFields("auth", R"("token":"")"),
    withFields("subscribe", R"("topics":[])"),
    withFields("unsubscribe", R"("topics":[])"),
    withFields("publish", R"("topic":"")"),
    withFields("event", R"("topic":"")"),
    withFields("ack", R"("messageId":"","success":false)"),
    withFields("error", R"("code":"","message":"")"),
    withFields("ping", ""),
    withFields("pong", R"("latency":0)"),
};

const Timestamp at{std::chrono::milliseconds(1'700'000'000'000)};

Timestamp timestampOf(std::string_view number)
{
    return accepted<PingMessage>(
               fmt::format(R"({{"id":"a","type":"ping","version":"1.0.0","timestamp":{}}})", number))
        .timestamp;
}

}  // namespace

TEST_CASE("a field is known by its whole name, and by no other")
{
    const auto isKnown = [](const std::string& name)
    {
        const auto text = "{\"" + name + "\":1}";
        Fields fields;
        REQUIRE(!fields.read(text, 8));
        for (std::size_t field = 0; field < fieldCount; ++field)
            if (!fields[static_cast<Field>(field)].empty())
                return toString(static_cast<Field>(field)) == name;
        return false;
    };
    for (std::size_t field = 0; field < fieldCount; ++field)
    {
        const std::string name(toString(static_cast<Field>(field)));
        CAPTURE(name);
        CHECK(isKnown(name));
        for (std::size_t place = 0; place < name.size(); ++place)
        {
            auto other = name;
            other[place] = '.';
            CHECK_FALSE(isKnown(other));
            // 'topic' is a name as well as the front of 'topics'.
            const auto front = name.substr(0, place);
            CHECK(isKnown(front) == (front == "topic" || front == "message"));
            // Written with an escape it is the same name.
            Fields fields;
            const auto text = fmt::format(R"({{"{}\u{:04x}{}":1}})", name.substr(0, place),
                                          static_cast<unsigned>(name[place]), name.substr(place + 1));
            REQUIRE(!fields.read(text, 8));
            CHECK(fields[static_cast<Field>(field)] == "1");
        }
        CHECK_FALSE(isKnown(name + "s2"));
    }
}

TEST_CASE("each of the ten messages is read with all of its fields")
{
    CHECK(accepted<VersionNegotiationMessage>(complete[0]) ==
          VersionNegotiationMessage{"m-1", at, {"1.1.0", "1.0.0"}, "1.0.0"});
    CHECK(accepted<AuthMessage>(complete[1]) == AuthMessage{"m-1", at, "t", Json::parse(R"({"a":[1]})")});
    CHECK(accepted<SubscribeMessage>(complete[2]) ==
          SubscribeMessage{"m-1", at, {"a.b", "a.*"}, std::vector<std::string>{"#"}});
    CHECK(accepted<UnsubscribeMessage>(complete[3]) == UnsubscribeMessage{"m-1", at, {"a.b"}});
    CHECK(accepted<PublishMessage>(complete[4]) ==
          PublishMessage{"m-1", at, "a.b", Json::parse(R"({"x":1.50})"), true});
    CHECK(accepted<EventMessage>(complete[5]) == EventMessage{"m-1", at, "a.b", Json::parse("[null]"), 7});
    CHECK(accepted<AckMessage>(complete[6]) == AckMessage{"m-1", at, "m-0", true});
    CHECK(accepted<ErrorMessage>(complete[7]) ==
          ErrorMessage{"m-1", at, "PUBLISH_FAILED", "No", Json::parse(R"({"t":1})"), "m-0"});
    CHECK(accepted<PingMessage>(complete[8]) == PingMessage{"m-1", at});
    CHECK(accepted<PongMessage>(complete[9]) == PongMessage{"m-1", at, std::chrono::milliseconds(12)});
}

TEST_CASE("each of the ten messages is read without its optional fields, lists and strings empty")
{
    CHECK(accepted<VersionNegotiationMessage>(least[0]) == VersionNegotiationMessage{"m-1", at});
    CHECK(accepted<AuthMessage>(least[1]) == AuthMessage{"m-1", at});
    CHECK(accepted<SubscribeMessage>(least[2]) == SubscribeMessage{"m-1", at});
    CHECK(accepted<UnsubscribeMessage>(least[3]) == UnsubscribeMessage{"m-1", at});
    CHECK(accepted<PublishMessage>(least[4]) == PublishMessage{"m-1", at});
    CHECK(accepted<EventMessage>(least[5]) == EventMessage{"m-1", at});
    CHECK(accepted<AckMessage>(least[6]) == AckMessage{"m-1", at, "", false});
    CHECK(accepted<ErrorMessage>(least[7]) == ErrorMessage{"m-1", at});
    CHECK(accepted<PingMessage>(least[8]) == PingMessage{"m-1", at});
    CHECK(accepted<PongMessage>(least[9]) == PongMessage{"m-1", at});
}

TEST_CASE("an optional field that is null is absent, but data and details may be null")
{
    CHECK(accepted<VersionNegotiationMessage>(
              withFields("version-negotiation", R"("supportedVersions":[],"selectedVersion":null)"))
              .selectedVersion == std::nullopt);
    CHECK(accepted<AuthMessage>(withFields("auth", R"("token":"t","metadata":null)")).metadata ==
          std::nullopt);
    CHECK(accepted<SubscribeMessage>(withFields("subscribe", R"("topics":[],"patterns":null)")).patterns ==
          std::nullopt);
    CHECK_FALSE(accepted<PublishMessage>(withFields("publish", R"("topic":"a","broadcast":null)")).broadcast);
    CHECK(
        accepted<EventMessage>(withFields("event", R"("topic":"a","sequenceNumber":null)")).sequenceNumber ==
        std::nullopt);
    CHECK(accepted<ErrorMessage>(withFields("error", R"("code":"c","message":"m","messageId":null)"))
              .messageId == std::nullopt);
    CHECK(accepted<PublishMessage>(withFields("publish", R"("topic":"a","data":null)")).data->text() ==
          "null");
    CHECK(accepted<EventMessage>(withFields("event", R"("topic":"a","data":null)")).data->text() == "null");
    CHECK(accepted<ErrorMessage>(withFields("error", R"("code":"c","message":"m","details":null)"))
              .details->text() == "null");
}

TEST_CASE("a field that is missing or of the wrong kind is refused by its name, and the id is kept")
{
    struct Rule
    {
        std::string_view type;
        std::string_view fields;
        std::string_view text;
    };
    static constexpr Rule rules[] = {
        {"version-negotiation", "", "'supportedVersions' is missing: an array of strings is expected"},
        {"version-negotiation", R"("supportedVersions":"1.0.0")",
         "'supportedVersions' must be an array of strings"},
        {"version-negotiation", R"("supportedVersions":[1])",
         "'supportedVersions' must be an array of strings"},
        {"version-negotiation", R"("supportedVersions":null)",
         "'supportedVersions' must be an array of strings"},
        {"version-negotiation", R"("supportedVersions":[],"selectedVersion":1)",
         "'selectedVersion' must be a string"},
        {"auth", "", "'token' is missing: a string is expected"},
        {"auth", R"("token":1)", "'token' must be a string"},
        {"auth", R"("token":null)", "'token' must be a string"},
        {"auth", R"("token":"t","metadata":[])", "'metadata' must be an object"},
        {"auth", R"("token":"t","metadata":"m")", "'metadata' must be an object"},
        {"subscribe", "", "'topics' is missing: an array of strings is expected"},
        {"subscribe", R"("topics":"a")", "'topics' must be an array of strings"},
        {"subscribe", R"("topics":{})", "'topics' must be an array of strings"},
        {"subscribe", R"("topics":["a",1])", "'topics' must be an array of strings"},
        {"subscribe", R"("topics":["a",["b"]])", "'topics' must be an array of strings"},
        {"subscribe", R"("topics":["a",null])", "'topics' must be an array of strings"},
        {"subscribe", R"("topics":["a"],"patterns":"b")", "'patterns' must be an array of strings"},
        {"subscribe", R"("topics":["a"],"patterns":[true])", "'patterns' must be an array of strings"},
        {"unsubscribe", "", "'topics' is missing: an array of strings is expected"},
        {"unsubscribe", R"("topics":[[]])", "'topics' must be an array of strings"},
        {"publish", R"("data":1)", "'topic' is missing: a string is expected"},
        {"publish", R"("topic":null)", "'topic' must be a string"},
        {"publish", R"("topic":["a"])", "'topic' must be a string"},
        {"publish", R"("topic":"a","broadcast":"true")", "'broadcast' must be true or false"},
        {"publish", R"("topic":"a","broadcast":1)", "'broadcast' must be true or false"},
        {"event", "", "'topic' is missing: a string is expected"},
        {"event", R"("topic":1)", "'topic' must be a string"},
        {"event", R"("topic":"a","sequenceNumber":"1")",
         "'sequenceNumber' must be a whole number, not below 0"},
        {"event", R"("topic":"a","sequenceNumber":-1)",
         "'sequenceNumber' must be a whole number, not below 0"},
        {"event", R"("topic":"a","sequenceNumber":1.5)",
         "'sequenceNumber' must be a whole number, not below 0"},
        {"event", R"("topic":"a","sequenceNumber":18446744073709551616)",
         "'sequenceNumber' must be a whole number, not below 0"},
        {"ack", R"("success":true)", "'messageId' is missing: a string is expected"},
        {"ack", R"("messageId":1,"success":true)", "'messageId' must be a string"},
        {"ack", R"("messageId":"m")", "'success' is missing: true or false is expected"},
        {"ack", R"("messageId":"m","success":"yes")", "'success' must be true or false"},
        {"ack", R"("messageId":"m","success":null)", "'success' must be true or false"},
        {"error", R"("message":"m")", "'code' is missing: a string is expected"},
        {"error", R"("code":1,"message":"m")", "'code' must be a string"},
        {"error", R"("code":"c")", "'message' is missing: a string is expected"},
        {"error", R"("code":"c","message":{})", "'message' must be a string"},
        {"error", R"("code":"c","message":"m","messageId":5)", "'messageId' must be a string"},
        {"pong", "", "'latency' is missing: a number is expected"},
        {"pong", R"("latency":"1")", "'latency' must be a number"},
        {"pong", R"("latency":null)", "'latency' must be a number"},
    };
    for (const auto& rule : rules)
    {
        const auto refusal = refused(withFields(rule.type, rule.fields));
        CHECK(refusal.message == rule.text);
        CHECK(toString(refusal.code) == "INVALID_MESSAGE");
        CHECK(refusal.id == "m-1");
    }
}

TEST_CASE("every message needs the envelope, whatever its type")
{
    struct Rule
    {
        std::string_view text;
        std::string_view message;
        std::string_view id;
    };
    static constexpr Rule rules[] = {
        {R"({})", "'id' is missing: a string is expected", ""},
        {R"({"type":"ping","version":"1.0.0","timestamp":1})", "'id' is missing: a string is expected", ""},
        {R"({"id":1,"type":"ping","version":"1.0.0","timestamp":1})", "'id' must be a string", ""},
        {R"({"id":null,"type":"ping","version":"1.0.0","timestamp":1})", "'id' must be a string", ""},
        {R"({"id":"","type":"ping","version":"1.0.0","timestamp":1})",
         "'id' must be a string that is not empty", ""},
        {R"({"id":"a","version":"1.0.0","timestamp":1})", "'type' is missing: a string is expected", "a"},
        {R"({"id":"a","type":5,"version":"1.0.0","timestamp":1})", "'type' must be a string", "a"},
        {R"({"id":"a","type":"shout","version":"1.0.0","timestamp":1})", "'type' is unknown: shout", "a"},
        {R"({"id":"a","type":"Ping","version":"1.0.0","timestamp":1})", "'type' is unknown: Ping", "a"},
        {R"({"id":"a","type":"","version":"1.0.0","timestamp":1})", "'type' is unknown: ", "a"},
        {R"({"id":"a","type":"ping","timestamp":1})", "'version' is missing: a string is expected", "a"},
        {R"({"id":"a","type":"ping","version":1,"timestamp":1})", "'version' must be a string", "a"},
        {R"({"id":"a","type":"ping","version":"1.0.0"})", "'timestamp' is missing: a number is expected",
         "a"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":"1"})", "'timestamp' must be a number",
         "a"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":null})", "'timestamp' must be a number",
         "a"},
        {R"({"id":"a","type":"ping","version":"1.0.0","timestamp":0})", "'timestamp' must be other than 0",
         "a"},
        {R"({"id":"a"})", "'type' is missing: a string is expected", "a"},
    };
    for (const auto& rule : rules)
    {
        const auto refusal = refused(rule.text);
        CHECK(refusal.message == rule.message);
        CHECK(toString(refusal.code) == "INVALID_MESSAGE");
        CHECK(refusal.id == rule.id);
    }
}

TEST_CASE("a version that is not spoken is told by its own code, before the type's fields are judged")
{
    for (const std::string_view version : {"1.1.0", "2.0.0", "1.0", "", "1.0.0 "})
    {
        const auto refusal =
            refused(fmt::format(R"({{"id":"a","type":"publish","version":"{}","timestamp":1}})", version));
        CHECK(toString(refusal.code) == "UNSUPPORTED_VERSION");
        CHECK(refusal.message == fmt::format("Version {} is not supported; 1.0.0 is", version));
        CHECK(refusal.id == "a");
    }
    CHECK(toString(refused(R"({"id":"a","type":"shout","version":"9","timestamp":1})").code) ==
          "INVALID_MESSAGE");
    CHECK(toString(refused(R"({"id":"a","type":"ping","version":"9","timestamp":0})").code) ==
          "INVALID_MESSAGE");
}

TEST_CASE("what is not JSON, or no object, is refused and has no id")
{
    for (const std::string_view text :
         {"", " ", "hello", R"({"id":"a")", R"({"id":"a",})", R"({"id":"a"} x)", R"({"id":"a","type":ping})",
          R"({'id':'a'})", R"({"id":"a" "type":"ping"})"})
    {
        const auto refusal = refused(text);
        CHECK(toString(refusal.code) == "INVALID_MESSAGE");
        CHECK(refusal.message.starts_with("Not JSON: "));
        CHECK(refusal.id.empty());
    }
    for (const std::string_view text : {"[]", "1", "\"a\"", "null", "true", R"([{"id":"a"}])"})
    {
        const auto refusal = refused(text);
        CHECK(toString(refusal.code) == "INVALID_MESSAGE");
        CHECK(refusal.message == "Not a message: a JSON object is expected");
        CHECK(refusal.id.empty());
    }
}

TEST_CASE("unknown fields are passed over, but have to be JSON")
{
    CHECK(accepted<PingMessage>(withFields("ping", R"("x":{"id":"other","y":[1,{"type":"auth"}]},"":null)"))
              .id == "m-1");
    // A field of another type is unknown to this one.
    CHECK(accepted<PingMessage>(withFields("ping", R"("topics":5,"latency":"x")")).id == "m-1");
    CHECK(refused(withFields("ping", R"("x":01)")).message.starts_with("Not JSON: "));
}

TEST_CASE("fields come in any order, with space between them and escapes in their names")
{
    const auto message =
        accepted<PublishMessage>(" {\t\"data\" : [ 1 ] ,\r\n\"t\\u006fpic\":\"a\\u002eb\" , "
                                 "\"timestamp\":5,\"version\":\"1\\u002e0.0\","
                                 "\"\\u0069d\":\"\\u00e9\\ud83d\\ude00\\\"\",\"type\":\"publis\\u0068\"}\n ");
    CHECK(message == PublishMessage{"\xC3\xA9\xF0\x9F\x98\x80\"", Timestamp(std::chrono::milliseconds(5)),
                                    "a.b", Json::parse("[ 1 ]")});
}

TEST_CASE("of a field that comes twice the last counts")
{
    CHECK(accepted<PublishMessage>(withFields("publish", R"("topic":1,"topic":"a","data":1,"data":2)")) ==
          PublishMessage{"m-1", at, "a", Json(2)});
    CHECK(refused(withFields("publish", R"("topic":"a","topic":1)")).message == "'topic' must be a string");
    CHECK(accepted<PingMessage>(withFields("ping", R"("id":"last")")).id == "last");
    CHECK(refused(withFields("ping", R"("id":"")")).id.empty());
}

TEST_CASE("data arrives as the bytes that were sent")
{
    for (const std::string_view data : {"null",
                                        "false",
                                        "0",
                                        "\"\"",
                                        "-0",
                                        "-0.0",
                                        "1E400",
                                        "1.0",
                                        "1e+05",
                                        "0.1000",
                                        "123456789012345678901234567890123456789012345678901234567890.5",
                                        R"("\ud800")",
                                        R"("\udfff\ud800")",
                                        R"("\u00E9\u00e9\/\n")",
                                        "[ 1 ,\t2\n]",
                                        R"({ "b" : 1 , "a" : 1 , "b" : 2 })",
                                        "{}",
                                        "[]",
                                        "\"\xC3\xA9\xE2\x82\xAC\"",
                                        R"({"id":"not the id","topic":"not the topic"})"})
    {
        for (const std::string_view space : {"", " ", "\r\n\t "})
        {
            const auto fields =
                fmt::format(R"("topic":"a","data":{}{}{},"broadcast":true)", space, data, space);
            const auto publish = accepted<PublishMessage>(withFields("publish", fields));
            REQUIRE(publish.data);
            CHECK(publish.data->text() == data);

            std::string event;
            appendEvent(event, "e", at, publish.topic, publish.data->text(), 1);
            CHECK(accepted<EventMessage>(event).data->text() == data);
        }
    }
    CHECK(accepted<AuthMessage>(withFields("auth", R"("token":"t","metadata": {"n" : 1.0} )"))
              .metadata->text() == R"({"n" : 1.0})");
    CHECK(accepted<ErrorMessage>(withFields("error", R"("code":"c","message":"m","details": [ 1e0 ] )"))
              .details->text() == "[ 1e0 ]");
}

TEST_CASE("a timestamp is any number but 0, and what no clock reaches is taken as the furthest moment")
{
    for (const std::string_view zero :
         {"0", "-0", "0.0", "-0.00", "0e5", "0E-400", "0.0e99999999999999999999"})
    {
        const auto refusal =
            refused(fmt::format(R"({{"id":"a","type":"ping","version":"1.0.0","timestamp":{}}})", zero));
        CHECK(refusal.message == "'timestamp' must be other than 0");
    }
    const auto ms = [](std::int64_t count) { return Timestamp(std::chrono::milliseconds(count)); };
    CHECK(timestampOf("1700000000000") == ms(1'700'000'000'000));
    CHECK(timestampOf("1.7e12") == ms(1'700'000'000'000));
    CHECK(timestampOf("1700000000000.75") == ms(1'700'000'000'000));
    CHECK(timestampOf("-5") == ms(-5));
    const auto furthest = ms(8'640'000'000'000'000);
    for (const std::string_view huge :
         {"1e300", "1E400", "1e+400", "9223372036854775808", "1e99999999999999999999"})
        CHECK(timestampOf(huge) == furthest);
    for (const std::string_view huge : {"-1e300", "-1E400", "-9223372036854775809"})
        CHECK(timestampOf(huge) == -furthest.time_since_epoch() + Timestamp());
    CHECK(timestampOf(std::string(5'000, '9')) == furthest);
    CHECK(timestampOf("0." + std::string(5'000, '0') + "1") < ms(2));
    CHECK(timestampOf("1e-400") < ms(2));
    CHECK(timestampOf("0." + std::string(400, '0') + "1e+800") == furthest);
    CHECK(timestampOf("0.5") == ms(1));
    CHECK(timestampOf("-0.5") == ms(-1));
    CHECK(timestampOf("-1e-400") == ms(-1));
    CHECK(timestampOf("1e-99999999999999999999") == ms(1));
    CHECK(timestampOf("0." + std::string(400, '0') + "1e401") == ms(1));
    CHECK(timestampOf("0." + std::string(400, '0') + "1e800") == furthest);
    CHECK(timestampOf(std::string("1") + std::string(5'000, '0') + "e-10") == furthest);
}

TEST_CASE("a message nests as deep as the limit says, itself among the levels")
{
    const auto nested = [](std::size_t depth)
    {
        return withFields("publish",
                          "\"topic\":\"a\",\"data\":" + std::string(depth, '[') + std::string(depth, ']'));
    };
    CHECK(accepted<PublishMessage>(nested(127)).data->text().size() == 254);
    CHECK(refused(nested(128)).message == "Nested too deep: 128 levels at most");
    CHECK(toString(refused(nested(100'000)).code) == "INVALID_MESSAGE");
    CHECK(std::holds_alternative<Message>(parse(nested(4), {.maxDepth = 5})));
    CHECK(std::holds_alternative<Refusal>(parse(nested(5), {.maxDepth = 5})));
    CHECK(toString(refused(std::string(100'000, '[')).code) == "INVALID_MESSAGE");
}

TEST_CASE("what is nested too deep is refused with its own id, wherever that stands")
{
    const auto deep = [](std::size_t depth)
    { return R"({"data":)" + std::string(depth, '[') + std::string(depth, ']') + R"(,"id":"late"})"; };
    CHECK(refused(deep(128)).id == "late");
    CHECK(refused(deep(4'095)).id == "late");
    CHECK(refused(deep(4'096)).id.empty());
    CHECK(refused(deep(4'096)).message == "Nested too deep: 128 levels at most");
    CHECK(refused(withFields("publish", R"("data":[[[[]]]])"), {.maxDepth = 4}).id == "m-1");
    CHECK(refused(R"({"data":[[]],"id":7})", {.maxDepth = 2}).id.empty());
    // Cut off it is no JSON, and so has no id.
    const auto cut = refused(R"({"id":"a","data":[[[)", {.maxDepth = 2});
    CHECK(cut.id.empty());
    CHECK(cut.message.starts_with("Not JSON: "));
}

TEST_CASE("a message that is cut off anywhere is refused")
{
    for (const auto& text : complete)
    {
        REQUIRE(std::holds_alternative<Message>(parse(text)));
        for (std::size_t size = 0; size < text.size(); ++size)
        {
            const auto parsed = parse(std::string_view(text).substr(0, size));
            REQUIRE(std::holds_alternative<Refusal>(parsed));
            REQUIRE(toString(std::get<Refusal>(parsed).code) == "INVALID_MESSAGE");
        }
    }
}

TEST_CASE("a timestamp and a sequence number of any count of digits are read as they stand")
{
    std::mt19937_64 random(15);
    for (std::uint64_t smallest = 1; smallest < 1'000'000'000'000'000; smallest *= 10)
        for (int round = 0; round < 50; ++round)
        {
            const auto number = smallest + random() % (9 * smallest);
            const auto text = fmt::format(
                R"({{"id":"m-1","type":"event","version":"1.0.0","timestamp":{0},"topic":"a","sequenceNumber":{0}}})",
                number);
            const auto event = accepted<EventMessage>(text);
            CHECK(event.timestamp.time_since_epoch().count() == static_cast<std::int64_t>(number));
            CHECK(event.sequenceNumber == number);
        }
}

TEST_CASE("what is written most often is read at once")
{
    const Timestamp now{std::chrono::milliseconds(1'700'000'000'000)};
    for (const auto version : {ProtocolVersion::v1_0, ProtocolVersion::v1_1})
    {
        const auto isReadAtOnce = [&](const std::string& text)
        {
            CAPTURE(text);
            return readUsualMessage(text, {.newest = version}).has_value();
        };
        std::string event;
        appendEvent(event, "m-1", now, "a.b", R"({"x":[1,2]})", 7, version);
        CHECK(isReadAtOnce(event));
        std::string bare;
        appendEvent(bare, "m-1", now, "a.b", std::nullopt, std::nullopt, version);
        CHECK(isReadAtOnce(bare));
        std::string ack;
        appendAck(ack, "m-1", now, "m-0", true, version, 7);
        CHECK(isReadAtOnce(ack));
        for (const bool broadcast : {false, true})
        {
            std::string publish;
            appendMessage(publish, PublishMessage{"m-1", now, "a.b", Json(1), broadcast}, version);
            CHECK(isReadAtOnce(publish));
        }
        CHECK(isReadAtOnce(withFields("publish", R"("topic":"a.b","data":1,"broadcast":false)")));
    }
    std::string replayed;
    appendEvent(replayed, "m-1", now, "a.b", "1", 7, ProtocolVersion::v1_1, "m-0");
    CHECK(readUsualMessage(replayed, {.newest = ProtocolVersion::v1_1}).has_value());
}

TEST_CASE("a message is read alike however it stands, also where any of its bytes is another")
{
    const auto texts = {
        std::string(R"({"id":"m-1","type":"event","version":"1.1.0","timestamp":1700000000000,"topic":"a.b",)"
                    R"("data":{"x":[1,"y"]},"sequenceNumber":7})"),
        withFields("event", R"("topic":"a.b")"),
        withFields("publish", R"("topic":"a.b","data":null,"broadcast":true)"),
        withFields("publish", R"("topic":"a.b","data":"text")"),
        withFields("publish", R"("topic":"a.b","broadcast":false)"),
        std::string(
            R"({"id":"m-1","type":"event","version":"1.1.0","timestamp":1,"topic":"a.b","replay":"m-0"})"),
        withFields("ack", R"("messageId":"m-0","success":true)"),
        std::string(R"({"id":"m-1","type":"ack","version":"1.1.0","timestamp":1,"messageId":"m-0",)"
                    R"("success":true,"sequenceNumber":18446744073709551615})"),
    };
    constexpr auto others = "\"\\{}[],:0195- n\x1f\x7f\0e"sv;
    for (const auto& text : texts)
    {
        REQUIRE(std::holds_alternative<Message>(parse(text, {.newest = ProtocolVersion::v1_1})));
        for (std::size_t position = 0; position <= text.size(); ++position)
        {
            auto removed = text;
            removed.erase(position, 1);
            std::vector<std::string> changed{std::move(removed)};
            for (const char other : others)
            {
                changed.push_back(text.substr(0, position) + other + text.substr(position));
                if (position == text.size()) continue;
                changed.push_back(text);
                changed.back()[position] = other;
            }
            for (const auto& one : changed)
                for (const auto newest : {ProtocolVersion::v1_0, ProtocolVersion::v1_1})
                    for (const std::size_t maxDepth : {0u, 1u, 2u, 3u, 128u})
                    {
                        CAPTURE(one);
                        const ParseLimits limits{maxDepth, newest};
                        // One check for each would take most of the time.
                        if (!isSame(parse(one, limits), parse(withSpace(one), limits)))
                            FAIL_CHECK("read otherwise");
                    }
        }
    }
}

TEST_CASE("bytes changed at random give a message or a refusal, and a message can be sent on")
{
    std::mt19937 random(6455);
    std::size_t messages = 0;
    for (int round = 0; round < 20'000; ++round)
    {
        auto text = complete[random() % complete.size()];
        for (auto changes = 1 + random() % 3; changes > 0; --changes)
        {
            const auto position = random() % text.size();
            switch (random() % 3)
            {
            case 0: text[position] = static_cast<char>(random()); break;
            case 1: text.erase(position, 1); break;
            default: text.insert(position, 1, "\"\\{}[]:,0e-u\xFF"[random() % 13]); break;
            }
        }
        const auto parsed = parse(text);
        const auto* const message = std::get_if<Message>(&parsed);
        if (!message) continue;
        ++messages;
        CHECK_FALSE(messageId(*message).empty());
        std::string again;
        appendMessage(again, *message);
        CAPTURE(text);
        CAPTURE(again);
        REQUIRE(std::holds_alternative<Message>(parse(again)));
    }
    CHECK(messages > 100);
}

TEST_CASE("what a refusal repeats of a message is short, and whole characters")
{
    std::string type;
    for (int count = 0; count < 1'000; ++count) type += "\xF0\x9F\x98\x80";
    const auto refusal =
        refused(fmt::format(R"({{"id":"a","type":"{}","version":"1.0.0","timestamp":1}})", type));
    CHECK(refusal.message.size() < 250);
    CHECK(refusal.message.ends_with("\xF0\x9F\x98\x80"));
    CHECK(refused(fmt::format(R"({{"id":"a","type":"ping","version":"{}","timestamp":1}})", type))
              .message.size() < 250);
}

namespace
{

Parsed parse1_1(std::string_view type, std::string_view fields, std::string_view version = "1.1.0")
{
    return parse(fmt::format(R"({{"id":"m-1","type":"{}","version":"{}","timestamp":1700000000000,{}}})",
                             type, version, fields),
                 {.newest = ProtocolVersion::v1_1});
}

std::string whyNot(const Parsed& parsed)
{
    const auto* const refusal = std::get_if<Refusal>(&parsed);
    return refusal ? refusal->message : "accepted";
}

}  // namespace

TEST_CASE("version 1.1.0 is read once it was negotiated, beside 1.0.0, of which no field changes its meaning")
{
    const std::string_view fields = R"("topics":["a"],"last":2)";
    CHECK(whyNot(parse(withFields("subscribe", R"("topics":["a"],"last":"x")"))) == "accepted");
    CHECK(whyNot(parse1_1("subscribe", fields)) == "accepted");
    CHECK(std::get<SubscribeMessage>(std::get<Message>(parse1_1("subscribe", fields))).last == 2);
    CHECK(std::get<SubscribeMessage>(std::get<Message>(parse1_1("subscribe", fields, "1.0.0"))).last ==
          std::nullopt);
    const auto tooNew = parse1_1("subscribe", fields, "1.2.0");
    CHECK(whyNot(tooNew) == "Version 1.2.0 is not supported; 1.1.0 is");
    CHECK(whyNot(parse1_1("subscribe", R"("topics":[],"last":-1)")) ==
          "'last' must be a whole number, not below 0");
    CHECK(whyNot(parse1_1("subscribe", R"("topics":[],"resume":["0:x"])")) ==
          "'resume' must be absent: no positions are kept here");
    CHECK(whyNot(parse1_1("error", R"("code":"C","message":"m","retriable":1)")) ==
          "'retriable' must be true or false");
}

TEST_CASE("only the end of a replay is an event without a topic")
{
    CHECK(whyNot(parse1_1("event", R"("live":true,"replay":"s")")) == "accepted");
    CHECK(whyNot(parse1_1("event", R"("more":true,"replay":"s")")) == "accepted");
    CHECK(whyNot(parse1_1("event", R"("live":false,"replay":"s")")) ==
          "'topic' is missing: a string is expected");
    CHECK(whyNot(parse1_1("event", R"("replay":"s")")) == "'topic' is missing: a string is expected");
    CHECK(whyNot(parse1_1("event", R"("live":true)")) == "'topic' is missing: a string is expected");
    CHECK(whyNot(parse1_1("event", R"("live":true,"replay":"s")", "1.0.0")) ==
          "'topic' is missing: a string is expected");
}

TEST_CASE("who selects 1.1.0 has a session of 128 bits in base64url")
{
    const auto negotiation = [](std::string_view selected, std::string_view session)
    {
        return whyNot(parse(withFields(
            "version-negotiation",
            fmt::format(R"("supportedVersions":[],"selectedVersion":"{}"{})", selected, session))));
    };
    CHECK(negotiation("1.1.0", R"(,"session":"abcdefghijklmnopqrst-_")") == "accepted");
    CHECK(negotiation("1.1.0", "") == "'session' is missing: a string is expected");
    const std::string wrong = "'session' must be 22 characters of base64url";
    CHECK(negotiation("1.1.0", R"(,"session":"abcdefghijklmnopqrst-")") == wrong);
    CHECK(negotiation("1.1.0", R"(,"session":"abcdefghijklmnopqrst+/")") == wrong);
    CHECK(negotiation("1.0.0", R"(,"session":7)") == "accepted");
    CHECK(negotiation("9.0.0", R"(,"session":7)") == "accepted");
}
