#include "support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace fs = std::filesystem;

struct Certificates::Key
{
    Key() : pair(EVP_EC_gen("P-256")), certificate(X509_new())
    {
        if (!pair || !certificate) throw std::runtime_error("OpenSSL makes no key");
    }
    Key(const Key&) = delete;
    Key& operator=(const Key&) = delete;
    ~Key()
    {
        EVP_PKEY_free(pair);
        X509_free(certificate);
    }

    EVP_PKEY* pair;
    X509* certificate;
};

namespace
{

constexpr long day = 24 * 60 * 60;

void require(bool isDone, const char* what)
{
    if (!isDone) throw std::runtime_error(what);
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
    require(extension && X509_add_ext(certificate, extension, -1) == 1, "no extension");
    X509_EXTENSION_free(extension);
}

void describe(Certificates::Key& key, const std::string& name, Certificates::Validity validity)
{
    static long serial = 0;
    X509* const made = key.certificate;
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial);
    const bool isOver = validity == Certificates::Validity::over;
    X509_gmtime_adj(X509_getm_notBefore(made), isOver ? -3 * day : -day);
    X509_gmtime_adj(X509_getm_notAfter(made), isOver ? -2 * day : day);
    X509_set_pubkey(made, key.pair);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
}

void sign(Certificates::Key& key, const Certificates::Key& issuer)
{
    X509_set_issuer_name(key.certificate, X509_get_subject_name(issuer.certificate));
    require(X509_sign(key.certificate, issuer.pair, EVP_sha256()) > 0, "not signed");
}

template <typename Write>
void writePem(const std::string& path, Write write)
{
    BIO* const file = BIO_new_file(path.c_str(), "w");
    require(file && write(file) == 1, "not written");
    BIO_free(file);
}

void writeCertificate(const std::string& path, X509* certificate)
{
    writePem(path, [&](BIO* file) { return PEM_write_bio_X509(file, certificate); });
}

}  // namespace

Certificates::Certificates() : authority_(std::make_unique<Key>())
{
    std::string name = (fs::temp_directory_path() / "strandcast-tls-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "no folder");
    folder_ = name;
    describe(*authority_, folder_.filename().string(), Validity::now);
    extend(authority_->certificate, authority_->certificate, NID_basic_constraints, "critical,CA:TRUE");
    sign(*authority_, *authority_);
    writeCertificate(caFile(), authority_->certificate);
}

Certificates::~Certificates()
{
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

strandcast::TlsCertificate Certificates::issue(const std::string& name, const std::string& hosts,
                                               Validity validity) const
{
    Key key;
    describe(key, name, validity);
    if (!hosts.empty()) extend(key.certificate, authority_->certificate, NID_subject_alt_name, hosts);
    sign(key, *authority_);
    strandcast::TlsCertificate files{path(name + ".pem"), path(name + ".key")};
    writeCertificate(files.certificateFile, key.certificate);
    writePem(files.privateKeyFile, [&](BIO* file)
             { return PEM_write_bio_PrivateKey(file, key.pair, nullptr, nullptr, 0, nullptr, nullptr); });
    return files;
}

void Certificates::lock(const std::string& privateKeyFile) const
{
    BIO* const file = BIO_new_file(privateKeyFile.c_str(), "r");
    require(file, "not read");
    EVP_PKEY* const key = PEM_read_bio_PrivateKey(file, nullptr, nullptr, nullptr);
    BIO_free(file);
    std::string phrase = "secret";
    writePem(privateKeyFile,
             [&](BIO* into)
             {
                 return PEM_write_bio_PrivateKey(into, key, EVP_aes_256_cbc(), nullptr, 0, nullptr,
                                                 phrase.data());
             });
    EVP_PKEY_free(key);
}

std::string Certificates::write(const std::string& name, std::string_view content) const
{
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return path(name);
}

const Certificates& commonCertificates()
{
    static const Certificates certificates;
    return certificates;
}

strandcast::TlsServerOptions commonTlsServer()
{
    static const auto certificate =
        commonCertificates().issue("localhost", "DNS:localhost,IP:127.0.0.1,IP:::1");
    return {.certificates = {certificate}};
}

strandcast::TlsClientOptions commonTlsClient()
{
    return {.caFile = commonCertificates().caFile()};
}
