#pragma once

#include <cstring>

namespace strandcast
{

/// The characters at `at`, as many as a word has bytes, as it lies in memory.
template <typename Word>
[[nodiscard]] inline Word wordAt(const char* at) noexcept
{
    Word word = 0;
    std::memcpy(&word, at, sizeof word);
    return word;
}

}  // namespace strandcast
