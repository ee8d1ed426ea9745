#pragma once

#include "message/json_cursor.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

/// So deep containers may nest whatever a limit says: each level takes a bit of the scanner's frame.
inline constexpr std::size_t deepestNesting = 4096;

/// What is wrong with a JSON text, and where.
struct JsonError
{
    std::size_t offset = 0;     ///< in bytes
    std::string_view expected;  ///< such as "a value"
    bool isTooDeep = false;     ///< up to there it is JSON, but nested deeper than was allowed
    [[nodiscard]] std::string text() const;
};

/// Reads RFC 8259's grammar from the front of a text to its end, once, without building values. Nothing is
/// thrown and nothing allocated; nesting is bounded, and takes no stack. UTF-8 is its caller's to check.
class JsonScanner
{
public:
    JsonScanner(std::string_view text, std::size_t maxDepth) noexcept
        : JsonScanner(JsonCursor(text), maxDepth)
    {
    }

    /// Goes on where `cursor` is.
    JsonScanner(const JsonCursor& cursor, std::size_t maxDepth) noexcept
        : cursor_(cursor),
          maxDepth_(maxDepth)
    {
    }

    [[nodiscard]] const JsonCursor& cursor() const noexcept { return cursor_; }

    void skipSpace() noexcept { cursor_.skipSpace(); }

    /// Takes `character` if it is next.
    [[nodiscard]] bool take(char character) noexcept { return cursor_.take(character); }

    /// The character that is next; 0 at the end.
    [[nodiscard]] char peek() const noexcept { return cursor_.peek(); }

    /// Scans one value of any kind that lies `depth` levels deep, and gives its bytes.
    [[nodiscard]] std::optional<std::string_view> scanValue(std::size_t depth = 0) noexcept
    {
        const auto begin = cursor_;
        if (cursor_.takePlainString()) return cursor_.since(begin);
        return scanOther(depth);
    }

    /// Scans a string and gives the bytes between its quotes, escapes as they stand.
    [[nodiscard]] std::optional<std::string_view> scanString() noexcept
    {
        const auto begin = cursor_;
        if (!cursor_.takePlainString() && !scanAnyString()) return std::nullopt;
        const auto quoted = cursor_.since(begin);
        return quoted.substr(1, quoted.size() - 2);
    }

    [[nodiscard]] bool atEnd() const noexcept { return cursor_.atEnd(); }

    /// Notes what was expected here; the first note stands. Always false, to be returned.
    bool fail(std::string_view expected) noexcept;

    /// The same for a container too many inside of others.
    bool failTooDeep() noexcept;

    /// What scanning failed with.
    [[nodiscard]] const JsonError& error() const noexcept { return error_; }

private:
    [[nodiscard]] std::optional<std::string_view> scanOther(std::size_t depth) noexcept;
    [[nodiscard]] bool scanContainers(std::size_t depth) noexcept;
    [[nodiscard]] [[gnu::always_inline]] inline bool
    scanKey(JsonCursor& cursor) noexcept;  // its source's alone
    [[nodiscard]] bool scanAnyString() noexcept;
    [[nodiscard]] bool scanScalar() noexcept;
    [[nodiscard]] bool scanLiteral(std::string_view literal) noexcept;
    [[nodiscard]] bool scanNumber() noexcept;
    [[nodiscard]] bool scanDigits() noexcept;
    [[nodiscard]] bool scanEscape() noexcept;

    JsonCursor cursor_;
    std::size_t maxDepth_;
    JsonError error_;
};

/// What is wrong with `text` as one JSON value, if anything.
[[nodiscard]] std::optional<JsonError> checkJson(std::string_view text, std::size_t maxDepth) noexcept;

/// The characters that a scanned string stands for. A lone surrogate, which UTF-8 cannot hold, becomes
/// U+FFFD.
[[nodiscard]] std::string unescapeJson(std::string_view escaped);

/// Appends `text` as a JSON string with its quotes. Each byte that is not UTF-8 becomes U+FFFD.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace strandcast
