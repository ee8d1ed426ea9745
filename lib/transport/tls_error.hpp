#pragma once

#include <string>
#include <system_error>

namespace strandcast
{

/// The oldest error that OpenSSL has noted on this thread, which is the cause of the rest, as an error whose
/// message a user can do something with; none where there is none. Forgets them all.
[[nodiscard]] std::error_code takeTlsError() noexcept;

/// The reason alone, for a text about a file; empties the list as well.
[[nodiscard]] std::string takeTlsReason();

/// Why a certificate was not accepted, of X509_V_ERR_*.
[[nodiscard]] std::error_code certificateError(long verdict) noexcept;

/// Whether the peer sent an HTTP request where TLS was expected.
[[nodiscard]] bool isPlainHttp(const std::error_code& error) noexcept;

}  // namespace strandcast
