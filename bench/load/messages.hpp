#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The messages of the load, in the one shape that the floor reads: an id of eight digits, then the type.
namespace load
{

inline std::string authMessage(std::string_view token)
{
    return fmt::format(
        R"({{"id":"00000001","type":"auth","version":"1.0.0","timestamp":1700000000000,"token":"{}"}})",
        token);
}

inline std::string subscribeMessage(const std::vector<std::string>& topics)
{
    std::string list;
    for (const auto& topic : topics) list += (list.empty() ? "\"" : ",\"") + topic + '"';
    return fmt::format(
        R"({{"id":"00000002","type":"subscribe","version":"1.0.0","timestamp":1700000000000,"topics":[{}]}})",
        list);
}

/// `size` bytes of JSON, which hold `number`.
inline std::string eventData(std::uint64_t number, std::size_t size)
{
    constexpr std::size_t around = 25;  // {"n":"0000000000","p":""}
    return fmt::format(R"({{"n":"{:010}","p":"{:x<{}}"}})", number, "", size > around ? size - around : 0);
}

/// A publish with `size` bytes of data, which hold `number`.
inline std::string publishMessage(std::string_view topic, std::uint64_t number, std::size_t size)
{
    return fmt::format(
        R"({{"id":"{:08}","type":"publish","version":"1.0.0","timestamp":1700000000000,"topic":"{}",)"
        R"("data":{}}})",
        number % 100'000'000, topic, eventData(number, size));
}

/// The number that an event's data holds, or nothing where it holds none.
inline std::int64_t numberOf(std::string_view event)
{
    const auto at = event.find(R"("data":{"n":")");
    if (at == std::string_view::npos) return -1;
    std::int64_t number = 0;
    for (const char digit : event.substr(at + 13, 10)) number = number * 10 + (digit - '0');
    return number;
}

inline bool isAck(std::string_view text)
{
    return text.find(R"("type":"ack")") != std::string_view::npos;
}

}  // namespace load
