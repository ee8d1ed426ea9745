#pragma once

#include <strandcast/topics.hpp>

#include <string>
#include <vector>

namespace strandcast
{

/// What an application's topics match. What topics may be is the server's to say: only nonsense is kept off
/// the wire.
/// @throws Error with Errc::invalidArgument for one that is none.
[[nodiscard]] std::vector<TopicPattern> patternsOf(const std::vector<std::string>& topics);

}  // namespace strandcast
