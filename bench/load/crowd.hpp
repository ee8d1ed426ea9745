#pragma once

#include "peer.hpp"
#include "target.hpp"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace load
{

/// Many peers of one server, polled without ever sleeping, so that no wake-up is charged to the server.
class Crowd
{
public:
    explicit Crowd(Target target);
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd();

    /// Adds a peer, authenticated where there is a token and subscribed to `topics`, and gives its place.
    std::size_t add(const std::vector<std::string>& topics);

    [[nodiscard]] std::size_t size() const noexcept { return peers_.size(); }
    [[nodiscard]] Peer& operator[](std::size_t place) noexcept { return peers_[place]; }

    /// Reads once from each peer that has something: `take(place, text)`.
    template <typename Take>
    void poll(Take take)
    {
        const auto count = ready();
        for (std::size_t index = 0; index < count; ++index)
        {
            const auto place = readyPlaces_[index];
            peers_[place].read(buffer_, [&](std::string_view text) { take(place, text); });
            peers_[place].flush();
        }
    }

private:
    [[nodiscard]] std::size_t ready();

    Target target_;
    int poll_;
    std::vector<Peer> peers_;
    std::array<std::size_t, 1024> readyPlaces_{};
    std::array<char, 64 * 1024> buffer_{};
};

}  // namespace load
