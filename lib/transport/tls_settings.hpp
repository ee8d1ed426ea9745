#pragma once

#include <strandcast/tls.hpp>

#include <memory>
#include <string>

struct ssl_ctx_st;

namespace strandcast
{

struct FreeTlsSettings
{
    void operator()(ssl_ctx_st* settings) const noexcept;
};
/// OpenSSL's own context: what many streams have in common.
using TlsSettings = std::unique_ptr<ssl_ctx_st, FreeTlsSettings>;

/// What holds for both roles: the versions, the ciphers, what a stream keeps in memory.
[[nodiscard]] TlsSettings makeTlsSettings();

// Each throws Error with Errc::invalidArgument, naming the file and what is wrong with it.
void useCertificate(ssl_ctx_st& settings, const TlsCertificate& certificate);
void trustAuthorities(ssl_ctx_st& settings, const std::string& caFile);
/// Trusts them, and tells each client so, which then knows which certificate to show.
void demandClientCertificates(ssl_ctx_st& settings, const std::string& caFile);

}  // namespace strandcast
