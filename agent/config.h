/* bootseal.conf: what the image says the agent shall do. Every key is in the table of config.c and in bootseal.conf(5). */
#pragma once

#include "core/conf.h"
#include "core/log.h"

/* What seal.policy = "signed-uki" seals to: what systemd-stub measures of its image, and the phases after it. */
#define CONFIG_UKI_PCRS (UINT32_C(1) << 11)

#define CONFIG_PATH_ETC "/etc/bootseal/bootseal.conf"
#define CONFIG_PATH_USR "/usr/lib/bootseal/bootseal.conf"

/* Index into the words of tls.pq, measure.boot, seal.policy, boot.on_failure, log.format. */
enum config_pq { CONFIG_PQ_PREFER, CONFIG_PQ_REQUIRE };
enum config_measure { CONFIG_MEASURE_REQUIRED, CONFIG_MEASURE_OPTIONAL };
enum config_seal { CONFIG_SEAL_PCR, CONFIG_SEAL_SIGNED, CONFIG_SEAL_SIGNED_UKI };
enum config_on_failure { CONFIG_ON_FAILURE_REBOOT, CONFIG_ON_FAILURE_HALT, CONFIG_ON_FAILURE_CONTINUE };

/* Element of handover.files: an item of the bundle becomes a plain file. */
struct config_file {
    const char *item;
    const char *path;
    int64_t owner;
    int64_t group;
    uint32_t mode;
};

struct agent_config {
    struct {
        const char *url;
        const char *ca;
    } server;
    struct {
        int pq;
    } tls;
    struct {
        const char *device;
        int64_t deadline_s;
        const char *eventlog; /* "": securityfs */
        bool exclusive;
        const char *srk_handle_text;
        const char *ak_handle_text;
        const char *counter_index_text;
        uint32_t srk_handle;
        uint32_t ak_handle;
        uint32_t counter_index;
        bool persist;
        int64_t timeout_s;
    } tpm;
    struct {
        int boot;
        int bank_word;
        uint16_t bank;             /* TPM_ALG_ID */
        uint32_t pcrs;             /* quoted and sealed to; the quote has the cap PCR besides */
        const char *userspace_log; /* "": none */
        const char *command_line;
    } measure;
    struct {
        int policy;
        const char *approvals; /* "": none */
        const char *uki_key;
        const char *uki_signature;
    } seal;
    struct {
        int64_t pcr;
    } cap;
    struct {
        const char *dir;
        const char *partition; /* "": the slots lie in `dir`, too */
        int64_t deadline_s;
    } vault;
    struct {
        struct conf_strings up;
        const char *proxy; /* "": none */
        int64_t deadline_s;
    } net;
    struct {
        int64_t wait_s;
        int on_failure;
        int64_t max_reboots;
        const char *watchdog; /* "": none */
    } boot;
    struct {
        const char *file; /* "": none */
    } token;
    struct {
        int format;
        int level;
    } log;
    struct {
        struct conf_strings allow;
    } cmdline;
    struct {
        const char *serial_file; /* "": from the machine */
    } device;
    struct {
        bool unauthenticated_root;
        bool ramfs;
        struct conf_strings credstore;
        struct conf_strings initrd_credentials;
        struct conf_list files; /* struct config_file */
        struct {
            const char *key; /* "": not handed over */
            const char *chain;
            const char *ca; /* "": not handed over */
        } device_key;
        const char *ready; /* "": none */
    } handover;
};

/* The defaults, without a file: enough for verbs that ask no server. */
void config_defaults(struct agent_config *ret_config);

/*
 * Reads the configuration at `path`, or where NULL the first of CONFIG_PATH_ETC and CONFIG_PATH_USR below `root`. Strings belong to
 * *ret_conf. NOT_FOUND when there is none, CONFIG when it is wrong or not safe to use: then *problem is a sentence with file, line
 * and what to do.
 */
enum bs_err config_load(const char *path, const char *root, struct agent_config *ret_config, struct conf **ret_conf,
                        struct conf_problem *problem) BS_MUST_USE;

/* The same from memory. */
enum bs_err config_parse(const char *name, struct bs_span text, struct agent_config *ret_config, struct conf **ret_conf,
                         struct conf_problem *problem) BS_MUST_USE;

/* The configuration lets the kernel command line decide this: "server", "log" or "off". */
bool config_allows(const struct agent_config *config, const char *what);
