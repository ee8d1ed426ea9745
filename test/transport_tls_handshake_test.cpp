#include "coro/sleep.hpp"
#include "support/run.hpp"
#include "support/streams.hpp"
#include "support/tls_pair.hpp"
#include "support/together.hpp"
#include "support/wire_tap.hpp"

#include <strandcast/error.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>

using namespace strandcast;

namespace
{

// What each end has of a handshake: "open", or why not.
struct Verdicts
{
    std::string client;
    std::string server;
};

Strand<> judge(Transport& end, std::string& verdict)
{
    // Who can write has shaken hands; a client of TLS 1.3 only thinks so, until it reads.
    for (int attempt = 0; attempt < 1'000 && verdict.empty(); ++attempt)
    {
        const auto written = write(end, "?");
        if (written.outcome == Transfer::Outcome::failed) break;
        if (written.outcome == Transfer::Outcome::moved) verdict = "open";
        if (written.outcome == Transfer::Outcome::wouldBlock) co_await end.waitWritable();
    }
    const auto read = co_await readUntil(end, 1);
    verdict = read.bytes == "?" ? "open" : read.last.error.message();
    end.close();
}

Verdicts shakeHands(const TlsServerOptions& server, const TlsClientOptions& client,
                    const std::string& host = "localhost")
{
    Verdicts verdicts;
    runStrand(
        [&](asio::io_context& io) -> Strand<>
        {
            const auto ends =
                secured(io.get_executor(), makeMemoryTransports(io.get_executor()), server, client, host);
            co_await together(judge(*ends.first, verdicts.client), judge(*ends.second, verdicts.server));
        });
    return verdicts;
}

// What a server's end makes of these bytes, and what it says.
struct Answer
{
    Transfer last;
    std::string said;
};

Answer answerTo(const std::string& bytes, bool ends, std::string plainAnswer = {})
{
    Answer answer;
    runStrand(
        [&](asio::io_context& io) -> Strand<>
        {
            auto below = makeMemoryTransports(io.get_executor());
            const auto said = std::make_shared<std::string>();
            const auto server =
                TlsServerContext(commonTlsServer(), plainAnswer)
                    .secure(io.get_executor(), std::make_unique<WireTap>(std::move(below.second), said));
            static_cast<void>(write(*below.first, bytes));
            if (ends) below.first->shutdownWrite();
            std::array<std::byte, 64> buffer;
            answer.last = server->tryRead(buffer);
            answer.said = *said;
            co_return;
        });
    return answer;
}

std::string clientHello()
{
    std::string hello;
    runStrand(
        [&](asio::io_context& io) -> Strand<>
        {
            auto below = makeMemoryTransports(io.get_executor());
            const auto said = std::make_shared<std::string>();
            const auto client =
                TlsClientContext(commonTlsClient())
                    .secure(io.get_executor(), std::make_unique<WireTap>(std::move(below.first), said),
                            "localhost");
            CHECK(write(*client, "x").outcome == Transfer::Outcome::wouldBlock);
            hello = *said;
            co_return;
        });
    return hello;
}

std::string refusalOf(const std::function<void()>& make)
{
    try
    {
        make();
    }
    catch (const Error& error)
    {
        CHECK(error.errc() == Errc::invalidArgument);
        return error.what();
    }
    return "none";
}

std::string refusalOf(const TlsServerOptions& options)
{
    return refusalOf([&] { const TlsServerContext context(options); });
}

constexpr auto notAccepted = "the peer's certificate is not accepted: ";

}  // namespace

TEST_CASE("a client trusts a server whose certificate is from an authority of its own, and is for the host")
{
    for (const auto* const host : {"localhost", "127.0.0.1", "::1"})
    {
        CAPTURE(host);
        const auto verdicts = shakeHands(commonTlsServer(), commonTlsClient(), host);
        CHECK(verdicts.client == "open");
        CHECK(verdicts.server == "open");
    }
}

TEST_CASE("a certificate for another host, from an unknown authority, or out of date is refused, and why")
{
    const Certificates others;
    const auto& known = commonCertificates();
    const TlsServerOptions stranger{.certificates = {others.issue("stranger", "DNS:localhost")}};
    const TlsServerOptions expired{
        .certificates = {known.issue("expired", "DNS:localhost", Certificates::Validity::over)}};

    CHECK(shakeHands(commonTlsServer(), commonTlsClient(), "example.org").client ==
          notAccepted + std::string("hostname mismatch"));
    CHECK(shakeHands(commonTlsServer(), commonTlsClient(), "127.0.0.2").client ==
          notAccepted + std::string("IP address mismatch"));
    CHECK(shakeHands(stranger, commonTlsClient()).client ==
          notAccepted + std::string("unable to get local issuer certificate"));
    CHECK(shakeHands(expired, commonTlsClient()).client ==
          notAccepted + std::string("certificate has expired"));
    // Nothing of the system's is trusted that this test has made.
    CHECK(shakeHands(commonTlsServer(), {}).client ==
          notAccepted + std::string("unable to get local issuer certificate"));
    CHECK(shakeHands(stranger, commonTlsClient()).server.find("alert unknown ca") != std::string::npos);
}

TEST_CASE("a wildcard stands for a whole label of a host's name")
{
    const TlsServerOptions wild{
        .certificates = {commonCertificates().issue("wild", "DNS:*.example.org,DNS:part*.example.com")}};
    CHECK(shakeHands(wild, commonTlsClient(), "a.example.org").client == "open");
    CHECK(shakeHands(wild, commonTlsClient(), "a.b.example.org").client != "open");
    CHECK(shakeHands(wild, commonTlsClient(), "part1.example.com").client != "open");
}

TEST_CASE("a client that is told to trust anybody trusts anybody")
{
    const Certificates others;
    const TlsServerOptions stranger{
        .certificates = {others.issue("stranger", "DNS:elsewhere", Certificates::Validity::over)}};
    CHECK(shakeHands(stranger, {.trustAnybodyInsecurely = true}).client == "open");
}

TEST_CASE("a server that asks for certificates serves the clients that have one from its authority alone")
{
    const Certificates clients;
    auto server = commonTlsServer();
    server.clientCaFile = clients.caFile();
    auto client = commonTlsClient();

    const auto without = shakeHands(server, client);
    CHECK(without.client.find("certificate required") != std::string::npos);
    CHECK(without.server.find("peer did not return a certificate") != std::string::npos);

    client.certificate = commonCertificates().issue("impostor", "");
    const auto impostor = shakeHands(server, client);
    CHECK(impostor.client.find("alert unknown ca") != std::string::npos);
    CHECK(impostor.server == notAccepted + std::string("unable to get local issuer certificate"));

    client.certificate = clients.issue("agent", "");
    const auto known = shakeHands(server, client);
    CHECK(known.client == "open");
    CHECK(known.server == "open");
}

TEST_CASE("a client gets the certificate for the host that it names, or else the first")
{
    const auto& authority = commonCertificates();
    const TlsServerOptions server{.certificates = {authority.issue("first", "DNS:first.example,IP:127.0.0.1"),
                                                   authority.issue("second", "DNS:second.example"),
                                                   authority.issue("third", "DNS:*.third.example")}};
    for (const auto* const host : {"first.example", "second.example", "a.third.example", "127.0.0.1"})
    {
        CAPTURE(host);
        CHECK(shakeHands(server, commonTlsClient(), host).client == "open");
    }
    CHECK(shakeHands(server, commonTlsClient(), "fourth.example").client ==
          notAccepted + std::string("hostname mismatch"));
}

TEST_CASE("certificates that are read again are those of new streams, and the old ones go on")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            const auto executor = io.get_executor();
            const Certificates authority;
            const auto files = authority.issue("server", "DNS:old.example");
            TlsServerContext server({.certificates = {files}});
            const TlsClientContext client({.caFile = authority.caFile()});
            const auto connect = [&](const std::string& host)
            {
                auto below = makeMemoryTransports(executor);
                return TransportPair(client.secure(executor, std::move(below.first), host),
                                     server.secure(executor, std::move(below.second)));
            };
            const auto pass = [](Transport& from, Transport& to) -> Strand<>
            {
                co_await writeAll(from, "text");
                const auto read = co_await readUntil(to, 4);
                CHECK(read.bytes == "text");
            };
            const auto old = connect("old.example");
            const auto early = connect("old.example");  // it shakes hands later
            co_await together(pass(*old.first, *old.second), pass(*old.second, *old.first));

            static_cast<void>(authority.issue("server", "DNS:new.example"));
            server.reload();
            const auto fresh = connect("new.example");
            co_await together(pass(*fresh.first, *fresh.second), pass(*fresh.second, *fresh.first));
            co_await together(pass(*old.first, *old.second), pass(*old.second, *old.first));
            co_await together(pass(*early.first, *early.second), pass(*early.second, *early.first));

            static_cast<void>(authority.write("server.pem", "no certificate"));
            const auto refusal = refusalOf([&] { server.reload(); });
            CHECK(refusal == "cannot use certificate file '" + authority.path("server.pem") +
                                 "': a certificate in PEM is expected");
            const auto still = connect("new.example");
            co_await together(pass(*still.first, *still.second), pass(*still.second, *still.first));
        });
}

TEST_CASE("files that cannot be used are named, and what is wrong with them")
{
    const Certificates authority;
    const auto good = authority.issue("good", "DNS:localhost");
    const auto other = authority.issue("other", "DNS:localhost");
    const auto absent = authority.path("absent.pem");
    const auto text = authority.write("text.pem", "This is a text.\n");
    const auto empty = authority.write("empty.pem", "");
    const auto folder = std::filesystem::path(good.certificateFile).parent_path().string();

    CHECK(refusalOf(TlsServerOptions{}) == "TLS needs a certificate, and none is given");
    CHECK(refusalOf({.certificates = {{absent, good.privateKeyFile}}}) ==
          "cannot use certificate file '" + absent + "': No such file or directory");
    CHECK(refusalOf({.certificates = {{folder, good.privateKeyFile}}}) ==
          "cannot use certificate file '" + folder + "': Is a directory");
    for (const auto& file : {text, empty})
        CHECK(refusalOf({.certificates = {{file, good.privateKeyFile}}}) ==
              "cannot use certificate file '" + file + "': a certificate in PEM is expected");
    CHECK(refusalOf({.certificates = {{good.certificateFile, absent}}}) ==
          "cannot use private key file '" + absent + "': No such file or directory");
    CHECK(refusalOf({.certificates = {{good.certificateFile, ""}}}) ==
          "cannot use private key file '': the name of a file is expected");
    for (const auto& file : {text, empty, good.certificateFile})
        CHECK(refusalOf({.certificates = {{good.certificateFile, file}}}) ==
              "cannot use private key file '" + file + "': a private key in PEM is expected");
    CHECK(refusalOf({.certificates = {{good.certificateFile, other.privateKeyFile}}}) ==
          "cannot use private key file '" + other.privateKeyFile + "': it is not the key of '" +
              good.certificateFile + "'");
    for (const auto& file : {text, empty})
    {
        CHECK(refusalOf({.certificates = {good}, .clientCaFile = file}) ==
              "cannot use CA file '" + file + "': certificates in PEM are expected");
        CHECK(refusalOf([&] { const TlsClientContext context({.caFile = file}); }) ==
              "cannot use CA file '" + file + "': certificates in PEM are expected");
    }
    CHECK(refusalOf([&] { const TlsClientContext context({.certificate = {good.certificateFile, ""}}); }) ==
          "cannot use private key file '': the name of a file is expected");
}

TEST_CASE("a key with a passphrase is refused, and nobody is asked for it")
{
    const Certificates authority;
    const auto certificate = authority.issue("locked", "DNS:localhost");
    authority.lock(certificate.privateKeyFile);
    CHECK(refusalOf({.certificates = {certificate}}) ==
          "cannot use private key file '" + certificate.privateKeyFile +
              "': it is encrypted, and one without a passphrase is expected");
}

TEST_CASE("what is no TLS is refused with an alert, and heard out so that it can be read")
{
    for (const std::string garbage : {"\x16\x03\x01\xFF\xFF garbage", "SSH-2.0-OpenSSH_9.2\r\n",
                                      "\x80\x2E\x01\x03\x01 an old hello that is none of ours ......"})
    {
        CAPTURE(garbage);
        CHECK(answerTo(garbage, false).last.outcome == Transfer::Outcome::wouldBlock);
        const auto ended = answerTo(garbage, true);
        CHECK(ended.last.outcome == Transfer::Outcome::failed);
        CHECK(ended.last.error.message().find('\n') == std::string::npos);
    }
    CHECK(answerTo("SSH-2.0-OpenSSH_9.2\r\n", true).last.error.message() == "the peer does not speak TLS");
    // Zeros from somewhere that never ends are not read for ever.
    CHECK(answerTo(std::string(256 * 1024, 'x'), false).last.outcome != Transfer::Outcome::moved);
}

TEST_CASE("a peer that speaks HTTP without TLS is told so in HTTP")
{
    const auto answer =
        answerTo("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", true, "HTTP/1.1 400 wrong door");
    CHECK(answer.said == "HTTP/1.1 400 wrong door");
    CHECK(answer.last.outcome == Transfer::Outcome::failed);
    CHECK(answer.last.error.message() == "the peer speaks HTTP without TLS");
    CHECK(answerTo(clientHello(), false, "HTTP/1.1 400 wrong door").said.find("HTTP") == std::string::npos);
}

TEST_CASE("a client whose server answers without TLS says so")
{
    runStrand(
        [](asio::io_context& io) -> Strand<>
        {
            auto below = makeMemoryTransports(io.get_executor());
            const auto client = TlsClientContext(commonTlsClient())
                                    .secure(io.get_executor(), std::move(below.first), "localhost");
            CHECK(write(*client, "x").outcome == Transfer::Outcome::wouldBlock);
            static_cast<void>(write(*below.second, "HTTP/1.1 400 Bad Request\r\n\r\n"));
            const auto refused = write(*client, "x");
            CHECK(refused.outcome == Transfer::Outcome::failed);
            CHECK(refused.error.message() == "the peer does not speak TLS");
            co_return;
        });
}

TEST_CASE("a handshake that is cut at any byte is an end, not a wait")
{
    const auto hello = clientHello();
    REQUIRE(hello.size() > 100);
    for (std::size_t size = 0; size < hello.size(); ++size)
    {
        CAPTURE(size);
        const auto open = answerTo(hello.substr(0, size), false);
        CHECK(open.last.outcome == Transfer::Outcome::wouldBlock);
        CHECK(open.said.empty());
        CHECK(answerTo(hello.substr(0, size), true).last.outcome == Transfer::Outcome::failed);
    }
    const auto whole = answerTo(hello, false);
    CHECK(whole.last.outcome == Transfer::Outcome::wouldBlock);
    CHECK(recordSizes(whole.said).size() > 1);
    CHECK(answerTo(hello, true).last.outcome == Transfer::Outcome::failed);
}
