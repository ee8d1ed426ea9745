#include "channel/swarm_server_core.hpp"

#include <strandcast/error.hpp>

#include <asio/system_error.hpp>
#include <fmt/format.h>

#include <chrono>
#include <utility>

namespace strandcast
{

template <typename Subject>
Strand<typename Subject::Result> SwarmServerCore::conduct(std::shared_ptr<SwarmServerCore> core,
                                                          Subject subject)
{
    if (core->ended_ || !core->router()) throw Error(Errc::cancelled, "the channel server has gone");
    const auto opening = subject.opening();
    if (const auto wrong = Subject::checkOpening(opening, core->now()))
        throw Error(Errc::invalidArgument, *wrong);
    if (core->boxOf<Subject>().knows(opening.swarmId, Subject::idOf(opening)))
        throw Error(Errc::invalidArgument,
                    fmt::format("{} '{}' of swarm '{}' was opened before", Subject::name,
                                Subject::idOf(opening), opening.swarmId));
    core->publishNow(opening);
    const auto ballot = core->open<Subject>(std::move(subject));
    co_await collect<Subject>(core, ballot);
    co_return ballot->subject.result();
}

// Ends with the ballot, whatever ends it.
template <typename Subject>
Strand<> SwarmServerCore::collect(std::shared_ptr<SwarmServerCore> core,
                                  std::shared_ptr<OpenBallot<Subject>> ballot)
{
    bool isWithdrawn = false;
    try
    {
        for (;;)
        {
            // Votes of one turn are one step of the tally.
            if (std::exchange(ballot->hasMoved, false)) core->publishNow(ballot->subject.tally());
            if (core->isOver<Subject>(*ballot)) break;
            auto& clock = *core->options().clock;
            co_await ballot->changed.waitUntil(clock,
                                               steadyDeadline(clock, ballot->subject.ballot().deadline));
        }
    }
    catch (const asio::system_error&)
    {
        isWithdrawn = true;
    }
    if (isWithdrawn) ballot->subject.withdraw();
    core->close<Subject>(*ballot);
    if (isWithdrawn || ballot->isCalledOff)
        throw Error(Errc::cancelled,
                    fmt::format("the ballot on {} '{}' was withdrawn", Subject::name, ballot->subject.id()));
}

template <typename Subject>
Strand<> SwarmServerCore::conductForClient(std::shared_ptr<SwarmServerCore> core,
                                           std::shared_ptr<OpenBallot<Subject>> ballot)
{
    try
    {
        co_await collect<Subject>(core, ballot);
    }
    catch (const Error&)
    {
        // Nobody awaits it here; those who watch its topic hear what becomes of it.
    }
    --core->ofClients_;
}

template <typename Subject>
std::shared_ptr<SwarmServerCore::OpenBallot<Subject>> SwarmServerCore::open(Subject subject)
{
    return boxOf<Subject>().open(std::move(subject), executor());
}

template <typename Subject>
bool SwarmServerCore::isOver(const OpenBallot<Subject>& ballot) const
{
    return ballot.isCalledOff || ballot.subject.isCertain() || now() >= ballot.subject.ballot().deadline;
}

template <typename Subject>
void SwarmServerCore::close(OpenBallot<Subject>& ballot)
{
    boxOf<Subject>().close(ballot);
    if (!ended_) publishNow(ballot.subject.ending());
}

std::optional<GateRefusal> SwarmServerCore::inspect(const RoutedPublish& publish, const Any& event)
{
    static_cast<void>(publish);
    if (const auto* const consensus = std::get_if<SwarmConsensus>(&event))
        return inspectAs<Proposal>(*consensus);
    if (const auto* const decision = std::get_if<SwarmDecision>(&event))
        return inspectAs<Decision>(*decision);
    return std::nullopt;
}

template <typename Subject>
std::optional<GateRefusal> SwarmServerCore::inspectAs(const typename Subject::Event& report)
{
    if (auto wrong = boxOf<Subject>().refusalOf(report, now()))
        return GateRefusal{ErrorCode::publishFailed, *std::move(wrong)};
    if (options().maxClientBallots == 0 || !Subject::isOpening(report)) return std::nullopt;
    if (boxOf<Subject>().knows(report.swarmId, Subject::idOf(report))) return std::nullopt;
    if (auto wrong = Subject::checkOpening(report, now()))
        return GateRefusal{ErrorCode::publishFailed, *std::move(wrong)};
    if (!hasRoomForClients())
        return GateRefusal{
            ErrorCode::publishFailed,
            fmt::format("Too many ballots of clients are open: {} at most", options().maxClientBallots)};
    return std::nullopt;
}

void SwarmServerCore::reported(const Any& event)
{
    if (const auto* const consensus = std::get_if<SwarmConsensus>(&event)) countAs<Proposal>(*consensus);
    if (const auto* const decision = std::get_if<SwarmDecision>(&event)) countAs<Decision>(*decision);
}

template <typename Subject>
void SwarmServerCore::countAs(const typename Subject::Event& report)
{
    if (ended_) return;
    auto& box = boxOf<Subject>();
    if (box.knows(report.swarmId, Subject::idOf(report))) return box.count(report);
    if (!Subject::isOpening(report) || !hasRoomForClients() || Subject::checkOpening(report, now())) return;
    ++ofClients_;
    strands_.spawn(conductForClient<Subject>(std::static_pointer_cast<SwarmServerCore>(shared_from_this()),
                                             open<Subject>(Subject(report))));
}

void SwarmServerCore::end()
{
    ended_ = true;
    proposals_.callOff();
    decisions_.callOff();
    strands_.cancel();
    ChannelServerCore::end();
}

bool SwarmServerCore::hasRoomForClients() const noexcept
{
    return ofClients_ < options().maxClientBallots;
}

Timestamp SwarmServerCore::now() const
{
    return std::chrono::floor<std::chrono::milliseconds>(options().clock->systemNow());
}

template Strand<ConsensusResult> SwarmServerCore::conduct(std::shared_ptr<SwarmServerCore>, Proposal);
template Strand<DecisionResult> SwarmServerCore::conduct(std::shared_ptr<SwarmServerCore>, Decision);

}  // namespace strandcast
