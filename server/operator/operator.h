/*
 * Everything an operator can do, as functions; the admin socket and tests call them, nobody else changes what is approved.
 * Each act is one transaction with its audit row. On failure `why` holds one sentence that says what to do.
 *
 * Errors: NOT_FOUND no such thing · INPUT the request is not what it should be · REFUSED it may not be done now · BUSY, IO the store.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "server/policy/policy_check.h"
#include "server/server.h"

#define OPERATOR_WHY_SIZE 384

struct operator_call {
    struct server *server;
    const char *actor; /* "uid:1000(anna)", from the socket's peer credentials */
    char why[OPERATOR_WHY_SIZE];
};

/* `device`: hex of the id, or the beginning of it if that is unique (at least 4 digits). */

enum bs_err operator_device_list(struct operator_call *call, store_device_fn row, void *context) BS_MUST_USE;

/* A PCR in which the last boot differs from the nearest reference; texts as in message_finding. */
struct operator_finding {
    uint32_t pcr;
    bool has_event;
    uint32_t event;
    char text[512];
    char found[160];
    char expected[160];
};
#define OPERATOR_FINDINGS_MAX 24
#define OPERATOR_EXPLANATION_MAX (16 * 1024)
struct operator_device {
    struct store_device device;
    bool has_question; /* it showed a boot that was proven */
    uint8_t
        question[STORE_DIGEST]; /* digest of EK, AK Name, PCRs and event list: what `device approve --learn` approves */
    int64_t question_time;
    struct store_boot boot;
    bool boot_is_known;           /* good by the policy or the references of its profile, as they are now */
    char policy[STORE_NAME_SIZE]; /* that its profile names; empty: its references decide */
    uint64_t policy_version;
    uint64_t reference;     /* that one, or the nearest; 0: none */
    size_t reference_count; /* living references of its profile */
    uint64_t profile_version;
    char why[512];                /* the sentence of the last verdict; empty: none */
    int64_t bundle_issued;        /* the last one; 0: none */
    int64_t bundle_confirmed;     /* 0: not */
    char items[STORE_ITEMS_SIZE]; /* names of what it holds, separated by commas */
    struct operator_finding findings[OPERATOR_FINDINGS_MAX];
    size_t finding_count;
    struct bs_buf explanation; /* lines (policy/explain.h); empty when the boot is good */
};
#define OPERATOR_DEVICE_INIT \
    ((struct operator_device){ .boot = STORE_BOOT_INIT, .explanation = BS_BUF(OPERATOR_EXPLANATION_MAX) })
enum bs_err operator_device_show(struct operator_call *call, const char *id,
                                 struct operator_device *ret_device) BS_MUST_USE;
void operator_device_free(struct operator_device *device);

/* Certificates of one device, newest first. */
enum bs_err operator_device_certs(struct operator_call *call, const char *id, store_cert_fn row,
                                  void *context) BS_MUST_USE;

#define OPERATOR_QUESTION_MIN 16 /* digits of it that are enough */
struct operator_approve {
    const char *device;
    const char *profile;  /* NULL: the one it has, else the configured default, else the only one there is */
    bool learn;           /* and take its last boot as a reference of the profile */
    const char *question; /* hex digest as shown, or its beginning; NULL: whatever it showed last */
    bool accept_reset;    /* its TPM was cleared or its reset counter went back, and that is all right */
};
struct operator_approved {
    uint8_t id[WIRE_ID_SIZE];
    char profile[STORE_NAME_SIZE];
    uint64_t reference;           /* learned, or already there; 0: none asked for */
    char policy[STORE_NAME_SIZE]; /* that its profile names; empty: its references decide */
    bool needs_reference;         /* approved, but its profile has none, and no policy: nobody gets anything yet */
};
enum bs_err operator_device_approve(struct operator_call *call, const struct operator_approve *request,
                                    struct operator_approved *ret_approved) BS_MUST_USE;
enum bs_err operator_device_refuse(struct operator_call *call, const char *device, const char *because) BS_MUST_USE;
/* Blocks the device and revokes its certificates. */
enum bs_err operator_device_revoke(struct operator_call *call, const char *device, const char *because,
                                   uint64_t *ret_certs) BS_MUST_USE;
/*
 * Revokes it, and orders it to forget at its next contact; it says so when it has obeyed. REFUSED for one that was never here. Approving
 * the device takes the order back.
 */
enum bs_err operator_device_wipe(struct operator_call *call, const char *device, const char *because,
                                 uint64_t *ret_certs) BS_MUST_USE;
/* `changes`: NAME=VALUE;NAME=VALUE; an empty value takes the label away. */
enum bs_err operator_device_label(struct operator_call *call, const char *id, const char *changes,
                                  struct store_device *ret_device) BS_MUST_USE;
/* Gives it another profile: it gets that one's items and a certificate of it at its next contact, if its boot is good there. */
struct operator_moved {
    uint8_t id[WIRE_ID_SIZE];
    char from[STORE_NAME_SIZE];
};
enum bs_err operator_device_move(struct operator_call *call, const char *id, const char *profile,
                                 struct operator_moved *ret_moved) BS_MUST_USE;
/*
 * CSV with a header line; columns ek_sha256 (needed), serial, profile, labels (NAME=VALUE;NAME=VALUE) in any order. All or nothing: a wrong
 * line is named in `why`. A device that is already there gets the new values but keeps what it has proven; blocked ones stay blocked.
 */
struct operator_imported {
    uint64_t added;
    uint64_t changed;
    uint64_t unchanged;
};
enum bs_err operator_device_import(struct operator_call *call, struct bs_span csv,
                                   struct operator_imported *ret_imported) BS_MUST_USE;

/* Keys that the device makes; NOT_FOUND when there is no such device. */
enum bs_err operator_device_keys(struct operator_call *call, const char *id, store_key_fn row,
                                 void *context) BS_MUST_USE;

/* Orders new ones in the place of all keys that the device made, or of the one called `name` (NULL: all). */
#define OPERATOR_KEYS_MAX 64
struct operator_rekeyed {
    uint8_t id[WIRE_ID_SIZE];
    struct store_key keys[OPERATOR_KEYS_MAX];
    size_t count;
};
enum bs_err operator_device_rekey(struct operator_call *call, const char *id, const char *name,
                                  struct operator_rekeyed *ret_rekeyed) BS_MUST_USE;

/* The shares that are encrypted to an operator's key, as text (core/share.h); appends. NOT_FOUND when there is none. */
enum bs_err operator_device_shares(struct operator_call *call, const char *id, struct bs_buf *out) BS_MUST_USE;
/* Takes shares that an operator decrypted, as text; the devices stand in it. All or nothing. */
enum bs_err operator_device_recover(struct operator_call *call, struct bs_span text, size_t *ret_count) BS_MUST_USE;

#define OPERATOR_TOKEN_SIZE 48
struct operator_token {
    const char *profile;
    uint32_t uses;      /* 1 to 100000 */
    uint64_t valid_for; /* seconds, at most ten years */
};
/* `ret_text` is shown once and is nowhere kept; the caller wipes it. */
enum bs_err operator_token_create(struct operator_call *call, const struct operator_token *request, uint64_t *ret_id,
                                  int64_t *ret_expires, char ret_text[OPERATOR_TOKEN_SIZE]) BS_MUST_USE;
enum bs_err operator_token_list(struct operator_call *call, store_token_fn row, void *context) BS_MUST_USE;
enum bs_err operator_token_revoke(struct operator_call *call, uint64_t id) BS_MUST_USE;

/* The text of a profile file (bootseal-profile(5)); its name stands in it. A wrong one changes nothing; `why` has the line. */
enum bs_err operator_profile_apply(struct operator_call *call, struct bs_span text,
                                   struct store_profile *ret_profile) BS_MUST_USE;
enum bs_err operator_profile_list(struct operator_call *call, store_profile_fn row, void *context) BS_MUST_USE;

/* One item, without what is secret in it. */
struct operator_item {
    const char *name;
    const char *kind;    /* "secret", "generated", "file", "certificate" */
    size_t size;         /* of the data; of generated ones: to be generated */
    struct bs_span text; /* file, certificate: as it stands in the profile; empty for secrets */
};
typedef enum bs_err (*operator_item_fn)(void *context, const struct operator_item *item);
enum bs_err operator_profile_show(struct operator_call *call, const char *name, struct store_profile *ret_profile,
                                  operator_item_fn row, void *context) BS_MUST_USE;

/*
 * The text of a policy file (bootseal-policy(5)); its name stands in it. A wrong one changes nothing; `why` has the line. When it says
 * something else than before, what was approved for opening offline under the old one ends: the epochs of all profiles that name
 * it rise (server/approve.h).
 */
struct operator_policy {
    struct store_policy row;
    size_t rules_added; /* lines (server/policy/policy_lines.h) */
    size_t rules_removed;
    char profiles[256]; /* that name it, separated by commas; cut where they are too many */
    char note[POLICY_NOTE_SIZE];
};
enum bs_err operator_policy_apply(struct operator_call *call, struct bs_span text,
                                  struct operator_policy *ret_policy) BS_MUST_USE;
enum bs_err operator_policy_list(struct operator_call *call, store_policy_fn row, void *context) BS_MUST_USE;
/* Names of the profiles that name it, as above. */
enum bs_err operator_policy_profiles(struct operator_call *call, const char *name, char ret_names[256]) BS_MUST_USE;
/* The file as it was applied, appended. */
enum bs_err operator_policy_show(struct operator_call *call, const char *name, struct store_policy *ret_policy,
                                 struct bs_buf *ret_text) BS_MUST_USE;

/*
 * What a policy file would change: against the applied one of its name the rules, and the devices of the profiles that name it (or of
 * `profile`, whatever decides there now) whose last boots would be judged otherwise. Nothing is written.
 */
#define OPERATOR_POLICY_DEVICES_MAX 10000 /* so many are judged */
struct operator_policy_device {
    struct store_device device;
    bool was_good;
    bool is_good;
    char why[1024]; /* it is not: the explanation, in one line */
};
struct operator_policy_question {
    struct bs_span text;
    const char *profile; /* NULL: those that name the policy */
    enum bs_err (*rule)(void *context, bool is_added, struct bs_span line);
    enum bs_err (*device)(void *context, const struct operator_policy_device *device);
    void *context;
};
struct operator_policy_changes {
    char name[STORE_NAME_SIZE];
    struct store_policy applied; /* version 0: there is none */
    char profiles[256];
    char note[POLICY_NOTE_SIZE];
    size_t judged;   /* devices that showed a boot */
    size_t left_out; /* devices beyond OPERATOR_POLICY_DEVICES_MAX */
};
/* `call` and what the question points at live as long as it does. The rules are compared at once. */
struct operator_diff;
enum bs_err operator_diff_begin(struct operator_call *call, const struct operator_policy_question *question,
                                struct operator_diff **ret_diff) BS_MUST_USE;
/* Some milliseconds of devices. *ret_changes, which is the diff's, is NULL as long as there are more of them. */
enum bs_err operator_diff_step(struct operator_diff *diff,
                               const struct operator_policy_changes **ret_changes) BS_MUST_USE;
void operator_diff_free(struct operator_diff *diff);
BS_DEFINE_OWN(operator_diff, struct operator_diff, operator_diff_free)

/* What the device showed last, as a file for `policy check` (server/policy/evidence_file.h); appends. REFUSED: nothing yet. */
enum bs_err operator_device_evidence(struct operator_call *call, const char *id, struct bs_buf *out) BS_MUST_USE;
/* The boot of a reference in the same form, of which no TPM is known; appends. One that was foretold was quoted by none. */
enum bs_err operator_reference_evidence(struct operator_call *call, uint64_t id, struct bs_buf *out) BS_MUST_USE;

/*
 * Takes the last boot of a device as a reference of its profile, under a name that is its alone, and writes the policy that approves exactly
 * this boot (server/policy/policy_learn.h). `question` as in struct operator_approve.
 */
struct operator_learn {
    const char *device;
    const char *name;
    const char *question;
};
struct operator_learned {
    uint64_t reference;
    uint8_t device[WIRE_ID_SIZE];
    char profile[STORE_NAME_SIZE];
    bool has_policy; /* the profile names one: then the reference approves nothing by itself */
};
enum bs_err operator_reference_learn(struct operator_call *call, const struct operator_learn *request,
                                     struct operator_learned *ret_learned, struct bs_buf *ret_policy) BS_MUST_USE;

/*
 * What the next bundle of the device would approve, as a list of its own (core/approval.h), appended to `out`. REFUSED when it is not
 * approved, or the boot that it showed last is not good.
 */
struct operator_approvals {
    uint64_t epoch;
    size_t count;
};
enum bs_err operator_device_approvals(struct operator_call *call, const char *id, struct bs_buf *out,
                                      struct operator_approvals *ret_approvals) BS_MUST_USE;

/* `profile` NULL: all. */
enum bs_err operator_reference_list(struct operator_call *call, const char *profile, store_reference_fn row,
                                    void *context) BS_MUST_USE;
/* `ret_boot` is initialized (STORE_BOOT_INIT) and freed by the caller; its log can be read with core/eventlog.h. */
enum bs_err operator_reference_show(struct operator_call *call, uint64_t id, struct store_reference *ret_reference,
                                    struct store_boot *ret_boot) BS_MUST_USE;
/* A boot that nobody has seen yet, as an image and a firmware's event log foretell it. */
struct operator_prediction {
    const char *name;        /* of its profile's no other has it */
    const char *profile;     /* NULL: the configured default, else the only one there is */
    struct bs_span events;   /* of the image (core/uki.h) */
    struct bs_span firmware; /* log of a machine as they are in the profile; empty: of the boot that was learned last */
    const char *unknown;     /* why PCR 9 cannot be foretold; NULL: it can */
    const char *phase;       /* in which devices ask, "enter-initrd"; NULL: systemd does not run in the initrd */
    bool is_release;
};
/* REFUSED when another one has the name, or it was revoked; INPUT when the PCRs that a quote needs cannot be foretold. `ret_boot` as below. */
enum bs_err operator_reference_add(struct operator_call *call, const struct operator_prediction *prediction,
                                   struct store_reference *ret_reference, struct store_boot *ret_boot) BS_MUST_USE;
/*
 * Makes it a release: from their next contact on, vaults under a signed policy open in it, on every device of the profile. REFUSED when
 * it is revoked, or another of the profile has the name.
 */
enum bs_err operator_reference_release(struct operator_call *call, uint64_t id, const char *name,
                                       struct store_reference *ret_reference) BS_MUST_USE;
/*
 * Devices that boot so get nothing from their next contact on, and once they were in contact in a good boot their vaults do not open in
 * this one any more; until then they do. *ret_left: living references of its profile.
 */
enum bs_err operator_reference_revoke(struct operator_call *call, uint64_t id, size_t *ret_left) BS_MUST_USE;

/* Rows, oldest first: those after a sequence number, or from a time on, or (where neither is given) the last ones. */
struct operator_audit {
    bool has_after;
    uint64_t after;
    int64_t since;  /* seconds since 1970; 0: not given */
    uint64_t limit; /* 0: no limit */
    const char *device;
};
enum bs_err operator_audit_list(struct operator_call *call, const struct operator_audit *query, store_audit_fn row,
                                void *context) BS_MUST_USE;
/* Recomputes the chain of hashes; TAMPERED with the first sequence number that does not fit. */
enum bs_err operator_audit_verify(struct operator_call *call, uint64_t *ret_rows, uint64_t *ret_wrong) BS_MUST_USE;

struct operator_ca {
    const char *name; /* ca_name() */
    const struct cert_info *info;
    struct bs_span der;
    uint8_t sha256[CRYPTO_SHA256_SIZE];
};
typedef enum bs_err (*operator_ca_fn)(void *context, const struct operator_ca *ca);
enum bs_err operator_ca_show(struct operator_call *call, operator_ca_fn row, void *context) BS_MUST_USE;

/* The device CA's revocation list: certificates that were revoked before their time was over. */
#define OPERATOR_CRL_MAX (6 * 1024 * 1024)
struct operator_crl {
    struct bs_buf der; /* owned by the caller */
    uint64_t number;
    uint64_t revoked;
    int64_t next_update;
};
enum bs_err operator_ca_crl(struct operator_call *call, unsigned days, struct operator_crl *ret_crl) BS_MUST_USE;

/* A backup in steps; the file lies in the server's folder until server_backup_end(). */
enum bs_err operator_backup_begin(struct operator_call *call, const char **ret_path) BS_MUST_USE;
enum bs_err operator_backup_step(struct operator_call *call, struct store_backup_progress *ret_progress) BS_MUST_USE;
