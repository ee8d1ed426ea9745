#include "router/gates.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

void Gates::add(std::shared_ptr<PublishGate> gate)
{
    const std::lock_guard lock(mutex_);
    gates_.push_back(std::move(gate));
    hasAny_ = true;
}

void Gates::remove(const PublishGate& gate) noexcept
{
    std::shared_ptr<PublishGate> removed;
    const std::lock_guard lock(mutex_);
    const auto found =
        std::find_if(gates_.begin(), gates_.end(), [&](const auto& one) { return one.get() == &gate; });
    if (found == gates_.end()) return;
    removed = std::move(*found);
    gates_.erase(found);
    hasAny_ = !gates_.empty();
}

void Gates::clear() noexcept
{
    List removed;
    {
        const std::lock_guard lock(mutex_);
        removed.swap(gates_);
        hasAny_ = false;
    }
    for (const auto& gate : removed) gate->routerGone();
}

Judgement Gates::judge(const RoutedPublish& publish) const
{
    Judgement judgement;
    for (const auto& gate : all())
    {
        auto verdict = gate->judge(publish);
        if (verdict.refusal)
        {
            judgement.refusal = std::move(verdict.refusal);
            return judgement;
        }
        for (auto& topic : verdict.furtherTopics)
            if (std::find(judgement.furtherTopics.begin(), judgement.furtherTopics.end(), topic) ==
                judgement.furtherTopics.end())
                judgement.furtherTopics.push_back(std::move(topic));
        if (verdict.logged) judgement.logged.push_back(std::move(verdict.logged));
    }
    return judgement;
}

Gates::List Gates::all() const
{
    if (!hasAny_) return {};
    const std::lock_guard lock(mutex_);
    return gates_;
}

}  // namespace strandcast
