#include "server/address_places.hpp"

#include "server/address_range.hpp"

#include <algorithm>

namespace strandcast
{

namespace
{

constexpr std::size_t prefixSize = 8;  // a /64 in bytes

}  // namespace

std::optional<AddressPlaces::Place> AddressPlaces::take(const std::shared_ptr<AddressPlaces>& places,
                                                        const asio::ip::address& address)
{
    const auto key = keyOf(address);
    const std::lock_guard lock(places->mutex_);
    const auto found = places->taken_.find(key);
    if ((found == places->taken_.end() ? 0 : found->second) >= places->most_) return std::nullopt;
    ++places->taken_[key];
    return std::optional<Place>(std::in_place, places, key);
}

std::size_t AddressPlaces::size()
{
    const std::lock_guard lock(mutex_);
    return taken_.size();
}

void AddressPlaces::giveBack(const Key& key) noexcept
{
    const std::lock_guard lock(mutex_);
    const auto found = taken_.find(key);
    if (--found->second == 0) taken_.erase(found);
}

AddressPlaces::Key AddressPlaces::keyOf(const asio::ip::address& address)
{
    auto bytes = mappedBytesOf(address);
    const bool isV4 = address.is_v4() || address.to_v6().is_v4_mapped();
    if (!isV4) std::fill(bytes.begin() + prefixSize, bytes.end(), 0);
    return bytes;
}

}  // namespace strandcast
