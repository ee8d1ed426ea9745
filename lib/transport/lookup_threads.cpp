#include "transport/lookup_threads.hpp"

#include <algorithm>
#include <thread>

namespace strandcast
{

LookupThreads& LookupThreads::instance()
{
    // Never destroyed: a thread that hangs in the system's resolver may come back after main() has ended.
    static auto& threads = *new LookupThreads();
    return threads;
}

void LookupThreads::start(const std::shared_ptr<Work>& work)
{
    const std::lock_guard lock(mutex_);
    std::erase_if(waiting_, [](const auto& one) { return one.expired(); });
    if (threads_ < maxThreads)
    {
        std::thread([this] { this->work(); }).detach();
        ++threads_;
    }
    waiting_.push_back(work);
}

void LookupThreads::work()
{
    while (const auto next = takeNext()) (*next)();
}

std::shared_ptr<LookupThreads::Work> LookupThreads::takeNext()
{
    const std::lock_guard lock(mutex_);
    while (!waiting_.empty())
    {
        auto next = waiting_.front().lock();
        waiting_.pop_front();
        if (next) return next;
    }
    --threads_;
    return nullptr;
}

}  // namespace strandcast
