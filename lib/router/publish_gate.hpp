#pragma once

#include <strandcast/broker.hpp>
#include <strandcast/error.hpp>
#include <strandcast/ws_router.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// Why a gate refuses a publish, as the client is told.
struct GateRefusal
{
    ErrorCode code = ErrorCode::publishFailed;
    std::string text;
};

/// What a gate says of a publish: without anything in it, that it may pass.
struct GateVerdict
{
    std::optional<GateRefusal> refusal = {};
    /// Topics on which the same event, by the same id, is logged side by side with the publish. What is no
    /// topic to publish on is passed over.
    std::vector<std::string> furtherTopics = {};
    /// Called once it is logged, and queued for its subscribers, with its place; never, if it is not. It may
    /// publish.
    std::function<void(const Appended& appended)> logged = {};
};

/// Judges the clients' publishes for a channel server, each at its turn, when it has passed its routes, right
/// before it is logged, whichever shard the client is on. What the server itself publishes passes no gate.
class PublishGate
{
public:
    virtual ~PublishGate() = default;

    /// Whether it has anything to say of publishes on this topic: if not, it is not asked for a judgement. On
    /// the same thread as judge(). It changes nothing, and asks no router.
    [[nodiscard]] virtual bool concerns(std::string_view topic) const noexcept
    {
        static_cast<void>(topic);
        return true;
    }

    /// On the thread of the router's home shard. It answers at once. It may remove itself or other gates, and
    /// end the router; one that is removed on another thread may be asked once more meanwhile.
    /// @throws whatever it throws refuses the publish with INTERNAL_ERROR, without its text.
    [[nodiscard]] virtual GateVerdict judge(const RoutedPublish& publish) = 0;

    /// The router has gone; nothing is judged any more. On the thread of its home shard.
    virtual void routerGone() noexcept {}
};

}  // namespace strandcast
