#include "transport/stream.hpp"

namespace strandcast
{

namespace
{

int releaseWithoutDelay(AcceptedSocket& socket)
{
    sendWithoutDelay(socket.descriptor());
    return socket.release();
}

}  // namespace

StreamTransport::StreamTransport(ShardExecutor executor, AcceptedSocket socket)
    : socket_{PollSet::of(executor), releaseWithoutDelay(socket)}  // from left to right
{
}

Transfer StreamTransport::tryRead(std::span<std::byte> buffer)
{
    if (!socket_.mayBeReadable()) return Transfer::wouldBlock();
    const auto transfer = receiveNow(socket_.descriptor(), buffer);
    const bool isDrained = transfer.outcome == Transfer::Outcome::wouldBlock ||
                           (transfer.outcome == Transfer::Outcome::moved && transfer.size < buffer.size());
    if (isDrained) socket_.noteDrained();
    return transfer;
}

Transfer StreamTransport::tryWrite(std::span<const std::span<const std::byte>> buffers)
{
    const auto transfer = sendNow(socket_.descriptor(), buffers);
    if (transfer.outcome == Transfer::Outcome::wouldBlock) socket_.noteFull();
    return transfer;
}

}  // namespace strandcast
