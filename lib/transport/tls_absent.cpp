// In the place of all of TLS in a library that was built without it.
#include "transport/tls_context.hpp"

#include <strandcast/error.hpp>

#include <utility>

namespace strandcast
{

class TlsCertificates
{
};

class TlsTrust
{
};

namespace
{

[[noreturn]] void refuse()
{
    throw Error(Errc::invalidArgument, "this strandcast was built without TLS (-Dtls=disabled)");
}

}  // namespace

TlsServerContext::TlsServerContext(TlsServerOptions options, std::string plainAnswer)
    : options_(std::move(options)),
      plainAnswer_(std::move(plainAnswer))
{
    refuse();
}

TlsServerContext::~TlsServerContext() = default;

void TlsServerContext::reload()
{
    refuse();
}

std::unique_ptr<Transport> TlsServerContext::secure(ShardExecutor, std::unique_ptr<Transport>) const
{
    refuse();
}

TlsClientContext::TlsClientContext(const TlsClientOptions&)
{
    refuse();
}

TlsClientContext::~TlsClientContext() = default;

std::unique_ptr<Transport> TlsClientContext::secure(ShardExecutor, std::unique_ptr<Transport>,
                                                    const std::string&) const
{
    refuse();
}

}  // namespace strandcast
