#pragma once

#include "transport/lookup_threads.hpp"

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

/// As long as it lives, every lookup of a name hangs: its threads are busy.
class BlockedLookups
{
public:
    BlockedLookups()
    {
        for (std::size_t count = 0; count < strandcast::LookupThreads::maxThreads; ++count)
            work_.push_back(
                std::make_shared<strandcast::LookupThreads::Work>([gate = gate_] { gate->pass(); }));
        for (const auto& one : work_) strandcast::LookupThreads::instance().start(one);
        gate_->awaitThreads(work_.size());
    }
    BlockedLookups(const BlockedLookups&) = delete;
    BlockedLookups& operator=(const BlockedLookups&) = delete;
    ~BlockedLookups() { gate_->open(); }

private:
    struct Gate
    {
        std::mutex mutex;
        std::condition_variable changed;
        std::size_t waiting = 0;
        bool isOpen = false;

        void pass()
        {
            std::unique_lock lock(mutex);
            ++waiting;
            changed.notify_all();
            changed.wait(lock, [this] { return isOpen; });
        }
        void open()
        {
            const std::lock_guard lock(mutex);
            isOpen = true;
            changed.notify_all();
        }
        void awaitThreads(std::size_t count)
        {
            std::unique_lock lock(mutex);
            changed.wait(lock, [this, count] { return waiting == count; });
        }
    };

    std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
    std::vector<std::shared_ptr<strandcast::LookupThreads::Work>> work_;
};
