#include "websocket/deflate_negotiation.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace strandcast
{

namespace
{

constexpr std::string_view extensionName = "permessage-deflate";
constexpr int largestWindow = 15;

/// The parameters of one offer or answer, as they stand there.
struct Stated
{
    bool serverNoContext = false;
    bool clientNoContext = false;
    std::optional<int> serverBits = {};
    std::optional<int> clientBits = {};
    bool clientBitsNamed = false;  ///< with a value or, in an offer, without one
};

// Section 7.1.2: 8 to 15, without a leading zero.
std::optional<int> windowBits(std::string_view text)
{
    if (text == "8" || text == "9") return text[0] - '0';
    if (text.size() == 2 && text[0] == '1' && text[1] >= '0' && text[1] <= '5') return 10 + (text[1] - '0');
    return std::nullopt;
}

bool isRepeated(const Extension& extension, const std::string& name)
{
    return std::ranges::count(extension.parameters, name, &Extension::Parameter::name) > 1;
}

bool take(Stated& stated, const Extension::Parameter& parameter, bool isOffer)
{
    const auto& [name, value] = parameter;
    if (name == "server_no_context_takeover") return !value && (stated.serverNoContext = true);
    if (name == "client_no_context_takeover") return !value && (stated.clientNoContext = true);
    if (name == "server_max_window_bits")
        return value && (stated.serverBits = windowBits(*value)).has_value();
    if (name != "client_max_window_bits") return false;
    stated.clientBitsNamed = true;
    if (!value) return isOffer;
    stated.clientBits = windowBits(*value);
    return stated.clientBits.has_value();
}

/// Nothing where a parameter is unknown, twice there, or has a value that it cannot have (section 7).
std::optional<Stated> read(const Extension& extension, bool isOffer)
{
    Stated stated;
    for (const auto& parameter : extension.parameters)
        if (isRepeated(extension, parameter.name) || !take(stated, parameter, isOffer)) return std::nullopt;
    return stated;
}

int allowedBits(const DeflateOptions& options)
{
    return std::clamp(options.maxWindowBits, 8, largestWindow);
}

AcceptedDeflate accept(const Stated& offer, const DeflateOptions& options)
{
    AcceptedDeflate accepted;
    auto& [server, client] = accepted.parameters;
    server.takeover = false;
    client.takeover = options.contextTakeover && !offer.clientNoContext;
    accepted.answer = std::string(extensionName) + "; server_no_context_takeover";
    if (!client.takeover) accepted.answer += "; client_no_context_takeover";
    const auto state = [&](DeflateContext& context, std::string_view name, int bits)
    {
        context.windowBits = static_cast<std::uint8_t>(bits);
        accepted.answer += "; ";
        accepted.answer += name;
        accepted.answer += "=" + std::to_string(bits);
    };
    // Less than the largest is taken for as little as a compressor has: so there are two kinds of shared
    // frames, and not eight.
    if (offer.serverBits.value_or(largestWindow) < largestWindow)
        state(server, "server_max_window_bits", std::min(*offer.serverBits, 9));
    else if (offer.serverBits)
        state(server, "server_max_window_bits", largestWindow);
    const auto clientBits = std::min(offer.clientBits.value_or(largestWindow), allowedBits(options));
    if (offer.clientBitsNamed && clientBits < largestWindow)
        state(client, "client_max_window_bits", clientBits);
    return accepted;
}

std::string judge(const Stated& answer, const DeflateOptions& offered)
{
    if (!offered.contextTakeover && !answer.serverNoContext)
        return "the server insists on a context between its messages, which was not offered";
    if (allowedBits(offered) < largestWindow &&
        answer.serverBits.value_or(largestWindow) > allowedBits(offered))
        return "the server's window is larger than was offered";
    return {};
}

}  // namespace

std::optional<AcceptedDeflate> acceptDeflate(const std::vector<Extension>& offers,
                                             const DeflateOptions& options)
{
    for (const auto& offer : offers)
    {
        if (offer.name != extensionName) continue;
        if (const auto stated = read(offer, true)) return accept(*stated, options);
    }
    return std::nullopt;
}

std::string deflateOffer(const DeflateOptions& options)
{
    std::string offer = std::string(extensionName) + "; client_max_window_bits";
    if (!options.contextTakeover) offer += "; server_no_context_takeover; client_no_context_takeover";
    if (allowedBits(options) < largestWindow)
        offer += "; server_max_window_bits=" + std::to_string(allowedBits(options));
    return offer;
}

std::variant<std::optional<DeflateParameters>, std::string>
readDeflateAnswer(const std::vector<Extension>& answer, const DeflateOptions& offered)
{
    if (answer.empty()) return std::nullopt;
    if (answer.size() > 1 || answer.front().name != extensionName)
        return "the server uses an extension that was not asked for";
    const auto stated = read(answer.front(), false);
    if (!stated) return "the server's permessage-deflate has parameters that it cannot have";
    if (auto wrong = judge(*stated, offered); !wrong.empty()) return wrong;
    DeflateParameters agreed;
    agreed.server = {static_cast<std::uint8_t>(stated->serverBits.value_or(largestWindow)),
                     !stated->serverNoContext};
    agreed.client = {static_cast<std::uint8_t>(stated->clientBits.value_or(largestWindow)),
                     offered.contextTakeover && !stated->clientNoContext};
    return agreed;
}

}  // namespace strandcast
