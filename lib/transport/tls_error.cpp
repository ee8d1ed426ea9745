#include "transport/tls_error.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace strandcast
{

namespace
{

std::string reasonOf(unsigned long packed)
{
    const char* const reason = ERR_reason_error_string(packed);
    return reason ? reason : fmt::format("error {:#x}", packed);
}

/// The values are OpenSSL's packed errors.
class TlsCategory final : public std::error_category
{
public:
    [[nodiscard]] const char* name() const noexcept override { return "tls"; }

    [[nodiscard]] std::string message(int value) const override
    {
        const auto packed = static_cast<unsigned long>(value);
        if (ERR_GET_LIB(packed) == ERR_LIB_SSL)
        {
            switch (ERR_GET_REASON(packed))
            {
            case SSL_R_WRONG_VERSION_NUMBER: return "the peer does not speak TLS";
            case SSL_R_HTTP_REQUEST: return "the peer speaks HTTP without TLS";
            case SSL_R_UNEXPECTED_EOF_WHILE_READING:
                return "the peer's end of the connection is not signed (no close_notify)";
            default: break;
            }
        }
        return "TLS: " + reasonOf(packed);
    }
};

/// The values are those of X509_STORE_CTX_get_error().
class CertificateCategory final : public std::error_category
{
public:
    [[nodiscard]] const char* name() const noexcept override { return "certificate"; }

    [[nodiscard]] std::string message(int value) const override
    {
        return fmt::format("the peer's certificate is not accepted: {}",
                           X509_verify_cert_error_string(value));
    }
};

const std::error_category& tlsCategory() noexcept
{
    static const TlsCategory category;
    return category;
}

unsigned long takeFirst() noexcept
{
    const auto first = ERR_get_error();
    ERR_clear_error();
    return first;
}

}  // namespace

std::error_code takeTlsError() noexcept
{
    const auto packed = takeFirst();
    return packed ? std::error_code(static_cast<int>(packed), tlsCategory()) : std::error_code();
}

std::string takeTlsReason()
{
    return reasonOf(takeFirst());
}

std::error_code certificateError(long verdict) noexcept
{
    static const CertificateCategory category;
    return {static_cast<int>(verdict), category};
}

bool isPlainHttp(const std::error_code& error) noexcept
{
    if (error.category() != tlsCategory()) return false;
    const auto packed = static_cast<unsigned long>(error.value());
    return ERR_GET_LIB(packed) == ERR_LIB_SSL && ERR_GET_REASON(packed) == SSL_R_HTTP_REQUEST;
}

}  // namespace strandcast
