#include "server/config.h"

#include "bootseal/cap.h"
#include "core/conf.h"
#include "core/crypto.h"
#include "core/log.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#define BIT(n) (UINT32_C(1) << (n))

/* PCRs that say what runs now: without one of them any kernel would do. */
#define PCRS_OF_THIS_BOOT (BIT(4) | BIT(9) | BIT(11))
/* Of debugging and of applications: whatever runs may set them back (TCG PC Client PFP 1.06 §3.3.4, table 1). */
#define PCRS_OF_ANYBODY (BIT(16) | BIT(23))

/* What the file says, as core/conf.h hands it over. */
#define MEMORY_MIN (1 << 20) /* the largest of requests, twice */

struct config_file {
    const char *listen;
    struct conf_strings names;
    bool require_certificate;
    int boot, bank;
    uint32_t pcrs;
    int64_t cap_pcr;
    const char *default_profile;
    int64_t pending_max, retry_after;
    int64_t device_days, server_days;
    int64_t connections, connections_per_address, handshake_ms, header_ms, body_ms, idle_ms, threads, memory,
        memory_per_address;
    const char *metrics_listen;
};

static const char *const boot_words[] = { "required", "optional", NULL };
static const char *const bank_words[] = { "sha256", "sha384", "sha512", NULL };

static const struct config_file file_defaults = {
    .listen = "[::]:8443",
    .require_certificate = true,
    .pcrs = BIT(0) | BIT(2) | BIT(4) | BIT(7) | BIT(9) | BIT(11),
    .cap_pcr = BS_CAP_PCR_DEFAULT,
    .default_profile = "",
    .pending_max = 1000,
    .retry_after = 10,
    .device_days = 365,
    .server_days = 90,
    .connections = 4096,
    .connections_per_address = 256,
    .handshake_ms = 10000,
    .header_ms = 10000,
    .body_ms = 30000,
    .idle_ms = 120000, /* a TPM needs its time between two exchanges */
    .threads = 0,      /* one for each core */
    .memory = 64 << 20,
    .metrics_listen = "",
};

#define KEY(name, kind, member, ...)                                                                  \
    {                                                                                                 \
        .path = (name), .type = (kind), .offset = offsetof(struct config_file, member), ##__VA_ARGS__ \
    }
static const struct conf_key keys[] = {
    KEY("listen", CONF_STRING, listen, .minimum = 3, .maximum = CONFIG_NAME_SIZE - 1, .help = "ADDRESS:PORT"),
    KEY("names", CONF_STRINGS, names, .minimum = 1, .maximum = CONFIG_NAMES_MAX, .is_required = true,
        .help = "host names and addresses of the server certificate"),
    KEY("ek.require_certificate", CONF_BOOL, require_certificate),
    KEY("measure.boot", CONF_WORD, boot, .words = boot_words),
    KEY("measure.bank", CONF_WORD, bank, .words = bank_words),
    KEY("measure.pcrs", CONF_PCRS, pcrs, .minimum = 1, .help = "PCRs that a device must quote"),
    KEY("cap.pcr", CONF_INTEGER, cap_pcr, .maximum = 23),
    KEY("enroll.default_profile", CONF_STRING, default_profile, .maximum = 64),
    KEY("enroll.pending_max", CONF_INTEGER, pending_max, .minimum = 1, .maximum = 1000000),
    KEY("enroll.retry_after", CONF_INTEGER, retry_after, .minimum = 1, .maximum = 3600, .help = "seconds"),
    KEY("certificates.device_days", CONF_INTEGER, device_days, .minimum = 1, .maximum = 36500),
    KEY("certificates.server_days", CONF_INTEGER, server_days, .minimum = 1, .maximum = 3650),
    KEY("limits.connections", CONF_INTEGER, connections, .minimum = 1, .maximum = 1000000),
    KEY("limits.connections_per_address", CONF_INTEGER, connections_per_address, .minimum = 1, .maximum = 1000000),
    KEY("limits.handshake_ms", CONF_INTEGER, handshake_ms, .minimum = 100, .maximum = 600000),
    KEY("limits.header_ms", CONF_INTEGER, header_ms, .minimum = 100, .maximum = 600000),
    KEY("limits.body_ms", CONF_INTEGER, body_ms, .minimum = 100, .maximum = 600000),
    KEY("limits.idle_ms", CONF_INTEGER, idle_ms, .minimum = 100, .maximum = 3600000),
    KEY("limits.threads", CONF_INTEGER, threads, .minimum = 1, .maximum = 64, .help = "event loops"),
    KEY("limits.memory", CONF_INTEGER, memory, .minimum = MEMORY_MIN, .maximum = INT32_MAX, .help = "bytes"),
    KEY("limits.memory_per_address", CONF_INTEGER, memory_per_address, .minimum = MEMORY_MIN, .maximum = INT32_MAX,
        .help = "bytes"),
    KEY("metrics.listen", CONF_STRING, metrics_listen, .maximum = CONFIG_NAME_SIZE - 1,
        .help = "ADDRESS:PORT of the loopback"),
};
static const struct conf_schema schema = { keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct config_file),
                                           &file_defaults };

/* A quarter, if that holds the largest of requests. */
static uint32_t memory_per_address(const struct config_file *file)
{
    if (file->memory_per_address > 0)
        return (uint32_t)file->memory_per_address;
    return file->memory / 4 > MEMORY_MIN ? (uint32_t)(file->memory / 4) : MEMORY_MIN;
}

bool config_is_address(const char *text)
{
    return *text != '\0' && strlen(text) < CONFIG_NAME_SIZE && !strpbrk(text, "*/\\\" \t\n");
}

static enum bs_err fill(const struct config_file *file, struct config *ret_config)
{
    struct config c = { 0 };
    if (strlen(file->listen) >= sizeof(c.listen) || strlen(file->metrics_listen) >= sizeof(c.metrics_listen) ||
        strlen(file->default_profile) >= sizeof(c.default_profile))
        return BS_ERR_CONFIG;
    strcpy(c.listen, file->listen);
    strcpy(c.default_profile, file->default_profile);
    for (c.name_count = 0; c.name_count < file->names.count; c.name_count++) {
        const char *name = file->names.items[c.name_count];
        if (!config_is_address(name))
            return BS_ERR_CONFIG;
        strcpy(c.names[c.name_count], name);
    }
    c.ek_require_certificate = file->require_certificate;
    c.measure_boot_required = file->boot == 0;
    c.measure_bank = crypto_hash_by_name(bank_words[file->bank]);
    c.measure_mask = file->pcrs;
    c.measure_cap_pcr = (uint32_t)file->cap_pcr;
    c.pending_max = (uint32_t)file->pending_max;
    c.retry_after = (uint32_t)file->retry_after;
    c.device_cert_days = (uint32_t)file->device_days;
    c.server_cert_days = (uint32_t)file->server_days;
    c.limits = (struct config_limits){ .connections = (uint32_t)file->connections,
                                       .connections_per_address = (uint32_t)file->connections_per_address,
                                       .handshake_ms = (uint32_t)file->handshake_ms,
                                       .header_ms = (uint32_t)file->header_ms,
                                       .body_ms = (uint32_t)file->body_ms,
                                       .idle_ms = (uint32_t)file->idle_ms,
                                       .threads = (uint32_t)file->threads,
                                       .memory = (uint32_t)file->memory,
                                       .memory_per_address = memory_per_address(file) };
    strcpy(c.metrics_listen, file->metrics_listen);
    *ret_config = c;
    return BS_OK;
}

/* The same rules as the agent's, since both must name the same PCRs (docs/design.md, "Cap"). */
static enum bs_err check_pcrs(const struct conf *conf, const struct config_file *file, struct conf_problem *problem)
{
    if (file->cap_pcr < 8 || file->cap_pcr > 15 || file->cap_pcr == 10)
        return conf_refuse(conf, "cap.pcr", problem,
                           "PCR %" PRId64
                           " cannot close a boot (it can be reset, or firmware or IMA extend it); use one of "
                           "8, 9, 11, 12, 13, 14, 15",
                           file->cap_pcr);
    if (file->pcrs & BIT(file->cap_pcr))
        return conf_refuse(conf, "measure.pcrs", problem,
                           "names the cap's PCR, which is added by itself; leave it out");
    if (file->pcrs & PCRS_OF_ANYBODY)
        return conf_refuse(conf, "measure.pcrs", problem,
                           "PCR %d proves nothing, for whatever runs may set it back; leave it out",
                           __builtin_ctz(file->pcrs & PCRS_OF_ANYBODY));
    if (!(file->pcrs & PCRS_OF_THIS_BOOT))
        return conf_refuse(conf, "measure.pcrs", problem,
                           "has none of 4, 9 and 11, so that any kernel would do; add one");
    return BS_OK;
}

static enum bs_err check_listen(const struct conf *conf, const struct config_file *file, struct conf_problem *problem)
{
    if (config_is_address(file->listen) && strrchr(file->listen, ':'))
        return BS_OK;
    return conf_refuse(conf, "listen", problem, "is not ADDRESS:PORT; an IPv6 address stands in brackets");
}

/* What is counted is for this host: there is no TLS and no password on that port. */
static enum bs_err check_metrics(const struct conf *conf, const struct config_file *file, struct conf_problem *problem)
{
    const char *text = file->metrics_listen;
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN] = "";
    struct in_addr v4;
    bool is_loopback = false;

    if (*text == '\0')
        return BS_OK;
    if (colon && (size_t)(colon - text) < sizeof(host)) {
        memcpy(host, text, (size_t)(colon - text));
        is_loopback = inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
        is_loopback = is_loopback || strcmp(host, "[::1]") == 0;
    }
    if (is_loopback)
        return BS_OK;
    return conf_refuse(conf, "metrics.listen", problem,
                       "is not an address of the loopback; use 127.0.0.1:PORT or [::1]:PORT, and let an agent on this "
                       "host collect");
}

enum bs_err config_load(const char *path, struct config *ret_config)
{
    struct config_file file;
    struct conf_problem problem = { "" };
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_load(path, &schema, &file, &conf, &problem);
    if (err == BS_ERR_NOT_FOUND) {
        bs_error("config", "%s is missing; make a server's folder with: bootsealctl init DIR --name=HOST", path);
        return BS_ERR_CONFIG;
    }
    if (err == BS_OK)
        err = check_pcrs(conf, &file, &problem);
    if (err == BS_OK)
        err = check_listen(conf, &file, &problem);
    if (err == BS_OK)
        err = check_metrics(conf, &file, &problem);
    if (err == BS_OK) {
        err = fill(&file, ret_config);
        if (err != BS_OK)
            (void)!conf_refuse(conf, "names", &problem, "must be host names or addresses of at most 255 characters");
    }
    if (err != BS_OK)
        bs_error("config", "%s", problem.text[0] ? problem.text : bs_err_name(err));
    return err == BS_OK || err == BS_ERR_IO || err == BS_ERR_NOMEM ? err : BS_ERR_CONFIG;
}

void config_defaults(struct config *ret_config)
{
    struct config_file file = file_defaults;
    (void)!fill(&file, ret_config);
    ret_config->listen[0] = '\0';
}

uint32_t config_quote_mask(const struct config *config)
{
    return config->measure_mask | BIT(config->measure_cap_pcr);
}

static enum bs_err print_pcrs(const struct config *config, struct bs_buf *out)
{
    enum bs_err err = bs_buf_append_string(out, "[");
    const char *comma = "";
    for (unsigned pcr = 0; pcr < 24 && err == BS_OK; pcr++) {
        if (!(config->measure_mask & BIT(pcr)))
            continue;
        err = bs_buf_printf(out, "%s%u", comma, pcr);
        comma = ", ";
    }
    return err == BS_OK ? bs_buf_append_string(out, "]") : err;
}

static enum bs_err print_measure(const struct config *config, struct bs_buf *out)
{
    enum bs_err err =
        bs_buf_printf(out, "measure: {\n    boot = \"%s\";\n    bank = \"%s\";\n    pcrs = ",
                      boot_words[config->measure_boot_required ? 0 : 1], crypto_hash_name(config->measure_bank));
    if (err == BS_OK)
        err = print_pcrs(config, out);
    if (err == BS_OK)
        err = bs_buf_printf(out, ";\n};\ncap: { pcr = %u; };\n", config->measure_cap_pcr);
    return err;
}

enum bs_err config_print(const struct config *config, struct bs_buf *out)
{
    enum bs_err err = bs_buf_printf(out,
                                    "# bootseald.conf(5). Written by bootsealctl init; yours from here on.\n"
                                    "listen = \"%s\";\n"
                                    "names = [",
                                    config->listen);
    for (size_t i = 0; i < config->name_count && err == BS_OK; i++)
        err = bs_buf_printf(out, "%s\"%s\"", i > 0 ? ", " : "", config->names[i]);
    if (err == BS_OK)
        err = bs_buf_printf(
            out,
            "];\n\n"
            "# A TPM must bring a certificate of a vendor in ek-roots/, or have been imported by the hash of its EK.\n"
            "ek: { require_certificate = %s; };\n\n"
            "# What a device must quote. The images say the same: change both, or nothing enrolls.\n",
            config->ek_require_certificate ? "true" : "false");
    if (err == BS_OK)
        err = print_measure(config, out);
    if (err == BS_OK)
        err =
            bs_buf_printf(out,
                          "\nenroll: { retry_after = %u; pending_max = %u; };\n"
                          "certificates: { device_days = %u; server_days = %u; };\n",
                          config->retry_after, config->pending_max, config->device_cert_days, config->server_cert_days);
    return err;
}

/* The port of ADDRESS:PORT. */
static const char *listen_port(const struct config *config)
{
    const char *colon = strrchr(config->listen, ':');
    return colon ? colon + 1 : "8443";
}

enum bs_err config_print_image(const struct config *config, struct bs_buf *out)
{
    const char *name = config->names[0];
    bool is_ipv6 = strchr(name, ':') != NULL;
    enum bs_err err = bs_buf_printf(
        out,
        "# bootseal.conf(5). Written by bootsealctl init for images of this server; add what your devices need.\n"
        "server: {\n    url = \"https://%s%s%s:%s\";\n    ca = \"/etc/bootseal/server-ca.pem\";\n};\n",
        is_ipv6 ? "[" : "", name, is_ipv6 ? "]" : "", listen_port(config));
    return err == BS_OK ? print_measure(config, out) : err;
}
