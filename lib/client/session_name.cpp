#include "client/session_name.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace strandcast
{

std::string newSessionName(Random& random)
{
    constexpr int bytes = 16;
    constexpr std::size_t characters = 22;  // without the padding, which base64url leaves out
    const std::array<std::uint64_t, 2> bits{random.next(), random.next()};
    std::array<unsigned char, 4 * ((bytes + 2) / 3) + 1> encoded{};
    EVP_EncodeBlock(encoded.data(), reinterpret_cast<const unsigned char*>(bits.data()), bytes);
    std::string name(encoded.begin(), encoded.begin() + characters);
    std::replace(name.begin(), name.end(), '+', '-');
    std::replace(name.begin(), name.end(), '/', '_');
    return name;
}

}  // namespace strandcast
