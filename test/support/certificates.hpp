#pragma once

#include <strandcast/tls.hpp>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

/// A certificate authority of a test's own, in a folder that goes with it.
class Certificates
{
public:
    struct Key;

    enum class Validity : bool
    {
        now,
        over,
    };

    Certificates();
    Certificates(const Certificates&) = delete;
    Certificates& operator=(const Certificates&) = delete;
    ~Certificates();

    /// A certificate for `hosts`, such as "DNS:localhost,IP:127.0.0.1", and its key, in files of this name.
    [[nodiscard]] strandcast::TlsCertificate issue(const std::string& name, const std::string& hosts,
                                                   Validity validity = Validity::now) const;

    /// Puts a passphrase on a key.
    void lock(const std::string& privateKeyFile) const;

    /// Writes a file, and gives its whole name.
    [[nodiscard]] std::string write(const std::string& name, std::string_view content) const;

    [[nodiscard]] std::string path(const std::string& name) const { return (folder_ / name).string(); }
    [[nodiscard]] std::string caFile() const { return path("ca.pem"); }

private:
    std::filesystem::path folder_;
    std::unique_ptr<Key> authority_;
};

/// The certificate of the server at localhost and 127.0.0.1 that most tests have, and its authority.
[[nodiscard]] const Certificates& commonCertificates();
[[nodiscard]] strandcast::TlsServerOptions commonTlsServer();
[[nodiscard]] strandcast::TlsClientOptions commonTlsClient();
