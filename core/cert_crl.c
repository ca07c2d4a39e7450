/* Certificate revocation lists: which of a CA's certificates are no longer good (RFC 5280 §5). */
#include "core/cert_internal.h"

#include <string.h>

enum bs_err cert_crl_add(const uint8_t serial[16], int64_t revoked, struct bs_buf *entries)
{
    struct der_writer w;
    der_write_begin(&w, entries);
    der_open(&w, DER_SEQUENCE);
    der_write_unsigned(&w, BS_SPAN(serial, 16));
    cert_write_time(&w, revoked);
    der_close(&w);
    return der_write_end(&w);
}

static void open_extension(struct der_writer *w, const char *oid)
{
    der_open(w, DER_SEQUENCE);
    der_write_oid(w, oid);
    der_open(w, DER_OCTET_STRING);
}

static void close_extension(struct der_writer *w)
{
    der_close(w);
    der_close(w);
}

/* §5.2.1 and §5.2.3: both have to be there. */
static void write_extensions(struct der_writer *w, struct bs_span issuer_key_id, uint64_t number)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(number >> (8 * (sizeof(bytes) - 1 - i)));
    der_open(w, DER_CONSTRUCTED(0));
    der_open(w, DER_SEQUENCE);
    open_extension(w, CERT_OID_AUTHORITY_KEY_ID);
    der_open(w, DER_SEQUENCE);
    der_write(w, DER_CONTEXT(0), issuer_key_id);
    der_close(w);
    close_extension(w);
    open_extension(w, CERT_OID_CRL_NUMBER);
    der_write_unsigned(w, BS_SPAN(bytes, sizeof(bytes)));
    close_extension(w);
    der_close(w);
    der_close(w);
}

static enum bs_err write_tbs(const struct cert_crl *crl, const struct cert_x509 *issuer, struct bs_buf *out)
{
    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_small(&w, 1); /* version 2 */
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, CERT_OID_ECDSA_SHA256);
    der_close(&w);
    der_write_raw(&w, issuer->subject);
    cert_write_time(&w, crl->this_update);
    cert_write_time(&w, crl->next_update);
    if (crl->entries.size > 0) /* §5.1.2.6: an empty list is left out */
        der_write(&w, DER_SEQUENCE, crl->entries);
    write_extensions(&w, issuer->subject_key, crl->number);
    der_close(&w);
    return der_write_end(&w);
}

enum bs_err cert_crl_make(const struct cert_crl *crl, struct crypto_key *issuer_key, struct bs_span issuer_cert,
                          struct bs_buf *out)
{
    uint8_t digest[CRYPTO_SHA256_SIZE], signature[64];
    struct cert_x509 issuer;
    BS_SCOPED_BUF struct bs_buf tbs = BS_BUF(out->limit);
    enum bs_err err = cert_issuer_check(issuer_cert, issuer_key, &issuer);
    if (err == BS_OK && issuer.subject_key.size == 0)
        err = BS_ERR_INPUT;
    if (err == BS_OK)
        err = write_tbs(crl, &issuer, &tbs);
    if (err == BS_OK)
        err = crypto_hash(CRYPTO_SHA256, bs_buf_span(&tbs), digest);
    if (err == BS_OK)
        err = crypto_key_sign(issuer_key, digest, signature);
    return err == BS_OK ? cert_wrap_signed(bs_buf_span(&tbs), signature, out) : err;
}
