#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace strandcast
{

/// Grows without moving what it has, and without ever having room for twice as much.
template <typename Element>
class Chunks
{
public:
    [[nodiscard]] Element& operator[](std::uint32_t index) noexcept
    {
        return chunks_[index / perChunk][index % perChunk];
    }
    [[nodiscard]] const Element& operator[](std::uint32_t index) const noexcept
    {
        return chunks_[index / perChunk][index % perChunk];
    }

    [[nodiscard]] std::size_t room() const noexcept { return chunks_.size() * perChunk; }

    /// Where it throws, nothing has changed.
    void makeRoom(std::size_t count)
    {
        while (room() < count) chunks_.push_back(std::make_unique<Element[]>(perChunk));
    }

private:
    static constexpr std::size_t perChunk = 128;

    std::vector<std::unique_ptr<Element[]>> chunks_;
};

}  // namespace strandcast
