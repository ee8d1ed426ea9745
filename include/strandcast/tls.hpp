#pragma once

#include <string>
#include <vector>

namespace strandcast
{

/// A certificate and its private key, as files in PEM.
struct TlsCertificate
{
    std::string certificateFile;  ///< the certificate first, behind it those that lead to a root
    std::string privateKeyFile;   ///< without a passphrase
};

/// How a server speaks TLS, 1.2 and 1.3 alone.
struct TlsServerOptions
{
    /// At least one. A client gets the first that is for the host it names (SNI); the first of all where it
    /// names none, or one that none is for.
    std::vector<TlsCertificate> certificates;
    /// PEM: clients must have a certificate from one of these authorities; empty asks for none.
    std::string clientCaFile = {};
};

/// How a client speaks TLS, 1.2 and 1.3 alone. The server's certificate, and that it is for the host of the
/// URL, are verified.
struct TlsClientOptions
{
    std::string caFile = {};              ///< PEM: the authorities to trust; empty is the system's
    TlsCertificate certificate = {};      ///< what the client shows to a server that asks; empty is none
    bool trustAnybodyInsecurely = false;  ///< anybody on the way can read and change everything
};

}  // namespace strandcast
