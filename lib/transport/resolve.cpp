#include "transport/resolve.hpp"

#include "coro/signal.hpp"
#include "transport/context_gate.hpp"
#include "transport/lookup_threads.hpp"

#include <strandcast/error.hpp>

#include <asio/ip/address.hpp>
#include <asio/this_coro.hpp>
#include <fmt/format.h>

#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <netdb.h>
#include <stdexcept>
#include <utility>

namespace strandcast
{

using asio::ip::tcp;

namespace
{

/// What a lookup's thread and the strand that waits for it share, and all that the thread touches.
class Answer : public std::enable_shared_from_this<Answer>
{
public:
    explicit Answer(ShardExecutor executor) : executor_(executor), gate_(ContextGate::of(executor.context()))
    {
    }

    /// The strand waits, on `signal`, which lives in its frame.
    void expect(Signal& signal) noexcept { signal_ = &signal; }

    /// The strand has gone, and its io_context may follow.
    void forget() noexcept { signal_ = nullptr; }

    /// On the lookup's thread.
    void come(std::vector<tcp::endpoint> found, std::string failure)
    {
        const std::lock_guard lock(mutex_);
        found_ = std::move(found);
        failure_ = std::move(failure);
        // The strand cannot look before the lock is left; where this throws, nothing is there yet.
        gate_->post(executor_, [self = shared_from_this()] { self->wake(); });
        there_ = true;
    }

    [[nodiscard]] bool isThere() const
    {
        const std::lock_guard lock(mutex_);
        return there_;
    }

    // Once it is there, nobody changes it.
    [[nodiscard]] std::vector<tcp::endpoint>& found() noexcept { return found_; }
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }

private:
    // On the shard's thread, as expect() and forget() are.
    void wake() noexcept
    {
        if (signal_) signal_->notify();
    }

    const ShardExecutor executor_;
    const std::shared_ptr<ContextGate> gate_;
    Signal* signal_ = nullptr;
    mutable std::mutex mutex_;
    std::vector<tcp::endpoint> found_;
    std::string failure_;
    bool there_ = false;
};

void failFor(Answer& answer, const std::exception& error) noexcept
{
    try
    {
        answer.come({}, error.what());
    }
    catch (const std::exception&)
    {
        // No memory to tell it with: who waits has a deadline.
    }
}

void lookUpFor(Answer& answer, const Lookup& lookup, const std::string& host, std::uint16_t port)
{
    try
    {
        answer.come(lookup(host, port), "it has no address");
    }
    catch (const std::exception& error)
    {
        failFor(answer, error);
    }
}

Strand<std::vector<tcp::endpoint>> lookedUp(std::string host, std::uint16_t port, Lookup lookup)
{
    const auto executor = co_await asio::this_coro::executor;
    const auto answer = std::make_shared<Answer>(executor);
    const auto work = std::make_shared<LookupThreads::Work>([answer, lookup = std::move(lookup), host, port]
                                                            { lookUpFor(*answer, lookup, host, port); });
    Signal signal(executor);
    struct Expected
    {
        std::shared_ptr<Answer> answer;
        ~Expected() { answer->forget(); }
    };
    const Expected expected{answer};
    answer->expect(signal);
    LookupThreads::instance().start(work);
    while (!answer->isThere()) co_await signal.wait();
    if (answer->found().empty())
        throw Error(Errc::connectFailed, fmt::format("cannot resolve {}: {}", host, answer->failure()));
    co_return std::move(answer->found());
}

}  // namespace

std::vector<tcp::endpoint> systemLookup(const std::string& host, std::uint16_t port)
{
    ::addrinfo wanted{};
    wanted.ai_family = AF_UNSPEC;
    wanted.ai_socktype = SOCK_STREAM;
    ::addrinfo* first = nullptr;
    if (const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &first); error != 0)
        throw std::runtime_error(::gai_strerror(error));
    const std::unique_ptr<::addrinfo, decltype(&::freeaddrinfo)> owned(first, &::freeaddrinfo);
    std::vector<tcp::endpoint> found;
    for (const auto* one = first; one; one = one->ai_next)
    {
        tcp::endpoint endpoint;
        if (one->ai_addrlen > endpoint.capacity()) continue;
        endpoint.resize(one->ai_addrlen);
        std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
        endpoint.port(port);
        found.push_back(endpoint);
    }
    return found;
}

Strand<std::vector<tcp::endpoint>> resolve(std::string host, std::uint16_t port, Lookup lookup)
{
    asio::error_code error;
    const auto address = asio::ip::make_address(host, error);
    if (!error) co_return std::vector<tcp::endpoint>{tcp::endpoint(address, port)};
    co_return co_await lookedUp(std::move(host), port, std::move(lookup));
}

}  // namespace strandcast
