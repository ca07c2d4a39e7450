#include "agent/config.h"

#include "bootseal/cap.h"
#include "bootseal/protocol.h"
#include "core/crypto.h"
#include "core/file.h"

#include <inttypes.h>
#include <string.h>

#define AT(member) offsetof(struct agent_config, member)
#define KEY(name, kind, member, ...)                                        \
    {                                                                       \
        .path = (name), .type = (kind), .offset = AT(member), ##__VA_ARGS__ \
    }
#define FILE_KEY(name, kind, member, ...)                                                             \
    {                                                                                                 \
        .path = (name), .type = (kind), .offset = offsetof(struct config_file, member), ##__VA_ARGS__ \
    }
#define PARTITION_NAME_MAX 36 /* UEFI 2.10 §5.3.3 */
#define BIT(n) (UINT32_C(1) << (n))

/* PCRs that measure what runs now, and PCRs that can be capped: not resettable, not IMA's (TCG PC Client PFP 1.06 §3.3.4). */
#define PCRS_OF_THIS_BOOT (BIT(4) | BIT(9) | BIT(11))
/* Of debugging and of applications: whatever runs may set them back (TCG PC Client PFP 1.06 §3.3.4, table 1). */
#define PCRS_OF_ANYBODY (BIT(16) | BIT(23))
#define CAP_PCR_FIRST 8
#define CAP_PCR_LAST 15
#define CAP_PCR_IMA 10

#define ID_MAX (INT64_C(0xFFFFFFFE)) /* the last number means "unchanged" to chown(2) */

static const char *const pq_words[] = { "prefer", "require", NULL };
static const char *const measure_words[] = { "required", "optional", NULL };
static const char *const bank_words[] = { "sha256", "sha384", "sha512", NULL };
static const char *const policy_words[] = { "pcr", "signed", "signed-uki", NULL };
static const char *const on_failure_words[] = { "reboot", "halt", "continue", NULL };
static const char *const format_words[] = { "text", "kv", NULL };
static const char *const level_words[] = { "error", "warning", "notice", "info", "debug", NULL };
static const char *const allow_words[] = { "server", "log", "off", NULL };

static const char *const default_up[] = { "/sbin/bootseal-net" };
static const char *const default_patterns[] = { "*" };

static const struct config_file file_defaults = { .mode = 0644 };
static const struct conf_key file_keys[] = {
    FILE_KEY("item", CONF_STRING, item, .minimum = 1, .maximum = BS_ITEM_NAME_MAX, .is_required = true,
             .help = "name of an item of the profile"),
    FILE_KEY("path", CONF_STRING, path, .minimum = 2, .is_required = true, .help = "where it is written"),
    FILE_KEY("owner", CONF_INTEGER, owner, .maximum = ID_MAX, .help = "user number"),
    FILE_KEY("group", CONF_INTEGER, group, .maximum = ID_MAX, .help = "group number"),
    FILE_KEY("mode", CONF_MODE, mode),
};
static const struct conf_schema file_schema = { file_keys, sizeof(file_keys) / sizeof(file_keys[0]),
                                                sizeof(struct config_file), &file_defaults };

static const struct agent_config defaults = {
    .server = { .url = "", .ca = "/etc/bootseal/server-ca.pem" },
    .tpm = { .device = "auto",
             .deadline_s = 20,
             .eventlog = "",
             .srk_handle_text = "0x81000001",
             .ak_handle_text = "0x8101B001",
             .counter_index_text = "0x0180B001",
             .persist = true,
             .timeout_s = 30 },
    .measure = { .pcrs = BIT(0) | BIT(2) | BIT(4) | BIT(7) | BIT(9) | BIT(11),
                 .userspace_log = "/run/log/systemd/tpm2-measure.log",
                 .command_line = "/proc/cmdline" },
    .seal = { .approvals = "",
              .uki_key = "/.extra/tpm2-pcr-public-key.pem",
              .uki_signature = "/.extra/tpm2-pcr-signature.json" },
    .cap = { .pcr = BS_CAP_PCR_DEFAULT },
    .vault = { .dir = "/var/lib/bootseal", .partition = "", .deadline_s = 10 },
    .net = { .up = { default_up, 1 }, .proxy = "", .deadline_s = 30 },
    .boot = { .wait_s = 600, .max_reboots = 3, .watchdog = "" },
    .token = { .file = "" },
    .log = { .level = BS_LOG_NOTICE },
    .cmdline = { .allow = { allow_words, 3 } },
    .device = { .serial_file = "" },
    .handover = { .ramfs = true,
                  .credstore = { default_patterns, 1 },
                  .initrd_credentials = { default_patterns, 1 },
                  .device_key = { .key = "/run/credstore/device.key", .chain = "/run/credstore/device.crt", .ca = "" },
                  .ready = "/run/bootseal/ready" },
};

static const struct conf_key keys[] = {
    KEY("server.url", CONF_STRING, server.url, .help = "https://HOST[:PORT]"),
    KEY("server.ca", CONF_STRING, server.ca, .minimum = 2, .help = "PEM file of the pinned server CA"),
    KEY("tls.pq", CONF_WORD, tls.pq, .words = pq_words),
    KEY("tpm.device", CONF_STRING, tpm.device, .minimum = 1,
        .help = "\"auto\", \"/dev/tpm0\", \"/dev/tpmrm0\" or \"swtpm:path=…\""),
    KEY("tpm.deadline", CONF_INTEGER, tpm.deadline_s, .maximum = 600, .help = "seconds to wait for an announced TPM"),
    KEY("tpm.eventlog", CONF_STRING, tpm.eventlog,
        .help = "file with the firmware's log; \"\": where the kernel shows it"),
    KEY("tpm.exclusive", CONF_BOOL, tpm.exclusive),
    KEY("tpm.srk_handle", CONF_STRING, tpm.srk_handle_text, .minimum = 1,
        .help = "persistent handle such as \"0x81000001\""),
    KEY("tpm.ak_handle", CONF_STRING, tpm.ak_handle_text, .minimum = 1,
        .help = "persistent handle such as \"0x8101B001\""),
    KEY("tpm.counter_index", CONF_STRING, tpm.counter_index_text, .minimum = 1,
        .help = "NV index such as \"0x0180B001\""),
    KEY("tpm.persist", CONF_BOOL, tpm.persist),
    KEY("tpm.timeout", CONF_INTEGER, tpm.timeout_s, .minimum = 1, .maximum = 600,
        .help = "seconds for one TPM command"),
    KEY("measure.boot", CONF_WORD, measure.boot, .words = measure_words),
    KEY("measure.bank", CONF_WORD, measure.bank_word, .words = bank_words),
    KEY("measure.pcrs", CONF_PCRS, measure.pcrs, .minimum = 1, .help = "PCRs that are quoted and sealed to"),
    KEY("measure.userspace_log", CONF_STRING, measure.userspace_log,
        .help = "log of what systemd measured; \"\": none"),
    KEY("measure.command_line", CONF_STRING, measure.command_line,
        .help = "file with the kernel's command line; \"\": not sent"),
    KEY("seal.policy", CONF_WORD, seal.policy, .words = policy_words),
    KEY("seal.approvals", CONF_STRING, seal.approvals, .help = "file with approvals of boots; \"\": none"),
    KEY("seal.uki_key", CONF_STRING, seal.uki_key, .minimum = 2, .help = "PEM file of who signs images"),
    KEY("seal.uki_signature", CONF_STRING, seal.uki_signature, .minimum = 2,
        .help = "what systemd-measure sign wrote for this image"),
    KEY("cap.pcr", CONF_INTEGER, cap.pcr, .maximum = 23),
    KEY("vault.dir", CONF_STRING, vault.dir, .minimum = 2),
    KEY("vault.partition", CONF_STRING, vault.partition, .maximum = PARTITION_NAME_MAX,
        .help = "name of a partition; \"\": the vault lies in vault.dir"),
    KEY("vault.deadline", CONF_INTEGER, vault.deadline_s, .maximum = 600,
        .help = "seconds to wait for vault.partition"),
    KEY("net.up", CONF_STRINGS, net.up,
        .help = "program and arguments that bring the network up; []: somebody else does"),
    KEY("net.proxy", CONF_STRING, net.proxy, .help = "http://HOST:PORT; \"\": none"),
    KEY("net.deadline", CONF_INTEGER, net.deadline_s, .minimum = 1, .maximum = 600, .help = "seconds"),
    KEY("boot.wait", CONF_INTEGER, boot.wait_s, .maximum = 7 * 24 * 3600, .help = "seconds for everything that waits"),
    KEY("boot.on_failure", CONF_WORD, boot.on_failure, .words = on_failure_words),
    KEY("boot.max_reboots", CONF_INTEGER, boot.max_reboots, .maximum = 1000,
        .help = "failures in a row before it halts"),
    KEY("boot.watchdog", CONF_STRING, boot.watchdog, .help = "device such as \"/dev/watchdog0\"; \"\": none"),
    KEY("token.file", CONF_STRING, token.file, .help = "file with an enrollment token; \"\": none"),
    KEY("log.format", CONF_WORD, log.format, .words = format_words),
    KEY("log.level", CONF_WORD, log.level, .words = level_words),
    KEY("cmdline.allow", CONF_STRINGS, cmdline.allow, .help = "what the kernel command line may say"),
    KEY("device.serial_file", CONF_STRING, device.serial_file,
        .help = "file with the serial number; \"\": the machine's own"),
    KEY("handover.unauthenticated_root", CONF_BOOL, handover.unauthenticated_root),
    KEY("handover.ramfs", CONF_BOOL, handover.ramfs),
    KEY("handover.credstore", CONF_STRINGS, handover.credstore, .help = "names of items; * at the end only"),
    KEY("handover.initrd_credentials", CONF_STRINGS, handover.initrd_credentials,
        .help = "names of items; * at the end only"),
    KEY("handover.files", CONF_GROUPS, handover.files, .element = &file_schema),
    KEY("handover.device_key.key", CONF_STRING, handover.device_key.key),
    KEY("handover.device_key.chain", CONF_STRING, handover.device_key.chain),
    KEY("handover.device_key.ca", CONF_STRING, handover.device_key.ca),
    KEY("handover.ready", CONF_STRING, handover.ready),
};
static const struct conf_schema schema = { keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct agent_config),
                                           &defaults };

/* Keys that name files: each must be absolute, so that the prefix of --root can stand before it; may_be_empty where "" means none. */
static const struct {
    const char *key;
    size_t offset;
    bool may_be_empty;
} path_keys[] = {
    { "server.ca", AT(server.ca), false },
    { "tpm.eventlog", AT(tpm.eventlog), true },
    { "measure.userspace_log", AT(measure.userspace_log), true },
    { "measure.command_line", AT(measure.command_line), true },
    { "seal.approvals", AT(seal.approvals), true },
    { "seal.uki_key", AT(seal.uki_key), false },
    { "seal.uki_signature", AT(seal.uki_signature), false },
    { "vault.dir", AT(vault.dir), false },
    { "boot.watchdog", AT(boot.watchdog), true },
    { "token.file", AT(token.file), true },
    { "device.serial_file", AT(device.serial_file), true },
    { "handover.device_key.key", AT(handover.device_key.key), true },
    { "handover.device_key.chain", AT(handover.device_key.chain), true },
    { "handover.device_key.ca", AT(handover.device_key.ca), true },
    { "handover.ready", AT(handover.ready), true },
};

static bool is_good_path(const char *path)
{
    BS_OWN(string) whole = NULL;
    return bs_path_under(NULL, path, &whole) == BS_OK && path[strlen(path) - 1] != '/';
}

static enum bs_err check_paths(const struct conf *conf, const struct agent_config *config, struct conf_problem *problem)
{
    for (size_t i = 0; i < sizeof(path_keys) / sizeof(path_keys[0]); i++) {
        const char *path = *(const char *const *)((const char *)config + path_keys[i].offset);
        if (path_keys[i].may_be_empty && *path == '\0')
            continue;
        if (!is_good_path(path))
            return conf_refuse(conf, path_keys[i].key, problem, "must be an absolute path without \"..\"");
    }

    const struct config_file *files = config->handover.files.items;
    for (size_t i = 0; i < config->handover.files.count; i++) {
        char key[48];
        snprintf(key, sizeof(key), "handover.files.[%zu].path", i);
        if (!is_good_path(files[i].path))
            return conf_refuse(conf, key, problem, "must be an absolute path without \"..\"");
    }
    return BS_OK;
}

static enum bs_err check_pcrs(const struct conf *conf, const struct agent_config *config, struct conf_problem *problem)
{
    int64_t cap = config->cap.pcr;
    if (cap < CAP_PCR_FIRST || cap > CAP_PCR_LAST || cap == CAP_PCR_IMA)
        return conf_refuse(conf, "cap.pcr", problem,
                           "PCR %" PRId64 " cannot close a boot (it can be reset, or firmware or IMA extend it); "
                           "use one of 8, 9, 11, 12, 13, 14, 15",
                           cap);
    if (config->measure.pcrs & PCRS_OF_ANYBODY)
        return conf_refuse(conf, "measure.pcrs", problem,
                           "PCR %d proves nothing, for whatever runs may set it back; leave it out",
                           __builtin_ctz(config->measure.pcrs & PCRS_OF_ANYBODY));
    if (!(config->measure.pcrs & PCRS_OF_THIS_BOOT))
        return conf_refuse(conf, "measure.pcrs", problem,
                           "has none of 4, 9 and 11, so that any kernel would do; add one of them");
    if (config->seal.policy != CONFIG_SEAL_SIGNED_UKI)
        return BS_OK;
    if (!(config->measure.pcrs & BIT(11)))
        return conf_refuse(conf, "measure.pcrs", problem,
                           "lacks 11, which is all that seal.policy = \"signed-uki\" seals to; add it");
    if (cap == 11)
        return conf_refuse(conf, "cap.pcr", problem,
                           "cannot be 11 with seal.policy = \"signed-uki\", whose signatures are about PCR 11");
    return BS_OK;
}

/* A TPM handle written as text, since hexadecimal is how everybody writes them. */
static enum bs_err check_handles(const struct conf *conf, struct agent_config *config, struct conf_problem *problem)
{
    const struct {
        const char *key;
        const char *text;
        uint64_t first, last;
        uint32_t *target;
    } handles[] = {
        { "tpm.srk_handle", config->tpm.srk_handle_text, 0x81000000, 0x817FFFFF, &config->tpm.srk_handle },
        { "tpm.ak_handle", config->tpm.ak_handle_text, 0x81000000, 0x817FFFFF, &config->tpm.ak_handle },
        { "tpm.counter_index", config->tpm.counter_index_text, 0x01800000, 0x01BFFFFF, &config->tpm.counter_index },
    };
    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++) {
        uint64_t value;
        if (bs_parse_u64(handles[i].text, UINT32_MAX, &value) != BS_OK || value < handles[i].first ||
            value > handles[i].last)
            return conf_refuse(conf, handles[i].key, problem,
                               "must be a string from \"0x%08" PRIX64 "\" to \"0x%08" PRIX64 "\"", handles[i].first,
                               handles[i].last);
        *handles[i].target = (uint32_t)value;
    }
    if (config->tpm.srk_handle == config->tpm.ak_handle)
        return conf_refuse(conf, "tpm.ak_handle", problem, "is the SRK's; give the AK a handle of its own");
    return BS_OK;
}

static bool is_good_pattern(const char *pattern)
{
    const char *star = strchr(pattern, '*');
    return *pattern && (!star || star[1] == '\0') && !strchr(pattern, '/');
}

static enum bs_err check_patterns(const struct conf *conf, const struct agent_config *config,
                                  struct conf_problem *problem)
{
    const struct {
        const char *key;
        const struct conf_strings *patterns;
    } lists[] = {
        { "handover.credstore", &config->handover.credstore },
        { "handover.initrd_credentials", &config->handover.initrd_credentials },
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        for (size_t k = 0; k < lists[i].patterns->count; k++) {
            if (!is_good_pattern(lists[i].patterns->items[k]))
                return conf_refuse(conf, lists[i].key, problem, "\"%s\" is no item name; * may stand at the end only",
                                   lists[i].patterns->items[k]);
        }
    }
    return BS_OK;
}

static enum bs_err check_allow(const struct conf *conf, const struct agent_config *config, struct conf_problem *problem)
{
    for (size_t i = 0; i < config->cmdline.allow.count; i++) {
        bool is_known = false;
        for (size_t k = 0; allow_words[k]; k++)
            is_known |= strcmp(config->cmdline.allow.items[i], allow_words[k]) == 0;
        if (!is_known)
            return conf_refuse(conf, "cmdline.allow", problem, "\"%s\" is none of \"server\", \"log\", \"off\"",
                               config->cmdline.allow.items[i]);
    }
    return BS_OK;
}

/* The program is executed directly, so it has no PATH to be looked for in. */
static enum bs_err check_net(const struct conf *conf, const struct agent_config *config, struct conf_problem *problem)
{
    if (config->net.up.count > 0 && config->net.up.items[0][0] != '/')
        return conf_refuse(conf, "net.up", problem,
                           "\"%s\" must be an absolute path: no shell and no PATH looks for it",
                           config->net.up.items[0]);
    bool has_key = *config->handover.device_key.key != '\0', has_chain = *config->handover.device_key.chain != '\0';
    if (has_key != has_chain)
        return conf_refuse(conf, "handover.device_key", problem, "give both key and chain, or set both to \"\"");
    return BS_OK;
}

static enum bs_err check(const struct conf *conf, struct agent_config *config, struct conf_problem *problem)
{
    config->measure.bank = crypto_hash_by_name(bank_words[config->measure.bank_word]);
    enum bs_err err = check_pcrs(conf, config, problem);
    if (err == BS_OK)
        err = check_handles(conf, config, problem);
    if (err == BS_OK)
        err = check_paths(conf, config, problem);
    if (err == BS_OK)
        err = check_patterns(conf, config, problem);
    if (err == BS_OK)
        err = check_allow(conf, config, problem);
    if (err == BS_OK)
        err = check_net(conf, config, problem);
    return err;
}

void config_defaults(struct agent_config *ret_config)
{
    *ret_config = defaults;
    ret_config->measure.bank = CRYPTO_SHA256;
    ret_config->tpm.srk_handle = 0x81000001;
    ret_config->tpm.ak_handle = 0x8101B001;
    ret_config->tpm.counter_index = 0x0180B001;
}

enum bs_err config_parse(const char *name, struct bs_span text, struct agent_config *ret_config, struct conf **ret_conf,
                         struct conf_problem *problem)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_parse(name, text, &schema, &config, &conf, problem);
    if (err == BS_OK)
        err = check(conf, &config, problem);
    if (err != BS_OK)
        return err;
    *ret_config = config;
    *ret_conf = BS_TAKE(conf);
    return BS_OK;
}

static enum bs_err load_file(const char *path, struct agent_config *ret_config, struct conf **ret_conf,
                             struct conf_problem *problem)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_load(path, &schema, &config, &conf, problem);
    if (err == BS_OK)
        err = check(conf, &config, problem);
    if (err != BS_OK)
        return err;
    *ret_config = config;
    *ret_conf = BS_TAKE(conf);
    return BS_OK;
}

enum bs_err config_load(const char *path, const char *root, struct agent_config *ret_config, struct conf **ret_conf,
                        struct conf_problem *problem)
{
    if (path)
        return load_file(path, ret_config, ret_conf, problem);

    static const char *const places[] = { CONFIG_PATH_ETC, CONFIG_PATH_USR };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        BS_OWN(string) whole = NULL;
        enum bs_err err = bs_path_under(root, places[i], &whole);
        if (err == BS_OK)
            err = load_file(whole, ret_config, ret_conf, problem);
        if (err != BS_ERR_NOT_FOUND)
            return err;
    }
    snprintf(problem->text, sizeof(problem->text), "there is neither %s nor %s", places[0], places[1]);
    return BS_ERR_NOT_FOUND;
}

bool config_allows(const struct agent_config *config, const char *what)
{
    for (size_t i = 0; i < config->cmdline.allow.count; i++) {
        if (strcmp(config->cmdline.allow.items[i], what) == 0)
            return true;
    }
    return false;
}
