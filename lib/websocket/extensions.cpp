#include "websocket/extensions.hpp"

#include <string_view>
#include <utility>

namespace strandcast
{

namespace
{

/// Takes the words of the grammar from the front of one field's value.
class Reader
{
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    [[nodiscard]] bool atEnd()
    {
        skipSpace();
        return rest_.empty();
    }

    [[nodiscard]] bool take(char character)
    {
        skipSpace();
        if (!rest_.starts_with(character)) return false;
        rest_.remove_prefix(1);
        return true;
    }

    /// A token, or nothing.
    [[nodiscard]] std::optional<std::string> token()
    {
        skipSpace();
        std::size_t size = 0;
        while (size < rest_.size() && isTokenCharacter(rest_[size])) ++size;
        if (size == 0) return std::nullopt;
        std::string taken(rest_.substr(0, size));
        rest_.remove_prefix(size);
        return taken;
    }

    /// A token, or one in quotes; nothing where it is neither.
    [[nodiscard]] std::optional<std::string> value() { return take('"') ? quoted() : token(); }

private:
    // "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to
    // the 'token' ABNF."
    [[nodiscard]] std::optional<std::string> quoted()
    {
        std::string text;
        while (!rest_.empty() && rest_.front() != '"')
        {
            if (rest_.front() == '\\') rest_.remove_prefix(1);
            if (rest_.empty()) return std::nullopt;
            text += rest_.front();
            rest_.remove_prefix(1);
        }
        if (rest_.empty() || !isToken(text)) return std::nullopt;
        rest_.remove_prefix(1);
        return text;
    }

    void skipSpace()
    {
        while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    }

    std::string_view rest_;
};

std::optional<Extension> readExtension(Reader& reader)
{
    auto name = reader.token();
    if (!name) return std::nullopt;
    Extension extension{std::move(*name), {}};
    while (reader.take(';'))
    {
        auto parameter = reader.token();
        if (!parameter) return std::nullopt;
        std::optional<std::string> value;
        if (reader.take('=') && !(value = reader.value())) return std::nullopt;
        extension.parameters.push_back({std::move(*parameter), std::move(value)});
    }
    return extension;
}

// RFC 9110, section 5.6.1: a list may have empty elements.
bool readField(std::string_view field, std::vector<Extension>& extensions)
{
    Reader reader(field);
    while (!reader.atEnd())
    {
        if (reader.take(',')) continue;
        auto extension = readExtension(reader);
        if (!extension) return false;
        extensions.push_back(std::move(*extension));
        if (!reader.atEnd() && !reader.take(',')) return false;
    }
    return true;
}

}  // namespace

std::optional<std::vector<Extension>> readExtensions(const HttpHead& head)
{
    std::vector<Extension> extensions;
    for (const auto& header : head.headers)
        if (equalIgnoringCase(header.name, "Sec-WebSocket-Extensions") &&
            !readField(header.value, extensions))
            return std::nullopt;
    return extensions;
}

}  // namespace strandcast
