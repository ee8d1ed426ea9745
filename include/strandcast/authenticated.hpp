#pragma once

#include <string>

namespace strandcast
{

/// A client is authenticated: the server accepted its token, or needs none. An event of both sides.
struct Authenticated
{
    std::string clientId = {};  ///< empty in a client of a server that does not tell: version 1.0.0
};

}  // namespace strandcast
