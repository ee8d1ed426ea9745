#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

namespace swarm
{

/// What all of the swarm is told when it begins.
struct Job
{
    std::filesystem::path root;
    std::string url;
    std::chrono::microseconds pause{};     ///< of a worker after each part of a file
    std::uintmax_t largeSize = 16 * 1024;  ///< the digest of a file of so many bytes is voted on
};

inline constexpr const char* swarmId = "digests";
inline constexpr std::chrono::milliseconds healthInterval{250};

}  // namespace swarm
