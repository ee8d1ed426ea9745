#include "message/json_scanner.hpp"

#include "message/plain_length.hpp"
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

/// Which of the open containers are objects. A word of bits is cleared when it is first needed: nearly always
/// one is.
class OpenContainers
{
public:
    void open(std::size_t depth, bool isObject) noexcept
    {
        auto& word = words_[depth / bits];
        if (depth >= cleared_)
        {
            word = 0;
            cleared_ = (depth / bits + 1) * bits;
        }
        const auto bit = std::uint64_t{1} << (depth % bits);
        word = isObject ? word | bit : word & ~bit;
    }

    [[nodiscard]] bool isObject(std::size_t depth) const noexcept
    {
        return (words_[depth / bits] >> (depth % bits) & 1) != 0;
    }

private:
    static constexpr std::size_t bits = 64;

    std::array<std::uint64_t, deepestNesting / bits + 1> words_;  // not initialised
    std::size_t cleared_ = 0;                                     // below this depth they are
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

std::nullopt_t JsonScanner::fail(std::string_view expected) noexcept
{
    if (error_.expected.empty()) error_ = {position_, expected, false};
    return std::nullopt;
}

std::nullopt_t JsonScanner::failTooDeep() noexcept
{
    if (error_.expected.empty()) error_ = {position_, "less nesting", true};
    return std::nullopt;
}

std::optional<std::string_view> JsonScanner::scanOther(std::size_t depth) noexcept
{
    const auto begin = position_;
    if (peek() != '{' && peek() != '[')
    {
        if (!scanScalar()) return std::nullopt;
        return text_.substr(begin, position_ - begin);
    }
    const auto maxDepth = std::min(maxDepth_, deepestNesting);
    const auto outermost = depth;
    OpenContainers containers;
    for (;;)
    {
        // At the beginning of a value.
        const bool opensObject = peek() == '{';
        if (opensObject || peek() == '[')
        {
            if (depth >= maxDepth) return failTooDeep();
            ++position_;
            containers.open(++depth, opensObject);
            skipSpace();
            if (!take(opensObject ? '}' : ']'))
            {
                if (opensObject)
                {
                    if (!skipString()) return std::nullopt;
                    skipSpace();
                    if (!take(':')) return fail("':'");
                    skipSpace();
                }
                continue;
            }
            --depth;
        }
        else if (!takePlainString() && !scanScalar())
        {
            return std::nullopt;
        }
        // At the end of a value: close what it ends, up to the next value.
        for (;;)
        {
            if (depth == outermost) return text_.substr(begin, position_ - begin);
            skipSpace();
            if (take(','))
            {
                skipSpace();
                if (containers.isObject(depth))
                {
                    if (!skipString()) return std::nullopt;
                    skipSpace();
                    if (!take(':')) return fail("':'");
                    skipSpace();
                }
                break;
            }
            if (!take(containers.isObject(depth) ? '}' : ']'))
                return fail(containers.isObject(depth) ? "',' or '}'" : "',' or ']'");
            --depth;
        }
    }
}

std::optional<std::string_view> JsonScanner::scanAnyString() noexcept
{
    if (!take('"')) return fail("a string");
    const auto begin = position_;
    for (;;)
    {
        position_ += plainLength(text_, position_);
        if (take('"')) return text_.substr(begin, position_ - begin - 1);
        if (!take('\\')) return fail(atEnd() ? "the end of the string" : "no control character");
        if (!scanEscape()) return fail("an escape");
    }
}

bool JsonScanner::scanEscape() noexcept
{
    if (atEnd()) return false;
    const char character = text_[position_++];
    if (std::string_view("\"\\/bfnrt").find(character) != std::string_view::npos) return true;
    if (character != 'u') return false;
    for (int digit = 0; digit < 4; ++digit)
        if (atEnd() || hexValue(text_[position_++]) < 0) return false;
    return true;
}

bool JsonScanner::scanScalar() noexcept
{
    switch (peek())
    {
    case '"': return scanAnyString().has_value();  // no plain one: that was tried
    case 't': return scanLiteral("true");
    case 'f': return scanLiteral("false");
    case 'n': return scanLiteral("null");
    default: return scanNumber();
    }
}

bool JsonScanner::scanLiteral(std::string_view literal) noexcept
{
    if (text_.substr(position_, literal.size()) != literal)
    {
        static_cast<void>(fail("a value"));
        return false;
    }
    position_ += literal.size();
    return true;
}

bool JsonScanner::scanNumber() noexcept
{
    const auto begin = position_;
    static_cast<void>(take('-'));
    if (!isDigit(peek()))
    {
        position_ = begin;
        static_cast<void>(fail("a value"));
        return false;
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
    if (!isDigit(peek()))
    {
        static_cast<void>(fail("a digit"));
        return false;
    }
    while (isDigit(peek())) ++position_;
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
    while (!text.empty())
    {
        const auto plain = plainLength(text);
        appendUtf8Run(out, text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        switch (const char character = text.front())
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
        text.remove_prefix(1);
    }
    out += '"';
}

}  // namespace strandcast
