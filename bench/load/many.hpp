#pragma once

#include "crowd.hpp"

#include <cstddef>

namespace load
{

/// Connects and leaves `count` times: what a connection costs the server's CPU, its upgrade, login, first
/// subscription and end.
void runConnects(const Target& target, ::pid_t server, std::size_t count);

/// The same with nothing but the upgrade and the end.
void runUpgrades(const Target& target, ::pid_t server, std::size_t count);

/// Connects `count` clients that do nothing, and holds them for `seconds`: what each adds to the server's
/// resident memory.
void runIdle(const Target& target, ::pid_t server, std::size_t count, std::size_t seconds);

/// Holds `count` clients, of which 1% publish once per second, for `seconds`: the server's share of a core.
void runHold(const Target& target, ::pid_t server, std::size_t count, std::size_t seconds);

}  // namespace load
