#include "signer.h"

#include "cbor_edit.h"
#include "unit.h"

#include "bootseal/protocol.h"

struct cert_roots *signer_roots;
struct crypto_key *signer_key;
struct bs_buf signer_cert = BS_BUF(BS_CERT_MAX);

struct cert_roots *signer_roots_of(const char *name)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(4096);
    struct cert_roots *made;
    vector_read(name, &pem);
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &made));
    return made;
}

void signer_begin(void)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(4096);
    signer_roots = signer_roots_of("messages/bundle-ca.pem");
    vector_read("messages/bundle-key.pem", &pem);
    assert_ok(crypto_key_from_pem(bs_buf_span(&pem), &signer_key));
    vector_read("messages/bundle-cert.der", &signer_cert);
}

void signer_end(void)
{
    cert_roots_free(signer_roots);
    crypto_key_free(signer_key);
    bs_buf_free(&signer_cert);
}
