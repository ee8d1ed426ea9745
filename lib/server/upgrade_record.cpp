#include "server/upgrade_record.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace strandcast
{

namespace
{

// The path, the query, Host, Origin, Authorization, the subprotocol: first their sizes, then their bytes.
using Field = std::optional<std::string_view>;
using Sizes = std::array<std::uint32_t, 6>;

constexpr std::uint32_t absent = UINT32_MAX;  // which no size is: a head is bounded

std::optional<std::string> text(const Field& field)
{
    return field ? std::optional<std::string>(*field) : std::nullopt;
}

}  // namespace

UpgradeRecord::UpgradeRecord(const AcceptedUpgrade& upgraded)
{
    const auto& request = upgraded.request;
    const std::array<Field, std::tuple_size_v<Sizes>> fields{
        request.path,
        request.query,
        request.head.first("Host"),
        request.head.first("Origin"),
        request.head.first("Authorization"),
        upgraded.subprotocol ? Field(*upgraded.subprotocol) : std::nullopt,
    };
    Sizes sizes{};
    std::size_t total = sizeof sizes;
    for (std::size_t index = 0; index < fields.size(); ++index)
    {
        sizes[index] = fields[index] ? static_cast<std::uint32_t>(fields[index]->size()) : absent;
        if (fields[index]) total += fields[index]->size();
    }
    fields_ = std::make_unique_for_overwrite<char[]>(total);
    std::memcpy(fields_.get(), sizes.data(), sizeof sizes);
    char* out = fields_.get() + sizeof sizes;
    for (const auto& field : fields)
        if (field) out += field->copy(out, field->size());
}

UpgradeInfo UpgradeRecord::info() const
{
    if (!fields_) return {};
    Sizes sizes;
    std::memcpy(sizes.data(), fields_.get(), sizeof sizes);
    std::array<Field, std::tuple_size_v<Sizes>> fields;
    const char* at = fields_.get() + sizeof sizes;
    for (std::size_t index = 0; index < fields.size(); ++index)
    {
        if (sizes[index] == absent) continue;
        fields[index] = std::string_view(at, sizes[index]);
        at += sizes[index];
    }
    const auto& [path, query, host, origin, authorization, subprotocol] = fields;
    return {std::string(path.value_or("")),
            std::string(query.value_or("")),
            std::string(host.value_or("")),
            text(origin),
            text(authorization),
            text(subprotocol)};
}

}  // namespace strandcast
