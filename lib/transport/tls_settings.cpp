#include "transport/tls_settings.hpp"

#include "transport/tls_error.hpp"

#include <strandcast/error.hpp>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <new>
#include <system_error>

namespace strandcast
{

namespace
{

[[noreturn]] void refuse(const char* what, const std::string& file, const std::string& why)
{
    throw Error(Errc::invalidArgument, fmt::format("cannot use {} '{}': {}", what, file, why));
}

struct CloseFile
{
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
};

// OpenSSL's own words for this are many and name no cause.
void requireReadable(const char* what, const std::string& name)
{
    if (name.empty()) refuse(what, name, "the name of a file is expected");
    errno = 0;
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(name.c_str(), "re"));
    if (!file || (std::fgetc(file.get()) == EOF && errno != 0))
        refuse(what, name, std::generic_category().message(errno));
}

[[noreturn]] void refuseContent(const char* what, const std::string& file, const char* expected)
{
    const auto packed = ERR_peek_error();
    const bool isNoPem = ERR_GET_LIB(packed) == ERR_LIB_PEM && ERR_GET_REASON(packed) == PEM_R_NO_START_LINE;
    const auto reason = takeTlsReason();
    refuse(what, file, isNoPem ? fmt::format("{} in PEM is expected", expected) : reason);
}

// Without it OpenSSL would ask for the passphrase on the terminal.
int refusePassphrase(char*, int, int, void* asked) noexcept
{
    *static_cast<bool*>(asked) = true;
    return -1;
}

void useKey(SSL_CTX& settings, const TlsCertificate& certificate)
{
    constexpr auto what = "private key file";
    const auto& file = certificate.privateKeyFile;
    requireReadable(what, file);
    bool isEncrypted = false;
    SSL_CTX_set_default_passwd_cb(&settings, refusePassphrase);
    SSL_CTX_set_default_passwd_cb_userdata(&settings, &isEncrypted);
    const bool isUsed = SSL_CTX_use_PrivateKey_file(&settings, file.c_str(), SSL_FILETYPE_PEM) == 1;
    SSL_CTX_set_default_passwd_cb_userdata(&settings, nullptr);
    SSL_CTX_set_default_passwd_cb(&settings, nullptr);
    if (isEncrypted)
    {
        ERR_clear_error();
        refuse(what, file, "it is encrypted, and one without a passphrase is expected");
    }
    if (isUsed && SSL_CTX_check_private_key(&settings) == 1) return;
    const auto packed = ERR_peek_error();
    if (ERR_GET_LIB(packed) == ERR_LIB_X509)
    {
        ERR_clear_error();
        refuse(what, file, fmt::format("it is not the key of '{}'", certificate.certificateFile));
    }
    refuse(what, file, (ERR_clear_error(), "a private key in PEM is expected"));
}

}  // namespace

void FreeTlsSettings::operator()(ssl_ctx_st* settings) const noexcept
{
    SSL_CTX_free(settings);
}

TlsSettings makeTlsSettings()
{
    TlsSettings settings(SSL_CTX_new(TLS_method()));
    if (!settings) throw std::bad_alloc();
    auto* const raw = settings.get();
    SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
    SSL_CTX_set_max_proto_version(raw, TLS1_3_VERSION);
    // Of 1.2 what 1.3 kept: keys that are of no use later, and no block chaining.
    SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20");
    // Connections live long: to resume a session would save little, and its tickets outlive a certificate.
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(raw, 1);  // a record's header and body, and the records behind it, in one call
    return settings;
}

void useCertificate(ssl_ctx_st& settings, const TlsCertificate& certificate)
{
    constexpr auto what = "certificate file";
    const auto& file = certificate.certificateFile;
    requireReadable(what, file);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(&settings, file.c_str()) != 1)
        refuseContent(what, file, "a certificate");
    useKey(settings, certificate);
}

void trustAuthorities(ssl_ctx_st& settings, const std::string& caFile)
{
    constexpr auto what = "CA file";
    requireReadable(what, caFile);
    ERR_clear_error();
    if (SSL_CTX_load_verify_locations(&settings, caFile.c_str(), nullptr) != 1)
        refuse(what, caFile, (ERR_clear_error(), "certificates in PEM are expected"));
}

void demandClientCertificates(ssl_ctx_st& settings, const std::string& caFile)
{
    trustAuthorities(settings, caFile);
    STACK_OF(X509_NAME)* const names = SSL_load_client_CA_file(caFile.c_str());
    if (!names) refuseContent("CA file", caFile, "a certificate");
    SSL_CTX_set_client_CA_list(&settings, names);
    SSL_CTX_set_verify(&settings, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
}

}  // namespace strandcast
