#include "websocket/handshake_key.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace strandcast
{

namespace
{

constexpr std::string_view magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // section 1.3

std::string base64(const unsigned char* bytes, std::size_t size)
{
    std::string text(4 * ((size + 2) / 3) + 1, '\0');  // with the terminator that EVP_EncodeBlock writes
    const auto written =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
    text.resize(static_cast<std::size_t>(written));
    return text;
}

bool isBase64Character(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '+' || character == '/';
}

}  // namespace

std::string base64(std::string_view bytes)
{
    return base64(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string acceptKey(std::string_view key)
{
    std::string input(key);
    input += magic;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned int size = 0;
    if (EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1)
        throw std::runtime_error("this OpenSSL has no SHA-1, which a WebSocket handshake needs");
    return base64(digest.data(), size);
}

std::string makeKey(std::uint64_t random1, std::uint64_t random2)
{
    std::array<unsigned char, 16> bytes;
    std::memcpy(bytes.data(), &random1, sizeof random1);
    std::memcpy(bytes.data() + sizeof random1, &random2, sizeof random2);
    return base64(bytes.data(), bytes.size());
}

bool isKey(std::string_view key)
{
    return key.size() == 24 && key.ends_with("==") &&
           std::all_of(key.begin(), key.end() - 2, isBase64Character);
}

}  // namespace strandcast
