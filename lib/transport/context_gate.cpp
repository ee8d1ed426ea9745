#include "transport/context_gate.hpp"

namespace strandcast
{

namespace
{

/// Closes the gate of its io_context, whose services are told of its end before the queue is emptied.
class Gatekeeper final : public asio::execution_context::service
{
public:
    using key_type = Gatekeeper;

    static asio::execution_context::id id;

    explicit Gatekeeper(asio::execution_context& context) : service(context) {}

    [[nodiscard]] const std::shared_ptr<ContextGate>& gate() const noexcept { return gate_; }

private:
    void shutdown() override { gate_->close(); }

    const std::shared_ptr<ContextGate> gate_ = std::make_shared<ContextGate>();
};

asio::execution_context::id Gatekeeper::id;

}  // namespace

std::shared_ptr<ContextGate> ContextGate::of(asio::execution_context& context)
{
    return asio::use_service<Gatekeeper>(context).gate();
}

}  // namespace strandcast
