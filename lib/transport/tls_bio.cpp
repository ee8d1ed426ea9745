#include "transport/tls_bio.hpp"

#include "transport/tls_wire.hpp"

#include <openssl/bio.h>

#include <exception>
#include <new>
#include <span>

namespace strandcast
{

namespace
{

TlsWire& wireOf(BIO* bio)
{
    return *static_cast<TlsWire*>(BIO_get_data(bio));
}

// What throws must not pass through OpenSSL, which is C: it is a stream that is broken.
int readBio(BIO* bio, char* bytes, std::size_t size, std::size_t* moved) noexcept
{
    BIO_clear_retry_flags(bio);
    *moved = 0;
    if (size == 0) return 0;
    try
    {
        const auto transfer = wireOf(bio).read(std::as_writable_bytes(std::span(bytes, size)));
        switch (transfer.outcome)
        {
        case Transfer::Outcome::moved: *moved = transfer.size; return 1;
        case Transfer::Outcome::wouldBlock: BIO_set_retry_read(bio); return -1;
        case Transfer::Outcome::end: BIO_set_flags(bio, BIO_FLAGS_IN_EOF); return 0;
        case Transfer::Outcome::failed: return -1;
        }
    }
    catch (const std::exception&)
    {
    }
    return -1;
}

int writeBio(BIO* bio, const char* bytes, std::size_t size, std::size_t* moved) noexcept
{
    BIO_clear_retry_flags(bio);
    *moved = 0;
    try
    {
        if (!wireOf(bio).write(std::as_bytes(std::span(bytes, size)))) return -1;
    }
    catch (const std::exception&)
    {
        return -1;
    }
    *moved = size;
    return 1;
}

long controlBio(BIO* bio, int command, long, void*) noexcept
{
    switch (command)
    {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    default: return 0;
    }
}

int createBio(BIO* bio) noexcept
{
    BIO_set_init(bio, 1);
    return 1;
}

BIO_METHOD* makeMethod()
{
    BIO_METHOD* const method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "strandcast transport");
    if (!method) throw std::bad_alloc();
    BIO_meth_set_read_ex(method, readBio);
    BIO_meth_set_write_ex(method, writeBio);
    BIO_meth_set_ctrl(method, controlBio);
    BIO_meth_set_create(method, createBio);
    return method;
}

}  // namespace

bio_st* makeTlsBio(TlsWire& wire)
{
    static BIO_METHOD* const method = makeMethod();  // for as long as any stream, so for ever
    BIO* const bio = BIO_new(method);
    if (!bio) throw std::bad_alloc();
    BIO_set_data(bio, &wire);
    return bio;
}

}  // namespace strandcast
