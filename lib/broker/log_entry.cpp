#include <strandcast/broker.hpp>

#include <cstring>
#include <new>
#include <utility>

namespace strandcast
{

namespace
{

// Copies a text to where the next one is to lie.
std::string_view copyTo(char*& out, std::string_view text) noexcept
{
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return {std::exchange(out, out + text.size()), text.size()};
}

std::optional<std::string_view> copyDataTo(char*& out, const std::optional<Json>& data) noexcept
{
    return data ? std::optional(copyTo(out, data->text())) : std::nullopt;
}

}  // namespace

EntryRef LogEntry::make(const Publication& publication, std::uint64_t sequenceNumber, std::uint64_t offset)
{
    const auto textSize = publication.id.size() + publication.topic.size() +
                          (publication.data ? publication.data->text().size() : 0);
    void* const memory = ::operator new(sizeof(LogEntry) + textSize);
    auto* const text = static_cast<char*>(memory) + sizeof(LogEntry);
    return EntryRef(new (memory) LogEntry(publication, sequenceNumber, offset, text));
}

// In the order in which the texts lie, which is that of the members.
LogEntry::LogEntry(const Publication& publication, std::uint64_t number, std::uint64_t place,
                   char* text) noexcept
    : id(copyTo(text, publication.id)),
      topic(copyTo(text, publication.topic)),
      data(copyDataTo(text, publication.data)),
      timestamp(publication.timestamp),
      publisher(publication.publisher),
      sequenceNumber(number),
      offset(place),
      broadcast(publication.broadcast)
{
}

void LogEntry::destroy(const LogEntry* entry) noexcept
{
    entry->~LogEntry();
    ::operator delete(const_cast<LogEntry*>(entry));
}

}  // namespace strandcast
