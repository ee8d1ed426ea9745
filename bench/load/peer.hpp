#pragma once

#include "target.hpp"
#include "wire.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace load
{

/// One raw client: a wire, the upgrade, masked frames out and a splitter of frames in. It blocks while it
/// connects and never afterwards, and gives up with a message on whatever the server should not do.
class Peer
{
public:
    Peer(const Target& target, unsigned from);

    [[nodiscard]] int socket() const noexcept { return wire_.socket(); }

    /// Masks `text` and puts its frame behind what waits to be sent.
    void queue(std::string_view text);
    /// Sends what waits, as much as the socket takes.
    void flush();

    /// Blocks until the server has answered the request for the upgrade, which the constructor sends.
    void finishUpgrade();

    /// Reads once, and hands each whole frame's payload to `take(text)`. False where nothing was there.
    template <typename Take>
    bool read(std::span<char> buffer, Take take)
    {
        const auto bytes = receive(buffer);
        if (bytes.empty()) return false;
        std::size_t used = 0;
        for (;;)
        {
            const auto frame = nextFrame(bytes.substr(used));
            if (frame.size == 0) break;
            used += frame.size;
            if (frame.isText) take(frame.isCompressed ? inflate(frame.payload) : frame.payload);
        }
        keep(bytes.substr(used));
        return true;
    }

    /// Blocks until a message holds `part`.
    void waitFor(std::string_view part);

    /// When the kernel received what was read last: see Wire::stamp().
    [[nodiscard]] std::int64_t stamp() const noexcept { return wire_.stamp(); }

private:
    struct Frame
    {
        std::size_t size = 0;  // 0 where it is not whole
        bool isText = false;
        bool isCompressed = false;
        std::string_view payload;
    };

    void requestUpgrade(std::uint16_t port);
    [[nodiscard]] std::string_view receive(std::span<char> buffer);
    [[nodiscard]] Frame nextFrame(std::string_view bytes);
    void keep(std::string_view rest);
    /// A message that refers to none before, as a server of ours sends them.
    [[nodiscard]] static std::string_view inflate(std::string_view payload);

    Wire wire_;
    bool isCompressed_;
    std::string received_;  // what is incomplete
    std::string joined_;    // it, with what came behind
    std::string waiting_;   // to be sent
    std::uint32_t mask_ = 0x9E3779B9;
};

}  // namespace load
