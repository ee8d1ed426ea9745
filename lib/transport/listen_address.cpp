#include <strandcast/listen_address.hpp>

#include <asio/ip/address.hpp>
#include <fmt/format.h>

#include <charconv>
#include <system_error>

namespace strandcast
{

namespace
{

constexpr std::string_view unixPrefix = "unix:";
constexpr std::string_view descriptorPrefix = "fd:";

template <typename Number>
std::optional<Number> numberOf(std::string_view text)
{
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

/// The host before the last ':'; an IPv6 address is in brackets, and nothing else is.
std::optional<std::string> hostOf(std::string_view text)
{
    const bool isBracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
    const std::string host(isBracketed ? text.substr(1, text.size() - 2) : text);
    if (host == "localhost") return isBracketed ? std::nullopt : std::optional(host);
    asio::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (error || address.is_v6() != isBracketed) return std::nullopt;
    return host;
}

std::optional<ListenAddress> tcpAddressOf(std::string_view text)
{
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = hostOf(text.substr(0, colon));
    const auto port = numberOf<std::uint16_t>(text.substr(colon + 1));
    if (!host || !port) return std::nullopt;
    return TcpAddress{std::move(*host), *port};
}

struct Printed
{
    std::string operator()(const TcpAddress& address) const
    {
        const bool isV6 = address.host.find(':') != std::string::npos;
        return isV6 ? fmt::format("[{}]:{}", address.host, address.port)
                    : fmt::format("{}:{}", address.host, address.port);
    }
    std::string operator()(const UnixAddress& address) const
    {
        return fmt::format("{}{}", unixPrefix, address.path);
    }
    std::string operator()(const OpenSocket& socket) const
    {
        return fmt::format("{}{}", descriptorPrefix, socket.descriptor);
    }
};

}  // namespace

std::string formatListenAddress(const ListenAddress& address)
{
    return std::visit(Printed(), address);
}

std::optional<ListenAddress> parseListenAddress(std::string_view text)
{
    if (text.starts_with(unixPrefix))
    {
        const auto path = text.substr(unixPrefix.size());
        if (path.empty()) return std::nullopt;
        return UnixAddress{std::string(path)};
    }
    if (text.starts_with(descriptorPrefix))
    {
        const auto descriptor = numberOf<int>(text.substr(descriptorPrefix.size()));
        if (!descriptor || *descriptor < 0) return std::nullopt;
        return OpenSocket{*descriptor};
    }
    return tcpAddressOf(text);
}

}  // namespace strandcast
