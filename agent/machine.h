/* Opening this machine's TPM as the configuration says; shared by the boot and the other verbs. */
#pragma once

#include "agent/config.h"
#include "agent/tpm/tpm.h"
#include "core/own.h"

enum machine_use {
    MACHINE_BOOT,   /* may be alone with the TPM, may make keys persistent */
    MACHINE_LOOK,   /* leaves the TPM as it is, and takes it or leaves it */
    MACHINE_FORGET, /* may share it, and waits for it */
};

/*
 * Waits for the device as configured and opens it. *ret_path names it also after an error where it was found (caller frees).
 * NO_TPM, TPM_TIMEOUT, TPM as device_find_tpm and tpm_open say.
 */
enum bs_err machine_open_tpm(const struct agent_config *config, enum machine_use use, struct tpm **ret_tpm,
                             char **ret_path) BS_MUST_USE;

/*
 * Where the vault lies, for vault_open() and the like: the folder vault.dir below `root`, or the device node of vault.partition, for which
 * `wait_ms` are waited. NOT_FOUND, INPUT as device_find_partition.
 */
enum bs_err machine_vault(const struct agent_config *config, const char *root, int64_t wait_ms,
                          char **ret_path) BS_MUST_USE;

/*
 * vault_forget() of that place. Where it is out of reach, what shuts it is not; then nothing is erased, and the error says why. The mark
 * that a cut leaves lies in vault.dir then.
 */
struct vault_forgotten;
enum bs_err machine_forget(const struct agent_config *config, const char *root, struct tpm *tpm,
                           struct vault_forgotten *ret_forgotten) BS_MUST_USE;

/*
 * Before a vault on a partition is opened or written: a forget that was cut off while the partition was out of reach is done to its
 * end. *ret_was_marked is always set; when BS_OK is not what comes back, nothing may be opened or written.
 */
enum bs_err machine_forget_finish(const struct agent_config *config, const char *root, struct tpm *tpm,
                                  bool *ret_was_marked) BS_MUST_USE;

/* Name of that place for a person. */
const char *machine_vault_name(const struct agent_config *config);

/* The firmware's event log, from where the configuration says. */
enum bs_err machine_eventlog(const struct agent_config *config, const char *root, struct bs_buf *buf) BS_MUST_USE;

/* What is known of the machine, the serial number from device.serial_file where that is set. */
struct device_facts;
enum bs_err machine_facts(const struct agent_config *config, const char *root,
                          struct device_facts *ret_facts) BS_MUST_USE;

/* The only line of a small text file, without its end; control characters and an empty line are INPUT. Wiped with the buffer. */
enum bs_err machine_read_line(const char *root, const char *path, struct bs_buf *buf) BS_MUST_USE;

/* A sentence on why there is no TPM to work with, and what to do. */
const char *machine_tpm_advice(enum bs_err err);
/* What can be done after a step's work with the TPM failed: `otherwise`, unless the TPM fell silent. */
const char *machine_tpm_hint(enum bs_err err, const char *otherwise);
