#pragma once

#include "coro/signal.hpp"

#include <strandcast/clock.hpp>
#include <strandcast/error.hpp>
#include <strandcast/message.hpp>
#include <strandcast/strand.hpp>

#include <cstddef>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

/// The requests that wait for their answer, by their ids.
class PendingReplies
{
public:
    /// One request's place, from before it is sent to its end, whatever that is.
    class Place
    {
    public:
        /// @throws Error with Errc::invalidArgument where a request with this id waits already.
        Place(PendingReplies& replies, ShardExecutor executor, std::string id);
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        /// How large the request is that was sent.
        void setBytes(std::size_t bytes) noexcept { bytes_ = bytes; }

        /// The answer; nothing where the connection was lost before it came.
        /// @throws what the request failed with; Error with Errc::timedOut at `deadline`, naming `what`.
        [[nodiscard]] Strand<std::optional<Message>> answer(Clock& clock, Clock::time_point deadline,
                                                            std::string what);

    private:
        friend class PendingReplies;

        [[nodiscard]] bool isOpen() const noexcept { return !answer_ && !failure_ && !isLost_; }

        PendingReplies& replies_;
        std::string id_;
        Signal ended_;
        std::size_t bytes_ = 0;
        std::optional<Message> answer_;
        std::exception_ptr failure_;
        bool isLost_ = false;
    };

    /// Gives a request its answer. False where none waits under this id.
    bool resolve(std::string_view id, Message answer);
    bool reject(std::string_view id, const std::exception_ptr& failure);
    /// Each with an exception of its own: they end on threads of their own.
    void rejectAll(const Error& failure);
    /// Only the largest, where one waits.
    void rejectLargest(const std::exception_ptr& failure);

    /// The connection has gone, and no answer comes any more to what was sent on it.
    void loseAll();

    [[nodiscard]] std::size_t size() const noexcept { return places_.size(); }

private:
    std::map<std::string, Place*, std::less<>> places_;
};

}  // namespace strandcast
