#pragma once

#include "channel/ballot_box.hpp"
#include "channel/channel_server_core.hpp"
#include "channel/decision.hpp"
#include "channel/proposal.hpp"
#include "coro/task_group.hpp"

#include <memory>
#include <optional>
#include <type_traits>
#include <variant>

namespace strandcast
{

/// What a SwarmChannelServer is a handle on: a channel server that conducts ballots.
class SwarmServerCore final : public ChannelServerCore<SwarmPayloads>
{
public:
    SwarmServerCore(const WSRouter& router, ChannelServerOptions options)
        : ChannelServerCore(router, options),
          strands_(executor())
    {
    }

    /// Opens a ballot, and gives its result when it has closed.
    /// @throws Error with Errc::invalidArgument for a ballot that cannot be, or that was opened before;
    /// Errc::cancelled where the router or the channel server goes, or the caller is cancelled, which
    /// withdraws it.
    template <typename Subject>
    [[nodiscard]] static Strand<typename Subject::Result> conduct(std::shared_ptr<SwarmServerCore> core,
                                                                  Subject subject);

    void end() override;

protected:
    [[nodiscard]] std::optional<GateRefusal> inspect(const RoutedPublish& publish, const Any& event) override;
    void reported(const Any& event) override;

private:
    template <typename Subject>
    using OpenBallot = typename BallotBox<Subject>::Open;

    template <typename Subject>
    [[nodiscard]] BallotBox<Subject>& boxOf() noexcept
    {
        if constexpr (std::is_same_v<Subject, Proposal>)
            return proposals_;
        else
            return decisions_;
    }

    template <typename Subject>
    [[nodiscard]] std::optional<GateRefusal> inspectAs(const typename Subject::Event& report);
    template <typename Subject>
    void countAs(const typename Subject::Event& report);
    template <typename Subject>
    [[nodiscard]] std::shared_ptr<OpenBallot<Subject>> open(Subject subject);
    template <typename Subject>
    [[nodiscard]] static Strand<> collect(std::shared_ptr<SwarmServerCore> core,
                                          std::shared_ptr<OpenBallot<Subject>> ballot);
    template <typename Subject>
    [[nodiscard]] static Strand<> conductForClient(std::shared_ptr<SwarmServerCore> core,
                                                   std::shared_ptr<OpenBallot<Subject>> ballot);
    template <typename Subject>
    [[nodiscard]] bool isOver(const OpenBallot<Subject>& ballot) const;
    template <typename Subject>
    void close(OpenBallot<Subject>& ballot);
    [[nodiscard]] bool hasRoomForClients() const noexcept;
    [[nodiscard]] Timestamp now() const;

    BallotBox<Proposal> proposals_;
    BallotBox<Decision> decisions_;
    TaskGroup strands_;  // of the ballots that clients opened
    std::size_t ofClients_ = 0;
    bool ended_ = false;
};

}  // namespace strandcast
