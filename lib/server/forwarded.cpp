#include "server/forwarded.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace strandcast
{

namespace
{

bool isSpace(char character) noexcept
{
    return character == ' ' || character == '\t';
}

std::string_view trimmed(std::string_view text) noexcept
{
    while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
    return text;
}

/// Of digits, or a name that stands for a port (RFC 7239, section 6): the address is what matters.
bool isPort(std::string_view text) noexcept
{
    return !text.empty() && std::ranges::all_of(text, [](char character)
                                                { return isTokenCharacter(character) || character == '.'; });
}

std::optional<asio::ip::address> addressOf(std::string_view text)
{
    if (text.find('%') != std::string_view::npos) return std::nullopt;  // of one machine alone
    asio::error_code error;
    const auto address = asio::ip::make_address(std::string(text), error);
    if (error) return std::nullopt;
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address;
}

/// Reads one Forwarded header's value, from its front to its back.
class ForwardedReader
{
public:
    explicit ForwardedReader(std::string_view value) : left_(value) {}

    /// Adds a hop for each element; false where it is malformed.
    [[nodiscard]] bool readInto(ForwardedHops& hops)
    {
        do {
            if (!readElement(hops)) return false;
        } while (take(','));
        skipSpace();
        return left_.empty();
    }

private:
    void skipSpace() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t"), left_.size())); }

    [[nodiscard]] bool take(char expected)
    {
        skipSpace();
        if (!left_.starts_with(expected)) return false;
        left_.remove_prefix(1);
        return true;
    }

    [[nodiscard]] bool atEndOfPair()
    {
        skipSpace();
        return left_.empty() || left_.front() == ',' || left_.front() == ';';
    }

    // An empty element is none, as in every list of HTTP.
    [[nodiscard]] bool readElement(ForwardedHops& hops)
    {
        std::optional<std::string> from;
        bool isEmpty = true;
        do {
            if (atEndOfPair()) continue;
            isEmpty = false;
            if (!readPair(from)) return false;
        } while (take(';'));
        if (!isEmpty) hops.push_back(from ? forwardedAddressOf(*from) : std::nullopt);
        return true;
    }

    [[nodiscard]] bool readPair(std::optional<std::string>& from)
    {
        const auto equals = left_.find('=');
        if (equals == std::string_view::npos) return false;
        const auto name = left_.substr(0, equals);
        if (!isToken(name)) return false;
        left_.remove_prefix(equals + 1);
        auto value = left_.starts_with('"') ? readQuoted() : readPlain();
        if (!value || !atEndOfPair()) return false;
        if (!equalIgnoringCase(name, "for")) return true;
        if (from) return false;
        from = std::move(value);
        return true;
    }

    [[nodiscard]] std::optional<std::string> readQuoted()
    {
        std::string value;
        for (std::size_t index = 1; index < left_.size(); ++index)
        {
            if (left_[index] == '"')
            {
                left_.remove_prefix(index + 1);
                return value;
            }
            if (left_[index] == '\\' && ++index == left_.size()) break;
            value += left_[index];
        }
        return std::nullopt;
    }

    // More than a token, such as an address with a port, which many send without quotes.
    [[nodiscard]] std::optional<std::string> readPlain()
    {
        const auto end = std::min(left_.find_first_of(" \t,;"), left_.size());
        std::string value(left_.substr(0, end));
        if (value.empty() || value.find('"') != std::string::npos) return std::nullopt;
        left_.remove_prefix(end);
        return value;
    }

    std::string_view left_;
};

}  // namespace

std::optional<asio::ip::address> forwardedAddressOf(std::string_view node)
{
    if (node.starts_with('['))
    {
        const auto end = node.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        const auto behind = node.substr(end + 1);
        if (!behind.empty() && !(behind.front() == ':' && isPort(behind.substr(1)))) return std::nullopt;
        const auto inside = node.substr(1, end - 1);
        return inside.find(':') == std::string_view::npos ? std::nullopt : addressOf(inside);
    }
    const auto colon = node.find(':');
    if (colon == std::string_view::npos || node.find(':', colon + 1) != std::string_view::npos)
        return addressOf(node);
    return isPort(node.substr(colon + 1)) ? addressOf(node.substr(0, colon)) : std::nullopt;
}

std::optional<ForwardedHops> readForwarded(const HttpHead& head)
{
    ForwardedHops hops;
    for (const auto& header : head.headers)
        if (equalIgnoringCase(header.name, "Forwarded") && !ForwardedReader(header.value).readInto(hops))
            return std::nullopt;
    return hops;
}

ForwardedHops readXForwardedFor(const HttpHead& head)
{
    ForwardedHops hops;
    for (const auto& header : head.headers)
    {
        if (!equalIgnoringCase(header.name, "X-Forwarded-For")) continue;
        for (std::string_view left = header.value; !left.empty();)
        {
            const auto comma = std::min(left.find(','), left.size());
            const auto node = trimmed(left.substr(0, comma));
            if (!node.empty()) hops.push_back(forwardedAddressOf(node));
            left.remove_prefix(std::min(comma + 1, left.size()));
        }
    }
    return hops;
}

}  // namespace strandcast
