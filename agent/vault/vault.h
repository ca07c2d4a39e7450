/*
 * The vault: one 32-byte key sealed by the TPM to this boot, this side of the cap and one value of a counter; everything else is
 * AES-256-GCM under it. Two slots in a directory, slot-a and slot-b. Format: docs/design.md.
 *
 * Commit: the new generation is sealed to counter + 1, written to the idle slot and made durable; then the counter is incremented;
 * then the other slot becomes a copy, so that one damaged slot costs nothing. Before the increment the old generation is the only
 * one that opens, after it the new one.
 */
#pragma once

#include "agent/tpm/tpm.h"
#include "core/bundle.h"

/* What the vault keeps. Spans of a decoded one point into the secret that vault_open returns. */
struct vault_contents {
    struct bs_span sign1;                            /* the bundle as the server signed it (COSE_Sign1) */
    struct bs_span device_public;                    /* TPM2B_PUBLIC */
    struct bs_span device_private;                   /* TPM2B_PRIVATE */
    uint64_t time_floor;                             /* last time that the server told, seconds since 1970 */
    struct generated_private keys[BS_GENERATED_MAX]; /* that the device made itself */
    size_t key_count;
};

/* Which boots the vault opens in. The numbers are those of a slot. */
enum vault_kind {
    VAULT_PCR = 0,        /* the one that it was sealed in */
    VAULT_SIGNED = 1,     /* those that the server approved for this device */
    VAULT_SIGNED_UKI = 2, /* those that the maker's image approves of */
};

/* The recovery share of a bundle, and whose it is. */
struct vault_share {
    uint64_t serial;
    struct bs_span share;  /* BS_SHARE_SIZE bytes; empty: nobody has one, the serial alone stands in the slot */
    struct bs_span device; /* 32 bytes */
};

struct vault_policy {
    enum vault_kind kind;
    uint16_t bank;
    uint32_t boot_mask;
    uint32_t cap_pcr;
};

/* Who says which boots a vault opens in that is not VAULT_PCR. */
struct vault_signer {
    TPMT_PUBLIC key;
    struct bs_span policy_ref; /* VAULT_SIGNED: 32 bytes, of device and epoch; else empty */
    struct bs_span approvals;  /* VAULT_SIGNED: core/approval.h, encoded; VAULT_SIGNED_UKI: core/pcrsig.h */
};

/* Why a slot did not open, for the report. */
struct vault_findings {
    bool is_tampered;       /* opened, but the bundle or the key is not what the server signed for this TPM */
    bool is_corrupt;        /* damaged, or of another format */
    bool is_boot_changed;   /* sealed to another boot, an older counter or another TPM; or nobody approved this boot */
    bool is_answer_changed; /* what the TPM said was changed on its way, or is an older answer */
    bool is_forgotten;      /* a vault_forget that was cut off was found, and gone on with before anything else */
    unsigned slots_seen;
};

/* An opened vault. Spans of contents and bundle point into `plain`, those of keys that are not sealed yet into `made`. */
struct vault_opened {
    struct bs_secret *plain;
    struct bs_secret *made; /* NULL: all keys lie in `plain` */
    struct vault_contents contents;
    struct bundle bundle;
    uint64_t generation;
};
void vault_opened_clear(struct vault_opened *opened); /* wipes and frees the secrets */

/*
 * Opens the slot of the present counter, else the other one; verifies the bundle under `roots`, that it names this TPM's SRK,
 * and that its certificate is for the device key that lies beside it. Where the slots were not copies, they are then.
 * NOT_FOUND: no slot, or no counter. BOOT, TAMPERED, INPUT: the worst of what the slots were, details in *ret_findings (always
 * set). TPM and TPM_TIMEOUT when the TPM fails.
 */
struct vault_open_request {
    const char *dir;
    const struct vault_policy *policy;
    const struct cert_roots *roots;
    const struct tpm_pcrs
        *pcrs;                /* those of the policy, as this boot read them before; NULL: they are read when needed */
    struct bs_span approvals; /* of the same form, beside those in the slots; may be empty, and need not be trusted */
};
enum bs_err vault_open(struct tpm *tpm, const struct vault_open_request *request, struct vault_opened *ret_opened,
                       struct vault_findings *ret_findings) BS_MUST_USE;

/*
 * Whether a vault that is sealed under this signer would open in the boot of now. NOT_FOUND when no approval is for it, UNTRUSTED when
 * none of those that are is signed by the signer's key.
 */
enum bs_err vault_is_approved(struct tpm *tpm, const struct vault_policy *policy,
                              const struct vault_signer *signer) BS_MUST_USE;

/*
 * Seals a new generation and commits it. After BS_OK it is durable and the only one that opens. IO when the disk fails, before
 * which nothing is lost; TAMPERED when somebody else increments the counter at the same time.
 */
struct vault_request {
    const char *dir;
    const struct vault_policy *policy;
    const struct vault_contents *contents;
    const struct vault_share *share;   /* that opens the slots without the TPM; NULL: none does */
    const struct vault_signer *signer; /* NULL for VAULT_PCR */
};
enum bs_err vault_commit(struct tpm *tpm, const struct vault_request *request, uint64_t *ret_generation) BS_MUST_USE;

/*
 * Forgets: whatever was sealed before opens nothing any more, not even a copy of a slot, and the slots are erased. A power cut in the
 * middle is made good by the next vault_open or vault_commit, which do nothing else before. All of it is tried whatever fails:
 * *ret_forgotten, always set, says what was reached. `tpm` may be NULL, which is NO_TPM; the next start then counts.
 * NOT_FOUND: there is neither a slot nor a counter. TAMPERED: something else lies at the counter's index.
 */
struct vault_forgotten {
    bool is_shut;     /* the counter left behind every value that something was sealed to */
    bool is_erased;   /* no slot is left */
    uint64_t counter; /* its value; 0: not known */
};
enum bs_err vault_forget(const char *dir, struct tpm *tpm, struct vault_forgotten *ret_forgotten) BS_MUST_USE;

#define VAULT_SLOTS 2

/*
 * Opens what slots these shares open, without the TPM. Only the contents are set, and only the generated keys in them are to be used: who
 * made the slot had the share of this device, but the bundle in it is not looked at. *ret_count of them, each to be cleared.
 */
struct vault_shares {
    struct bs_span device;
    const struct bundle_share *shares;
    size_t count;
};
void vault_recover(const char *dir, const struct vault_shares *shares, struct vault_opened ret_opened[VAULT_SLOTS],
                   size_t *ret_count);

/* What can be said of a slot without opening it: what its header claims. */
struct vault_slot_info {
    const char *name;
    enum bs_err err; /* NOT_FOUND: not there; INPUT: not a slot; IO */
    bool is_mark;    /* INPUT, and what lies there says that a vault_forget is under way */
    uint64_t generation;
    struct vault_policy policy;
    uint64_t
        share_serial; /* of its bundle, whose recovery share opens it, or that ordered the keys in it; 0: neither */
    bool has_share;   /* the former */
};
void vault_look(const char *dir, struct vault_slot_info ret_slots[VAULT_SLOTS]);
