/* Issuers of certificates with RSA keys of 2048 and of 1024 bits, for unit/cert_maker. */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/der.h"

/* SubjectPublicKeyInfo of the key that rsa_issuer_sign() uses from here on; it lives as long as the program. */
struct bs_span rsa_issuer_take(unsigned bits);

/* What struct maker.sign wants. */
void rsa_issuer_sign(const uint8_t digest[CRYPTO_SHA256_SIZE], struct bs_buf *out);
#define RSA_ISSUER_ALGORITHM "1.2.840.113549.1.1.11" /* sha256WithRSAEncryption, here without NULL */
