#pragma once

#include "connection/peer_connection.hpp"
#include "websocket/deflate_negotiation.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace conformance
{

/// What a foreign suite may send in one message, and its frames.
[[nodiscard]] inline strandcast::ConnectionOptions connectionOptions(strandcast::Role role,
                                                                     std::size_t maxMessage)
{
    strandcast::ConnectionOptions options;
    options.role = role;
    options.protocol.maxMessageSize = maxMessage;
    return options;
}

/// Compresses whatever it may, and lets the peer refer to what came before.
[[nodiscard]] inline strandcast::DeflateOptions deflateOptions()
{
    return {.minSize = 1, .contextTakeover = true};
}

/// One connection that sends back each message as it came, text as text and binary as binary. A peer that
/// does not take them is not read any further.
class Echo final : private strandcast::ConnectionHandler
{
public:
    Echo(strandcast::Shard& shard, std::unique_ptr<strandcast::Transport> transport,
         const strandcast::ConnectionOptions& options,
         const std::optional<strandcast::DeflateParameters>& deflate,
         const strandcast::DeflateOptions& deflateWith = deflateOptions())
        : deflateOptions_(deflateWith),
          connection_(shard, std::move(transport), options, *this)
    {
        if (deflate) connection_.compress(*deflate, deflateOptions_);
    }

    /// `response` is the upgrade's, where it has not been sent; `received` what came behind it.
    [[nodiscard]] strandcast::Strand<strandcast::CloseReason> run(std::string received,
                                                                  std::string_view response = {})
    {
        if (!response.empty()) connection_.sendRaw(response);
        return connection_.run(std::move(received));
    }

private:
    void onText(std::string_view text) override { connection_.send(text); }
    void onBinary(std::span<const std::byte> bytes) override { connection_.sendBinary(bytes); }

    const strandcast::DeflateOptions deflateOptions_;
    strandcast::PeerConnection connection_;
};

}  // namespace conformance
