/* What the files of the software TPM share. */
#pragma once

#include "fakes/softtpm.h"

enum bs_err softtpm_ek_make(struct softtpm_ek **ret_ek, struct crypto_point *ret_point) BS_MUST_USE;
void softtpm_ek_free(struct softtpm_ek *ek);

/* Writes TPMS_ATTEST, and TPMT_SIGNATURE (ECDSA, SHA-256) over whatever then stands in its buffer. */
enum bs_err softtpm_attest_write(const struct softtpm *tpm, const struct softtpm_attest *attest,
                                 struct bs_buf *ret_attest) BS_MUST_USE;
enum bs_err softtpm_attest_sign(struct bs_span attest, struct crypto_key *key,
                                struct bs_buf *ret_signature) BS_MUST_USE;
