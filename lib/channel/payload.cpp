#include "channel/payload.hpp"

#include "channel/enum_names.hpp"
#include "channel/payload_kind.hpp"
#include "message/json_scanner.hpp"

#include <strandcast/error.hpp>

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace strandcast
{

namespace
{

template <typename Struct>
using MembersOf = boost::describe::describe_members<Struct, boost::describe::mod_public>;

template <typename T>
concept Described = boost::describe::has_describe_members<T>::value;

template <typename T>
struct IsOptional : std::false_type
{
};
template <typename T>
struct IsOptional<std::optional<T>> : std::true_type
{
};

/// What stands in `value`, for people.
std::string_view kindOf(std::string_view value)
{
    switch (value.front())
    {
    case '"': return "a string";
    case '{': return "an object";
    case '[': return "an array";
    case 't':
    case 'f': return "a boolean";
    case 'n': return "null";
    default: return "a number";
    }
}

std::string within(std::string_view path, std::string_view field)
{
    return path.empty() ? std::string(field) : fmt::format("{}.{}", path, field);
}

/// Reads values from JSON that is known to be valid. The first thing wrong stands.
class Reader
{
public:
    [[nodiscard]] const std::optional<PayloadError>& error() const noexcept { return error_; }

    template <Described Struct>
    void read(std::string_view value, Struct& out, std::string_view path)
    {
        if (value.front() != '{') return expected("an object", value, path);
        std::array<bool, boost::mp11::mp_size<MembersOf<Struct>>::value> there{};
        JsonScanner scanner(value, deepestNesting);
        static_cast<void>(scanner.take('{'));
        for (;;)
        {
            scanner.skipSpace();
            const auto key = scanner.scanString();
            if (!key) break;  // an empty object
            scanner.skipSpace();
            static_cast<void>(scanner.take(':'));
            scanner.skipSpace();
            const auto member = scanner.scanValue(1);
            if (!member) break;
            readMember(unescapeJson(*key), *member, out, path, there);
            scanner.skipSpace();
            if (!scanner.take(',')) break;
        }
        std::size_t place = 0;
        boost::mp11::mp_for_each<MembersOf<Struct>>(
            [&](auto description)
            {
                using Member = std::remove_cvref_t<decltype(out.*description.pointer)>;
                if (!there[place++] && !IsOptional<Member>::value)
                    fail(fmt::format("{}: missing", within(path, description.name)));
            });
    }

    template <typename T>
    void read(std::string_view value, std::optional<T>& out, std::string_view path)
    {
        read(value, out.emplace(), path);
    }

    void read(std::string_view value, std::optional<Json>& out, std::string_view)
    {
        out = Json::fromValidText(std::string(value));
    }

    void read(std::string_view value, Json& out, std::string_view)
    {
        out = Json::fromValidText(std::string(value));
    }

    template <typename T>
    void read(std::string_view value, std::vector<T>& out, std::string_view path)
    {
        out.clear();
        if (value.front() != '[') return expected("an array", value, path);
        JsonScanner scanner(value, deepestNesting);
        static_cast<void>(scanner.take('['));
        scanner.skipSpace();
        while (scanner.peek() != ']')
        {
            const auto element = scanner.scanValue(1);
            if (!element) return;
            const auto at = fmt::format("{}[{}]", path, out.size());
            read(*element, out.emplace_back(), at);
            scanner.skipSpace();
            if (!scanner.take(',')) return;
            scanner.skipSpace();
        }
    }

    void read(std::string_view value, std::string& out, std::string_view path)
    {
        if (value.front() != '"') return expected("a string", value, path);
        out = unescapeJson(value.substr(1, value.size() - 2));
    }

    void read(std::string_view value, bool& out, std::string_view path)
    {
        if (value != "true" && value != "false") return expected("a boolean", value, path);
        out = value == "true";
    }

    void read(std::string_view value, double& out, std::string_view path)
    {
        if (kindOf(value) != "a number") return expected("a number", value, path);
        const auto result = std::from_chars(value.data(), value.data() + value.size(), out);
        if (result.ec != std::errc() || !std::isfinite(out)) return expected("a number", value, path);
    }

    void read(std::string_view value, std::size_t& out, std::string_view path)
    {
        double number = -1;
        if (kindOf(value) == "a number") read(value, number, path);
        constexpr double largest = 9007199254740992;  // 2^53: beyond it not every whole number has a double
        if (number < 0 || number > largest || std::floor(number) != number)
            return expected("a whole number, not below 0", value, path);
        out = static_cast<std::size_t>(number);
    }

    void read(std::string_view value, Timestamp& out, std::string_view path)
    {
        double number = -1;
        if (kindOf(value) == "a number") read(value, number, path);
        constexpr double latest = 8.64e15;  // of a JavaScript Date
        if (number < 0 || number > latest) return expected("ms since the Unix epoch", value, path);
        out = Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
    }

    template <typename Enum>
        requires std::is_enum_v<Enum>
    void read(std::string_view value, Enum& out, std::string_view path)
    {
        std::string name;
        if (value.front() == '"') name = unescapeJson(value.substr(1, value.size() - 2));
        const auto& names = enumNames<Enum>;
        const auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end())
            return fail(
                fmt::format("{}: expected one of {}, found {:.40}", path, fmt::join(names, ", "), value));
        out = static_cast<Enum>(found - names.begin());
    }

private:
    template <typename Struct, typename There>
    void readMember(const std::string& key, std::string_view value, Struct& out, std::string_view path,
                    There& there)
    {
        std::size_t place = 0;
        boost::mp11::mp_for_each<MembersOf<Struct>>(
            [&](auto description)
            {
                const auto here = place++;
                if (key != description.name) return;
                there[here] = true;  // the last of several counts, as in JavaScript
                read(value, out.*description.pointer, within(path, description.name));
            });
    }

    void expected(std::string_view what, std::string_view found, std::string_view path)
    {
        fail(fmt::format("{}: expected {}, found {}", path.empty() ? "data" : path, what, kindOf(found)));
    }

    void fail(std::string text)
    {
        if (!error_) error_ = PayloadError{std::move(text)};
    }

    std::optional<PayloadError> error_;
};

/// Appends values as JSON.
class Writer
{
public:
    [[nodiscard]] std::string take() && { return std::move(text_); }

    template <Described Struct>
    void write(const Struct& value)
    {
        text_ += '{';
        bool first = true;
        boost::mp11::mp_for_each<MembersOf<Struct>>(
            [&](auto description)
            {
                const auto& member = value.*description.pointer;
                if constexpr (IsOptional<std::remove_cvref_t<decltype(member)>>::value)
                {
                    if (!member) return;
                }
                if (!std::exchange(first, false)) text_ += ',';
                appendJsonString(text_, description.name);
                text_ += ':';
                write(member);
            });
        text_ += '}';
    }

    template <typename T>
    void write(const std::optional<T>& value)
    {
        write(*value);
    }

    template <typename T>
    void write(const std::vector<T>& values)
    {
        text_ += '[';
        for (bool first = true; const auto& value : values)
        {
            if (!std::exchange(first, false)) text_ += ',';
            write(value);
        }
        text_ += ']';
    }

    void write(const Json& value) { text_ += value.text(); }
    void write(const std::string& value) { appendJsonString(text_, value); }
    void write(bool value) { text_ += value ? "true" : "false"; }
    void write(std::size_t value) { fmt::format_to(std::back_inserter(text_), "{}", value); }
    void write(Timestamp value)
    {
        fmt::format_to(std::back_inserter(text_), "{}", value.time_since_epoch().count());
    }

    void write(double value)
    {
        if (!std::isfinite(value))
            throw Error(Errc::invalidArgument, "JSON has no number that is infinite, or none");
        fmt::format_to(std::back_inserter(text_), "{}", value);
    }

    template <typename Enum>
        requires std::is_enum_v<Enum>
    void write(Enum value)
    {
        appendJsonString(text_, nameOf(value));
    }

private:
    std::string text_;
};

std::optional<PayloadError> outOfRange(std::string_view field, double value, double most)
{
    if (value >= 0 && value <= most) return std::nullopt;
    return PayloadError{fmt::format("{}: expected 0 to {}, found {}", field, most, value)};
}

/// What the types alone do not say.
template <typename Event>
std::optional<PayloadError> check(const Event& event)
{
    if (entityOf(event).empty())
        return PayloadError{fmt::format("{}Id: expected one that is not empty", PayloadKind<Event>::channel)};
    if constexpr (std::same_as<Event, TaskProgress>) return outOfRange("progress", event.progress, 100);
    if constexpr (requires { event.ballot; })
    {
        if (event.ballot && event.ballot->fraction)
            return outOfRange("ballot.fraction", *event.ballot->fraction, 1);
    }
    return std::nullopt;
}

}  // namespace

template <typename Event>
std::variant<Event, PayloadError> readPayload(const Json& data)
{
    Event event;
    Reader reader;
    reader.read(data.text(), event, {});
    if (reader.error()) return *reader.error();
    if (auto wrong = check(event)) return std::move(*wrong);
    return event;
}

template <typename Event>
Json writePayload(const Event& event)
{
    if (auto wrong = check(event)) throw Error(Errc::invalidArgument, std::move(wrong->text));
    Writer writer;
    writer.write(event);
    return Json::fromValidText(std::move(writer).take());
}

#define STRANDCAST_PAYLOAD(Event)                                                                            \
    template std::variant<Event, PayloadError> readPayload<Event>(const Json&);                              \
    template Json writePayload<Event>(const Event&);

STRANDCAST_PAYLOAD(AgentStatusChange)
STRANDCAST_PAYLOAD(AgentHealthUpdate)
STRANDCAST_PAYLOAD(AgentMetricsUpdate)
STRANDCAST_PAYLOAD(AgentLogEntry)
STRANDCAST_PAYLOAD(TaskProgress)
STRANDCAST_PAYLOAD(TaskCompletion)
STRANDCAST_PAYLOAD(TaskCreation)
STRANDCAST_PAYLOAD(TaskAssignment)
STRANDCAST_PAYLOAD(TaskError)
STRANDCAST_PAYLOAD(SwarmTopologyChange)
STRANDCAST_PAYLOAD(SwarmAgentJoined)
STRANDCAST_PAYLOAD(SwarmAgentLeft)
STRANDCAST_PAYLOAD(SwarmConsensus)
STRANDCAST_PAYLOAD(SwarmDecision)
STRANDCAST_PAYLOAD(SwarmState)
STRANDCAST_PAYLOAD(SwarmCoordination)

#undef STRANDCAST_PAYLOAD

}  // namespace strandcast
