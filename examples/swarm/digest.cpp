#include "digest.hpp"

#include "files.hpp"

#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

namespace swarm
{

namespace
{

struct Close
{
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};
using OpenFile = std::unique_ptr<std::FILE, Close>;

[[noreturn]] void fail(const std::filesystem::path& path)
{
    throw ReadError(fmt::format("cannot read {}: {}", encodePath(path), std::strerror(errno)));
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept
{
    EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new())
{
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
}

void Sha256::update(std::span<const char> bytes)
{
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) throw std::bad_alloc();
}

std::string Sha256::finish()
{
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) throw std::bad_alloc();
    std::string digits;
    for (unsigned int at = 0; at < size; ++at) digits += fmt::format("{:02x}", digest[at]);
    return digits;
}

std::size_t partSizeOf(std::uintmax_t fileSize)
{
    return static_cast<std::size_t>(std::clamp<std::uintmax_t>(fileSize / 20, 1024, 256 * 1024));
}

asio::awaitable<std::string> digestFile(std::filesystem::path path, Progress progress)
{
    const OpenFile file(std::fopen(path.c_str(), "rbe"));
    if (!file) fail(path);
    Sha256 digest;
    std::error_code unknown;
    const auto fileSize = std::filesystem::file_size(path, unknown);
    std::vector<char> part(partSizeOf(unknown ? 0 : fileSize));
    std::uint64_t total = 0;
    for (;;)
    {
        const auto size = std::fread(part.data(), 1, part.size(), file.get());
        if (size == 0 && std::ferror(file.get()) != 0) fail(path);
        if (size == 0) break;
        digest.update({part.data(), size});
        total += size;
        if (progress) co_await progress(total);
        co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
    }
    co_return digest.finish();
}

}  // namespace swarm
