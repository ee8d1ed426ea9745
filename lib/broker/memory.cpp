#include "broker/memory_log.hpp"

#include <strandcast/broker.hpp>

#include <utility>

namespace strandcast
{

MemoryBroker::MemoryBroker(MemoryBrokerOptions options) : log_(std::make_unique<Log>(options)) {}

MemoryBroker::~MemoryBroker() = default;

void MemoryBroker::attach(BrokerSink& sink)
{
    log_->attach(sink);
}

void MemoryBroker::detach(BrokerSink& sink) noexcept
{
    log_->detach(sink);
}

std::optional<Appended> MemoryBroker::tryAppend(std::span<const Publication> publications)
{
    return log_->append(publications);
}

Strand<Appended> MemoryBroker::append(std::vector<Publication> publications)
{
    co_return log_->append(publications);
}

Strand<LogRange> MemoryBroker::read(std::uint64_t offset, std::size_t limit)
{
    co_return log_->read(offset, limit);
}

std::optional<LastEntries> MemoryBroker::tryReadLast(const LastQuery& query)
{
    return log_->readLast(query);
}

Strand<LastEntries> MemoryBroker::readLast(LastQuery query)
{
    co_return log_->readLast(query);
}

std::size_t MemoryBroker::entryCount() const
{
    return log_->entryCount();
}

std::size_t MemoryBroker::byteCount() const
{
    return log_->byteCount();
}

std::size_t MemoryBroker::topicCount() const
{
    return log_->topicCount();
}

}  // namespace strandcast
