#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace strandcast
{

/// A sorted set of which most have one element, which then lies in it. There is room for as many as the next
/// power of two, so that the room need not be kept as well.
template <typename Element, typename Less>
class SortedFew
{
public:
    SortedFew() noexcept {}
    SortedFew(const SortedFew&) = delete;
    SortedFew& operator=(const SortedFew&) = delete;
    ~SortedFew()
    {
        std::destroy_n(data(), size_);
        if (size_ > 1) Free()(place_.many);
    }

    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] std::span<const Element> all() const noexcept { return {data(), size_}; }

    /// Fetches what all() will be read for.
    void prefetch() const noexcept
    {
#ifdef __GNUC__
        if (size_ < 2) return;
        __builtin_prefetch(static_cast<const void*>(place_.many));
        __builtin_prefetch(static_cast<const void*>(place_.many + size_ - 1));  // of few, the other line
#endif
    }

    /// False where it is there already. Where it throws, nothing has changed.
    bool insert(Element element)
    {
        const auto place = std::lower_bound(data(), data() + size_, element, Less());
        if (place != data() + size_ && *place == element) return false;
        const auto index = place - data();
        if (size_ > 0 && std::has_single_bit(size_))
            growWith(std::move(element));
        else
            std::construct_at(data() + size_, std::move(element));
        ++size_;
        std::rotate(data() + index, data() + size_ - 1, data() + size_);
        return true;
    }

    /// False where it is not there. It needs no memory.
    bool erase(const Element& element) noexcept
    {
        const auto place = std::lower_bound(data(), data() + size_, element, Less());
        if (place == data() + size_ || !(*place == element)) return false;
        std::move(place + 1, data() + size_, place);
        std::destroy_at(data() + size_ - 1);
        if (size_ == 2) comeBack();
        --size_;
        return true;
    }

private:
    /// Gives memory back, in which nothing lives any more.
    struct Free
    {
        void operator()(Element* memory) const noexcept { ::operator delete(static_cast<void*>(memory)); }
    };

    [[nodiscard]] static Element* memoryFor(std::size_t count)
    {
        // Elements may be pointers.  NOLINTNEXTLINE(bugprone-sizeof-expression)
        return static_cast<Element*>(::operator new(sizeof(Element) * count));
    }

    [[nodiscard]] Element* data() noexcept { return size_ > 1 ? place_.many : &place_.one; }
    [[nodiscard]] const Element* data() const noexcept { return size_ > 1 ? place_.many : &place_.one; }

    // With the new one behind the others.
    void growWith(Element element)
    {
        std::unique_ptr<Element, Free> grown(memoryFor(2 * size_));
        std::construct_at(grown.get() + size_, std::move(element));
        try
        {
            std::uninitialized_copy_n(data(), size_, grown.get());
        }
        catch (...)
        {
            std::destroy_at(grown.get() + size_);
            throw;
        }
        std::destroy_n(data(), size_);
        if (size_ > 1) Free()(place_.many);
        place_.many = grown.release();
    }

    // Of two, the first is left.
    void comeBack() noexcept
    {
        Element* const memory = place_.many;
        std::construct_at(&place_.one, std::move(*memory));
        std::destroy_at(memory);
        Free()(memory);
    }

    union Place
    {
        Place() noexcept {}
        ~Place() {}
        Element one;    // where there is one at most
        Element* many;  // else
    };

    Place place_;
    std::uint32_t size_ = 0;
};

}  // namespace strandcast
