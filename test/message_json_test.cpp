#include "message/digits_of_word.hpp"
#include "message/envelope.hpp"
#include "message/json_cursor.hpp"
#include "message/json_scanner.hpp"
#include "message/plain_ascii.hpp"
#include "message/string_stops.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message.hpp>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

using namespace strandcast;

namespace
{

constexpr std::size_t maxDepth = 128;

// Checks a copy that ends where its allocation does, so that the sanitizer sees a byte read too many.
std::optional<JsonError> check(std::string_view text, std::size_t depth = maxDepth)
{
    const auto copy = std::make_unique<char[]>(text.size());
    std::memcpy(copy.get(), text.data(), text.size());
    return checkJson({copy.get(), text.size()}, depth);
}

bool isJson(std::string_view text)
{
    return !check(text).has_value();
}

bool isJsonToBoost(std::string_view text)
{
    boost::json::error_code error;
    boost::json::parse_options options;
    options.max_depth = maxDepth;
    boost::json::parse({text.data(), text.size()}, error, {}, options);
    return !error;
}

// A text that is mostly JSON: pieces of it, or one that was made by the grammar, with bytes changed.
std::string randomText(std::mt19937& random)
{
    static constexpr std::array<std::string_view, 36> pieces = {
        "{",  "}",  "[",    "]",     ":",    ",",    "\"a\"", "\"\"", "1",      "-0",     "0",  "2.5",
        "1e", "e+", "true", "false", "null", " ",    "\t",    "\n",   "\\u00e", "\\u12A", "\"", "\\n",
        "-",  ".",  "01",   "[]",    "{}",   "\\\"", "tru",   "E-1",  "\"b\":", "[1,",    "\r", "9",
    };
    std::string text;
    const auto count = std::uniform_int_distribution<int>(1, 12)(random);
    for (int index = 0; index < count; ++index) text += pieces[random() % pieces.size()];
    return text;
}

std::string randomJson(std::mt19937& random, int depth)
{
    static constexpr std::array<std::string_view, 16> scalars = {
        "0",         "-0",         "1.5",         "-2e3",         "1E+2",
        "123456789", "true",       "false",       R"("\"")",      "null",
        R"("")",     R"("a\n\/")", R"("\u00e9")", "\"\xC3\xA9\"", R"("\ud83d\ude00")",
        "0.0e-0",
    };
    const auto space = [&] { return std::string(random() % 4 == 0 ? " \n" : ""); };
    const auto kind = depth == 0 ? 0 : random() % 3;
    if (kind == 0) return std::string(scalars[random() % scalars.size()]);
    std::string text = kind == 1 ? "[" : "{";
    const auto count = random() % 4;
    for (std::size_t index = 0; index < count; ++index)
    {
        text += index == 0 ? space() : "," + space();
        if (kind == 2) text += "\"k" + std::to_string(index) + "\"" + space() + ":" + space();
        text += randomJson(random, depth - 1) + space();
    }
    return text + (kind == 1 ? "]" : "}");
}

std::string nested(std::size_t depth)
{
    return std::string(depth, '[') + std::string(depth, ']');
}

std::string whatOf(auto&& action, Errc code)
{
    try
    {
        action();
    }
    catch (const Error& error)
    {
        CHECK(error.errc() == code);
        return error.what();
    }
    FAIL("nothing was thrown");
    return {};
}

}  // namespace

TEST_CASE("JSON is what RFC 8259's grammar says")
{
    for (const std::string_view text : {
             "null",
             "true",
             "false",
             "0",
             "-0",
             "-1",
             "10",
             "1.0",
             "0.10",
             "1e5",
             "1E5",
             "1e+5",
             "1e-05",
             "-0.0E0",
             "\"\"",
             "\"a\"",
             R"("\"\\\/\b\f\n\r\t")",
             R"("\u0000\uABCD\uabcd")",
             "\"\x7F\"",
             "\"/\"",
             "[]",
             "{}",
             "[1]",
             "[1,2]",
             "[[],{}]",
             R"({"a":1})",
             R"({"":0})",
             R"({"a":1,"a":2})",
             R"({"a":{"b":[null]}})",
             " \t\r\n1 \t\r\n",
             "[ 1 , 2 ]",
             "{ \"a\" : 1 , \"b\" : [ ] }",
             R"("\ud800")",
             R"("\udc00\ud800")",
             R"("\ud800x")",
             "1E400",
             "-1e-99999",
             "123456789012345678901234567890.123456789012345678901234567890",
         })
    {
        CAPTURE(text);
        CHECK(isJson(text));
    }
}

TEST_CASE("what RFC 8259's grammar does not have is refused")
{
    for (const std::string_view text : {
             "",
             " ",
             "nul",
             "nulll",
             "True",
             "NULL",
             "undefined",
             "NaN",
             "Infinity",
             "-Infinity",
             "-",
             "+1",
             "01",
             "-01",
             "00",
             "1.",
             ".5",
             "-.5",
             "1.e5",
             "1e",
             "1e+",
             "1E-",
             "0x10",
             "1_000",
             "1 2",
             "1,",
             "- 1",
             "\"",
             "\"a",
             "a\"",
             "'a'",
             "\"\\\"",
             R"("\a")",
             R"("\x41")",
             R"("\u")",
             R"("\u12")",
             R"("\u123")",
             R"("\u123g")",
             R"("\U0041")",
             "\"\n\"",
             "\"\t\"",
             "\"\x01\"",
             "\"\x1F\"",
             "\"a\" \"b\"",
             "[",
             "]",
             "[1",
             "[1,",
             "[1,]",
             "[,1]",
             "[,]",
             "[1 2]",
             "[1;2]",
             "[1}",
             "[1:2]",
             "[\"a\":1]",
             "{",
             "}",
             "{\"a\"",
             "{\"a\":",
             "{\"a\":1",
             "{\"a\":1,",
             "{\"a\":1,}",
             "{,}",
             "{a:1}",
             "{1:1}",
             "{\"a\" 1}",
             "{\"a\",1}",
             "{\"a\":1 \"b\":2}",
             "{\"a\"}",
             "{\"a\":}",
             "{:1}",
             "{\"a\":1]",
             "{}}",
             "[]]",
             "{\"a\"::1}",
             "{\"a\":1,,\"b\":2}",
             "{null:1}",
             "{'a':1}",
             "/* a */1",
             "1//a",
             "#1",
             "\xEF\xBB\xBF"
             "1",
             "\xC2\xA0"
             "1",
             "\v1",
             "\f1",
             "[1]x",
             "tru e",
             "\\u0031",
         })
    {
        CAPTURE(text);
        CHECK_FALSE(isJson(text));
    }
    using namespace std::string_view_literals;
    CHECK_FALSE(isJson("\0"sv));
    CHECK_FALSE(isJson("1\0"sv));
    CHECK_FALSE(isJson("\"\0\""sv));
    CHECK_FALSE(isJson("[\0]"sv));
    CHECK_FALSE(isJson("nul\0"sv));
}

TEST_CASE("on random texts the grammar is the one that Boost.JSON reads")
{
    std::mt19937 random(8259);
    std::size_t valid = 0;
    for (int round = 0; round < 30'000; ++round)
    {
        auto text = round % 2 ? randomText(random) : randomJson(random, 4);
        // Boost.JSON refuses lone surrogates and broken UTF-8 as well: no byte of a character beyond ASCII is
        // changed.
        if (round % 4 == 2 && text.find("\\ud") == std::string::npos &&
            text.find('\xC3') == std::string::npos)
            text[random() % text.size()] = "{}[]:,\"\\01e.-+ tfnu\n\x01\x7F"[random() % 22];
        CAPTURE(text);
        REQUIRE(isJson(text) == isJsonToBoost(text));
        valid += isJson(text);
    }
    CHECK(valid > 5'000);
    CHECK(valid < 25'000);
}

TEST_CASE("no prefix of an object is JSON")
{
    const std::string_view text = R"({"a":[1.5e-3,true,null,{"\u00e9\n":"\ud83d\ude00"}],"b":{}})";
    REQUIRE(isJson(text));
    for (std::size_t size = 0; size < text.size(); ++size)
    {
        const auto error = check(text.substr(0, size));
        REQUIRE(error);
        CHECK(error->offset <= size);
    }
}

TEST_CASE("containers nest 128 deep and no deeper, and a hundred thousand of them harm nothing")
{
    CHECK(isJson(nested(128)));
    CHECK_FALSE(isJson(nested(129)));
    CHECK(isJson("[" + nested(127) + "," + nested(127) + "]"));
    CHECK_FALSE(isJson("[" + nested(127) + "," + nested(128) + "]"));
    CHECK_FALSE(isJson(nested(100'000)));
    CHECK_FALSE(isJson(std::string(100'000, '[')));
    CHECK_FALSE(check(nested(5), 5));
    CHECK(check(nested(6), 5));
    CHECK_FALSE(check("1", 0));
    CHECK(check("[]", 0));

    std::string objects = "1";
    for (int depth = 0; depth < 128; ++depth) objects = "{\"a\":" + objects + "}";
    CHECK(isJson(objects));
    CHECK_FALSE(isJson("{\"a\":" + objects + "}"));
}

TEST_CASE("a nesting limit of millions is no danger to the stack")
{
    CHECK_FALSE(check(nested(4'000), 10'000'000));
    CHECK(check(nested(1'000'000), 10'000'000));
}

TEST_CASE("what is wrong with a text is told with its place and what was expected there")
{
    CHECK(check("[1,]")->text() == "a value was expected at byte 3");
    CHECK(check("{\"a\" 1}")->text() == "':' was expected at byte 5");
    CHECK(check("[1 2]")->text() == "',' or ']' was expected at byte 3");
    CHECK(check("1 x")->text() == "the end was expected at byte 2");
    CHECK(check("\"abc")->text() == "the end of the string was expected at byte 4");
}

TEST_CASE("a character that does not stand for itself is found wherever it is, byte for byte")
{
    const auto isOther = [](char character)
    {
        const auto byte = static_cast<unsigned char>(character);
        return byte < 0x20 || byte == '"' || byte == '\\';
    };
    for (std::size_t size = 0; size <= 150; size += size < 90 ? 1 : 7)
    {
        for (std::size_t place = 0; place <= size; ++place)
        {
            for (int byte = 0; byte < 256; ++byte)
            {
                // It ends where its allocation does, so that the sanitizer sees a byte read too many.
                const auto text = std::make_unique<char[]>(size);
                std::memset(text.get(), 'x', size);
                const auto odd = static_cast<char>(byte);
                if (place < size) text[place] = odd;
                const std::string_view view(text.get(), size);
                const bool isFound = place < size && isOther(odd);
                StringStops stops(view);
                const auto stopFrom = [&](std::size_t from)
                { return static_cast<std::size_t>(stops.next(text.get() + from) - text.get()); };
                bool isRight = stopFrom(0) == (isFound ? place : size);
                for (const auto from : {size / 3, size / 2, size / 4, size})
                    isRight = isRight && stopFrom(from) == (isFound && place >= from ? place : size);
                isRight = isRight && isPlainAscii(view) == (place == size || (!isFound && byte < 0x80));
                if (!isRight) FAIL("byte ", byte, " at ", place, " of ", size);
                if (place == size) break;
            }
        }
    }
}

TEST_CASE("all stops of a text are found, in whatever order it is asked from where")
{
    std::mt19937 random(7);
    for (int round = 0; round < 2'000; ++round)
    {
        const auto size = random() % 300;
        const auto text = std::make_unique<char[]>(size);
        const auto density = 1 + random() % 60;
        for (std::size_t place = 0; place < size; ++place)
            text[place] =
                random() % density == 0 ? "\"\\\n\x1f"[random() % 4] : "ax !\x7f\xc3\xa9#"[random() % 8];
        StringStops stops({text.get(), size});
        std::size_t from = 0;
        for (int step = 0; step < 60; ++step)
        {
            auto expected = from;
            while (expected < size && isPlain(text[expected])) ++expected;
            const auto found = static_cast<std::size_t>(stops.next(text.get() + from) - text.get());
            if (found != expected) FAIL("from ", from, " of ", size, ": ", found, ", not ", expected);
            // Nearly always it goes on from there.
            from = found < size && random() % 8 != 0 ? found + 1 : random() % (size + 1);
        }
    }
}

TEST_CASE("up to eight digits are read at once as they are one by one")
{
    std::mt19937 random(8);
    for (int round = 0; round < 200'000; ++round)
    {
        std::array<char, 8> characters;
        const auto digits = random() % 9;
        for (std::size_t place = 0; place < characters.size(); ++place)
            characters[place] = static_cast<char>(place < digits ? '0' + static_cast<int>(random() % 10)
                                                                 : static_cast<int>(random() % 256));
        std::size_t count = 0;
        std::uint64_t number = 0;
        std::uint64_t scale = 1;
        for (; count < characters.size() && characters[count] >= '0' && characters[count] <= '9'; ++count)
        {
            number = number * 10 + static_cast<std::uint64_t>(characters[count] - '0');
            scale *= 10;
        }
        std::uint64_t word = 0;
        for (std::size_t place = 0; place < characters.size(); ++place)
            word |= std::uint64_t{static_cast<unsigned char>(characters[place])} << (8 * place);
        const DigitsOfWord read(word);
        if (read.count() != count || read.number() != number || read.scale() != scale)
            FAIL("of ", std::string(characters.data(), characters.size()), ": ", read.count(), " digits, ",
                 read.number());
    }
}

TEST_CASE("digits end where they end, however many there are and whatever follows")
{
    for (std::size_t digits = 0; digits < 20; ++digits)
    {
        for (const std::string_view behind : {"", "}", ",", "e", "/", ":", ".0000000000", "}}}}}}}}}}}"})
        {
            const auto number = std::string("9876543210987654321").substr(0, digits);
            const auto text = std::make_unique<char[]>(digits + behind.size());
            std::memcpy(text.get(), number.data(), digits);
            std::memcpy(text.get() + digits, behind.data(), behind.size());
            JsonCursor cursor({text.get(), digits + behind.size()});
            CAPTURE(number);
            CAPTURE(behind);
            CHECK(cursor.takeDigits() == (digits == 0 ? 0 : std::stoull(number)));
            CHECK(cursor.position() == digits);
        }
    }
}

TEST_CASE("a string of any length, with an escape or its end anywhere, is scanned as Boost.JSON scans it")
{
    for (std::size_t size = 0; size <= 40; ++size)
    {
        for (std::size_t place = 0; place <= size; ++place)
        {
            for (const std::string_view odd : {"\"", "\\", "\\n", "\\u00e9", "\n", "\x7f", "\xc3\xa9"})
            {
                auto text = '"' + std::string(size, 'x') + '"';
                text.insert(1 + place, odd);
                for (const std::string_view behind :
                     {"", " ", "              ", ",\"aaaaaaaaaaaaaaaaaaaaaa\""})
                {
                    const auto whole = behind.starts_with(',') ? '[' + text + std::string(behind) + ']'
                                                               : text + std::string(behind);
                    CAPTURE(whole);
                    REQUIRE(isJson(whole) == isJsonToBoost(whole));
                }
            }
        }
    }
}

TEST_CASE("a string comes out of JSON as it went in")
{
    std::mt19937 random(34);
    static constexpr std::array<std::string_view, 12> pieces = {
        "a",
        "\"",
        "\\",
        "/",
        "\n",
        "\x01",
        "\x1F",
        "\x7F",
        "\xC3\xA9",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        "\\u0041",
    };
    for (int round = 0; round < 5'000; ++round)
    {
        std::string text;
        for (auto count = random() % 12; count > 0; --count) text += pieces[random() % pieces.size()];
        if (round % 7 == 0) text += '\0';
        std::string json;
        appendJsonString(json, text);
        CAPTURE(json);
        REQUIRE(isJson(json));
        REQUIRE(unescapeJson(std::string_view(json).substr(1, json.size() - 2)) == text);
        REQUIRE(boost::json::parse(json).as_string() == text);
    }
}

TEST_CASE("only what must be escaped in a string is")
{
    std::string json;
    appendJsonString(json, "a/\x7F\xC3\xA9\"\\\n\x01");
    CHECK(json == "\"a/\x7F\xC3\xA9\\\"\\\\\\n\\u0001\"");
}

TEST_CASE("escapes stand for the characters that RFC 8259 says")
{
    CHECK(unescapeJson(R"(\"\\\/\b\f\n\r\t)") == "\"\\/\b\f\n\r\t");
    CHECK(unescapeJson(R"(\u0041\u00e9\u20AC)") == "A\xC3\xA9\xE2\x82\xAC");
    CHECK(unescapeJson(R"(\ud83d\ude00)") == "\xF0\x9F\x98\x80");
    CHECK(unescapeJson(R"(\u0000)") == std::string(1, '\0'));
    // A surrogate alone is no character: U+FFFD stands for it.
    CHECK(unescapeJson(R"(\ud83d)") == "\xEF\xBF\xBD");
    CHECK(unescapeJson(R"(\ud83dx)") == "\xEF\xBF\xBDx");
    CHECK(unescapeJson(R"(\ud83d\\ude00)") == "\xEF\xBF\xBD\\ude00");
    CHECK(unescapeJson(R"(\ud83d\ud83d\ude00)") == "\xEF\xBF\xBD\xF0\x9F\x98\x80");
    CHECK(unescapeJson(R"(\ude00)") == "\xEF\xBF\xBD");
}

TEST_CASE("a program's string that is not UTF-8 is written as UTF-8 all the same")
{
    const auto written = [](std::string_view text)
    {
        std::string json;
        appendJsonString(json, text);
        return json;
    };
    const std::string replaced = "\xEF\xBF\xBD";
    CHECK(written("a\xFFz") == "\"a" + replaced + "z\"");
    CHECK(written("caf\xE9") == "\"caf" + replaced + "\"");
    CHECK(written("\xE9\"") == "\"" + replaced + "\\\"\"");
    CHECK(written("\xC0\xAF") == "\"" + replaced + replaced + "\"");  // overlong
    CHECK(written("\xE0\x80\xAF") == "\"" + replaced + replaced + replaced + "\"");
    CHECK(written("\xED\xA0\x80") == "\"" + replaced + replaced + replaced + "\"");  // a surrogate
    CHECK(written("\xF4\x90\x80\x80") == "\"" + replaced + replaced + replaced + replaced + "\"");
    CHECK(written("\xF0\x9F\x98") == "\"" + replaced + replaced + replaced + "\"");  // cut off
    CHECK(written(std::string_view("\xC3\xA9", 1)) == "\"" + replaced + "\"");
    CHECK(written(std::string_view("\xF0\x9F\x98\x80", 3)) == "\"" + replaced + replaced + replaced + "\"");
    CHECK(written("\xE2\x82z") == "\"" + replaced + replaced + "z\"");
    CHECK(written("\xF0\x9F\x98z") == "\"" + replaced + replaced + replaced + "z\"");
    CHECK(written("\xF4\x8F\xBF\xBF\xEE\x80\x80") == "\"\xF4\x8F\xBF\xBF\xEE\x80\x80\"");
}

TEST_CASE("JSON text is kept to the byte, without the space around it")
{
    for (const std::string_view text : {R"({"b": 1.50, "a":1E400 ,"a":-0})", R"("\u00E9\/\ud800")", "1.0",
                                        "100000000000000000000000000000001"})
    {
        CHECK(Json::parse(text).text() == text);
        CHECK(Json::parse(" \n" + std::string(text) + "\t ").text() == text);
    }
}

TEST_CASE("text that is not JSON is refused with its place and what was expected")
{
    CHECK(whatOf([] { (void)Json::parse("[1,"); }, Errc::invalidMessage) ==
          "not JSON: a value was expected at byte 3");
    CHECK(whatOf([] { (void)Json::parse(" "); }, Errc::invalidMessage) ==
          "not JSON: a value was expected at byte 1");
    CHECK(whatOf([] { (void)Json::parse("\"caf\xE9\""); }, Errc::invalidMessage) ==
          "not JSON: UTF-8 was expected at byte 4");
    CHECK(whatOf([] { (void)Json::parse(nested(128)); }, Errc::invalidMessage) ==
          "JSON is nested too deep: 127 levels at most");
    CHECK(Json::parse(nested(127)).text() == nested(127));
}

TEST_CASE("a value is made of JSON text when somebody asks for it")
{
    const auto value = Json::parse(R"({"x":[1,"\u00e9"]})").value();
    CHECK(value.at("x").at(0).to_number<int>() == 1);
    CHECK(value.at("x").at(1).as_string() == "\xC3\xA9");
    CHECK_NOTHROW((void)Json::parse(nested(127)).value());
    // What came from a peer may be nested deeper than what a program may send.
    CHECK_NOTHROW((void)Json::fromValidText(nested(4'000)).value());
}

TEST_CASE("JSON that no value can hold is an error, and its text is still there")
{
    const auto json = Json::parse(R"(["\ud800"])");
    CHECK_FALSE(whatOf([&] { (void)json.value(); }, Errc::invalidMessage).empty());
    CHECK(json.text() == R"(["\ud800"])");
}

TEST_CASE("JSON is made of what a program has")
{
    const auto text = [](const Json& json) { return json.text(); };
    const std::string name = "a\"b";
    CHECK(text({{"x", 1}}) == R"({"x":1})");
    CHECK(text({{"x", "y"}}) == R"({"x":"y"})");
    CHECK(text({{"x", "y"}, {"z", "w"}}) == R"({"x":"y","z":"w"})");
    CHECK(text({{"x", 1}, {"list", {1, 2}}, {"object", {{"y", nullptr}}}}) ==
          R"({"x":1,"list":[1,2],"object":{"y":null}})");
    CHECK(text({}) == "{}");
    CHECK(text(5) == "5");
    CHECK(text(true) == "true");
    CHECK(text(nullptr) == "null");
    CHECK(text("[1]") == R"("[1]")");
    CHECK(text(name) == R"("a\"b")");
    CHECK(text(std::string_view(name)) == R"("a\"b")");
    CHECK(text(boost::json::array{1, 2}) == "[1,2]");
    CHECK(text(boost::json::object{{"x", 1}}) == R"({"x":1})");
    const Json once = {{"x", 1}};
    const Json copy{once};
    CHECK(copy == once);
}

// Were it allowed, the optional would take the outer braces for its own, and be the array ["x",1].
template <typename T>
concept TakesMembers = requires(void take(T)) { take({{"x", 1}}); };

TEST_CASE("a list of members is an object, and where it could be taken for an array it does not compile")
{
    CHECK(TakesMembers<Json>);
    CHECK_FALSE(TakesMembers<std::optional<Json>>);
}

TEST_CASE("JSON made of a string that is not UTF-8 is the program's error")
{
    CHECK(whatOf([] { const Json json = {{"x", "caf\xE9"}}; }, Errc::invalidArgument) ==
          R"(strings in JSON must be UTF-8; byte 9 is not, of {"x":"caf)");
}

TEST_CASE("a value that is nested too deep for any peer is the program's error")
{
    const auto value = [](int depth)
    {
        boost::json::value nested(1);
        for (; depth > 0; --depth) nested = boost::json::array{std::move(nested)};
        return nested;
    };
    CHECK(Json(value(127)).text().size() == 255);
    CHECK(whatOf([&] { (void)Json(value(128)); }, Errc::invalidArgument) ==
          "JSON is nested too deep: 127 levels at most");
    // The deepest passes a peer's limit with its message around it.
    std::string text;
    appendMessage(text, PublishMessage{"i", Timestamp(std::chrono::milliseconds(1)), "a", Json(value(127))});
    CHECK(std::holds_alternative<Message>(parseMessage(text)));
}
