#pragma once

#include "router/publish_gate.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// What all gates together say of a publish.
struct Judgement
{
    std::optional<GateRefusal> refusal = {};
    std::vector<std::string> furtherTopics = {};  ///< each once
    std::vector<std::function<void(const Appended&)>> logged = {};
};

/// The gates of a router, in the order in which they were added. On any thread. A gate is let go of without
/// the lock, for its end may do whatever it likes.
class Gates
{
public:
    using List = std::vector<std::shared_ptr<PublishGate>>;

    void add(std::shared_ptr<PublishGate> gate);
    void remove(const PublishGate& gate) noexcept;
    void clear() noexcept;

    /// Asks one after another, until one refuses.
    [[nodiscard]] Judgement judge(const RoutedPublish& publish) const;

    [[nodiscard]] bool empty() const noexcept { return !hasAny_; }

    /// Whether any of them has something to say of publishes on a topic.
    [[nodiscard]] bool concern(std::string_view topic) const { return hasAny_ && anyConcerns(topic); }

private:
    [[nodiscard]] bool anyConcerns(std::string_view topic) const;
    [[nodiscard]] std::shared_ptr<const List> all() const;
    void replace(List gates);

    mutable std::mutex mutex_;
    std::shared_ptr<const List> gates_;  // replaced and never changed, so that who asks them is not disturbed
    std::atomic<bool> hasAny_ = false;   // where there are none, looking costs nothing
};

}  // namespace strandcast
