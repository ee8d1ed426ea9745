#include "message/json_scanner.hpp"

#include "message/utf8_prefix.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>

namespace strandcast
{

namespace
{

bool isDigit(char character)
{
    return character >= '0' && character <= '9';
}

int hexValue(char character)
{
    if (isDigit(character)) return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

/// Of the containers around the innermost, which are objects: bits, so that they take little of the stack.
class OuterContainers
{
public:
    void push(bool isObject) noexcept
    {
        auto& word = words_[count_ / bits];
        const auto place = count_++ % bits;
        // The first of a word clears what was there.
        word = (place == 0 ? 0 : word & ~(std::uint64_t{1} << place)) | std::uint64_t{isObject} << place;
    }

    [[nodiscard]] bool pop() noexcept
    {
        --count_;
        return (words_[count_ / bits] >> (count_ % bits) & 1) != 0;
    }

    [[nodiscard]] std::size_t count() const noexcept { return count_; }

private:
    static constexpr std::size_t bits = 64;

    std::array<std::uint64_t, deepestNesting / bits + 1> words_;  // not initialised
    std::size_t count_ = 0;
};

void appendUtf8(std::string& out, std::uint32_t codePoint)
{
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (codePoint < 0x80) return byte(codePoint);
    if (codePoint < 0x800)
    {
        byte(0xC0 | (codePoint >> 6));
        return byte(0x80 | (codePoint & 0x3F));
    }
    if (codePoint < 0x10000)
    {
        byte(0xE0 | (codePoint >> 12));
        byte(0x80 | ((codePoint >> 6) & 0x3F));
        return byte(0x80 | (codePoint & 0x3F));
    }
    byte(0xF0 | (codePoint >> 18));
    byte(0x80 | ((codePoint >> 12) & 0x3F));
    byte(0x80 | ((codePoint >> 6) & 0x3F));
    byte(0x80 | (codePoint & 0x3F));
}

// The four hexadecimal digits of an escape that was scanned.
std::uint32_t codeUnitAt(std::string_view escaped, std::size_t position)
{
    std::uint32_t unit = 0;
    for (const char digit : escaped.substr(position, 4))
        unit = unit * 16 + static_cast<std::uint32_t>(hexValue(digit));
    return unit;
}

bool isHighSurrogate(std::uint32_t unit)
{
    return unit >= 0xD800 && unit < 0xDC00;
}

bool isLowSurrogate(std::uint32_t unit)
{
    return unit >= 0xDC00 && unit < 0xE000;
}

// Appends what the escape at `position`, behind its "\u", stands for, and gives where it ends.
std::size_t unescapeUnicode(std::string& out, std::string_view escaped, std::size_t position)
{
    const auto unit = codeUnitAt(escaped, position);
    position += 4;
    if (isHighSurrogate(unit) && escaped.substr(position, 2) == "\\u")
    {
        const auto low = codeUnitAt(escaped, position + 2);
        if (isLowSurrogate(low))
        {
            appendUtf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
            return position + 6;
        }
    }
    appendUtf8(out, isHighSurrogate(unit) || isLowSurrogate(unit) ? 0xFFFD : unit);
    return position;
}

// A program's string that is no UTF-8 must not cost whoever is sent it the connection (RFC 6455,
// section 8.1).
void appendUtf8Run(std::string& out, std::string_view run)
{
    for (;;)
    {
        const auto readable = utf8PrefixLength(run);
        out.append(run.substr(0, readable));
        run.remove_prefix(readable);
        if (run.empty()) return;
        out += "\xEF\xBF\xBD";
        run.remove_prefix(1);
    }
}

}  // namespace

std::string JsonError::text() const
{
    return fmt::format("{} was expected at byte {}", expected, offset);
}

bool JsonScanner::fail(std::string_view expected) noexcept
{
    if (error_.expected.empty()) error_ = {cursor_.position(), expected, false};
    return false;
}

bool JsonScanner::failTooDeep() noexcept
{
    if (error_.expected.empty()) error_ = {cursor_.position(), "less nesting", true};
    return false;
}

std::optional<std::string_view> JsonScanner::scanOther(std::size_t depth) noexcept
{
    const auto begin = cursor_;
    const bool isContainer = peek() == '{' || peek() == '[';
    if (!(isContainer ? scanContainers(depth) : scanScalar())) return std::nullopt;
    return cursor_.since(begin);
}

// A container and all that is in it.
bool JsonScanner::scanContainers(std::size_t depth) noexcept
{
    auto cursor = cursor_;
    OuterContainers outer;
    bool isInObject = false;  // nor in an array, at first
    const auto failHere = [&](std::string_view expected)
    {
        cursor_ = cursor;
        return fail(expected);
    };
    const auto maxOpen = std::min(maxDepth_, deepestNesting);
    for (;;)
    {
        if (isInObject && !scanKey(cursor)) return false;
        // At the beginning of a value.
        const char first = cursor.peek();
        if (first == '{' || first == '[')
        {
            if (depth + outer.count() >= maxOpen)
            {
                cursor_ = cursor;
                return failTooDeep();
            }
            cursor.next();
            outer.push(isInObject);
            isInObject = first == '{';
            cursor.skipSpace();
            if (!cursor.take(isInObject ? '}' : ']')) continue;
            isInObject = outer.pop();
        }
        else if (!cursor.takePlainString())
        {
            cursor_ = cursor;
            if (!scanScalar()) return false;
            cursor = cursor_;
        }
        // At the end of a value: close what it ends, up to the next value.
        for (;;)
        {
            if (outer.count() == 0)
            {
                cursor_ = cursor;
                return true;
            }
            cursor.skipSpace();
            if (cursor.take(',')) break;
            if (!cursor.take(isInObject ? '}' : ']'))
                return failHere(isInObject ? "',' or '}'" : "',' or ']'");
            isInObject = outer.pop();
        }
        cursor.skipSpace();
    }
}

// The name of a member, up to its value.
inline bool JsonScanner::scanKey(JsonCursor& cursor) noexcept
{
    if (!cursor.takePlainString())
    {
        cursor_ = cursor;
        if (!scanAnyString()) return false;
        cursor = cursor_;
    }
    cursor.skipSpace();
    if (!cursor.take(':'))
    {
        cursor_ = cursor;
        return fail("':'");
    }
    cursor.skipSpace();
    return true;
}

bool JsonScanner::scanAnyString() noexcept
{
    const auto failed = [&](std::string_view expected) { return fail(expected); };
    if (!take('"')) return failed("a string");
    for (;;)
    {
        static_cast<void>(cursor_.takePlain());
        if (take('"')) return true;
        if (!take('\\')) return failed(atEnd() ? "the end of the string" : "no control character");
        if (!scanEscape()) return failed("an escape");
    }
}

bool JsonScanner::scanEscape() noexcept
{
    if (atEnd()) return false;
    const char character = cursor_.next();
    if (std::string_view("\"\\/bfnrt").find(character) != std::string_view::npos) return true;
    if (character != 'u') return false;
    for (int digit = 0; digit < 4; ++digit)
        if (atEnd() || hexValue(cursor_.next()) < 0) return false;
    return true;
}

bool JsonScanner::scanScalar() noexcept
{
    switch (peek())
    {
    case '"': return scanAnyString();  // no plain one: that was tried
    case 't': return scanLiteral("true");
    case 'f': return scanLiteral("false");
    case 'n': return scanLiteral("null");
    default: return scanNumber();
    }
}

bool JsonScanner::scanLiteral(std::string_view literal) noexcept
{
    const auto begin = cursor_;
    for (const char character : literal)
    {
        if (take(character)) continue;
        cursor_ = begin;
        return fail("a value");
    }
    return true;
}

bool JsonScanner::scanNumber() noexcept
{
    const auto begin = cursor_;
    static_cast<void>(take('-'));
    if (!isDigit(peek()))
    {
        cursor_ = begin;
        return fail("a value");
    }
    // RFC 8259, section 6: no leading zeros.
    if (!take('0') && !scanDigits()) return false;
    if (take('.') && !scanDigits()) return false;
    if (take('e') || take('E'))
    {
        if (!take('+')) static_cast<void>(take('-'));
        if (!scanDigits()) return false;
    }
    return true;
}

bool JsonScanner::scanDigits() noexcept
{
    if (!isDigit(peek())) return fail("a digit");
    while (isDigit(peek())) cursor_.next();
    return true;
}

std::optional<JsonError> checkJson(std::string_view text, std::size_t maxDepth) noexcept
{
    JsonScanner scanner(text, maxDepth);
    scanner.skipSpace();
    if (!scanner.scanValue()) return scanner.error();
    scanner.skipSpace();
    if (!scanner.atEnd())
    {
        static_cast<void>(scanner.fail("the end"));
        return scanner.error();
    }
    return std::nullopt;
}

std::string unescapeJson(std::string_view escaped)
{
    std::string out;
    out.reserve(escaped.size());
    for (std::size_t position = 0; position < escaped.size();)
    {
        const char character = escaped[position++];
        if (character != '\\')
        {
            out += character;
            continue;
        }
        switch (const char kind = escaped[position++])
        {
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'n': out += '\n'; break;
        case 'r': out += '\r'; break;
        case 't': out += '\t'; break;
        case 'u': position = unescapeUnicode(out, escaped, position); break;
        default: out += kind; break;
        }
    }
    return out;
}

void appendJsonString(std::string& out, std::string_view text)
{
    out += '"';
    JsonCursor cursor(text);
    for (;;)
    {
        appendUtf8Run(out, cursor.takePlain());
        if (cursor.atEnd()) break;
        switch (const char character = cursor.next())
        {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default:
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(character));
            break;
        }
    }
    out += '"';
}

}  // namespace strandcast
