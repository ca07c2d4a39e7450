/* The machine: its TPM device (through libudev, kernel monitor: no udevd need run), its event log, facts about it, the kernel command line. */
#pragma once

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"

/*
 * Finds the TPM. `wanted` is "auto", "/dev/tpm0" or "/dev/tpmrm0" (a name with "swtpm:" is returned as it is).
 * NO_TPM at once when nothing announces one (no ACPI TPM2 table, no device tree node, nothing in /sys/class/tpm); TPM_TIMEOUT when
 * one is announced and has not come by the deadline. "auto" takes /dev/tpm0 when `prefer_raw`, else /dev/tpmrm0.
 */
enum bs_err device_find_tpm(const char *wanted, bool prefer_raw, struct bs_deadline deadline,
                            char **ret_path) BS_MUST_USE;

/*
 * The device node of the partition with this name in its partition table (GPT), by the kernel's own words: no udevd is needed. NOT_FOUND
 * when there is none by the deadline; INPUT when several have it, for which one is ours nobody can say.
 */
enum bs_err device_find_partition(const char *label, struct bs_deadline deadline, char **ret_path) BS_MUST_USE;

/* A node below this folder is compatible with a TPM. `base` is /sys/firmware/devicetree/base but in tests. */
bool device_tree_has_tpm(const char *base);

/* The init of this boot is systemd (then it and others may use the TPM at the same time). */
bool device_init_is_systemd(void);

/* Reads the firmware's log to EOF. `path` NULL: /sys/kernel/security/tpm0/binary_bios_measurements. NOT_FOUND when there is none. */
enum bs_err device_eventlog_read(const char *path, struct bs_buf *buf) BS_MUST_USE;

#define DEVICE_FACT_MAX 129

/* Text facts, each may be empty; control characters and what is not UTF-8 are left out. From DMI, else the device tree. */
struct device_facts {
    char serial[DEVICE_FACT_MAX];
    char product[DEVICE_FACT_MAX];
    char firmware[DEVICE_FACT_MAX];
    char kernel[DEVICE_FACT_MAX];
};
void device_facts(struct device_facts *ret_facts);

/* What the kernel command line asks of bootseal: bootseal.server=, bootseal.log=, bootseal=0. Anything else that begins with "bootseal" is
 * reported by name in `unknown`. */
struct device_cmdline {
    char server[300];
    char log[16];
    bool is_off;
    char unknown[64];
};
enum bs_err device_cmdline(const char *path, struct device_cmdline *ret_cmdline) BS_MUST_USE;

/* Feeds a watchdog device; NULL path: does nothing. The first call opens it. Closing disarms with the magic character. */
void device_watchdog_feed(const char *path);
void device_watchdog_close(void);
