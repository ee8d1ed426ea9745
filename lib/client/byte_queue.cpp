#include "client/byte_queue.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

namespace
{

constexpr std::size_t firstBlock = 1024;
constexpr std::size_t keptBlock = 8 * 1024;      // by a queue that is empty
constexpr std::size_t largestBlock = 64 * 1024;  // but for a piece that is larger

}  // namespace

char* ByteQueue::add(std::size_t size)
{
    if (blocks_.empty() || blocks_.back().capacity - blocks_.back().end < size)
    {
        const auto next = blocks_.empty() ? firstBlock : std::min(2 * blocks_.back().capacity, largestBlock);
        const auto capacity = std::max(next, size);
        Block block{std::make_unique_for_overwrite<char[]>(capacity), capacity};
        if (!blocks_.empty() && blocks_.back().begin == blocks_.back().end)
            blocks_.back() = std::move(block);
        else
            blocks_.push_back(std::move(block));
    }
    auto& last = blocks_.back();
    return last.bytes.get() + std::exchange(last.end, last.end + size);
}

void ByteQueue::remove(std::size_t size) noexcept
{
    auto& first = blocks_.front();
    first.begin += size;
    if (first.begin != first.end) return;
    if (blocks_.size() > 1 || first.capacity > keptBlock)
        blocks_.erase(blocks_.begin());
    else
        first.begin = first.end = 0;
}

}  // namespace strandcast
