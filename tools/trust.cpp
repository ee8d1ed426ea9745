#include "trust.hpp"

#include <strandcast/error.hpp>

namespace tool
{

strandcast::TlsClientOptions trustFor(const std::string& url, const std::string& caFile)
{
    if (!caFile.empty() && (url.starts_with("ws://") || url.starts_with("WS://")))
        throw strandcast::Error(strandcast::Errc::invalidArgument,
                                "--ca is for wss://, and " + url + " is without TLS");
    return {.caFile = caFile};
}

}  // namespace tool
