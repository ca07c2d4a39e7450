/* PKCS #10 (RFC 2986). */
#include "core/cert_internal.h"

#include "bootseal/protocol.h"
#include "core/text.h"

#include <string.h>

/* ub-common-name of RFC 5280 appendix A.1. */
#define COMMON_NAME_MAX 64

void cert_write_name(struct der_writer *w, const char *common_name)
{
    struct bs_span text = bs_span_of_string(common_name);
    if (w->err == BS_OK && (text.size == 0 || text.size > COMMON_NAME_MAX || !bs_utf8_is_valid(text)))
        w->err = BS_ERR_INPUT;
    der_open(w, DER_SEQUENCE);
    der_open(w, DER_SET);
    der_open(w, DER_SEQUENCE);
    der_write_oid(w, CERT_OID_COMMON_NAME);
    der_write(w, DER_UTF8_STRING, text);
    der_close(w);
    der_close(w);
    der_close(w);
}

/* CertificationRequestInfo: version 0, subject, key, no attributes. */
static enum bs_err write_info(const TPMT_PUBLIC *key, const char *common_name, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(CRYPTO_RSA_MAX + 64);
    enum bs_err err = wire_public_spki(key, &spki);
    if (err != BS_OK)
        return err;

    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_small(&w, 0);
    cert_write_name(&w, common_name);
    der_write_raw(&w, bs_buf_span(&spki));
    der_write(&w, DER_CONSTRUCTED(0), BS_SPAN_NONE);
    der_close(&w);
    return der_write_end(&w);
}

enum bs_err cert_csr_make(const TPMT_PUBLIC *key, const char *common_name, cert_sign_fn sign, void *context,
                          struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf info = BS_BUF(BS_CERT_MAX);
    uint8_t digest[CRYPTO_SHA256_SIZE], signature[64];
    enum bs_err err = write_info(key, common_name, &info);
    if (err == BS_OK)
        err = crypto_hash(CRYPTO_SHA256, bs_buf_span(&info), digest);
    if (err == BS_OK)
        err = sign(context, digest, signature);
    return err == BS_OK ? cert_wrap_signed(bs_buf_span(&info), signature, out) : err;
}

/* Attributes ask for things, and nobody here grants what a request asks for: they are not read. */
static bool read_info(struct bs_span signed_part, struct cert_key *ret_key)
{
    struct bs_reader in = BS_READER(signed_part), r;
    struct bs_span subject, spki, attributes;
    uint32_t version;
    return der_enter(&in, DER_SEQUENCE, &r) && in.left == 0 && der_take_small(&r, &version) && version == 0 &&
           der_take_whole(&r, DER_SEQUENCE, &subject) && der_take_whole(&r, DER_SEQUENCE, &spki) &&
           der_take(&r, DER_CONSTRUCTED(0), &attributes) && r.left == 0 && cert_key_read(spki, ret_key);
}

enum bs_err cert_csr_verify(struct bs_span csr, const TPMT_PUBLIC *key)
{
    if (csr.size > BS_CERT_MAX)
        return BS_ERR_UNTRUSTED;

    struct bs_reader in = BS_READER(csr), r;
    struct bs_span signed_part, algorithm, signature;
    struct cert_key found;
    if (!der_enter(&in, DER_SEQUENCE, &r) || in.left > 0 || !der_take_whole(&r, DER_SEQUENCE, &signed_part) ||
        !der_take_whole(&r, DER_SEQUENCE, &algorithm) || !der_take_bits(&r, &signature) || r.left > 0)
        return BS_ERR_UNTRUSTED;
    if (!read_info(signed_part, &found) || !cert_key_matches(&found, key))
        return BS_ERR_UNTRUSTED;
    return cert_signature_verify(&found, signed_part, algorithm, signature);
}
