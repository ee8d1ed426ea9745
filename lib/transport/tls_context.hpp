#pragma once

#include <strandcast/strand.hpp>
#include <strandcast/tls.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <mutex>
#include <string>

namespace strandcast
{

class TlsCertificates;
class TlsTrust;

/// What a server's TLS streams are made with. From any thread.
class TlsServerContext
{
public:
    /// `plainAnswer` is what a peer is told that speaks HTTP without TLS.
    /// @throws Error with Errc::invalidArgument, naming the file that cannot be used and why.
    explicit TlsServerContext(TlsServerOptions options, std::string plainAnswer = {});
    ~TlsServerContext();

    /// Reads the files again, for the streams that are made from now on. Where one cannot be used all stays
    /// as it was.
    /// @throws as the constructor.
    void reload();

    /// The server's end of a TLS stream over `below`.
    [[nodiscard]] std::unique_ptr<Transport> secure(ShardExecutor executor,
                                                    std::unique_ptr<Transport> below) const;

private:
    const TlsServerOptions options_;
    const std::string plainAnswer_;
    mutable std::mutex mutex_;
    std::shared_ptr<const TlsCertificates> certificates_;
};

/// What a client's TLS streams are made with. From any thread.
class TlsClientContext
{
public:
    /// @throws Error with Errc::invalidArgument, naming the file that cannot be used and why.
    explicit TlsClientContext(const TlsClientOptions& options);
    ~TlsClientContext();

    /// The client's end of a TLS stream over `below`, to a server that has to be `host`: a name, or an
    /// address in numbers.
    [[nodiscard]] std::unique_ptr<Transport> secure(ShardExecutor executor, std::unique_ptr<Transport> below,
                                                    const std::string& host) const;

private:
    const std::shared_ptr<const TlsTrust> trust_;
};

}  // namespace strandcast
