/* The signer of the vectors' bundles and orders: its key, its certificate, and the CA that a device pins. */
#pragma once

#include "core/cert.h"
#include "core/crypto.h"

extern struct cert_roots *signer_roots;
extern struct crypto_key *signer_key;
extern struct bs_buf signer_cert;

/* Made once for all tests of a program. */
void signer_begin(void);
void signer_end(void);

/* The CA in a file of the vectors. The caller owns it. */
struct cert_roots *signer_roots_of(const char *name);
