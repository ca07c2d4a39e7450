/*
 * bootseald.conf: what the server demands and where it listens. Read once at start; unknown keys, wrong types and
 * values that would make a check empty are refused with file and line. (No config_read() here: libconfig has that name.)
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_NAMES_MAX 16
#define CONFIG_NAME_SIZE 256

/* Names of files in the server's folder. */
#define CONFIG_FILE "bootseald.conf"
#define CONFIG_DATABASE "bootseal.db"
#define CONFIG_BACKUP "bootseal.db.backup" /* while one is being made */
#define CONFIG_SOCKET "admin.sock"
#define CONFIG_EK_ROOTS "ek-roots" /* folder of PEM files: the TPM vendors' roots */
#define CONFIG_IMAGE "image"       /* folder: exactly what goes into an initramfs */

/* What the listener takes; all of it is counted, none of it is unlimited. */
struct config_limits {
    uint32_t connections;
    uint32_t connections_per_address;
    uint32_t handshake_ms;
    uint32_t header_ms;
    uint32_t body_ms;
    uint32_t idle_ms;
    uint32_t threads; /* event loops; 0: one for each core */
    uint32_t memory;  /* bytes for unfinished bodies and unanswered challenges, together */
    uint32_t memory_per_address;
};

struct config {
    char listen[CONFIG_NAME_SIZE];                  /* ADDRESS:PORT, IPv6 in brackets */
    char names[CONFIG_NAMES_MAX][CONFIG_NAME_SIZE]; /* of the server certificate: host names and addresses */
    size_t name_count;

    bool ek_require_certificate; /* a TPM without one must have been registered by its EK's hash */

    uint16_t measure_bank; /* TPM_ALG_ID */
    uint32_t measure_mask; /* PCRs that must be quoted, without the cap's */
    uint32_t measure_cap_pcr;
    bool measure_boot_required; /* a boot that no firmware measured is refused */

    char default_profile[65];  /* for `device approve` without one; empty: none */
    uint32_t pending_max;      /* devices that wait for an operator */
    uint32_t retry_after;      /* seconds that a waiting device is told */
    uint32_t device_cert_days; /* the device asks again when two thirds are over */
    uint32_t server_cert_days; /* bootseald makes a new one when two thirds are over */

    struct config_limits limits;
    char metrics_listen[CONFIG_NAME_SIZE]; /* ADDRESS:PORT on the loopback; empty: only on the admin socket */
};

/* CONFIG when it is missing or wrong, logged with line and reason. */
enum bs_err config_load(const char *path, struct config *ret_config) BS_MUST_USE;

/* What holds where the file says nothing; `names` and `listen` are empty. */
void config_defaults(struct config *ret_config);

/* What may be a host name or an address, with a port or without: nothing that a configuration would have to quote. */
bool config_is_address(const char *text);

/* bootseald.conf as `bootsealctl init` writes it, and the bootseal.conf of an image that fits to it. */
enum bs_err config_print(const struct config *config, struct bs_buf *out) BS_MUST_USE;
enum bs_err config_print_image(const struct config *config, struct bs_buf *out) BS_MUST_USE;

/* All PCRs of a quote: the demanded ones and the cap's. */
uint32_t config_quote_mask(const struct config *config);
