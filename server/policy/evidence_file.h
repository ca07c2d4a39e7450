/*
 * What one boot of a device showed, as a file that policies are tried on without a server (`bootsealctl device evidence`, `policy
 * check --evidence`). JSON:
 *
 *     { "format": "bootseal-evidence-1", "bank": "sha256", "cap_pcr": 12,
 *       "pcrs": { "0": "hex", "4": "hex" },
 *       "firmware_log": "base64", "userspace_log": "base64", "command_line": "ro quiet",
 *       "tpm": { "manufacturer": "id:49465800", "firmware_version": "7.85.4555.0" } }
 *
 * format, bank, cap_pcr, pcrs and firmware_log are always there; where userspace_log, command_line or tpm is missing, nothing was said
 * of it. A command line that is not UTF-8 stands as base64 in "command_line_base64" in the other one's place. Members that are not
 * known, or that stand twice, are refused: a typing error must not leave out what a policy looks at.
 *
 * A firmware's event log by itself is read, too. Nobody has quoted it then: its PCRs are what its events lead to.
 */
#pragma once

#include "server/store/store.h"

#define EVIDENCE_FILE_SIZE_MAX (1024 * 1024)
#define EVIDENCE_FILE_FORMAT "bootseal-evidence-1"

struct evidence_file {
    struct store_boot boot;
    uint32_t cap_pcr;          /* the PCR that the agent caps */
    char manufacturer[16];     /* of the TPM, as its EK certificate says it; empty: not known */
    uint64_t firmware_version; /* of the TPM, as quoted; 0: not known */
    bool is_quoted;            /* by a TPM, says the file; false: a log by itself */
};
#define EVIDENCE_FILE_INIT ((struct evidence_file){ .boot = STORE_BOOT_INIT })
void evidence_file_free(struct evidence_file *file);

/* One sentence, without the file's name. */
struct evidence_file_fault {
    char text[192];
};

/* Fills in `ret_file`, which is EVIDENCE_FILE_INIT, and is the caller's to free, also after an error. INPUT with the fault. */
enum bs_err evidence_file_read(struct bs_span bytes, struct evidence_file *ret_file,
                               struct evidence_file_fault *ret_fault) BS_MUST_USE;

/* Appends. What was not quoted by a TPM is written all the same, as if it had been: only for what a server has verified, or foretold. */
enum bs_err evidence_file_write(const struct evidence_file *file, struct bs_buf *out) BS_MUST_USE;

#define EVIDENCE_VERSION_SIZE 24
/* "A.B.C.D", four times 16 bits, as TPM makers write it; and back: INPUT for anything else. */
void evidence_version_format(uint64_t version, char ret_text[EVIDENCE_VERSION_SIZE]);
enum bs_err evidence_version_parse(struct bs_span text, uint64_t *ret_version) BS_MUST_USE;
