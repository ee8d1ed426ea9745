#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace swarm
{

/// A file to digest.
struct File
{
    std::filesystem::path path;  ///< relative to the root
    std::uintmax_t size = 0;
};

/// The regular files below `root`, in the order of their paths; no link is followed. Folders that hold a
/// version control's or a build's own files are left out, and what packages of others are installed in, and
/// those that may not be read.
/// @throws std::filesystem::filesystem_error where `root` is no directory that can be read.
[[nodiscard]] std::vector<File> filesBelow(const std::filesystem::path& root);

/// A file's name as one word of ASCII, which a message and a terminal take: other bytes are written as %XX.
[[nodiscard]] std::string encodePath(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path decodePath(const std::string& encoded);

}  // namespace swarm
