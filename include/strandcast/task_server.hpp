#pragma once

#include <strandcast/channel_server_options.hpp>
#include <strandcast/event_stream.hpp>
#include <strandcast/message.hpp>
#include <strandcast/task_events.hpp>
#include <strandcast/ws_router.hpp>

#include <asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string>

namespace strandcast
{

class TaskServerCore;

/// The server's half of the task channel: publishes what happens to tasks, each time on the task's topic and
/// on the channel's; and what clients report of tasks it streams, and has logged on the channel's topic as
/// well. The end of a task stays with the router for the option `retention`, so that who waits for it later
/// sees it.
///
/// Every operation may be awaited from any executor. It may go before or after its router; then what clients
/// report passes as any event does, and the streams end.
class TaskChannelServer
{
public:
    explicit TaskChannelServer(WSRouter& router, ChannelServerOptions options = {});
    TaskChannelServer(TaskChannelServer&&) noexcept;
    TaskChannelServer& operator=(TaskChannelServer&&) = delete;
    ~TaskChannelServer();

    // Each ends when the event is in the log, and throws Error with Errc::invalidArgument for what cannot be
    // written, or an id that is no segment of a topic, and Errc::cancelled where the router has gone. The
    // receipt is that of the task's topic, but for the subscribers, which are of both.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishProgress(TaskProgress event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishCompleted(TaskCompletion event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishCreated(TaskCreation event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishAssigned(TaskAssignment event);
    [[nodiscard]] asio::awaitable<PublishReceipt> publishError(TaskError event);

    /// Progress 0, status `in-progress`.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishTaskStarted(std::string taskId,
                                                                     std::optional<std::string> message = {});
    /// Completed; `duration` in ms.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishTaskSuccess(std::string taskId,
                                                                     std::optional<Json> result = {},
                                                                     std::optional<double> duration = {});
    /// Failed; `duration` in ms.
    [[nodiscard]] asio::awaitable<PublishReceipt> publishTaskFailure(std::string taskId, TaskFailure error,
                                                                     std::optional<double> duration = {});

    // What clients reported, of all tasks or of one, once it is in the log. Bounded by the option
    // `queueSize`; a full stream drops its oldest.
    [[nodiscard]] EventStream<TaskProgress> progress(std::optional<std::string> taskId = {});
    [[nodiscard]] EventStream<TaskCompletion> completions(std::optional<std::string> taskId = {});
    [[nodiscard]] EventStream<TaskCreation> created(std::optional<std::string> taskId = {});
    [[nodiscard]] EventStream<TaskAssignment> assigned(std::optional<std::string> taskId = {});
    [[nodiscard]] EventStream<TaskError> errors(std::optional<std::string> taskId = {});
    /// What they reported that does not fit.
    [[nodiscard]] EventStream<MalformedReport> malformed();

private:
    std::shared_ptr<TaskServerCore> core_;
};

}  // namespace strandcast
