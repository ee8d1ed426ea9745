#pragma once

#include "server/upgrade.hpp"

#include <strandcast/ws_server.hpp>

#include <memory>

namespace strandcast
{

/// What is kept of a client's upgrade for as long as it is connected, in one piece of memory: an UpgradeInfo
/// would take four times as much of every idle client.
class UpgradeRecord
{
public:
    UpgradeRecord() = default;
    explicit UpgradeRecord(const AcceptedUpgrade& upgraded);

    [[nodiscard]] UpgradeInfo info() const;

private:
    std::unique_ptr<char[]> fields_;
};

}  // namespace strandcast
