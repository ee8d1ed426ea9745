#include "channel/channel_client.hpp"

#include <strandcast/task_client.hpp>

#include <fmt/format.h>

#include <utility>

namespace strandcast
{

class TaskClientCore final : public ChannelClientCore<TaskPayloads>
{
public:
    using ChannelClientCore::ChannelClientCore;
};

TaskChannelClient::TaskChannelClient(WSClient& client) : core_(joinChannel<TaskClientCore>(client)) {}

TaskChannelClient::TaskChannelClient(TaskChannelClient&&) noexcept = default;

TaskChannelClient::~TaskChannelClient()
{
    leaveChannel(std::move(core_));
}

asio::awaitable<void> TaskChannelClient::subscribeAll()
{
    return core_->subscribeAll();
}

asio::awaitable<void> TaskChannelClient::subscribeToTask(std::string taskId)
{
    return TaskClientCore::subscribeTo(core_, std::move(taskId));
}

asio::awaitable<void> TaskChannelClient::subscribePattern(std::string pattern)
{
    return core_->subscribePattern(std::move(pattern));
}

asio::awaitable<void> TaskChannelClient::unsubscribeFromTask(std::string taskId)
{
    return core_->unsubscribeFrom(std::move(taskId));
}

asio::awaitable<void> TaskChannelClient::unsubscribePattern(std::string pattern)
{
    return core_->unsubscribePattern(std::move(pattern));
}

asio::awaitable<void> TaskChannelClient::unsubscribeAll()
{
    return core_->unsubscribeAll();
}

std::vector<std::string> TaskChannelClient::getSubscribedTasks() const
{
    return core_->subscribed();
}

asio::awaitable<Receipt> TaskChannelClient::reportProgress(TaskProgress event)
{
    return TaskClientCore::report(core_, std::move(event));
}

asio::awaitable<Receipt> TaskChannelClient::reportCompleted(TaskCompletion event)
{
    return TaskClientCore::report(core_, std::move(event));
}

asio::awaitable<Receipt> TaskChannelClient::reportError(TaskError event)
{
    return TaskClientCore::report(core_, std::move(event));
}

asio::awaitable<TaskCompletion> TaskChannelClient::waitForCompletion(std::string taskId,
                                                                     std::chrono::milliseconds timeout)
{
    auto tooLate = fmt::format("task '{}' had not ended after {} ms", taskId, timeout.count());
    auto matter = taskId;
    return TaskClientCore::waitFor<TaskCompletion>(core_, std::move(taskId), std::move(matter), timeout,
                                                   std::move(tooLate));
}

ChannelStream<TaskProgress> TaskChannelClient::progress(std::optional<std::string> taskId)
{
    return core_->listen<TaskProgress>(std::move(taskId));
}

ChannelStream<TaskCompletion> TaskChannelClient::completions(std::optional<std::string> taskId)
{
    return core_->listen<TaskCompletion>(std::move(taskId));
}

ChannelStream<TaskCreation> TaskChannelClient::created(std::optional<std::string> taskId)
{
    return core_->listen<TaskCreation>(std::move(taskId));
}

ChannelStream<TaskAssignment> TaskChannelClient::assigned(std::optional<std::string> taskId)
{
    return core_->listen<TaskAssignment>(std::move(taskId));
}

ChannelStream<TaskError> TaskChannelClient::errors(std::optional<std::string> taskId)
{
    return core_->listen<TaskError>(std::move(taskId));
}

ChannelStream<MalformedEvent> TaskChannelClient::malformed()
{
    return core_->malformed();
}

}  // namespace strandcast
