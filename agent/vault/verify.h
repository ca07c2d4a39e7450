/* Whether what a slot held is ours: that it opened says only that somebody with this TPM sealed it. */
#pragma once

#include "agent/vault/slot.h"

/*
 * The server's signature, the Name of this TPM's SRK in what is signed, and the certificate of the key beside it say that it is ours; of
 * keys that the device made, those that were enrolled are the enrolled ones;
 * under VAULT_SIGNED also the policy key and the epoch. Fills in the bundle. TAMPERED.
 */
enum bs_err verify_opened(struct tpm *tpm, const struct cert_roots *roots, const struct slot_header *header,
                          struct vault_opened *opened) BS_MUST_USE;
