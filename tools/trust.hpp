#pragma once

#include <strandcast/tls.hpp>

#include <string>

namespace tool
{

/// What `--ca` says for `url`; empty where it was not given.
/// @throws strandcast::Error where there is nothing to trust: without TLS nobody shows a certificate.
[[nodiscard]] strandcast::TlsClientOptions trustFor(const std::string& url, const std::string& caFile);

}  // namespace tool
