#pragma once

#include <asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>

struct evp_md_ctx_st;

namespace swarm
{

/// A SHA-256 in the making.
class Sha256
{
public:
    Sha256();

    void update(std::span<const char> bytes);

    /// In hexadecimal digits. Nothing can be added afterwards.
    [[nodiscard]] std::string finish();

private:
    struct Free
    {
        void operator()(evp_md_ctx_st* context) const noexcept;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// A file that cannot be read.
class ReadError : public std::runtime_error
{
public:
    using std::runtime_error::runtime_error;
};

/// How much of a file of this size is read at a time: it has about twenty parts, but for small and huge ones.
[[nodiscard]] std::size_t partSizeOf(std::uintmax_t fileSize);

/// Is told after each part of a file how many bytes of it were read so far; what it awaits is waited for.
using Progress = std::function<asio::awaitable<void>(std::uint64_t bytes)>;

/// Digests a file part by part; others run between the parts. Cancellable there.
/// @throws ReadError, and what `progress` throws.
[[nodiscard]] asio::awaitable<std::string> digestFile(std::filesystem::path path, Progress progress = {});

}  // namespace swarm
