/*
 * What the files of agent/tpm/ share, and nobody else includes: the connection, objects and sessions that are bound to
 * a scope, authorization and policy.
 *
 * Discipline: a public function begins with tpm_begin() and leaves nothing loaded behind, whatever happened. Objects
 * and sessions are flushed by their TPM handle, below ESYS: after a response that does not verify ESYS answers nothing
 * more, but the TPM still has them.
 */
#pragma once

#include "agent/tpm/tcti.h"
#include "agent/tpm/tpm.h"

#include <tss2/tss2_esys.h>
#include <tss2/tss2_sys.h>

/* A key with a template: where it may be persistent, and what is known of it. */
struct tpm_key {
    bool is_known;
    bool is_persistent;    /* at `handle`; else it is made anew for each use */
    TPM2_HANDLE handle;    /* where it is looked for, and made persistent */
    TPM2_HANDLE hierarchy; /* TPM2_RH_OWNER or TPM2_RH_ENDORSEMENT */
    TPMT_PUBLIC public_area;
    struct wire_name name;
};

struct tpm {
    struct tpm_options options; /* `device` is our own copy */
    char *device;
    struct tcti *tcti; /* NULL while released */
    ESYS_CONTEXT *esys;
    TSS2_SYS_CONTEXT *sys; /* the layer below, of the same connection */
    bool is_stale;         /* ESYS or the connection is of no use after an error; tpm_begin() makes it new */
    bool could_not;        /* the last command said nothing about what is there (tpm.c) */
    unsigned sent_before;  /* commands sent over earlier connections */

    bool has_state;
    struct tpm_state state;
    uint32_t bank_masks[TPM_BANKS_MAX]; /* PCRs that each bank has */

    bool has_pcrs;
    struct tpm_pcrs pcrs; /* as read last */

    bool has_maker;
    struct tpm_maker maker;
    uint16_t nv_chunk; /* most bytes that one NV_Read gives; known with the maker */

    bool has_ek;
    struct tpm_ek ek;
    struct tpm_key ek_key, srk, ak;
    struct tpm_key
        srk_proven; /* somebody's word, and a session salted to it has unsealed; not the TPM's SRK before it is adopted */
};

/* Makes the connection usable: takes it again after tpm_release(), renews it after an error that it did not survive. */
enum bs_err tpm_begin(struct tpm *tpm) BS_MUST_USE;

/*
 * Judges what an Esys_ or Tss2_Sys_ function gave: OK, TPM_TIMEOUT, TAMPERED (a response that its session does not vouch
 * for), NOMEM or TPM. `command` names it in the debug log.
 */
enum bs_err tpm_check(struct tpm *tpm, TSS2_RC rc, const char *command) BS_MUST_USE;

/*
 * The TPM's response code without the number of the handle, parameter or session (Part 2 §6.6); 0 when it is not the
 * TPM's.
 */
uint32_t tpm_rc_base(TSS2_RC rc);
/* The TPM says that parameter `rc` complains about is wrong. */
bool tpm_rc_is_parameter(TSS2_RC rc);

/* Frees what ESYS allocated: Esys_Free by scope. */
void tpm_esys_release(void *p);
#define TPM_ESYS __attribute__((cleanup(tpm_esys_release)))

/*
 * After a command that carried a secret, in whatever state it left ESYS: its copies in ESYS's contexts and on the stack
 * are wiped.
 */
void tpm_scrub(struct tpm *tpm, const struct bs_secret *secret);

/* handle.c: something loaded (or persistent) for as long as its scope. */

struct tpm_loaded {
    struct tpm *tpm;
    ESYS_TR tr; /* ESYS_TR_NONE: nothing */
    TPM2_HANDLE handle;
    bool is_transient; /* to be flushed */
};

#define TPM_LOADED __attribute__((cleanup(tpm_unload)))
#define TPM_LOADED_NONE ((struct tpm_loaded){ .tr = ESYS_TR_NONE })

void tpm_unload(struct tpm_loaded *loaded);

/* Takes hold of what ESYS just made. */
void tpm_hold(struct tpm *tpm, ESYS_TR tr, bool is_transient, struct tpm_loaded *ret_loaded);

/* What the TPM flushed itself, or what is persistent now: only our view of it goes. */
void tpm_forget(struct tpm_loaded *loaded);

/* ESYS's view of an object at a known handle with a known public area; sends nothing. */
enum bs_err tpm_view_key(struct tpm *tpm, TPM2_HANDLE handle, const TPMT_PUBLIC *public_area,
                         const struct wire_name *name, struct tpm_loaded *ret_loaded) BS_MUST_USE;
enum bs_err tpm_view_nv(struct tpm *tpm, const TPMS_NV_PUBLIC *public_area, const struct wire_name *name,
                        struct tpm_loaded *ret_loaded) BS_MUST_USE;

/*
 * Loads a child of the SRK; `srk` is held. TAMPERED when the blob is not the SRK's, or its Name not that of its public
 * area.
 */
enum bs_err tpm_load(struct tpm *tpm, const struct tpm_loaded *srk, const struct tpm_key_blob *blob,
                     struct tpm_loaded *ret_loaded) BS_MUST_USE;

/* primary.c: finds, makes, makes persistent. A key of which nothing is known yet is looked for, or made. */
enum bs_err tpm_key_open(struct tpm *tpm, const TPMT_PUBLIC *template, struct tpm_key *key,
                         struct tpm_loaded *ret_loaded) BS_MUST_USE;
enum bs_err tpm_srk_open(struct tpm *tpm, struct tpm_loaded *ret_loaded) BS_MUST_USE;
enum bs_err tpm_ak_open(struct tpm *tpm, struct tpm_loaded *ret_loaded) BS_MUST_USE;
enum bs_err tpm_ek_open(struct tpm *tpm, struct tpm_loaded *ret_loaded) BS_MUST_USE;

/* session.c */

/* AES-128-CFB, nonces and HMAC with `hash`, salted to `key`. `type` TPM2_SE_HMAC or TPM2_SE_POLICY. */
enum bs_err tpm_session(struct tpm *tpm, const struct tpm_loaded *key, TPM2_SE type, uint16_t hash,
                        struct tpm_loaded *ret_session) BS_MUST_USE;

/*
 * The next command is the session's last, and has its first parameter encrypted: TPMA_SESSION_DECRYPT (in) or _ENCRYPT
 * (out).
 */
enum bs_err tpm_session_last(struct tpm_loaded *session, TPMA_SESSION encryption) BS_MUST_USE;

/* policy.c */
enum bs_err tpm_policy_digest(const struct tpm_policy *policy, uint8_t ret_digest[CRYPTO_SHA256_SIZE]) BS_MUST_USE;
/*
 * The boot of now, what approves it, and the counter's value, into a session; *ret_rc is the TPM's code, for PCR_CHANGED.
 * `ticket` as tpm_approval_check() gave it; not looked at without an approval.
 */
enum bs_err tpm_policy_fulfil(struct tpm *tpm, const struct tpm_loaded *session,
                              const struct tpm_unseal_request *request, const TPMT_TK_VERIFIED *ticket,
                              TSS2_RC *ret_rc) BS_MUST_USE;

/* approve.c */
/* The TPM verifies the signature and vouches for it with a ticket. UNTRUSTED. */
enum bs_err tpm_approval_check(struct tpm *tpm, const struct tpm_approval *approval,
                               TPMT_TK_VERIFIED *ret_ticket) BS_MUST_USE;
/* TPM2_PolicyAuthorize; BOOT when the PCRs of the session are not those that were approved. */
enum bs_err tpm_approval_use(struct tpm *tpm, const struct tpm_loaded *session, const struct tpm_approval *approval,
                             const TPMT_TK_VERIFIED *ticket, TSS2_RC *ret_rc) BS_MUST_USE;

/* pcr.c */
void tpm_selection(uint16_t bank, uint32_t mask, TPML_PCR_SELECTION *ret_selection);
uint32_t tpm_selection_mask(const TPMS_PCR_SELECTION *selection); /* the first 24 PCRs */

/* certify.c */
enum bs_err tpm_certify(struct tpm *tpm, const struct tpm_loaded *object, const uint8_t qualifying[32],
                        struct bs_buf *ret_attest, struct bs_buf *ret_signature) BS_MUST_USE;

/* nv.c */
/* NOT_FOUND when the index is not defined. */
enum bs_err tpm_nv_public(struct tpm *tpm, TPM2_HANDLE index, TPMS_NV_PUBLIC *ret_public) BS_MUST_USE;
/* Appends all that the index holds. NOT_FOUND also when it was never written, may not be read, or lacks a needed attribute. */
enum bs_err tpm_nv_read(struct tpm *tpm, TPM2_HANDLE index, TPMA_NV needed, struct bs_buf *out) BS_MUST_USE;

/* crypto_callbacks.c */
TSS2_RC crypto_callbacks_set(ESYS_CONTEXT *esys);
