#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <string_view>

inline strandcast::Transfer write(strandcast::Transport& transport, std::string_view bytes)
{
    const std::array pieces{std::as_bytes(std::span(bytes))};
    return transport.tryWrite(pieces);
}

inline strandcast::Strand<> writeAll(strandcast::Transport& transport, std::string bytes)
{
    std::string_view left = bytes;
    while (!left.empty())
    {
        const auto moved = write(transport, left);
        REQUIRE(moved.outcome != strandcast::Transfer::Outcome::failed);
        if (moved.outcome == strandcast::Transfer::Outcome::wouldBlock)
            co_await transport.waitWritable();
        else
            left.remove_prefix(moved.size);
    }
}

struct ReadResult
{
    std::string bytes;
    strandcast::Transfer last;  // what was not bytes
};

// Reads until there is no more to come, or `enough` is there.
inline strandcast::Strand<ReadResult> readUntil(strandcast::Transport& transport, std::size_t enough)
{
    ReadResult result;
    std::array<std::byte, 4096> buffer;
    while (result.bytes.size() < enough)
    {
        result.last = transport.tryRead(buffer);
        if (result.last.outcome == strandcast::Transfer::Outcome::moved)
        {
            REQUIRE(result.last.size > 0);
            result.bytes.append(reinterpret_cast<const char*>(buffer.data()), result.last.size);
        }
        else if (result.last.outcome == strandcast::Transfer::Outcome::wouldBlock)
            co_await transport.waitReadable();
        else
            break;
    }
    co_return result;
}

inline std::string noise(std::size_t size)
{
    std::minstd_rand random(7);
    std::string bytes(size, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}
