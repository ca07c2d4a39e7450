/* The key of a slot out of the TPM: by the boot itself, or by an approval of it. */
#pragma once

#include "agent/vault/slot.h"

/* BOOT when this boot is neither the one that it was sealed in nor approved; else as tpm_unseal(). */
enum bs_err unseal_slot(struct tpm *tpm, const struct vault_open_request *open, const struct slot_header *header,
                        struct bs_secret **ret_key) BS_MUST_USE;
