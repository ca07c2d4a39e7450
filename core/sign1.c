#include "core/sign1.h"

#include "core/cbor.h"
#include "core/log.h"

#include <string.h>

/* Registered numbers (IANA COSE; RFC 9052 table 2, RFC 9053 table 1, RFC 9360 §2). */
#define COSE_TAG_SIGN1 18
#define COSE_HEADER_ALG 1
#define COSE_HEADER_X5CHAIN 33
#define COSE_ALG_ES256 (-7)

#define SIGNATURE_SIZE 64
#define PROTECTED_MAX SIGN1_PROTECTED_MAX

/* The public key of a P-256 certificate: a SubjectPublicKeyInfo of one possible form (RFC 5480 §2). */
static enum bs_err cert_point(struct bs_span cert, struct crypto_point *ret_point)
{
    static const uint8_t head[] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
        0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    };
    struct cert_info info;
    enum bs_err err = cert_parse(cert, &info);
    if (err != BS_OK)
        return err;
    if (info.spki.size != sizeof(head) + 64 || memcmp(info.spki.data, head, sizeof(head)) != 0)
        return BS_ERR_UNTRUSTED;

    *ret_point = (struct crypto_point){ .curve = CRYPTO_P256 };
    memcpy(ret_point->x, info.spki.data + sizeof(head), 32);
    memcpy(ret_point->y, info.spki.data + sizeof(head) + 32, 32);
    return BS_OK;
}

/*
 * Sig_structure of RFC 9052 §4.4, hashed without a copy of the payload, which holds secrets. The label keeps signatures
 * of this key apart from whatever else such a key may ever sign.
 */
static enum bs_err digest_to_sign(const struct sign1_use *use, struct bs_span protected, struct bs_span payload,
                                  uint8_t ret_digest[CRYPTO_SHA256_SIZE])
{
    BS_SCOPED_BUF struct bs_buf before = BS_BUF(PROTECTED_MAX + 128);
    struct cbor_writer w;
    cbor_write_begin(&w, &before);
    cbor_write_array(&w, 4);
    cbor_write_string(&w, "Signature1");
    cbor_write_bytes(&w, protected);
    cbor_write_bytes(&w, BS_SPAN(use->label, strlen(use->label) + 1));
    cbor_write_bytes_head(&w, payload.size);
    enum bs_err err = cbor_write_end(&w);
    if (err != BS_OK)
        return err;

    const struct bs_span pieces[] = { bs_buf_span(&before), payload };
    return crypto_sha256(pieces, 2, ret_digest);
}

/* A certificate of another key would make what no device takes: better said here. */
static enum bs_err check_key_of(struct crypto_key *key, struct bs_span cert)
{
    struct crypto_point ours, theirs;
    enum bs_err err = crypto_key_public(key, &ours);
    if (err == BS_OK)
        err = cert_point(cert, &theirs);
    if (err != BS_OK)
        return err;
    const bool is_same =
        ours.curve == theirs.curve && memcmp(ours.x, theirs.x, 32) == 0 && memcmp(ours.y, theirs.y, 32) == 0;
    return is_same ? BS_OK : BS_ERR_INPUT;
}

static enum bs_err write_sign1(struct bs_span protected, struct bs_span payload, const uint8_t *signature,
                               struct bs_buf *out)
{
    struct cbor_writer w;
    cbor_write_begin(&w, out);
    cbor_write_tag(&w, COSE_TAG_SIGN1);
    cbor_write_array(&w, 4);
    cbor_write_bytes(&w, protected);
    cbor_write_map(&w, 0);
    cbor_write_bytes(&w, payload);
    cbor_write_bytes(&w, BS_SPAN(signature, SIGNATURE_SIZE));
    return cbor_write_end(&w);
}

enum bs_err sign1_make(const struct sign1_use *use, struct bs_span payload, struct crypto_key *key, struct bs_span cert,
                       struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf protected = BS_BUF(PROTECTED_MAX);
    struct cbor_writer w;
    enum bs_err err = check_key_of(key, cert);
    if (err != BS_OK)
        return err;
    cbor_write_begin(&w, &protected);
    cbor_write_map(&w, 2);
    cbor_write_uint(&w, COSE_HEADER_ALG);
    cbor_write_int(&w, COSE_ALG_ES256);
    cbor_write_uint(&w, COSE_HEADER_X5CHAIN);
    cbor_write_bytes(&w, cert);
    err = cbor_write_end(&w);

    uint8_t digest[CRYPTO_SHA256_SIZE], signature[SIGNATURE_SIZE];
    if (err == BS_OK)
        err = digest_to_sign(use, bs_buf_span(&protected), payload, digest);
    if (err == BS_OK)
        err = crypto_key_sign(key, digest, signature);
    if (err == BS_OK)
        err = write_sign1(bs_buf_span(&protected), payload, signature, out);
    return err;
}

struct sign1 {
    struct bs_span protected;
    struct bs_span cert;
    struct bs_span payload;
    struct bs_span signature;
};

static bool read_sign1(struct bs_span in, size_t max, struct sign1 *ret_sign1)
{
    struct cbor_reader r;
    cbor_read_begin(&r, in);
    cbor_read_tag(&r, COSE_TAG_SIGN1);
    if (cbor_read_array(&r, 4) != 4)
        cbor_read_fail(&r);
    ret_sign1->protected = cbor_read_bytes(&r, 1, PROTECTED_MAX);
    (void)cbor_read_map(&r, 0);
    ret_sign1->payload = cbor_read_bytes(&r, 1, max);
    ret_sign1->signature = cbor_read_bytes(&r, SIGNATURE_SIZE, SIGNATURE_SIZE);
    if (cbor_read_end(&r) != BS_OK)
        return false;

    uint64_t last = UINT64_MAX;
    cbor_read_begin(&r, ret_sign1->protected);
    if (cbor_read_map(&r, 2) != 2 || cbor_read_key(&r, &last) != COSE_HEADER_ALG ||
        cbor_read_int(&r) != COSE_ALG_ES256 || cbor_read_key(&r, &last) != COSE_HEADER_X5CHAIN)
        cbor_read_fail(&r);
    ret_sign1->cert = cbor_read_bytes(&r, 1, BS_CERT_MAX);
    return cbor_read_end(&r) == BS_OK;
}

static enum bs_err check_signature(const struct sign1_use *use, const struct sign1 *sign1,
                                   const struct cert_roots *roots)
{
    const char *why = NULL;
    struct crypto_point point;
    uint8_t digest[CRYPTO_SHA256_SIZE];

    enum bs_err err = cert_chain_verify(&sign1->cert, 1, roots, use->eku, &why);
    if (err != BS_OK) {
        bs_debug("sign1", "the signer's certificate is not good: %s", why ? why : bs_err_name(err));
        return err;
    }
    err = cert_point(sign1->cert, &point);
    if (err == BS_OK)
        err = digest_to_sign(use, sign1->protected, sign1->payload, digest);
    if (err == BS_OK)
        err = crypto_ecdsa_verify(&point, BS_SPAN(digest, sizeof(digest)), BS_SPAN(sign1->signature.data, 32),
                                  BS_SPAN(sign1->signature.data + 32, 32));
    return err;
}

enum bs_err sign1_verify(const struct sign1_use *use, struct bs_span sign1, const struct cert_roots *roots,
                         struct bs_span *ret_payload)
{
    struct sign1 parts;
    if (sign1.size > use->max || !read_sign1(sign1, use->max, &parts))
        return BS_ERR_UNTRUSTED;

    /* Until the signature holds, whatever cannot be read was not the server's. */
    enum bs_err err = check_signature(use, &parts, roots);
    if (err == BS_ERR_PROTOCOL || err == BS_ERR_INPUT)
        return BS_ERR_UNTRUSTED;
    if (err == BS_OK)
        *ret_payload = parts.payload;
    return err;
}
