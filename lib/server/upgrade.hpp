#pragma once

#include "server/origin_rules.hpp"
#include "websocket/deflate_negotiation.hpp"
#include "websocket/http_head.hpp"
#include "websocket/upgrade_request.hpp"

#include <strandcast/strand.hpp>
#include <strandcast/transport.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace strandcast
{

struct UpgradeOptions
{
    std::string path;  ///< the one that is served; empty is any
    OriginRules origins;
    std::vector<std::string> subprotocols;
    HttpHeadLimits limits;
    std::optional<DeflateOptions> deflate = {};
};

/// Says why a request that is right in every other way is refused, if it is.
using JudgeRequest = std::function<std::optional<HttpRefusal>(const HttpRequest&)>;

/// A WebSocket that is open.
struct AcceptedUpgrade
{
    HttpRequest request;
    std::optional<std::string> subprotocol;    ///< the one that was chosen
    std::optional<DeflateParameters> deflate;  ///< what was agreed on
    std::string received;                      ///< what came behind the request
    std::string response;                      ///< to be sent, before anything else
};

/// Reads an upgrade request; who accepted it sends the response, together with the first that it has to say.
/// Any other request gets its answer here, such as /healthz, and one that is refused its reason; nothing is
/// returned once the peer has had the chance to read it. `buffer`
/// is the shard's: what is read into it is used up before the next suspension, so that an upgrade holds no
/// more than the request itself. `judgeRequest` may be empty.
/// @throws asio::system_error where the transport is closed or fails; its owner bounds the time by closing
/// it.
[[nodiscard]] Strand<std::optional<AcceptedUpgrade>> acceptUpgrade(Transport& transport,
                                                                   const UpgradeOptions& options,
                                                                   std::span<std::byte> buffer,
                                                                   JudgeRequest judgeRequest = {});

}  // namespace strandcast
