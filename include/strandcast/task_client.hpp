#pragma once

#include <strandcast/channel_stream.hpp>
#include <strandcast/task_events.hpp>
#include <strandcast/ws_client.hpp>

#include <asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace strandcast
{

class TaskClientCore;

/// The client's half of the task channel: subscribes to what happens to tasks, gives it as typed streams,
/// and reports. One change comes once, however many subscriptions match it.
///
/// What a client reports comes back to none of its own subscriptions.
///
/// Every operation may be awaited from any executor. It may go before or after its client, which may move;
/// without the client every operation ends with Errc::cancelled.
class TaskChannelClient
{
public:
    explicit TaskChannelClient(WSClient& client);
    TaskChannelClient(TaskChannelClient&&) noexcept;
    TaskChannelClient& operator=(TaskChannelClient&&) = delete;
    ~TaskChannelClient();

    // Each ends with the server's ack, and throws as WSClient::subscribe(). Asking again for what is
    // subscribed to, or taking back what is not, is harmless.

    /// The topics of all tasks: `task.progress` and so on.
    [[nodiscard]] asio::awaitable<void> subscribeAll();
    /// The five topics of one task, each a subscription of its own in the server's count: so it works where
    /// the server has no patterns. For many tasks take subscribeAll(), or a pattern.
    /// @throws Error with Errc::invalidArgument for an id that is not one segment of a topic.
    [[nodiscard]] asio::awaitable<void> subscribeToTask(std::string taskId);
    /// `task.` and the pattern: `*.progress` is that of every task.
    [[nodiscard]] asio::awaitable<void> subscribePattern(std::string pattern);
    [[nodiscard]] asio::awaitable<void> unsubscribeFromTask(std::string taskId);
    [[nodiscard]] asio::awaitable<void> unsubscribePattern(std::string pattern);
    /// Takes back all that this channel client has subscribed to.
    [[nodiscard]] asio::awaitable<void> unsubscribeAll();
    /// The tasks of subscribeToTask(), in the order of their ids.
    [[nodiscard]] std::vector<std::string> getSubscribedTasks() const;

    // Each publishes on the task's topic, ends with the server's ack, and throws as WSClient::publish(); with
    // Errc::invalidArgument for what cannot be written, or an id that is no segment of a topic. A timestamp
    // that is left empty is the moment of the call.
    [[nodiscard]] asio::awaitable<Receipt> reportProgress(TaskProgress event);
    [[nodiscard]] asio::awaitable<Receipt> reportCompleted(TaskCompletion event);
    [[nodiscard]] asio::awaitable<Receipt> reportError(TaskError event);

    /// Ends when the task has, or at once where it had before and the server still knows: with its
    /// completion, whatever its outcome. A server that speaks version 1.0.0 alone tells only what comes after
    /// the call. It subscribes by itself, and takes that back at its end. A timeout of 0 is for ever.
    /// @throws Error with Errc::timedOut, naming the task; Errc::disconnected where the client ends its
    /// connection meanwhile; Errc::cancelled; RemoteError where the server refuses the subscription.
    [[nodiscard]] asio::awaitable<TaskCompletion> waitForCompletion(std::string taskId,
                                                                    std::chrono::milliseconds timeout);

    // What comes, of all tasks or of one. Bounded by the client's `queueSize` and `queueBytes`; a full
    // stream drops its oldest. They hear only what is subscribed to, and end when the client's streams do.
    [[nodiscard]] ChannelStream<TaskProgress> progress(std::optional<std::string> taskId = {});
    [[nodiscard]] ChannelStream<TaskCompletion> completions(std::optional<std::string> taskId = {});
    [[nodiscard]] ChannelStream<TaskCreation> created(std::optional<std::string> taskId = {});
    [[nodiscard]] ChannelStream<TaskAssignment> assigned(std::optional<std::string> taskId = {});
    [[nodiscard]] ChannelStream<TaskError> errors(std::optional<std::string> taskId = {});
    /// What came on the channel's topics that does not fit.
    [[nodiscard]] ChannelStream<MalformedEvent> malformed();

private:
    std::shared_ptr<TaskClientCore> core_;
};

}  // namespace strandcast
