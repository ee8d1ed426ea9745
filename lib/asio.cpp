// All of Asio that is not a template, compiled once (ASIO_SEPARATE_COMPILATION).

// clang-format off: first, because Asio 1.22 decides by the library's macros before it includes any of it.
#include <cstddef>
// clang-format on

#include <asio/impl/src.hpp>
