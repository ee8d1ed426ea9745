#include "files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace swarm
{

namespace fs = std::filesystem;

namespace
{

bool isLeftOut(const fs::path& folder)
{
    const auto name = folder.filename();
    return name == ".git" || name == "node_modules" || name == "__pycache__" ||
           fs::exists(folder / "build.ninja") || fs::exists(folder / "meson-private");
}

}  // namespace

std::vector<File> filesBelow(const fs::path& root)
{
    std::vector<File> files;
    fs::recursive_directory_iterator entry(root, fs::directory_options::skip_permission_denied);
    for (const fs::recursive_directory_iterator end; entry != end; ++entry)
    {
        if (entry->is_symlink()) continue;
        if (entry->is_directory() && isLeftOut(entry->path())) entry.disable_recursion_pending();
        if (entry->is_regular_file())
            files.push_back({entry->path().lexically_relative(root), entry->file_size()});
    }
    std::sort(files.begin(), files.end(),
              [](const File& one, const File& other) { return one.path < other.path; });
    return files;
}

std::string encodePath(const fs::path& path)
{
    std::string encoded;
    for (const char character : path.native())
    {
        const auto byte = static_cast<unsigned char>(character);
        if (byte > 0x20 && byte < 0x7f && byte != '%')
            encoded += character;
        else
            encoded += fmt::format("%{:02X}", byte);
    }
    return encoded;
}

fs::path decodePath(const std::string& encoded)
{
    std::string path;
    for (std::size_t at = 0; at < encoded.size(); ++at)
    {
        unsigned int byte = 0;
        const auto* const digits = encoded.data() + at + 1;
        const bool isEscape = encoded[at] == '%' && at + 2 < encoded.size() &&
                              std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2;
        path += isEscape ? static_cast<char>(byte) : encoded[at];
        if (isEscape) at += 2;
    }
    return path;
}

}  // namespace swarm
