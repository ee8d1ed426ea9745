#include "transport/tls_context.hpp"

#include "transport/tls_settings.hpp"
#include "transport/tls_transport.hpp"

#include <strandcast/error.hpp>

#include <asio/ip/address.hpp>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <new>
#include <utility>
#include <vector>

namespace strandcast
{

/// A server's certificates as they were when their files were read.
class TlsCertificates
{
public:
    explicit TlsCertificates(const TlsServerOptions& options)
    {
        if (options.certificates.empty())
            throw Error(Errc::invalidArgument, "TLS needs a certificate, and none is given");
        for (const auto& certificate : options.certificates)
        {
            auto settings = makeTlsSettings();
            useCertificate(*settings, certificate);
            if (!options.clientCaFile.empty()) demandClientCertificates(*settings, options.clientCaFile);
            ofEach_.push_back(std::move(settings));
        }
        SSL_CTX_set_tlsext_servername_callback(first(), choose);
        SSL_CTX_set_tlsext_servername_arg(first(), this);
    }
    TlsCertificates(const TlsCertificates&) = delete;
    TlsCertificates& operator=(const TlsCertificates&) = delete;

    [[nodiscard]] SSL_CTX* first() const noexcept { return ofEach_.front().get(); }

private:
    // SNI (RFC 6066, section 3). A host that is not known gets the first: the client judges by itself.
    static int choose(SSL* tls, int*, void* self) noexcept
    {
        const char* const host = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
        if (!host) return SSL_TLSEXT_ERR_NOACK;
        for (const auto& settings : static_cast<TlsCertificates*>(self)->ofEach_)
        {
            X509* const certificate = SSL_CTX_get0_certificate(settings.get());
            if (X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr) != 1)
                continue;
            SSL_set_SSL_CTX(tls, settings.get());
            break;
        }
        return SSL_TLSEXT_ERR_OK;
    }

    std::vector<TlsSettings> ofEach_;
};

/// What a client trusts, and what it shows.
class TlsTrust
{
public:
    explicit TlsTrust(const TlsClientOptions& options) : settings_(makeTlsSettings())
    {
        if (!options.caFile.empty())
            trustAuthorities(*settings_, options.caFile);
        else
            SSL_CTX_set_default_verify_paths(settings_.get());
        const auto& own = options.certificate;
        if (!own.certificateFile.empty() || !own.privateKeyFile.empty()) useCertificate(*settings_, own);
        SSL_CTX_set_verify(settings_.get(),
                           options.trustAnybodyInsecurely ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
    }

    [[nodiscard]] SSL_CTX* settings() const noexcept { return settings_.get(); }

private:
    TlsSettings settings_;
};

namespace
{

TlsHandle newTls(SSL_CTX* settings)
{
    TlsHandle tls(SSL_new(settings));
    if (!tls) throw std::bad_alloc();
    return tls;
}

void expectHost(SSL* tls, const std::string& host)
{
    asio::error_code isName;
    asio::ip::make_address(host, isName);
    auto* const verified = SSL_get0_param(tls);
    X509_VERIFY_PARAM_set_hostflags(verified, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool isSet =
        isName ? SSL_set1_host(tls, host.c_str()) == 1 && SSL_set_tlsext_host_name(tls, host.c_str()) == 1
               : X509_VERIFY_PARAM_set1_ip_asc(verified, host.c_str()) == 1;
    // Without it any trusted certificate would do.
    if (!isSet) throw Error(Errc::invalidArgument, "'" + host + "' is no host that a certificate can be for");
}

}  // namespace

TlsServerContext::TlsServerContext(TlsServerOptions options, std::string plainAnswer)
    : options_(std::move(options)),
      plainAnswer_(std::move(plainAnswer)),
      certificates_(std::make_shared<TlsCertificates>(options_))
{
}

TlsServerContext::~TlsServerContext() = default;

void TlsServerContext::reload()
{
    auto fresh = std::make_shared<TlsCertificates>(options_);
    const std::lock_guard lock(mutex_);
    certificates_ = std::move(fresh);
}

std::unique_ptr<Transport> TlsServerContext::secure(ShardExecutor executor,
                                                    std::unique_ptr<Transport> below) const
{
    std::unique_lock lock(mutex_);
    const auto certificates = certificates_;
    lock.unlock();
    return std::make_unique<TlsTransport>(executor, TlsTransport::Role::server, newTls(certificates->first()),
                                          std::move(below), certificates, plainAnswer_);
}

TlsClientContext::TlsClientContext(const TlsClientOptions& options)
    : trust_(std::make_shared<TlsTrust>(options))
{
}

TlsClientContext::~TlsClientContext() = default;

std::unique_ptr<Transport> TlsClientContext::secure(ShardExecutor executor, std::unique_ptr<Transport> below,
                                                    const std::string& host) const
{
    auto tls = newTls(trust_->settings());
    expectHost(tls.get(), host);
    return std::make_unique<TlsTransport>(executor, TlsTransport::Role::client, std::move(tls),
                                          std::move(below), trust_);
}

}  // namespace strandcast
