#include "router/gates.hpp"

#include <algorithm>
#include <utility>

namespace strandcast
{

// With the lock.
void Gates::replace(List gates)
{
    hasAny_ = !gates.empty();
    gates_ = std::make_shared<const List>(std::move(gates));
}

void Gates::add(std::shared_ptr<PublishGate> gate)
{
    const std::lock_guard lock(mutex_);
    auto gates = gates_ ? *gates_ : List();
    gates.push_back(std::move(gate));
    replace(std::move(gates));
}

void Gates::remove(const PublishGate& gate) noexcept
{
    std::shared_ptr<const List> before;  // outlives the lock
    const std::lock_guard lock(mutex_);
    if (!gates_) return;
    before = gates_;
    auto gates = *before;
    std::erase_if(gates, [&](const auto& one) { return one.get() == &gate; });
    replace(std::move(gates));
}

void Gates::clear() noexcept
{
    std::shared_ptr<const List> removed;
    {
        const std::lock_guard lock(mutex_);
        removed.swap(gates_);
        hasAny_ = false;
    }
    if (!removed) return;
    for (const auto& gate : *removed) gate->routerGone();
}

bool Gates::anyConcerns(std::string_view topic) const
{
    // Asked with the lock: each publish comes this way, and a gate answers from what it has.
    const std::lock_guard lock(mutex_);
    return gates_ && std::any_of(gates_->begin(), gates_->end(),
                                 [&](const auto& gate) { return gate->concerns(topic); });
}

Judgement Gates::judge(const RoutedPublish& publish) const
{
    Judgement judgement;
    const auto gates = all();
    if (!gates) return judgement;
    for (const auto& gate : *gates)
    {
        if (!gate->concerns(publish.topic)) continue;
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

std::shared_ptr<const Gates::List> Gates::all() const
{
    if (!hasAny_) return nullptr;
    const std::lock_guard lock(mutex_);
    return gates_;
}

}  // namespace strandcast
