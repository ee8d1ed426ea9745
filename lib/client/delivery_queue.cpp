#include "client/delivery_queue.hpp"

#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace strandcast
{

/// What lies in the queue: how it begins, and then the strings of an event, one behind the other.
struct DeliveryQueue::Piece
{
    enum class Kind : std::uint8_t
    {
        event,
        gap,
        resumed,
    };

    /// As it lies in the queue, byte by byte.
    struct Head
    {
        Kind kind = Kind::event;
        Gap::Reason reason = Gap::Reason::dropped;
        bool hasNumber = false;
        bool hasData = false;
        bool hasReplay = false;
        bool hasWireText = false;
        bool live = false;
        bool more = false;
        std::uint64_t number = 0;  // the event's sequence number, or how many were missed
        Timestamp timestamp = {};
        std::size_t idSize = 0;
        std::size_t topicSize = 0;
        std::size_t dataSize = 0;
        std::size_t replaySize = 0;
        std::size_t wireTextSize = 0;
    };
    static_assert(std::is_trivially_copyable_v<Head>);

    Head head;
    EventView event;  // its strings; the rest is in the head

    explicit Piece(Kind kind) : head{.kind = kind} {}
    explicit Piece(const EventView& view);
    explicit Piece(const Gap& gap);
    /// What lies at `bytes`, and stays there.
    explicit Piece(const char* bytes);

    [[nodiscard]] std::size_t size() const noexcept
    {
        return sizeof head + head.idSize + head.topicSize + head.dataSize + head.replaySize +
               head.wireTextSize;
    }
    void write(char* out) const noexcept;

    [[nodiscard]] Gap gap() const
    {
        return {head.hasNumber ? std::optional(head.number) : std::nullopt, head.reason};
    }
};

DeliveryQueue::Piece::Piece(const EventView& view)
    : head{.hasNumber = view.sequenceNumber.has_value(),
           .hasData = view.data.has_value(),
           .hasReplay = view.replay.has_value(),
           .hasWireText = view.wireText.has_value(),
           .live = view.live,
           .more = view.more,
           .number = view.sequenceNumber.value_or(0),
           .timestamp = view.timestamp,
           .idSize = view.id.size(),
           .topicSize = view.topic.size(),
           .dataSize = view.data ? view.data->size() : 0,
           .replaySize = view.replay ? view.replay->size() : 0,
           .wireTextSize = view.wireText ? view.wireText->size() : 0},
      event(view)
{
}

DeliveryQueue::Piece::Piece(const Gap& gap)
    : head{.kind = Kind::gap,
           .reason = gap.reason,
           .hasNumber = gap.missed.has_value(),
           .number = gap.missed.value_or(0)}
{
}

DeliveryQueue::Piece::Piece(const char* bytes)
{
    std::memcpy(&head, bytes, sizeof head);
    if (head.kind != Kind::event) return;
    bytes += sizeof head;
    const auto take = [&](std::size_t size)
    { return std::string_view(std::exchange(bytes, bytes + size), size); };
    event.timestamp = head.timestamp;
    event.live = head.live;
    event.more = head.more;
    if (head.hasNumber) event.sequenceNumber = head.number;
    event.id = take(head.idSize);
    event.topic = take(head.topicSize);
    if (head.hasData) event.data = take(head.dataSize);
    if (head.hasReplay) event.replay = take(head.replaySize);
    if (head.hasWireText) event.wireText = take(head.wireTextSize);
}

void DeliveryQueue::Piece::write(char* out) const noexcept
{
    const auto put = [&](const void* bytes, std::size_t size)
    {
        if (size > 0) std::memcpy(out, bytes, size);
        out += size;
    };
    put(&head, sizeof head);
    put(event.id.data(), head.idSize);
    put(event.topic.data(), head.topicSize);
    if (event.data) put(event.data->data(), head.dataSize);
    if (event.replay) put(event.replay->data(), head.replaySize);
    if (event.wireText) put(event.wireText->data(), head.wireTextSize);
}

DeliveryQueue::DeliveryQueue(ShardExecutor executor, std::size_t capacity, std::size_t maxBytes)
    : changed_(executor),
      capacity_(capacity),
      maxBytes_(maxBytes)
{
}

bool DeliveryQueue::push(const EventView& event)
{
    const auto kept = keep(Piece(event));
    if (kept == Kept::yes) changed_.count();
    return kept != Kept::closed;
}

bool DeliveryQueue::push(const Gap& gap)
{
    return pushAndWake(Piece(gap));
}

bool DeliveryQueue::push(Resumed)
{
    return pushAndWake(Piece(Piece::Kind::resumed));
}

bool DeliveryQueue::pushAndWake(const Piece& piece)
{
    const auto kept = keep(piece);
    if (kept == Kept::yes) changed_.change();
    return kept != Kept::closed;
}

void DeliveryQueue::wakeReader()
{
    isNoted_ = false;
    changed_.wake();
}

void DeliveryQueue::wakeReaderLater()
{
    isNoted_ = false;
    changed_.wakeLater();
}

DeliveryQueue::Kept DeliveryQueue::keep(const Piece& piece)
{
    const std::lock_guard lock(mutex_);
    if (closed_) return Kept::closed;
    if (ended_) return Kept::ended;
    const auto size = piece.size();
    piece.write(pieces_.add(size));
    ++count_;
    bytes_ += size;
    while (count_ > 1 && (count_ > capacity_ || bytes_ > maxBytes_)) dropOldest();
    return Kept::yes;
}

DeliveryQueue::Piece DeliveryQueue::front() const
{
    return Piece(pieces_.front());
}

void DeliveryQueue::remove(const Piece& piece) noexcept
{
    const auto size = piece.size();
    pieces_.remove(size);
    --count_;
    bytes_ -= size;
}

void DeliveryQueue::dropOldest()
{
    const auto oldest = front();
    ++dropped_;
    mergeIntoGap(oldest);
    remove(oldest);
}

// Gaps side by side are one, and of unknown size if one of them is.
void DeliveryQueue::mergeIntoGap(const Piece& dropped)
{
    if (dropped.head.kind == Piece::Kind::resumed) return;
    if (!inPlace_) inPlace_ = Gap{0, Gap::Reason::dropped};
    const auto other = dropped.head.kind == Piece::Kind::event ? Gap{1, Gap::Reason::dropped} : dropped.gap();
    if (inPlace_->missed && other.missed)
        *inPlace_->missed += *other.missed;
    else
        inPlace_->missed.reset();
    if (other.reason == Gap::Reason::disconnected) inPlace_->reason = other.reason;
}

std::optional<Delivery> DeliveryQueue::tryTake()
{
    std::optional<Delivery> taken;
    const std::lock_guard lock(mutex_);
    if (inPlace_)
    {
        taken = *std::exchange(inPlace_, std::nullopt);
        return taken;
    }
    if (count_ == 0) return taken;
    const auto oldest = front();
    switch (oldest.head.kind)
    {
    case Piece::Kind::event:
        fill(std::get<EventMessage>(taken.emplace(std::in_place_type<EventMessage>)), oldest.event);
        break;
    case Piece::Kind::gap: taken = oldest.gap(); break;
    case Piece::Kind::resumed: taken = Resumed(); break;
    }
    remove(oldest);
    return taken;
}

void DeliveryQueue::end()
{
    {
        const std::lock_guard lock(mutex_);
        if (ended_.exchange(true)) return;
    }
    changed_.change();
}

bool DeliveryQueue::isClosed() const
{
    return closed_;
}

bool DeliveryQueue::hasEnded() const
{
    if (closed_) return true;
    if (!ended_) return false;
    const std::lock_guard lock(mutex_);
    return count_ == 0 && !inPlace_;
}

std::uint64_t DeliveryQueue::dropped() const
{
    const std::lock_guard lock(mutex_);
    return dropped_;
}

void DeliveryQueue::close() noexcept
{
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        pieces_.clear();
        count_ = 0;
        bytes_ = 0;
        inPlace_.reset();
    }
    changed_.changeFromAnyThread();  // a reader that waits has its end
}

}  // namespace strandcast
