#include "server/address_range.hpp"

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

namespace strandcast
{

namespace
{

constexpr std::size_t bitsOfV6 = 128;
constexpr std::size_t bitsBeforeV4 = 96;

std::optional<std::size_t> bitsOf(std::string_view text)
{
    std::uint8_t bits = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bits);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return bits;
}

}  // namespace

std::array<unsigned char, 16> mappedBytesOf(const asio::ip::address& address)
{
    if (address.is_v4()) return asio::ip::make_address_v6(asio::ip::v4_mapped, address.to_v4()).to_bytes();
    return address.to_v6().to_bytes();
}

std::optional<AddressRange> AddressRange::read(std::string_view text)
{
    const auto slash = text.find('/');
    asio::error_code error;
    const auto address = asio::ip::make_address(std::string(text.substr(0, slash)), error);
    if (error || text.find('%') != std::string_view::npos) return std::nullopt;
    auto bits = address.is_v4() ? bitsOfV6 - bitsBeforeV4 : bitsOfV6;
    if (slash != std::string_view::npos)
    {
        const auto given = bitsOf(text.substr(slash + 1));
        if (!given || *given > bits) return std::nullopt;
        bits = *given;
    }
    return AddressRange(address, address.is_v4() ? bits + bitsBeforeV4 : bits);
}

bool AddressRange::contains(const asio::ip::address& address) const
{
    const auto bytes = mappedBytesOf(address);
    for (std::size_t bit = 0; bit < prefixBits_; bit += 8)
    {
        const auto left = prefixBits_ - bit;
        const unsigned mask = left >= 8 ? 0xFFU : 0xFFU << (8 - left);
        if (((bytes[bit / 8] ^ bytes_[bit / 8]) & mask & 0xFFU) != 0) return false;
    }
    return true;
}

}  // namespace strandcast
