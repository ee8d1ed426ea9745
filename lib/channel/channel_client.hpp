#pragma once

#include "channel/channel_listeners.hpp"
#include "channel/channel_subscriptions.hpp"
#include "channel/channel_topic.hpp"
#include "channel/payload.hpp"
#include "channel/payload_kind.hpp"
#include "channel/recent_ids.hpp"
#include "channel/topic_wants.hpp"
#include "channel/waits.hpp"
#include "client/client_access.hpp"
#include "client/client_core.hpp"
#include "client/event_tap.hpp"
#include "coro/deadline.hpp"
#include "coro/hop.hpp"

#include <strandcast/channel_stream.hpp>
#include <strandcast/error.hpp>
#include <strandcast/message.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>
#include <asio/dispatch.hpp>
#include <fmt/format.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
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

/// What a channel client is a handle on: it hears the client's events, reads those of its channel, and gives
/// each to the streams that are for it, once. It owns the client's core, which knows it by no more than a
/// name.
template <typename All>
class ChannelClientCore;

template <typename... Event>
class ChannelClientCore<Payloads<Event...>>
    : public EventTap, public std::enable_shared_from_this<ChannelClientCore<Payloads<Event...>>>
{
public:
    using Scope = ChannelSubscriptions::Scope;

    explicit ChannelClientCore(std::shared_ptr<ClientCore> client)
        : client_(std::move(client)),
          subscriptions_(std::make_shared<ChannelSubscriptions>(client_)),
          wants_(std::make_shared<TopicWants>(client_, mostEvents))
    {
    }

    [[nodiscard]] const std::shared_ptr<ClientCore>& client() const noexcept { return client_; }

    /// The channel's own topics.
    [[nodiscard]] asio::awaitable<void> subscribeAll() const
    {
        return subscribe(Scope::all, {}, {channelTopic<Event>()...});
    }

    /// The topics of one entity, kind by kind: so it works where a server has no patterns, and asks no more
    /// of an authorize hook than it needs.
    /// @throws Error with Errc::invalidArgument for an id that is none.
    [[nodiscard]] static asio::awaitable<void> subscribeTo(std::shared_ptr<const ChannelClientCore> core,
                                                           std::string id)
    {
        requireId(id);
        std::vector<std::string> topics{entityTopic<Event>(id)...};
        co_await core->subscribe(Scope::entity, std::move(id), std::move(topics));
    }

    [[nodiscard]] asio::awaitable<void> subscribePattern(std::string pattern) const
    {
        auto topic = fmt::format("{}.{}", channel, pattern);
        return subscribe(Scope::pattern, std::move(pattern), {std::move(topic)});
    }

    [[nodiscard]] asio::awaitable<void> unsubscribeFrom(std::string id) const
    {
        return hop(client_->executor(),
                   ChannelSubscriptions::unsubscribe(subscriptions_, {Scope::entity, std::move(id)}));
    }

    [[nodiscard]] asio::awaitable<void> unsubscribePattern(std::string pattern) const
    {
        return hop(client_->executor(),
                   ChannelSubscriptions::unsubscribe(subscriptions_, {Scope::pattern, std::move(pattern)}));
    }

    [[nodiscard]] asio::awaitable<void> unsubscribeAll() const
    {
        return hop(client_->executor(), ChannelSubscriptions::unsubscribeAll(subscriptions_));
    }

    [[nodiscard]] std::vector<std::string> subscribed() const { return subscriptions_->entities(); }

    /// Publishes on the entity's topic.
    /// @throws Error with Errc::invalidArgument for what cannot be written.
    template <typename One>
    [[nodiscard]] static asio::awaitable<Receipt> report(std::shared_ptr<const ChannelClientCore> core,
                                                         One event)
    {
        requireId(entityOf(event));
        const auto& client = core->client_;
        if (event.timestamp == Timestamp())
            event.timestamp =
                std::chrono::floor<std::chrono::milliseconds>(client->options().clock->systemNow());
        PublishMessage message{.topic = entityTopic<One>(entityOf(event)), .data = writePayload(event)};
        co_return co_await hop(client->executor(),
                               ClientCore::publish(client, std::move(message), OnDisconnect::resend));
    }

    /// Ends with the event of an entity's that decides `matter`, and subscribes to it meanwhile.
    /// @throws Error with Errc::timedOut, saying `tooLate`; Errc::disconnected, Errc::cancelled; RemoteError.
    template <typename One>
    [[nodiscard]] static asio::awaitable<One> waitFor(std::shared_ptr<ChannelClientCore> core, std::string id,
                                                      std::string matter, std::chrono::milliseconds timeout,
                                                      std::string tooLate)
    {
        requireId(id);
        const auto executor = core->client_->executor();
        co_return co_await hop(executor, waitThere<One>(std::move(core), entityTopic<One>(id),
                                                        std::move(matter), timeout, std::move(tooLate)));
    }

    /// The events of one kind, of one entity or of all.
    template <typename One>
    [[nodiscard]] ChannelStream<One> listen(std::optional<std::string> id)
    {
        return listenWith(std::get<ChannelListeners<One>>(listeners_), std::move(id));
    }

    [[nodiscard]] ChannelStream<MalformedEvent> malformed() { return listenWith(malformed_, std::nullopt); }

    // Both copies of an event, on the entity's topic and on the channel's, have one id.
    void heard(const EventMessage& event) override
    {
        const auto topic = ChannelTopic::parse(event.topic);
        if (topic && topic->channel == channel) static_cast<void>((hearAs<Event>(*topic, event) || ...));
    }

    void missed() override
    {
        (std::get<ChannelListeners<Event>>(listeners_).missed(), ...);
        malformed_.missed();
    }

    void missed(const std::string& name) override
    {
        const auto topic = ChannelTopic::parse(name);
        if (topic && topic->channel == channel) missed();
    }

    void resumed() override { TopicWants::renew(wants_); }

    void ended() override
    {
        if (client_->isGone())
            end(Errc::cancelled, "the client has gone");
        else
            end(Errc::disconnected, "the client has ended its connection");
        subscriptions_->clear();
    }

    /// The handle has gone. On the client's thread.
    void leave()
    {
        hasLeft_ = true;
        end(Errc::cancelled, "the channel client has gone");
    }

private:
    // What the streams hold can still be read.
    void end(Errc why, const char* text)
    {
        const auto failure = failureOf(why, text);
        (std::get<Waits<Event>>(waits_).failAll(failure), ...);
        (std::get<ChannelListeners<Event>>(listeners_).end(), ...);
        malformed_.end();
    }

    // Or that there is no memory to say it.
    static std::exception_ptr failureOf(Errc why, const char* text) noexcept
    {
        try
        {
            return std::make_exception_ptr(Error(why, text));
        }
        catch (...)
        {
            return std::current_exception();
        }
    }

    static constexpr std::string_view channel =
        PayloadKind<std::tuple_element_t<0, std::tuple<Event...>>>::channel;

    // Of each topic, of those that have been there before a wait for one: as many as the server's half has
    // the router retain. A task ends once; votes and tallies stand on the same topic as what they led to.
    static constexpr std::uint64_t mostEvents = channel == "task" ? 1 : 1'000;

    // Far more than come between the two copies of an event.
    static constexpr std::size_t rememberedIds = 4096;

    static void requireId(std::string_view id)
    {
        if (const auto wrong = checkEntityId(id))
            throw Error(Errc::invalidArgument, fmt::format("{}Id: {}", channel, *wrong));
    }

    [[nodiscard]] asio::awaitable<void> subscribe(Scope scope, std::string name,
                                                  std::vector<std::string> topics) const
    {
        return hop(client_->executor(), ChannelSubscriptions::subscribe(
                                            subscriptions_, {scope, std::move(name)}, std::move(topics)));
    }

    template <typename One>
    [[nodiscard]] ChannelStream<One> listenWith(ChannelListeners<One>& listeners,
                                                std::optional<std::string> id)
    {
        const auto& options = client_->options();
        return listeners.listen(client_->executor(), options.queueSize, options.queueBytes, std::move(id));
    }

    // Whether it is a topic of this kind.
    template <typename One>
    bool hearAs(const ChannelTopic& topic, const EventMessage& event)
    {
        if (topic.kind != PayloadKind<One>::kind) return false;
        auto& listeners = std::get<ChannelListeners<One>>(listeners_);
        auto& waits = std::get<Waits<One>>(waits_);
        // Unless nobody is there to read for.
        if (waits.isEmpty() && (event.replay || (listeners.isEmpty() && malformed_.isEmpty()))) return true;
        auto read = readAs<One>(topic, event);
        const auto* const fits = std::get_if<One>(&read);
        if (fits) waits.give(*fits);
        if (event.replay) return true;  // it was asked for by a wait
        if (!event.id.empty() && !recent_.add(event.id)) return true;
        if (fits)
            listeners.push(*fits, entityOf(*fits), event.data->text().size());
        else
            malformed_.push({event.topic, std::move(std::get<PayloadError>(read).text)}, {}, 0);
        return true;
    }

    template <typename One>
    [[nodiscard]] static std::variant<One, PayloadError> readAs(const ChannelTopic& topic,
                                                                const EventMessage& event)
    {
        if (!event.data) return PayloadError{"data: missing"};
        auto read = readPayload<One>(*event.data);
        const auto* const fits = std::get_if<One>(&read);
        if (!fits || topic.id.empty() || entityOf(*fits) == topic.id) return read;
        return PayloadError{fmt::format("{}Id: expected '{}', as in the topic, found '{}'", channel, topic.id,
                                        entityOf(*fits))};
    }

    template <typename One>
    [[nodiscard]] static Strand<One> waitThere(std::shared_ptr<ChannelClientCore> core, std::string topic,
                                               std::string matter, std::chrono::milliseconds timeout,
                                               std::string tooLate)
    {
        if (core->hasLeft_) throw Error(Errc::cancelled, "the channel client has gone");
        auto& clock = *core->client_->options().clock;
        const auto deadline = deadlineAfter(clock, timeout);
        typename Waits<One>::Place place(std::get<Waits<One>>(core->waits_), core->client_->executor(),
                                         std::move(matter));
        TopicWants::add(core->wants_, place, topic);
        std::exception_ptr failure;
        try
        {
            co_await place.end(clock, deadline, std::move(tooLate));
        }
        catch (...)
        {
            failure = std::current_exception();
        }
        TopicWants::remove(core->wants_, place);
        if (failure) std::rethrow_exception(failure);
        co_return place.take();
    }

    const std::shared_ptr<ClientCore> client_;
    const std::shared_ptr<ChannelSubscriptions> subscriptions_;
    const std::shared_ptr<TopicWants> wants_;
    std::tuple<Waits<Event>...> waits_;
    bool hasLeft_ = false;
    std::tuple<ChannelListeners<Event>...> listeners_;
    ChannelListeners<MalformedEvent> malformed_;
    RecentIds recent_{rememberedIds};
};

/// Makes a channel client's core, which from then on hears the client's events.
template <typename Core>
[[nodiscard]] std::shared_ptr<Core> joinChannel(const WSClient& client)
{
    const auto& owner = ClientAccess::core(client);
    auto core = std::make_shared<Core>(owner);
    owner->sinks().add(core);
    return core;
}

/// The handle has gone, on whichever thread: it hears no more, and the streams end.
template <typename Core>
void leaveChannel(std::shared_ptr<Core> core)
{
    if (!core) return;
    core->client()->sinks().remove(*core);
    const auto executor = core->client()->executor();
    asio::dispatch(executor, [core = std::move(core)] { core->leave(); });
}

}  // namespace strandcast
