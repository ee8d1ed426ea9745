#pragma once

#include <strandcast/message.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strandcast
{

/// Messages to JSON text and back (protocol.md, "The envelope").
class MessageSerializer
{
public:
    /// @param maxDepth how deep the objects and arrays of a text may nest.
    /// @param version what is written; it and what is older is read.
    explicit MessageSerializer(std::size_t maxDepth = 128, ProtocolVersion version = ProtocolVersion::v1_0)
        : maxDepth_(maxDepth),
          version_(version)
    {
    }

    [[nodiscard]] std::string serialize(const Message& message) const;

    /// @throws Error with Errc::invalidMessage, saying which field is wrong and what was expected.
    [[nodiscard]] Message deserialize(std::string_view text) const;

private:
    std::size_t maxDepth_;
    ProtocolVersion version_;
};

/// Whether a text is a message.
class MessageValidator
{
public:
    /// @returns what is wrong with it, if anything: which field, and what was expected.
    [[nodiscard]] std::optional<std::string> validate(std::string_view text) const;

    /// Whether a message that a program made may be sent: its id is not empty and its timestamp not 0.
    [[nodiscard]] std::optional<std::string> validate(const Message& message) const;
};

/// Which versions of the protocol both sides speak.
class VersionNegotiator
{
public:
    /// @param supported this side's versions, the preferred one first.
    explicit VersionNegotiator(std::vector<std::string> supported = {std::string(protocolVersion)});

    [[nodiscard]] const std::vector<std::string>& supportedVersions() const noexcept { return supported_; }
    [[nodiscard]] bool isSupported(std::string_view version) const noexcept;

    /// The first of this side's versions that the other offers.
    [[nodiscard]] std::optional<std::string> select(const std::vector<std::string>& offered) const;

private:
    std::vector<std::string> supported_;
};

}  // namespace strandcast
