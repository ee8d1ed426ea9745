#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strandcast
{

/// The start line and the header fields of an HTTP message.
class HttpHead
{
public:
    struct Header
    {
        std::string name;
        std::string value;  ///< without the white space around it
    };

    std::string startLine;
    std::vector<Header> headers;

    /// The value of the first field of this name, in any case of letters.
    [[nodiscard]] std::optional<std::string_view> first(std::string_view name) const noexcept;
    /// How many fields of this name there are.
    [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
    /// Whether one of the comma-separated tokens of all fields of this name is `token`, in any case of
    /// letters.
    [[nodiscard]] bool hasToken(std::string_view name, std::string_view token) const;
    /// All comma-separated tokens of all fields of this name, in their order.
    [[nodiscard]] std::vector<std::string_view> tokens(std::string_view name) const;
};

struct HttpHeadLimits
{
    std::size_t maxStartLineSize = 8 * 1024;  ///< bytes; over it: 414
    std::size_t maxHeaderCount = 100;         ///< over it: 431
    std::size_t maxSize = 16 * 1024;          ///< bytes of the whole head; over it: 431
};

/// Why a head is refused: the status that answers it, and a text for people.
struct HttpRefusal
{
    int status = 400;
    std::string reason;

    friend bool operator==(const HttpRefusal&, const HttpRefusal&) = default;
};

/// Reads the head of an HTTP message as it arrives (RFC 9112), each byte once, and judges each byte as it
/// comes.
class HttpHeadParser
{
public:
    enum class Kind : std::uint8_t
    {
        request,
        response,
    };

    explicit HttpHeadParser(Kind kind, HttpHeadLimits limits = {}) : kind_(kind), limits_(limits) {}

    /// Takes bytes up to the end of the head, and tells how many of them; what follows is not its own.
    std::size_t feed(std::string_view bytes);

    [[nodiscard]] bool isComplete() const noexcept { return state_ == State::complete; }
    [[nodiscard]] const std::optional<HttpRefusal>& refusal() const noexcept { return refusal_; }
    [[nodiscard]] HttpHead& head() noexcept { return head_; }

private:
    enum class State : std::uint8_t
    {
        startLine,
        headers,
        complete,
        refused,
    };

    void take(char byte);
    void endLine();
    void endHeader();
    void refuse(int status, std::string reason);
    [[nodiscard]] bool mayStandHere(char byte) const noexcept;

    Kind kind_;
    HttpHeadLimits limits_;
    HttpHead head_;
    std::string line_;
    std::size_t size_ = 0;
    std::optional<HttpRefusal> refusal_;
    State state_ = State::startLine;
    bool methodRead_ = false;
    bool carriageReturn_ = false;
};

/// Whether a character may stand in a token, such as a method or a field's name (RFC 9110, section 5.6.2).
[[nodiscard]] bool isTokenCharacter(char character) noexcept;
[[nodiscard]] bool isToken(std::string_view text) noexcept;

/// Equal but for the case of ASCII letters.
[[nodiscard]] bool equalIgnoringCase(std::string_view left, std::string_view right) noexcept;

/// The reason phrase of a status.
[[nodiscard]] std::string_view reasonPhrase(int status) noexcept;

}  // namespace strandcast
