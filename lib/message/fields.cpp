#include "message/fields.hpp"

#include <bit>
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

// fieldCount where it is none.
std::size_t fieldOf(std::string_view name)
{
    if (name.size() > longestName) return fieldCount;
    for (auto candidates = fieldsOfLength[name.size()]; candidates != 0; candidates &= candidates - 1)
    {
        const auto field = static_cast<std::size_t>(std::countr_zero(candidates));
        if (names[field] == name) return field;
    }
    return fieldCount;
}

}  // namespace

std::string_view toString(Field field) noexcept
{
    return names[static_cast<std::size_t>(field)];
}

std::optional<JsonError> Fields::read(std::string_view text, std::size_t maxDepth)
{
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
    std::string unescaped;
    if (escapedKey.find('\\') != std::string_view::npos)
    {
        unescaped = unescapeJson(escapedKey);
        escapedKey = unescaped;
    }
    if (const auto field = fieldOf(escapedKey); field < fieldCount) values_[field] = value;
}

}  // namespace strandcast
