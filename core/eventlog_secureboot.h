/*
 * What Secure Boot trusts, as the log has it: the signature lists of PK, KEK, db and dbx (UEFI 2.10 §32.4.1), which are a variable's
 * data, and the one entry that admitted an image, the data of an EV_EFI_VARIABLE_AUTHORITY. Nothing is allocated. Whether an
 * event's data are to be believed at all, eventlog_measured() says.
 */
#pragma once

#include "core/cert.h"
#include "core/eventlog_decode.h"

enum eventlog_entry_kind {
    EVENTLOG_ENTRY_X509,
    EVENTLOG_ENTRY_SHA256, /* Authenticode digest of an image */
    EVENTLOG_ENTRY_OTHER   /* hashes of certificates, RSA keys, SHA-1: `type` names it */
};

struct eventlog_entry {
    enum eventlog_entry_kind kind;
    struct bs_span type;  /* GUID of the list; BS_SPAN_NONE for the entry of an authority event, which has none */
    struct bs_span owner; /* GUID of who put it there */
    struct bs_span bytes; /* certificate (DER), digest, or whatever it is */
};

/* Goes through a variable's data, list by list; zeros are an empty variable: struct eventlog_entries e = { BS_READER(data), ... } */
struct eventlog_entries {
    struct bs_reader lists; /* behind the list of now */
    struct bs_reader entries;
    struct bs_span type;
    uint32_t entry_size;
    bool
        is_broken; /* after false: the data are no signature lists from there on, so that nothing may be concluded from them */
};

struct eventlog_entries eventlog_entries_first(struct bs_span data);
bool eventlog_entries_next(struct eventlog_entries *entries, struct eventlog_entry *ret_entry);

/*
 * EFI_SIGNATURE_DATA of an authority event's variable data: owner and certificate or digest. Firmware and shim were seen to leave the
 * owner out where the entry is not one of db's; then it is BS_SPAN_NONE. INPUT when it is neither certificate nor SHA-256.
 */
enum bs_err eventlog_authority_entry(struct bs_span data, struct eventlog_entry *ret_entry) BS_MUST_USE;

/* Subject as core/cert.h prints it, empty where it cannot be read, and SHA-256 of the DER. INPUT when the entry is no certificate. */
struct eventlog_signer {
    char subject[CERT_TEXT_MAX];
    uint8_t fingerprint[CRYPTO_SHA256_SIZE];
};
enum bs_err eventlog_entry_signer(const struct eventlog_entry *entry, struct eventlog_signer *ret_signer) BS_MUST_USE;
