#include "message/fields.hpp"

#include <bit>
#include <cstdint>
#include <string>

namespace strandcast
{

namespace
{

constexpr std::array<std::string_view, fieldCount> names = {"id",
                                                            "type",
                                                            "version",
                                                            "timestamp",
                                                            "supportedVersions",
                                                            "selectedVersion",
                                                            "token",
                                                            "metadata",
                                                            "topics",
                                                            "patterns",
                                                            "topic",
                                                            "data",
                                                            "broadcast",
                                                            "sequenceNumber",
                                                            "messageId",
                                                            "success",
                                                            "code",
                                                            "message",
                                                            "details",
                                                            "latency",
                                                            "session",
                                                            "last",
                                                            "resume",
                                                            "live",
                                                            "more",
                                                            "replay",
                                                            "clientId",
                                                            "dedupWindow",
                                                            "maxMessageSize",
                                                            "retriable",
                                                            "retryAfter"};

constexpr std::size_t longestName = 17;

// For each length of a name the fields that have one of it, as bits.
constexpr auto fieldsOfLength = []
{
    static_assert(fieldCount <= 32);
    std::array<std::uint32_t, longestName + 1> fields{};
    for (std::size_t field = 0; field < fieldCount; ++field)
        fields[names[field].size()] |= std::uint32_t{1} << field;
    return fields;
}();

// Of names of up to 16 characters, these and the length tell any two apart.
struct NameWords
{
    std::uint64_t front;
    std::uint64_t back;

    friend constexpr bool operator==(const NameWords&, const NameWords&) = default;
};

// The compiler makes one load of it.
template <std::size_t size>
constexpr std::uint64_t charactersAt(std::string_view text, std::size_t position)
{
    std::uint64_t word = 0;
    for (std::size_t index = 0; index < size; ++index)
        word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[position + index])) << (8 * index);
    return word;
}

constexpr NameWords wordsOf(std::string_view name)
{
    const auto size = name.size();
    if (size >= 8) return {charactersAt<8>(name, 0), charactersAt<8>(name, size - 8)};
    if (size >= 4) return {charactersAt<4>(name, 0), charactersAt<4>(name, size - 4)};
    if (size >= 2) return {charactersAt<2>(name, 0), charactersAt<2>(name, size - 2)};
    return {size == 0 ? 0 : charactersAt<1>(name, 0), 0};
}

constexpr auto wordsOfNames = []
{
    std::array<NameWords, fieldCount> words{};
    for (std::size_t field = 0; field < fieldCount; ++field) words[field] = wordsOf(names[field]);
    return words;
}();

// fieldCount where it is none.
std::size_t fieldOf(std::string_view name)
{
    if (name.size() > longestName) return fieldCount;
    auto candidates = fieldsOfLength[name.size()];
    if (candidates == 0) return fieldCount;
    const auto words = wordsOf(name);
    for (; candidates != 0; candidates &= candidates - 1)
    {
        const auto field = static_cast<std::size_t>(std::countr_zero(candidates));
        if (wordsOfNames[field] == words && (name.size() <= 16 || names[field] == name)) return field;
    }
    return fieldCount;
}

}  // namespace

std::string_view toString(Field field) noexcept
{
    return names[static_cast<std::size_t>(field)];
}

// What programs write: no space between the fields, and nearly all values are strings without escapes, or
// whole numbers. Whatever else is right or wrong is read once more, from the beginning.
bool Fields::readCompact(std::string_view text, std::size_t maxDepth)
{
    JsonCursor cursor(text);
    if (!cursor.take('{')) return false;
    do {
        if (!cursor.take('"')) return false;
        const auto key = cursor.takePlain();
        if (!cursor.take("\":")) return false;
        const auto begin = cursor;
        if (cursor.peek() >= '1' && cursor.peek() <= '9')
            static_cast<void>(cursor.takeDigits());
        else if (!cursor.takePlainString())
        {
            JsonScanner scanner(cursor, maxDepth);
            if (!scanner.scanValue(1)) return false;
            cursor = scanner.cursor();
        }
        if (cursor.peek() != ',' && cursor.peek() != '}') return false;
        if (const auto field = fieldOf(key); field < fieldCount) values_[field] = cursor.since(begin);
    } while (cursor.take(','));
    return cursor.take('}') && cursor.atEnd();
}

std::optional<JsonError> Fields::read(std::string_view text, std::size_t maxDepth)
{
    if (readCompact(text, maxDepth)) return std::nullopt;
    JsonScanner scanner(text, maxDepth);
    const auto failed = [&](std::string_view expected)
    {
        static_cast<void>(scanner.fail(expected));
        return scanner.error();
    };
    scanner.skipSpace();
    if (!scanner.take('{')) return failed("'{'");
    scanner.skipSpace();
    if (!scanner.take('}'))
    {
        do {
            scanner.skipSpace();
            const auto key = scanner.scanString();
            if (!key) return scanner.error();
            scanner.skipSpace();
            if (!scanner.take(':')) return failed("':'");
            scanner.skipSpace();
            const auto value = scanner.scanValue(1);
            if (!value) return scanner.error();
            set(*key, *value);
            scanner.skipSpace();
        } while (scanner.take(','));
        if (!scanner.take('}')) return failed("',' or '}'");
    }
    scanner.skipSpace();
    if (!scanner.atEnd()) return failed("the end");
    return std::nullopt;
}

void Fields::set(std::string_view escapedKey, std::string_view value)
{
    auto field = fieldOf(escapedKey);
    // No name has a backslash.
    if (field == fieldCount && escapedKey.find('\\') != std::string_view::npos)
        field = fieldOf(unescapeJson(escapedKey));
    if (field < fieldCount) values_[field] = value;
}

}  // namespace strandcast
