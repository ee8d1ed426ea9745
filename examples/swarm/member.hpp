#pragma once

#include <strandcast/message.hpp>

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace swarm
{

/// A member of an object, where it is a string.
inline std::optional<std::string> stringOf(const std::optional<strandcast::Json>& json, std::string_view name)
{
    const auto value = json ? json->value() : boost::json::value();
    const auto* const object = value.if_object();
    const auto* const member = object ? object->if_contains(name) : nullptr;
    if (!member || !member->is_string()) return std::nullopt;
    return std::string(member->get_string());
}

}  // namespace swarm
