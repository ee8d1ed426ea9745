#include "server/turn_away.hpp"

namespace strandcast
{

void turnAway(Transport& transport, std::string_view response, std::span<std::byte> buffer)
{
    const auto bytes = std::as_bytes(std::span(response));
    static_cast<void>(transport.tryWrite(std::span(&bytes, 1)));  // it fits, or nobody is there
    transport.shutdownWrite();
    static_cast<void>(transport.tryRead(buffer));
    transport.close();
}

}  // namespace strandcast
