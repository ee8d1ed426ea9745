#pragma once

#include <asio/ip/address.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace strandcast
{

/// A bound on the connections of each address, whatever they are up to. An IPv6 address counts with all of
/// its /64, of which a single machine has every address. Only who has a connection takes memory. On any
/// thread.
class AddressPlaces
{
    using Key = std::array<unsigned char, 16>;

public:
    /// One connection's place.
    class Place
    {
    public:
        Place(std::shared_ptr<AddressPlaces> places, Key key) : places_(std::move(places)), key_(key) {}
        Place(Place&&) noexcept = default;
        Place& operator=(Place&&) = delete;
        ~Place()
        {
            if (places_) places_->giveBack(key_);
        }

    private:
        std::shared_ptr<AddressPlaces> places_;
        Key key_;
    };

    explicit AddressPlaces(std::size_t most) : most_(most) {}

    /// Nothing where the address has as many as it may.
    [[nodiscard]] static std::optional<Place> take(const std::shared_ptr<AddressPlaces>& places,
                                                   const asio::ip::address& address);

    /// Of how many addresses.
    [[nodiscard]] std::size_t size();

private:
    void giveBack(const Key& key) noexcept;
    [[nodiscard]] static Key keyOf(const asio::ip::address& address);

    const std::size_t most_;
    std::mutex mutex_;
    std::map<Key, std::size_t> taken_;
};

}  // namespace strandcast
