/*
 * The TPM as the agent uses it. Owns tss2-esys and the TCTI. One connection, one thread; at most one transient object
 * and one session are loaded at a time (two objects where a command needs two and neither is persistent), and
 * everything is flushed on every path. Everything is noDA: nothing here fails in dictionary-attack lockout. Secrets
 * cross the bus only in salted, encrypted sessions.
 *
 * Errors: TPM for what the TPM answers (logged at debug with command and code), TPM_TIMEOUT when it does not answer, BOOT
 * when a policy is not met, TAMPERED when an object is not what its Name says or a response is not what its session
 * vouches for, NOT_FOUND where said. After TPM_TIMEOUT, or when the TPM was gone, the next call takes the device anew.
 */
#pragma once

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/own.h"
#include "core/secret.h"
#include "core/wire.h"

#define TPM_PCRS 24
#define TPM_BANKS_MAX 8
#define TPM_CERTS_MAX 6

struct tpm_options {
    const char *device; /* "/dev/tpm0", "/dev/tpmrm0" or "swtpm:path=SOCKET" */
    bool
        exclusive; /* nobody else uses it: O_EXCL, and what others left loaded is flushed when it is in the way. Not for /dev/tpmrm0 */
    uint32_t srk_handle;    /* 0x81000001 */
    uint32_t ak_handle;     /* where our AK is persisted */
    uint32_t counter_index; /* NV index of our counter */
    bool persist;           /* EK, AK, SRK may be made persistent; else they stay transient */
    int64_t timeout_ms;     /* of one command */
};

struct tpm;

/*
 * NO_TPM when there is no such device, BUSY when somebody else holds it, CONFIG when the name is none of the three
 * forms.
 */
enum bs_err tpm_open(const struct tpm_options *options, struct tpm **ret_tpm) BS_MUST_USE;
void tpm_close(struct tpm *tpm); /* flushes what is loaded; NULL allowed */
BS_DEFINE_OWN(tpm, struct tpm, tpm_close)

/* Lets the device go while waiting for the network, and takes it again. Nothing stays loaded across it. */
void tpm_release(struct tpm *tpm);
enum bs_err tpm_reacquire(struct tpm *tpm) BS_MUST_USE;

/* Commands sent since tpm_open. */
unsigned tpm_command_count(const struct tpm *tpm);

struct tpm_state {
    uint16_t banks[TPM_BANKS_MAX]; /* active PCR banks by TPM_ALG_ID */
    size_t bank_count;
    bool in_lockout;
    bool owner_auth_set;
};
enum bs_err tpm_state(struct tpm *tpm, struct tpm_state *ret_state) BS_MUST_USE; /* read once, then kept */

struct tpm_maker {
    char manufacturer[5]; /* e.g. "IBM" for swtpm */
    uint64_t firmware_version;
};
enum bs_err tpm_maker(struct tpm *tpm, struct tpm_maker *ret_maker) BS_MUST_USE; /* read once, then kept */

/* PCRs (agent/tpm/pcr.c) */

struct tpm_pcrs {
    uint16_t bank;
    uint32_t mask;
    size_t digest_size;
    uint8_t values[TPM_PCRS][CRYPTO_HASH_MAX];
};
/* Reads all PCRs of the mask in as many commands as the TPM needs. TPM when the bank is not active. */
enum bs_err tpm_pcr_read(struct tpm *tpm, uint16_t bank, uint32_t mask, struct tpm_pcrs *ret_pcrs) BS_MUST_USE;

/*
 * The cap: one TPM2_PCR_Event(BS_CAP_EVENT) on `pcr`, then every active bank is read back and compared with what it
 * must be (a bank whose hash we do not have: with what it was, it must have changed). TPM when a bank did not change as
 * it must. What tpm_pcr_read() has read of the PCR is not read again, and nothing is read first where that was its reset value;
 * where somebody extended it since, or in another bank alone, it is extended twice.
 */
enum bs_err tpm_cap(struct tpm *tpm, uint32_t pcr) BS_MUST_USE;

/* Keys (agent/tpm/{srk,ek,ak,device_key}.c) */

/*
 * The EK: the first of P-384, P-256, RSA-2048 with a certificate in NV; without any certificate the first that exists
 * or can be made. Certificates: the EK's own, then the chain in 0x01C00100-0x01C001FF, DER, zero padding cut off.
 */
struct tpm_ek {
    enum wire_ek kind;
    TPMT_PUBLIC public_area;
    struct bs_buf certs[TPM_CERTS_MAX];
    size_t cert_count;
};
enum bs_err tpm_ek(struct tpm *tpm, const struct tpm_ek **ret_ek) BS_MUST_USE; /* read once, then kept */

/*
 * The storage root key: the persistent one if it matches the TCG template, else made and persisted, else (something
 * else lies at the handle, or there is no room) transient for as long as it is used. TPM where the owner has set a
 * password and no such key is persistent. Pointers are good until tpm_close.
 */
enum bs_err tpm_srk(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name) BS_MUST_USE;
/*
 * Saves reading it: what the last tpm_unseal() was under is taken for the SRK, where it has this Name. That it unsealed shows only that
 * this TPM has the key; the Name has to come from who has seen the SRK certified, so out of a bundle that was verified.
 */
void tpm_srk_adopt(struct tpm *tpm, struct bs_span name);
enum bs_err tpm_ak(struct tpm *tpm, const TPMT_PUBLIC **ret_public, const struct wire_name **ret_name) BS_MUST_USE;

/* TPM2_Certify of the SRK by the AK: marshalled TPMS_ATTEST and TPMT_SIGNATURE are appended. */
enum bs_err tpm_certify_srk(struct tpm *tpm, const uint8_t qualifying[32], struct bs_buf *ret_attest,
                            struct bs_buf *ret_signature) BS_MUST_USE;

/* A new device key under the SRK. The private area is of use to this TPM alone, yet it lies in the vault. */
struct tpm_key_blob {
    TPM2B_PUBLIC public_area;
    TPM2B_PRIVATE private_area;
};
enum bs_err tpm_device_key_make(struct tpm *tpm, struct tpm_key_blob *ret_key) BS_MUST_USE;
enum bs_err tpm_device_key_certify(struct tpm *tpm, const struct tpm_key_blob *key, const uint8_t qualifying[32],
                                   struct bs_buf *ret_attest, struct bs_buf *ret_signature) BS_MUST_USE;
/* ECDSA over a SHA-256 digest; r ‖ s, each padded to 32 bytes. */
enum bs_err tpm_device_key_sign(struct tpm *tpm, const struct tpm_key_blob *key,
                                const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64]) BS_MUST_USE;
/*
 * TSS2 PRIVATE KEY (PEM), as tpm2-openssl and others load it: 2.23.133.10.1.3, emptyAuth, parent = the SRK's handle,
 * or its hierarchy where the SRK is transient.
 */
enum bs_err tpm_device_key_pem(struct tpm *tpm, const struct tpm_key_blob *key, struct bs_buf *out) BS_MUST_USE;

/* Quote by the AK over the PCRs of one bank; TPM when the TPM quoted other PCRs, as it does for an inactive bank. */
enum bs_err tpm_quote(struct tpm *tpm, const uint8_t qualifying[32], uint16_t bank, uint32_t mask,
                      struct bs_buf *ret_attest, struct bs_buf *ret_signature) BS_MUST_USE;

/*
 * ActivateCredential with EK and AK, in a session salted to the EK, the response encrypted. UNTRUSTED when the
 * credential is not for this EK with this AK. The EK is authorized by its policy in both ranges: by its auth value,
 * which the high range would allow, it fails in lockout and counts power cuts as failed attempts.
 */
enum bs_err tpm_activate(struct tpm *tpm, struct bs_span id_object, struct bs_span encrypted_secret,
                         struct bs_secret **ret_secret) BS_MUST_USE;

/* The counter (agent/tpm/counter.c) */

#define TPM_COUNTER_MAX UINT64_MAX

struct tpm_counter {
    TPMS_NV_PUBLIC public_area;
    struct wire_name name;
    uint64_t value;
};
/*
 * NOT_FOUND when the index is not defined; TAMPERED when something else than our counter lies there. A counter that was
 * defined but never incremented (power cut in between) is incremented once.
 */
enum bs_err tpm_counter_read(struct tpm *tpm, struct tpm_counter *ret_counter) BS_MUST_USE;
/* Defines it (COUNTER | AUTHREAD | AUTHWRITE | NO_DA, nothing else) and increments once; reads it if it is there. */
enum bs_err tpm_counter_make(struct tpm *tpm, struct tpm_counter *ret_counter) BS_MUST_USE;
/*
 * Our counter as it must be once it was incremented, computed from its index alone; whether it is there and has that
 * value the TPM says when a policy asks it.
 */
enum bs_err tpm_counter_expect(const struct tpm *tpm, uint64_t value, struct tpm_counter *ret_counter) BS_MUST_USE;
/* *counter is the new value, as read back; TPM when it did not grow. */
enum bs_err tpm_counter_increment(struct tpm *tpm, struct tpm_counter *counter) BS_MUST_USE;

/*
 * Sealing (agent/tpm/seal.c). Policy in this order: PolicyPCR(boot) → PolicyPCR(cap) → PolicyNV(counter = value); under a signed
 * policy TPM2_PolicyAuthorize (Part 3 §23.16) stands behind the first, and then it opens in each boot that the key approved.
 */

struct tpm_approver {
    const TPMT_PUBLIC *key;
    struct bs_span policy_ref; /* may be empty */
};

struct tpm_approval {
    struct tpm_approver by;
    uint8_t policy[CRYPTO_SHA256_SIZE]; /* policyDigest after PolicyPCR in the approved boot */
    TPMT_SIGNATURE signature;           /* over SHA-256(policy ‖ policyRef) */
};

struct tpm_policy {
    uint16_t bank;
    uint32_t boot_mask;      /* the PCRs that say what runs now */
    uint8_t boot_digest[32]; /* SHA-256 of their values in ascending order (policy sessions are SHA-256) */
    uint32_t cap_pcr;
    uint8_t cap_digest[32]; /* SHA-256 of the cap PCR's value before the cap */
    const struct tpm_counter *counter;
    uint64_t counter_value;
    const struct tpm_approver *approver; /* NULL: this boot alone */
};

/*
 * The policy of the boot of now, without an approver. BOOT when one of the boot PCRs is at its reset value (all zero or all ones), CONFIG for
 * an empty mask.
 */
enum bs_err tpm_policy_now(struct tpm *tpm, uint16_t bank, uint32_t boot_mask, uint32_t cap_pcr,
                           const struct tpm_counter *counter, uint64_t counter_value,
                           struct tpm_policy *ret_policy) BS_MUST_USE;

/*
 * Seals 32 bytes. The session is salted to the EK (the server has checked it against its certificate); the input is
 * encrypted.
 */
enum bs_err tpm_seal(struct tpm *tpm, const struct tpm_policy *policy, const struct bs_secret *secret,
                     struct tpm_key_blob *ret_sealed) BS_MUST_USE;

/*
 * Unseals in a policy session salted to the SRK, the response encrypted. BOOT when PCRs or counter are not those of the
 * policy, or not those of the approval, or the SRK is another one; INPUT when the blob is not of this TPM's SRK; TAMPERED when
 * a response is not what its session vouches for; UNTRUSTED when the approval is not signed by its key, or that is none for
 * the TPM. PCR_CHANGED in between (IMA extends PCR 10) is answered with a new session, a few times.
 *
 * Nothing is read from the TPM first: the SRK is believed to be `srk` until the session proves it, for only the TPM that
 * has its private part gives an answer that verifies. It may be any key of this TPM all the same: tpm_srk() tells it only
 * after tpm_srk_adopt(). Where it does not prove right the TPM's own SRK is looked for.
 */
struct tpm_unseal_request {
    const TPMT_PUBLIC *srk;
    uint16_t bank;
    uint32_t boot_mask;
    uint32_t cap_pcr;
    uint64_t counter_value; /* that the policy demands of our counter */
    const struct tpm_key_blob *sealed;
    const struct tpm_approval *approval; /* of the boot of now; NULL: sealed without an approver */
};
enum bs_err tpm_unseal(struct tpm *tpm, const struct tpm_unseal_request *request,
                       struct bs_secret **ret_secret) BS_MUST_USE;
