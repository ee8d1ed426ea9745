#pragma once

#include <strandcast/strand.hpp>

#include <asio/error.hpp>
#include <asio/system_error.hpp>

namespace strandcast
{

/// What a wait on a closed socket ends with, where Asio's own would be bad_descriptor.
/// @throws asio::system_error with operation_aborted.
inline Strand<> alreadyClosed()
{
    throw asio::system_error(asio::error::operation_aborted);
    co_return;
}

}  // namespace strandcast
