#pragma once

#include "channel/channel_topic.hpp"
#include "channel/listeners.hpp"
#include "channel/payload.hpp"
#include "channel/payload_kind.hpp"
#include "channel/speakers.hpp"
#include "router/publish_gate.hpp"
#include "router/router_access.hpp"

#include <strandcast/channel_server_options.hpp>
#include <strandcast/error.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/strand.hpp>
#include <strandcast/ws_router.hpp>

#include <asio/awaitable.hpp>
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace strandcast
{

/// What a channel server is a handle on: it judges what clients report, streams it, and has it logged on the
/// channel's topic side by side with the entity's. The router owns it as a gate, until the handle goes; it
/// holds the router by no more than a name.
template <typename All>
class ChannelServerCore;

template <typename... Event>
class ChannelServerCore<Payloads<Event...>>
    : public PublishGate, public std::enable_shared_from_this<ChannelServerCore<Payloads<Event...>>>
{
public:
    using Any = std::variant<Event...>;

    ChannelServerCore(const WSRouter& router, ChannelServerOptions options)
        : options_(options),
          executor_(RouterAccess::core(router)->executor()),
          router_(RouterAccess::parts(router))
    {
    }

    [[nodiscard]] ShardExecutor executor() const noexcept { return executor_; }
    [[nodiscard]] const ChannelServerOptions& options() const noexcept { return options_; }

    /// Publishes on the entity's topic and on the channel's, with one id.
    /// @throws Error with Errc::invalidArgument for what cannot be written, Errc::cancelled where the router
    /// has gone.
    template <typename One>
    [[nodiscard]] static asio::awaitable<PublishReceipt>
    publish(std::shared_ptr<const ChannelServerCore> core, One event)
    {
        auto topics = core->topicsOf(event);
        auto data = core->write(std::move(event));
        const auto router = core->router_.lock();
        if (!router) throw Error(Errc::cancelled, "the router has gone");
        co_return co_await RouterParts::publish(router, std::move(topics), std::move(data));
    }

    /// The same at once, on the home shard; nothing where the router has gone.
    template <typename One>
    void publishNow(One event) const
    {
        auto topics = topicsOf(event);
        auto data = write(std::move(event));
        if (const auto router = router_.lock())
            router->home()->publishNow(std::move(topics), std::move(data));
    }

    /// What clients report, of one entity or of all.
    template <typename One>
    [[nodiscard]] EventStream<One> reports(std::optional<std::string> entity)
    {
        return std::get<Listeners<One>>(listeners_).listen(executor_, options_.queueSize, std::move(entity));
    }

    [[nodiscard]] EventStream<MalformedReport> malformed()
    {
        return malformed_.listen(executor_, options_.queueSize);
    }

    void routerGone() noexcept override { end(); }

    /// The router, as long as it is there.
    [[nodiscard]] std::shared_ptr<const RouterParts> router() const noexcept { return router_.lock(); }

    /// Ends the streams. On the home shard's thread.
    virtual void end()
    {
        (std::get<Listeners<Event>>(listeners_).end(), ...);
        malformed_.end();
    }

    [[nodiscard]] bool concerns(std::string_view topic) const noexcept override
    {
        // Asked of every publish, and nearly always one of another channel's, or of none.
        if (!(topic.starts_with(PayloadKind<Event>::channel) || ...)) return false;
        const auto parts = ChannelTopic::parse(topic);
        return parts && (isOf<Event>(*parts) || ...);
    }

    [[nodiscard]] GateVerdict judge(const RoutedPublish& publish) override
    {
        const auto topic = ChannelTopic::parse(publish.topic);
        GateVerdict verdict;
        if (topic) static_cast<void>((judgeAs<Event>(*topic, publish, verdict) || ...));
        return verdict;
    }

protected:
    /// What breaks a rule beyond the form of the data is refused here.
    [[nodiscard]] virtual std::optional<GateRefusal> inspect(const RoutedPublish& publish, const Any& event)
    {
        static_cast<void>(publish);
        static_cast<void>(event);
        return std::nullopt;
    }

    /// A report is in the log.
    virtual void reported(const Any& event) { static_cast<void>(event); }

private:
    template <typename One>
    [[nodiscard]] std::vector<std::string> topicsOf(const One& event) const
    {
        if (auto wrong = checkEntityId(entityOf(event)))
            throw Error(Errc::invalidArgument, fmt::format("{}Id: {}", PayloadKind<One>::channel, *wrong));
        return {entityTopic<One>(entityOf(event)), channelTopic<One>()};
    }

    template <typename One>
    [[nodiscard]] Json write(One event) const
    {
        if (event.timestamp == Timestamp())
            event.timestamp = std::chrono::floor<std::chrono::milliseconds>(options_.clock->systemNow());
        return writePayload(event);
    }

    template <typename One>
    [[nodiscard]] static bool isOf(const ChannelTopic& topic) noexcept
    {
        return topic.channel == PayloadKind<One>::channel && topic.kind == PayloadKind<One>::kind;
    }

    // Whether it is a topic of this kind.
    template <typename One>
    bool judgeAs(const ChannelTopic& topic, const RoutedPublish& publish, GateVerdict& verdict)
    {
        if (!isOf<One>(topic)) return false;
        auto read = publish.data ? readPayload<One>(*publish.data)
                                 : std::variant<One, PayloadError>(PayloadError{"data: missing"});
        // Whose topic it is speaks, whatever the data says.
        if (topic.channel == "agent" && !topic.id.empty())
            verdict.refusal = judgeSpeakers({topic.id}, publish);
        if (verdict.refusal) return true;
        if (auto* const event = std::get_if<One>(&read))
        {
            if (topic.id.empty())
                verdict.refusal = judgeEvent(*event, publish);
            else if (entityOf(*event) == topic.id)
                accept(std::move(*event), publish, verdict);
            else
                noteMalformed(publish,
                              fmt::format("{}Id: expected '{}', as in the topic, found '{}'", topic.channel,
                                          topic.id, entityOf(*event)),
                              verdict);
        }
        else
        {
            noteMalformed(publish, std::move(std::get<PayloadError>(read).text), verdict);
        }
        return true;
    }

    // What a client puts on the channel's own topic is bound by the same rules: those who watch cannot tell.
    template <typename One>
    [[nodiscard]] std::optional<GateRefusal> judgeEvent(const One& event, const RoutedPublish& publish)
    {
        if (auto refusal = judgeSpeakers(speakersOf(event), publish)) return refusal;
        return inspect(publish, Any(event));
    }

    [[nodiscard]] static std::optional<GateRefusal>
    judgeSpeakers(const std::vector<std::string_view>& speakers, const RoutedPublish& publish)
    {
        const auto stranger = firstNotSpokenFor(speakers, publish.login.get());
        if (!stranger) return std::nullopt;
        return GateRefusal{ErrorCode::authorizationFailed,
                           fmt::format("Not allowed to speak for agent '{}'", *stranger)};
    }

    template <typename One>
    void accept(One event, const RoutedPublish& publish, GateVerdict& verdict)
    {
        verdict.refusal = judgeEvent(event, publish);
        if (verdict.refusal) return;
        Any any(std::move(event));
        verdict.furtherTopics = {channelTopic<One>()};
        verdict.logged = [core = this->shared_from_this(), any = std::move(any)](const Appended&)
        {
            std::get<Listeners<One>>(core->listeners_).push(std::get<One>(any));
            core->reported(any);
        };
    }

    void noteMalformed(const RoutedPublish& publish, std::string problem, GateVerdict& verdict)
    {
        verdict.logged = [core = this->shared_from_this(),
                          report = MalformedReport{publish.clientId, publish.topic, std::move(problem)}](
                             const Appended&) { core->malformed_.push(report); };
    }

    const ChannelServerOptions options_;
    const ShardExecutor executor_;
    const std::weak_ptr<const RouterParts> router_;
    std::tuple<Listeners<Event>...> listeners_;
    Listeners<MalformedReport> malformed_;
};

}  // namespace strandcast
