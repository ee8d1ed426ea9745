#include "client/delivery_queue.hpp"

#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace strandcast
{

namespace
{

std::size_t sizeOf(const std::optional<std::string_view>& text) noexcept
{
    return text ? text->size() : 0;
}

/// An event that is made where it is put, and not moved there.
struct Making
{
    EventView event;
    operator EventMessage() const { return messageOf(event); }  // NOLINT(google-explicit-constructor)
};

}  // namespace

/// What lies in the queue: this, and then the strings of an event, one behind the other.
struct DeliveryQueue::Piece
{
    enum class Kind : std::uint8_t
    {
        event,
        gap,
        resumed,
    };

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

    /// Of an event, but for the strings.
    [[nodiscard]] static Piece of(const EventView& event) noexcept;
    void writeStrings(const EventView& event) noexcept;

    [[nodiscard]] static Piece of(const Gap& gap) noexcept
    {
        return {.kind = Kind::gap,
                .reason = gap.reason,
                .hasNumber = gap.missed.has_value(),
                .number = gap.missed.value_or(0)};
    }

    /// With so many bytes of strings, and so much more that another can follow.
    [[nodiscard]] static std::size_t size(std::size_t strings) noexcept
    {
        return sizeof(Piece) + (strings + alignof(Piece) - 1) / alignof(Piece) * alignof(Piece);
    }
    [[nodiscard]] std::size_t size() const noexcept
    {
        return size(idSize + topicSize + dataSize + replaySize + wireTextSize);
    }

    /// Its views are of the strings that lie behind this.
    [[nodiscard]] EventView event() const noexcept;

    [[nodiscard]] Gap gap() const { return {hasNumber ? std::optional(number) : std::nullopt, reason}; }
};

DeliveryQueue::Piece DeliveryQueue::Piece::of(const EventView& event) noexcept
{
    return {.hasNumber = event.sequenceNumber.has_value(),
            .hasData = event.data.has_value(),
            .hasReplay = event.replay.has_value(),
            .hasWireText = event.wireText.has_value(),
            .live = event.live,
            .more = event.more,
            .number = event.sequenceNumber.value_or(0),
            .timestamp = event.timestamp,
            .idSize = event.id.size(),
            .topicSize = event.topic.size(),
            .dataSize = sizeOf(event.data),
            .replaySize = sizeOf(event.replay),
            .wireTextSize = sizeOf(event.wireText)};
}

void DeliveryQueue::Piece::writeStrings(const EventView& event) noexcept
{
    auto* out = reinterpret_cast<char*>(this + 1);
    const auto put = [&](std::string_view text)
    {
        if (text.empty()) return;
        std::memcpy(out, text.data(), text.size());
        out += text.size();
    };
    put(event.id);
    put(event.topic);
    if (event.data) put(*event.data);
    if (event.replay) put(*event.replay);
    if (event.wireText) put(*event.wireText);
}

EventView DeliveryQueue::Piece::event() const noexcept
{
    const auto* bytes = reinterpret_cast<const char*>(this + 1);
    const auto take = [&](std::size_t size)
    { return std::string_view(std::exchange(bytes, bytes + size), size); };
    EventView event;
    event.id = take(idSize);
    event.timestamp = timestamp;
    event.topic = take(topicSize);
    if (hasData) event.data = take(dataSize);
    if (hasNumber) event.sequenceNumber = number;
    event.live = live;
    if (hasReplay) event.replay = take(replaySize);
    event.more = more;
    if (hasWireText) event.wireText = take(wireTextSize);
    return event;
}

DeliveryQueue::DeliveryQueue(ShardExecutor executor, std::size_t capacity, std::size_t maxBytes)
    : changed_(executor),
      capacity_(capacity),
      maxBytes_(maxBytes)
{
}

bool DeliveryQueue::push(const EventView& event)
{
    const auto strings = event.id.size() + event.topic.size() + sizeOf(event.data) + sizeOf(event.replay) +
                         sizeOf(event.wireText);
    const auto kept = keep(Piece::size(strings),
                           [&](char* out) { (new (out) Piece(Piece::of(event)))->writeStrings(event); });
    if (kept == Kept::yes) changed_.count();
    return kept != Kept::closed;
}

bool DeliveryQueue::push(const Gap& gap)
{
    return pushAndWake(Piece::of(gap));
}

bool DeliveryQueue::push(Resumed)
{
    return pushAndWake({.kind = Piece::Kind::resumed});
}

bool DeliveryQueue::pushAndWake(const Piece& piece)
{
    const auto kept = keep(piece.size(), [&](char* out) { new (out) Piece(piece); });
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

template <typename Write>
DeliveryQueue::Kept DeliveryQueue::keep(std::size_t size, Write write)
{
    const std::lock_guard lock(mutex_);
    if (closed_) return Kept::closed;
    if (ended_) return Kept::ended;
    write(pieces_.add(size));
    ++count_;
    bytes_ += size;
    while (count_ > 1 && (count_ > capacity_ || bytes_ > maxBytes_)) dropOldest();
    return Kept::yes;
}

const DeliveryQueue::Piece& DeliveryQueue::front() const noexcept
{
    // It lies among bytes, and goes with them.
    static_assert(std::is_trivially_copyable_v<Piece>);
    static_assert(alignof(Piece) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    return *std::launder(reinterpret_cast<const Piece*>(pieces_.front()));
}

void DeliveryQueue::removeFront() noexcept
{
    const auto size = front().size();
    pieces_.remove(size);
    --count_;
    bytes_ -= size;
}

void DeliveryQueue::dropOldest()
{
    ++dropped_;
    mergeIntoGap(front());
    removeFront();
}

// Gaps side by side are one, and of unknown size if one of them is.
void DeliveryQueue::mergeIntoGap(const Piece& dropped)
{
    if (dropped.kind == Piece::Kind::resumed) return;
    if (!inPlace_) inPlace_ = Gap{0, Gap::Reason::dropped};
    const auto other = dropped.kind == Piece::Kind::event ? Gap{1, Gap::Reason::dropped} : dropped.gap();
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
    const auto& oldest = front();
    switch (oldest.kind)
    {
    case Piece::Kind::event: taken.emplace(std::in_place_type<EventMessage>, Making{oldest.event()}); break;
    case Piece::Kind::gap: taken = oldest.gap(); break;
    case Piece::Kind::resumed: taken = Resumed(); break;
    }
    removeFront();
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
