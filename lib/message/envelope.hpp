#pragma once

#include "message/json_scanner.hpp"

#include <strandcast/error.hpp>
#include <strandcast/message.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace strandcast
{

struct ParseLimits
{
    std::size_t maxDepth = 128;  ///< of nested objects and arrays, the message's own among them
    ProtocolVersion newest = ProtocolVersion::v1_0;  ///< that was negotiated; an older one is read as well
};

/// Why a text is no message, as the `error` that answers it says.
struct Refusal
{
    ErrorCode code = ErrorCode::invalidMessage;
    std::string message;
    std::string id;  ///< the text's own, where it could be read; else empty
};

/// Reads one message. `data`, `metadata` and `details` are kept as the bytes that came. Never
/// throws for what the text holds.
///
/// Fields may come in any order, and unknown ones are passed over; of one that comes twice the last counts.
/// An optional field that is `null` is absent, but for `data` and `details`, which may be null. A text that
/// is not JSON has no id that could be read, whatever it begins with.
[[nodiscard]] std::variant<Message, Refusal> parseMessage(std::string_view text, ParseLimits limits = {});

/// Appends a message as JSON, in the order: id, type, version, timestamp, and the type's own fields; those of
/// a newer version than `version` are left out.
void appendMessage(std::string& out, const Message& message, ProtocolVersion version = ProtocolVersion::v1_0);

// What a server writes most often, without making a message first.

void appendAck(std::string& out, std::string_view id, Timestamp now, std::string_view messageId, bool success,
               ProtocolVersion version = ProtocolVersion::v1_0,
               std::optional<std::uint64_t> sequenceNumber = {});

/// What an error tells its reader to do.
struct RetryHint
{
    bool retriable = false;
    std::optional<std::chrono::milliseconds> after = {};
};

/// `details` is JSON text or empty; `messageId` empty is none.
void appendError(std::string& out, std::string_view id, Timestamp now, std::string_view code,
                 std::string_view message, std::string_view details, std::string_view messageId,
                 ProtocolVersion version = ProtocolVersion::v1_0, RetryHint retry = {});
/// The `details` of a refusal for some topics of a request.
[[nodiscard]] std::string topicsDetails(const std::vector<std::string>& topics);
void appendPong(std::string& out, std::string_view id, Timestamp now, std::chrono::milliseconds latency,
                ProtocolVersion version = ProtocolVersion::v1_0);
/// `data` is JSON text. `replay` is the id of the request that the event is replayed for, or empty; it comes
/// last.
void appendEvent(std::string& out, std::string_view id, Timestamp timestamp, std::string_view topic,
                 std::optional<std::string_view> data, std::optional<std::uint64_t> sequenceNumber,
                 ProtocolVersion version = ProtocolVersion::v1_0, std::string_view replay = {});

enum class ReplayEnd : std::uint8_t
{
    live,  ///< from here on what matches is live
    more,  ///< it ends before it was complete
};

void appendReplayEnd(std::string& out, std::string_view id, Timestamp now, std::string_view replay,
                     ReplayEnd end);

}  // namespace strandcast
