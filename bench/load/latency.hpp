#pragma once

#include "fan_out.hpp"

#include <cstdint>

namespace load
{

/// The same work for two servers in turn, some publishes for each at a time, so that what else the machine
/// does meets both alike. Prints for each how long it took from a publish to the last of its deliveries.
void runLatency(Target target, std::uint16_t besidePort, const FanOut& work);

}  // namespace load
