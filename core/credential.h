/*
 * TPM2_MakeCredential in software (TPM 2.0 Library Part 1 §24): a secret that only a TPM that holds both the EK and the
 * object of that Name can recover. Needs no TPM.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/wire.h"

/* The secret is at most the digest size of the EK's nameAlg, here always 32 bytes. */
#define CREDENTIAL_SIZE 32

/*
 * `ek` is a restricted decryption key with a symmetric AES-CFB scheme, RSA (OAEP) or ECC.
 * The outputs are a marshalled TPM2B_ID_OBJECT and TPM2B_ENCRYPTED_SECRET.
 */
enum bs_err credential_make(const TPMT_PUBLIC *ek, const struct wire_name *name, const uint8_t secret[CREDENTIAL_SIZE],
                            struct bs_buf *ret_id_object, struct bs_buf *ret_encrypted_secret) BS_MUST_USE;
