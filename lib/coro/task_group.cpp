#include "coro/task_group.hpp"

#include <asio/bind_cancellation_slot.hpp>
#include <asio/co_spawn.hpp>
#include <asio/error.hpp>
#include <asio/system_error.hpp>

#include <utility>

namespace strandcast
{

namespace
{

void rethrowUnlessCancelled(std::exception_ptr failure)
{
    if (!failure) return;
    try
    {
        std::rethrow_exception(std::move(failure));
    }
    catch (const asio::system_error& error)
    {
        if (error.code() != asio::error::operation_aborted) throw;
    }
}

}  // namespace

TaskGroup::TaskGroup(ShardExecutor executor) : executor_(executor), tasks_(std::make_shared<Tasks>(executor))
{
}

void TaskGroup::spawn(Strand<> strand)
{
    const auto task = tasks_->signals.emplace(tasks_->signals.end());
    asio::co_spawn(executor_, std::move(strand),
                   asio::bind_cancellation_slot(task->slot(),
                                                [tasks = tasks_, task](std::exception_ptr failure)
                                                {
                                                    tasks->signals.erase(task);
                                                    tasks->ended.notify();
                                                    rethrowUnlessCancelled(std::move(failure));
                                                }));
}

void TaskGroup::cancel()
{
    // No strand ends inside emit(): Asio posts the completion of what was cancelled, so the list stands
    // still.
    for (auto& signal : tasks_->signals) signal.emit(asio::cancellation_type::terminal);
}

Strand<> TaskGroup::wait()
{
    const auto tasks = tasks_;
    while (!tasks->signals.empty()) co_await tasks->ended.wait();
}

}  // namespace strandcast
