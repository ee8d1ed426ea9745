#pragma once

#include <cstdint>
#include <string>

namespace load
{

/// Where to, and how, and as whom.
struct Target
{
    std::uint16_t port = 0;
    std::string token = {};  ///< none: no auth
    bool isCompressed = false;
    bool isSecure = false;   ///< through TLS; whose the certificate is does not matter
    bool isStamped = false;  ///< the kernel notes when it received what is read
};

}  // namespace load
