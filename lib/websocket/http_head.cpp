#include "websocket/http_head.hpp"

#include <algorithm>

namespace strandcast
{

namespace
{

char lower(char character)
{
    return character >= 'A' && character <= 'Z' ? static_cast<char>(character + 32) : character;
}

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

bool isControlCharacter(char character)
{
    const auto byte = static_cast<unsigned char>(character);
    return byte < 0x20 || byte == 0x7F;
}

}  // namespace

bool isTokenCharacter(char character) noexcept
{
    if ((character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z')) return true;
    if (character >= '0' && character <= '9') return true;
    return character != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(character) != std::string_view::npos;
}

bool isToken(std::string_view text) noexcept
{
    return !text.empty() && std::all_of(text.begin(), text.end(), isTokenCharacter);
}

bool equalIgnoringCase(std::string_view left, std::string_view right) noexcept
{
    return std::equal(left.begin(), left.end(), right.begin(), right.end(),
                      [](char one, char other) { return lower(one) == lower(other); });
}

std::string_view reasonPhrase(int status) noexcept
{
    switch (status)
    {
    case 101: return "Switching Protocols";
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 414: return "URI Too Long";
    case 426: return "Upgrade Required";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    case 505: return "HTTP Version Not Supported";
    default: return "Error";
    }
}

std::optional<std::string_view> HttpHead::first(std::string_view name) const noexcept
{
    for (const auto& header : headers)
        if (equalIgnoringCase(header.name, name)) return header.value;
    return std::nullopt;
}

std::size_t HttpHead::count(std::string_view name) const noexcept
{
    return static_cast<std::size_t>(std::count_if(headers.begin(), headers.end(), [&](const Header& header)
                                                  { return equalIgnoringCase(header.name, name); }));
}

std::vector<std::string_view> HttpHead::tokens(std::string_view name) const
{
    std::vector<std::string_view> found;
    for (const auto& header : headers)
    {
        if (!equalIgnoringCase(header.name, name)) continue;
        std::string_view rest = header.value;
        while (!rest.empty())
        {
            const auto comma = std::min(rest.find(','), rest.size());
            const auto token = trimmed(rest.substr(0, comma));
            if (!token.empty()) found.push_back(token);
            rest.remove_prefix(std::min(comma + 1, rest.size()));
        }
    }
    return found;
}

bool HttpHead::hasToken(std::string_view name, std::string_view token) const
{
    const auto all = tokens(name);
    return std::any_of(all.begin(), all.end(),
                       [&](std::string_view one) { return equalIgnoringCase(one, token); });
}

std::size_t HttpHeadParser::feed(std::string_view bytes)
{
    std::size_t taken = 0;
    while (taken < bytes.size() && (state_ == State::startLine || state_ == State::headers))
        take(bytes[taken++]);
    return taken;
}

void HttpHeadParser::take(char byte)
{
    ++size_;
    // Its line end is no part of it; and the largest limit is one, to which nothing can be added.
    if (state_ == State::startLine && size_ > 2 && size_ - 2 > limits_.maxStartLineSize)
        return refuse(414, "The request line is too long");
    if (size_ > limits_.maxSize) return refuse(431, "The header is too large");
    if (carriageReturn_)
    {
        carriageReturn_ = false;
        if (byte != '\n') return refuse(400, "A carriage return without a line feed");
        return endLine();
    }
    if (byte == '\r')
    {
        carriageReturn_ = true;
        return;
    }
    if (!mayStandHere(byte)) return refuse(400, "A character that cannot be here");
    if (kind_ == Kind::request && byte == ' ') methodRead_ = true;
    line_ += byte;
}

// A line feed alone is among what may not stand here: who takes it for the end of a line reads another head
// than who does not (RFC 9112, section 11.2).
bool HttpHeadParser::mayStandHere(char byte) const noexcept
{
    if (state_ == State::headers)
    {
        if (byte == '\t') return !line_.empty();
        if (byte == ' ')
            return !line_.empty();  // a line that begins with a space continues another (obs-fold)
        return !isControlCharacter(byte);
    }
    if (isControlCharacter(byte)) return false;
    if (kind_ == Kind::response) return true;
    if (!methodRead_) return byte == ' ' ? !line_.empty() : isTokenCharacter(byte);
    return static_cast<unsigned char>(byte) < 0x80;  // RFC 3986: a target is ASCII
}

void HttpHeadParser::endLine()
{
    if (state_ == State::headers)
    {
        if (line_.empty())
            state_ = State::complete;
        else
            endHeader();
        return;
    }
    head_.startLine = std::move(line_);
    line_.clear();
    if (head_.startLine.empty()) return refuse(400, "An empty line in place of a request");
    state_ = State::headers;
}

void HttpHeadParser::endHeader()
{
    const std::string_view line = line_;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !isToken(line.substr(0, colon)))
        return refuse(400, "A header that is not 'name: value'");
    if (head_.headers.size() >= limits_.maxHeaderCount) return refuse(431, "Too many headers");
    head_.headers.push_back(
        {std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1)))});
    line_.clear();
}

void HttpHeadParser::refuse(int status, std::string reason)
{
    state_ = State::refused;
    refusal_ = HttpRefusal{status, std::move(reason)};
}

}  // namespace strandcast
