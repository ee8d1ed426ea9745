#pragma once

#include "support/certificates.hpp"
#include "transport/memory.hpp"
#include "transport/tls_context.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <memory>
#include <string>
#include <utility>

using TransportPair =
    std::pair<std::unique_ptr<strandcast::Transport>, std::unique_ptr<strandcast::Transport>>;

/// TLS over a pair: the first end is the client. Its handshake is to come.
inline TransportPair secured(strandcast::ShardExecutor executor, TransportPair below,
                             const strandcast::TlsServerOptions& server = commonTlsServer(),
                             const strandcast::TlsClientOptions& client = commonTlsClient(),
                             const std::string& host = "localhost")
{
    const strandcast::TlsClientContext clients(client);
    const strandcast::TlsServerContext servers(server);
    auto first = clients.secure(executor, std::move(below.first), host);
    return {std::move(first), servers.secure(executor, std::move(below.second))};
}
