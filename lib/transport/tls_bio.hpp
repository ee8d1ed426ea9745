#pragma once

struct bio_st;

namespace strandcast
{

class TlsWire;

/// What OpenSSL reads from and writes to, over `wire`, which outlives it.
/// @throws std::bad_alloc.
[[nodiscard]] bio_st* makeTlsBio(TlsWire& wire);

}  // namespace strandcast
