/* TPMS_ATTEST (TCG TPM 2.0 Library Part 2 §10.12.12) and TPMT_SIGNATURE (§11.3.4), byte by byte. */
#include "fakes/softtpm_internal.h"

static enum bs_err put(struct bs_buf *out, uint64_t value, unsigned bytes)
{
    uint8_t be[8];
    for (unsigned i = 0; i < bytes; i++)
        be[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    return bs_buf_append(out, be, bytes);
}

static enum bs_err put_2b(struct bs_buf *out, struct bs_span bytes)
{
    enum bs_err err = put(out, bytes.size, 2);
    return err == BS_OK ? bs_buf_append(out, bytes.data, bytes.size) : err;
}

static enum bs_err put_quote(struct bs_buf *out, const struct softtpm_attest *attest)
{
    unsigned count = (attest->banks[0] != 0) + (attest->banks[1] != 0);
    enum bs_err err = put(out, count, 4);
    for (unsigned i = 0; i < count && err == BS_OK; i++) {
        uint8_t select[4] = { 3, (uint8_t)attest->masks[i], (uint8_t)(attest->masks[i] >> 8),
                              (uint8_t)(attest->masks[i] >> 16) };
        err = put(out, attest->banks[i], 2);
        if (err == BS_OK)
            err = bs_buf_append(out, select, sizeof(select));
    }
    return err == BS_OK ? put_2b(out, BS_SPAN(attest->digest, sizeof(attest->digest))) : err;
}

static enum bs_err put_certify(struct bs_buf *out, const struct softtpm_attest *attest)
{
    enum bs_err err = put_2b(out, wire_name_span(&attest->name));
    return err == BS_OK ? put_2b(out, wire_name_span(&attest->qualified)) : err;
}

enum bs_err softtpm_attest_write(const struct softtpm *tpm, const struct softtpm_attest *attest,
                                 struct bs_buf *ret_attest)
{
    struct bs_buf *out = ret_attest;
    enum bs_err err = put(out, attest->magic, 4);
    if (err == BS_OK)
        err = put(out, attest->type, 2);
    if (err == BS_OK)
        err = put_2b(out, wire_name_span(&attest->signer));
    if (err == BS_OK)
        err = put_2b(out, BS_SPAN(attest->extra, sizeof(attest->extra)));
    if (err == BS_OK)
        err = put(out, 123456789, 8); /* clock */
    if (err == BS_OK)
        err = put(out, attest->reset_count, 4);
    if (err == BS_OK)
        err = put(out, 0, 4); /* restartCount */
    if (err == BS_OK)
        err = put(out, 1, 1); /* safe */
    if (err == BS_OK)
        err = put(out, tpm->firmware_version, 8);
    if (err != BS_OK)
        return err;
    /* By what it was made as, so that the type alone can be wrong. */
    return attest->banks[0] != 0 ? put_quote(out, attest) : put_certify(out, attest);
}

enum bs_err softtpm_attest_sign(struct bs_span attest, struct crypto_key *key, struct bs_buf *ret_signature)
{
    uint8_t digest[CRYPTO_SHA256_SIZE], rs[64];
    enum bs_err err = crypto_hash(CRYPTO_SHA256, attest, digest);
    if (err == BS_OK)
        err = crypto_key_sign(key, digest, rs);
    if (err == BS_OK)
        err = put(ret_signature, TPM2_ALG_ECDSA, 2);
    if (err == BS_OK)
        err = put(ret_signature, TPM2_ALG_SHA256, 2);
    if (err == BS_OK)
        err = put_2b(ret_signature, BS_SPAN(rs, 32));
    return err == BS_OK ? put_2b(ret_signature, BS_SPAN(rs + 32, 32)) : err;
}
