#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

namespace strandcast
{

/// The text of a segment in twelve bytes, as long as it is short; a long one is elsewhere.
class SegmentText
{
public:
    SegmentText() = default;
    SegmentText(const SegmentText&) = delete;
    SegmentText& operator=(const SegmentText&) = delete;
    ~SegmentText() { clear(); }

    [[nodiscard]] std::string_view view() const noexcept
    {
        if (size_ != isElsewhere) return {bytes_.data(), size_};
        const char* const block = elsewhere();
        std::size_t length = 0;
        std::memcpy(&length, block, sizeof(length));
        return {block + sizeof(length), length};
    }

    void assign(std::string_view text)
    {
        clear();
        if (text.size() <= bytes_.size())
        {
            std::memcpy(bytes_.data(), text.data(), text.size());
            size_ = static_cast<std::uint8_t>(text.size());
            return;
        }
        const auto length = text.size();
        const char* const block = withLength(text, length);
        std::memcpy(bytes_.data(), static_cast<const void*>(&block), sizeof(block));
        size_ = isElsewhere;
    }

    void clear() noexcept
    {
        if (size_ == isElsewhere) delete[] elsewhere();
        size_ = 0;
    }

private:
    static constexpr std::uint8_t isElsewhere = 255;

    static const char* withLength(std::string_view text, std::size_t length)
    {
        auto block = std::make_unique<char[]>(sizeof(length) + length);
        std::memcpy(block.get(), &length, sizeof(length));
        std::memcpy(block.get() + sizeof(length), text.data(), length);
        return block.release();
    }

    [[nodiscard]] const char* elsewhere() const noexcept
    {
        const char* block = nullptr;
        std::memcpy(static_cast<void*>(&block), bytes_.data(), sizeof(block));
        return block;
    }

    std::array<char, 11> bytes_;
    std::uint8_t size_ = 0;
};

}  // namespace strandcast
