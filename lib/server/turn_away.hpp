#pragma once

#include <strandcast/transport.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace strandcast
{

/// Says `response` to who has just connected, without waiting for anything, neither its request nor that it
/// reads: who is turned away like this takes neither memory nor time. What has come of its request is read,
/// so that the end does not overtake the answer. `buffer` is the shard's.
void turnAway(Transport& transport, std::string_view response, std::span<std::byte> buffer);

}  // namespace strandcast
