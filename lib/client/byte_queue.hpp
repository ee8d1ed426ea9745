#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace strandcast
{

/// Pieces of bytes, first in, first out, each in one place in memory. What fits the room that older ones left
/// takes no allocation; an empty queue keeps little.
class ByteQueue
{
public:
    /// Room for a piece behind all others, to be filled now. Where all sizes are multiples of a power of two,
    /// up to what operator new aligns to, all pieces are aligned to that.
    [[nodiscard]] char* add(std::size_t size);

    /// The first piece, of which there is one.
    [[nodiscard]] const char* front() const noexcept
    {
        return blocks_.front().bytes.get() + blocks_.front().begin;
    }
    /// Lets go of the first piece, of this size.
    void remove(std::size_t size) noexcept;

    void clear() noexcept { blocks_.clear(); }

private:
    /// A piece begins and ends in one.
    struct Block
    {
        std::unique_ptr<char[]> bytes;
        std::size_t capacity = 0;
        std::size_t begin = 0;
        std::size_t end = 0;
    };

    std::vector<Block> blocks_;  // all but one of them with a piece
};

}  // namespace strandcast
