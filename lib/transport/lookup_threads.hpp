#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

namespace strandcast
{

/// A few threads for work that blocks and that nobody can stop. One is started when there is work and none is
/// free, and ends when there is none left; what waits for one may be called off.
class LookupThreads
{
public:
    /// A piece of work. It owns what it touches: who asked for it may have gone.
    using Work = std::function<void()>;

    static constexpr std::size_t maxThreads = 8;

    LookupThreads(const LookupThreads&) = delete;
    LookupThreads& operator=(const LookupThreads&) = delete;

    /// The process's own. They outlive everything, for none can be joined.
    [[nodiscard]] static LookupThreads& instance();

    /// Does `work`, which must not throw, unless nobody owns it any more when its turn comes.
    /// @throws std::system_error where no thread can be started.
    void start(const std::shared_ptr<Work>& work);

private:
    LookupThreads() = default;

    void work();
    [[nodiscard]] std::shared_ptr<Work> takeNext();

    std::mutex mutex_;
    std::deque<std::weak_ptr<Work>> waiting_;
    std::size_t threads_ = 0;
};

}  // namespace strandcast
