#pragma once

#include <strandcast/random.hpp>

#include <string>

namespace strandcast
{

/// A client's session as it stands on the wire: 128 random bits in base64url (protocol.md, "Version 1.1.0").
[[nodiscard]] std::string newSessionName(Random& random);

}  // namespace strandcast
