// Any text as a message: what is taken for JSON is what Boost.JSON takes for it, what is taken for a message
// has the id that Boost.JSON reads, written and read again it stays the same, and space behind it changes
// nothing.

#include "message/envelope.hpp"
#include "message/json_scanner.hpp"
#include "websocket/utf8.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

using namespace strandcast;

namespace
{

constexpr std::size_t shallow = 30;
constexpr std::size_t deep = 60;

void require(bool isSo)
{
    if (!isSo) std::abort();
}

std::optional<boost::json::value> parsedByBoost(std::string_view text, std::size_t depth)
{
    boost::json::parse_options options;
    options.max_depth = depth;
    boost::json::error_code error;
    auto value = boost::json::parse(boost::json::string_view(text.data(), text.size()), error, {}, options);
    if (error) return std::nullopt;
    return value;
}

// Boost.JSON refuses escapes of lone surrogates, and exponents beyond a double: here they pass as they are.
bool isForBoth(std::string_view text)
{
    return text.find("\\u") == std::string_view::npos && text.find_first_of("eE") == std::string_view::npos;
}

void checkGrammar(std::string_view text)
{
    if (parsedByBoost(text, shallow)) require(!checkJson(text, deep));
    if (!checkJson(text, shallow) && isForBoth(text)) require(parsedByBoost(text, deep).has_value());
}

std::string written(const Message& message)
{
    std::string text;
    appendMessage(text, message, ProtocolVersion::v1_1);
    return text;
}

void checkMessage(std::string_view text, const Message& message)
{
    if (const auto value = parsedByBoost(text, deep); value && isForBoth(text))
        require(value->as_object().at("id").as_string() == messageId(message));
    const auto once = written(message);
    require(!checkJson(once, deep));
    const auto again = parseMessage(once, {.maxDepth = deep, .newest = ProtocolVersion::v1_1});
    require(std::holds_alternative<Message>(again));
    require(written(std::get<Message>(again)) == once);
}

// With space behind it a message is read field by field, without it at once where it stands as it is written.
void checkSpace(std::string_view text, const std::variant<Message, Refusal>& parsed,
                const ParseLimits& limits)
{
    const auto again = parseMessage(std::string(text) + ' ', limits);
    require(again.index() == parsed.index());
    if (const auto* const message = std::get_if<Message>(&parsed))
        require(std::get<Message>(again) == *message);
    else
        require(std::get<Refusal>(again).id == std::get<Refusal>(parsed).id);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (!isUtf8(std::as_bytes(std::span(text)))) return 0;  // refused before it comes here
    checkGrammar(text);
    const ParseLimits limits{.maxDepth = shallow, .newest = ProtocolVersion::v1_1};
    const auto parsed = parseMessage(text, limits);
    checkSpace(text, parsed, limits);
    if (const auto* const message = std::get_if<Message>(&parsed))
        checkMessage(text, *message);
    else
        require(!std::get<Refusal>(parsed).message.empty());
    return 0;
}
