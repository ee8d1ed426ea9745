#pragma once

#include <strandcast/broker.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

/// The log in memory, as one that is elsewhere: it is asked for its last entries in a later turn. What
/// becomes of that is a test's own.
class FarBroker : public strandcast::Broker
{
public:
    void attach(strandcast::BrokerSink& sink) override { near_.attach(sink); }
    void detach(strandcast::BrokerSink& sink) noexcept override { near_.detach(sink); }
    using Broker::append;
    using Broker::tryAppend;
    [[nodiscard]] std::optional<strandcast::Appended>
    tryAppend(std::span<const strandcast::Publication> all) override
    {
        return near_.tryAppend(all);
    }
    [[nodiscard]] strandcast::Strand<strandcast::Appended>
    append(std::vector<strandcast::Publication> all) override
    {
        return near_.append(std::move(all));
    }
    [[nodiscard]] strandcast::Strand<strandcast::LogRange> read(std::uint64_t offset,
                                                                std::size_t limit) override
    {
        return near_.read(offset, limit);
    }
    [[nodiscard]] std::optional<strandcast::LastEntries> tryReadLast(const strandcast::LastQuery&) override
    {
        return std::nullopt;
    }

protected:
    [[nodiscard]] strandcast::LastEntries readNow(const strandcast::LastQuery& query)
    {
        return *near_.tryReadLast(query);
    }

private:
    strandcast::MemoryBroker near_;
};
