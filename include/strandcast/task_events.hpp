#pragma once

#include <strandcast/message.hpp>

#include <boost/describe/class.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

// What happens to tasks (protocol.md, "Channel topics"). A field that is optional here is optional on the
// wire. A timestamp that is left empty is filled in with the moment of the publish.

enum class TaskStatus : std::uint8_t
{
    pending,
    inProgress,
    completed,
    failed,
    cancelled,
};

/// How a task ended.
enum class TaskOutcome : std::uint8_t
{
    completed,
    failed,
    cancelled,
};

/// The names on the wire.
[[nodiscard]] std::string_view toString(TaskStatus status) noexcept;
[[nodiscard]] std::string_view toString(TaskOutcome outcome) noexcept;

/// On `task.<taskId>.progress` and `task.progress`.
struct TaskProgress
{
    std::string taskId;
    double progress = 0;  ///< 0 to 100
    TaskStatus status = TaskStatus::pending;
    std::optional<std::string> message = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(TaskProgress, (), (taskId, progress, status, message, timestamp))

/// Why a task failed.
struct TaskFailure
{
    std::string message;
    std::optional<std::string> code = {};
    std::optional<std::string> stack = {};
};
BOOST_DESCRIBE_STRUCT(TaskFailure, (), (message, code, stack))

/// On `task.<taskId>.completed` and `task.completed`.
struct TaskCompletion
{
    std::string taskId;
    TaskOutcome status = TaskOutcome::completed;
    std::optional<Json> result = {};
    std::optional<TaskFailure> error = {};
    std::optional<double> duration = {};  ///< ms
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(TaskCompletion, (), (taskId, status, result, error, duration, timestamp))

/// On `task.<taskId>.created` and `task.created`.
struct TaskCreation
{
    std::string taskId;
    std::optional<std::string> agentId = {};
    std::string type;
    std::optional<double> priority = {};
    std::optional<Json> metadata = {};
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(TaskCreation, (), (taskId, agentId, type, priority, metadata, timestamp))

/// On `task.<taskId>.assigned` and `task.assigned`.
struct TaskAssignment
{
    std::string taskId;
    std::string agentId;
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(TaskAssignment, (), (taskId, agentId, timestamp))

/// What went wrong in a task, which may go on.
struct TaskProblem
{
    std::string message;
    std::optional<std::string> code = {};
    std::optional<std::string> stack = {};
    std::optional<bool> recoverable = {};
};
BOOST_DESCRIBE_STRUCT(TaskProblem, (), (message, code, stack, recoverable))

/// On `task.<taskId>.error` and `task.error`.
struct TaskError
{
    std::string taskId;
    TaskProblem error;
    Timestamp timestamp = {};
};
BOOST_DESCRIBE_STRUCT(TaskError, (), (taskId, error, timestamp))

}  // namespace strandcast
