#include "channel/channel_server_core.hpp"
#include "channel/channel_server_handle.hpp"

#include <strandcast/task_server.hpp>

#include <utility>

namespace strandcast
{

class TaskServerCore final : public ChannelServerCore<TaskPayloads>
{
public:
    using ChannelServerCore::ChannelServerCore;
};

TaskChannelServer::TaskChannelServer(WSRouter& router, ChannelServerOptions options)
    : core_(openChannel<TaskServerCore>(router, options, {{"task.*.completed", 1}}))
{
}

TaskChannelServer::TaskChannelServer(TaskChannelServer&&) noexcept = default;

TaskChannelServer::~TaskChannelServer()
{
    closeChannel(std::move(core_));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishProgress(TaskProgress event)
{
    return TaskServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishCompleted(TaskCompletion event)
{
    return TaskServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishCreated(TaskCreation event)
{
    return TaskServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishAssigned(TaskAssignment event)
{
    return TaskServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishError(TaskError event)
{
    return TaskServerCore::publish(core_, std::move(event));
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishTaskStarted(std::string taskId,
                                                                      std::optional<std::string> message)
{
    return publishProgress({.taskId = std::move(taskId),
                            .progress = 0,
                            .status = TaskStatus::inProgress,
                            .message = std::move(message)});
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishTaskSuccess(std::string taskId,
                                                                      std::optional<Json> result,
                                                                      std::optional<double> duration)
{
    return publishCompleted({.taskId = std::move(taskId),
                             .status = TaskOutcome::completed,
                             .result = std::move(result),
                             .duration = duration});
}

asio::awaitable<PublishReceipt> TaskChannelServer::publishTaskFailure(std::string taskId, TaskFailure error,
                                                                      std::optional<double> duration)
{
    return publishCompleted({.taskId = std::move(taskId),
                             .status = TaskOutcome::failed,
                             .error = std::move(error),
                             .duration = duration});
}

EventStream<TaskProgress> TaskChannelServer::progress(std::optional<std::string> taskId)
{
    return core_->reports<TaskProgress>(std::move(taskId));
}

EventStream<TaskCompletion> TaskChannelServer::completions(std::optional<std::string> taskId)
{
    return core_->reports<TaskCompletion>(std::move(taskId));
}

EventStream<TaskCreation> TaskChannelServer::created(std::optional<std::string> taskId)
{
    return core_->reports<TaskCreation>(std::move(taskId));
}

EventStream<TaskAssignment> TaskChannelServer::assigned(std::optional<std::string> taskId)
{
    return core_->reports<TaskAssignment>(std::move(taskId));
}

EventStream<TaskError> TaskChannelServer::errors(std::optional<std::string> taskId)
{
    return core_->reports<TaskError>(std::move(taskId));
}

EventStream<MalformedReport> TaskChannelServer::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
