#include "message/fields.hpp"

#include <algorithm>
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
    const auto name = std::find(names.begin(), names.end(), escapedKey);
    if (name != names.end()) values_[static_cast<std::size_t>(name - names.begin())] = value;
}

}  // namespace strandcast
