#include "server/profile.h"

#include "core/cert.h"
#include "core/crypto.h"
#include "core/share.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define KEY_SIZE_DEFAULT 32

struct profile_file {
    const char *name;
    const char *description;
    const char *policy;
    int recovery;
    const char *recovery_key;
    struct conf_list items;
};

static const char *const kind_words[] = { "secret", "generated", "file", "certificate", "generate", NULL };
static const char *const encoding_words[] = { "raw", "hex", NULL };
/* In the order of the protocol's numbers. */
static const char *const type_words[] = { "random", "x25519", "ed25519", "secp256k1", NULL };
static const char *const format_words[] = { "raw", "pem", "wireguard", "openssh", NULL };
static const char *const recovery_words[] = { "server", "operator", "none", NULL };

#define ITEM(name, kind, member, ...)                                                                  \
    {                                                                                                  \
        .path = (name), .type = (kind), .offset = offsetof(struct profile_item, member), ##__VA_ARGS__ \
    }
static const struct conf_key item_keys[] = {
    ITEM("name", CONF_STRING, name, .minimum = 1, .maximum = BS_ITEM_NAME_MAX, .is_required = true),
    ITEM("kind", CONF_WORD, kind, .words = kind_words, .is_required = true),
    ITEM("text", CONF_TEXT, text),
    ITEM("hex", CONF_STRING, hex, .maximum = 2 * 8192, .help = "a secret's bytes in hexadecimal"),
    ITEM("size", CONF_INTEGER, size, .minimum = 1, .maximum = PROFILE_SECRET_MAX,
         .help = "bytes of a generated secret, or of random bytes that the device makes"),
    ITEM("encoding", CONF_WORD, encoding, .words = encoding_words),
    ITEM("type", CONF_WORD, type, .words = type_words),
    ITEM("format", CONF_WORD, format, .words = format_words),
};
static const struct profile_item item_defaults = { .type = PROFILE_NOT_GIVEN, .format = PROFILE_NOT_GIVEN };
static const struct conf_schema item_schema = { item_keys, sizeof(item_keys) / sizeof(item_keys[0]),
                                                sizeof(struct profile_item), &item_defaults };

#define KEY(name, kind, member, ...)                                                                   \
    {                                                                                                  \
        .path = (name), .type = (kind), .offset = offsetof(struct profile_file, member), ##__VA_ARGS__ \
    }
static const struct conf_key keys[] = {
    KEY("name", CONF_STRING, name, .minimum = 1, .maximum = PROFILE_NAME_MAX, .is_required = true),
    KEY("description", CONF_STRING, description),
    KEY("policy", CONF_STRING, policy, .minimum = 1, .maximum = PROFILE_NAME_MAX),
    KEY("recovery", CONF_WORD, recovery, .words = recovery_words),
    KEY("recovery_key", CONF_TEXT, recovery_key),
    KEY("items", CONF_GROUPS, items, .maximum = BS_ITEMS_MAX, .element = &item_schema),
};
static const struct conf_schema schema = { keys, sizeof(keys) / sizeof(keys[0]), sizeof(struct profile_file), NULL };

bool profile_name_is_valid(const char *name)
{
    return strlen(name) <= PROFILE_NAME_MAX && bundle_item_name_is_valid(bs_span_of_string(name));
}

const char *profile_kind_name(enum profile_kind kind)
{
    return kind_words[kind];
}

enum bs_generated_kind profile_key_kind(const struct profile_item *item)
{
    return (enum bs_generated_kind)(item->type + BS_GENERATED_RANDOM);
}

enum bs_generated_form profile_key_form(const struct profile_item *item)
{
    return item->format == PROFILE_NOT_GIVEN ? BS_FORM_RAW : (enum bs_generated_form)(item->format + BS_FORM_RAW);
}

uint32_t profile_key_size(const struct profile_item *item)
{
    if (profile_key_kind(item) != BS_GENERATED_RANDOM)
        return 0;
    return item->size > 0 ? (uint32_t)item->size : KEY_SIZE_DEFAULT;
}

/* Of a key that the device makes: nothing of it is given here. */
static const char *key_fault(const struct profile_item *item)
{
    if (item->text || item->hex || item->type == PROFILE_NOT_GIVEN)
        return "a key that the device makes needs type (random, x25519, ed25519, secp256k1), and no text";
    enum bs_generated_kind kind = profile_key_kind(item);
    if (kind != BS_GENERATED_RANDOM && item->size > 0)
        return "only random bytes have a size";
    if (kind == BS_GENERATED_RANDOM && profile_key_size(item) < BS_GENERATED_RANDOM_MIN)
        return "random bytes that the device makes are at least 16";
    if (!generated_has_form(kind, profile_key_size(item), profile_key_form(item)))
        return "keys of this type have no such format: raw is for all, pem for curves, wireguard for x25519 and 32 random bytes, "
               "openssh for ed25519";
    return NULL;
}

/* What a kind needs and what it cannot have: text or hex, size, encoding. */
static const char *item_fault(const struct conf *conf, size_t index, const struct profile_item *item)
{
    char encoding[48];
    snprintf(encoding, sizeof(encoding), "items.[%zu].encoding", index);
    bool has_text = item->text != NULL, has_hex = item->hex != NULL;
    if (item->kind == PROFILE_GENERATE)
        return conf_has(conf, encoding) ? "encoding is for generated secrets; what the device makes has a format"
                                        : key_fault(item);
    if (item->type != PROFILE_NOT_GIVEN || item->format != PROFILE_NOT_GIVEN)
        return "type and format are for keys that the device makes (kind = \"generate\")";
    if (item->kind != PROFILE_GENERATED && (item->size > 0 || conf_has(conf, encoding)))
        return "size and encoding are for generated secrets";
    if (item->kind != PROFILE_SECRET && has_hex)
        return "hex is for secrets";
    switch ((enum profile_kind)item->kind) {
    case PROFILE_SECRET:
        if (has_text == has_hex)
            return "a secret needs either text or hex";
        return (has_text && *item->text == '\0') || (has_hex && *item->hex == '\0') ? "a secret cannot be empty" : NULL;
    case PROFILE_GENERATED:
        return has_text ? "a generated secret has no text" : NULL;
    case PROFILE_FILE:
        return has_text ? NULL : "a file needs text";
    case PROFILE_CERTIFICATE:
        return has_text ? NULL : "a certificate needs text: PEM";
    case PROFILE_GENERATE:
        return key_fault(item);
    }
    return "unknown kind";
}

static const char *content_fault(const struct profile_item *item, char why[256])
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(BS_ITEM_DATA_MAX);
    if (item->kind == PROFILE_CERTIFICATE &&
        cert_pem_decode(bs_span_of_string(item->text), "CERTIFICATE", &out) != BS_OK)
        return "the text holds no PEM certificate";
    if (item->kind == PROFILE_FILE && profile_expand(item->text, NULL, &out, why) != BS_OK)
        return why;
    uint8_t bytes[8192];
    size_t size = 0;
    bool is_bad = item->hex && bs_unhex(item->hex, bytes, sizeof(bytes), &size) != BS_OK;
    bs_wipe(bytes, sizeof(bytes));
    return is_bad ? "hex must be an even number of hexadecimal digits" : NULL;
}

/* Everything together must fit into a bundle, beside certificates and signature. */
#define PROFILE_TOTAL_MAX (96 * 1024)

static size_t size_of(const struct profile_item *item)
{
    size_t size = strlen(item->name) + 16;
    if (item->kind == PROFILE_GENERATED)
        return size + 2 * (item->size > 0 ? (size_t)item->size : 32);
    if (item->kind == PROFILE_GENERATE)
        return size + GENERATED_PUBLIC_MAX + 16;
    return size + strlen(item->text ? item->text : item->hex);
}

static enum bs_err check_item(const struct conf *conf, const struct profile *profile, size_t index,
                              struct conf_problem *problem)
{
    const struct profile_item *item = &profile->items[index];
    char path[48], why[256];
    snprintf(path, sizeof(path), "items.[%zu].name", index);
    if (!bundle_item_name_is_valid(bs_span_of_string(item->name)))
        return conf_refuse(conf, path, problem, "must be letters, digits, '.', '_' and '-', and not begin with a dot");
    for (size_t i = 0; i < index; i++)
        if (strcmp(profile->items[i].name, item->name) == 0)
            return conf_refuse(conf, path, problem, "is there twice");
    const char *fault = item_fault(conf, index, item);
    if (!fault)
        fault = content_fault(item, why);
    return fault ? conf_refuse(conf, path, problem, "\"%s\": %s", item->name, fault) : BS_OK;
}

/* A certificate's or `openssl pkey -pubout`'s kind of key: P-256, nothing else. */
static enum bs_err check_recovery(const struct conf *conf, const struct profile_file *file, struct profile *profile,
                                  struct conf_problem *problem)
{
    profile->recovery = (enum profile_recovery)file->recovery;
    bool has_key = file->recovery_key != NULL;
    if (has_key != (profile->recovery == PROFILE_RECOVERY_OPERATOR))
        return conf_refuse(conf, has_key ? "recovery_key" : "recovery", problem,
                           "recovery = \"operator\" and recovery_key belong together");
    if (has_key && share_key_from_pem(bs_span_of_string(file->recovery_key), &profile->recovery_key) != BS_OK)
        return conf_refuse(conf, "recovery_key", problem, "is no public key on P-256 in PEM; see: bootseal-profile(5)");
    return BS_OK;
}

static size_t count_keys(const struct profile *profile)
{
    size_t count = 0;
    for (size_t i = 0; i < profile->item_count; i++)
        count += profile->items[i].kind == PROFILE_GENERATE;
    return count;
}

enum bs_err profile_parse(struct bs_span text, struct profile *ret_profile, struct conf_problem *problem)
{
    struct profile_file file;
    BS_OWN(conf) conf = NULL;
    enum bs_err err = conf_parse("profile", text, &schema, &file, &conf, problem);
    if (err != BS_OK)
        return err;
    struct profile profile = {
        .name = file.name, .policy = file.policy, .items = file.items.items, .item_count = file.items.count
    };
    if (!profile_name_is_valid(profile.name))
        return conf_refuse(conf, "name", problem,
                           "must be up to 63 letters, digits, '.', '_' and '-', and not begin with a dot");
    if (profile.policy && !profile_name_is_valid(profile.policy))
        return conf_refuse(conf, "policy", problem,
                           "must be up to 63 letters, digits, '.', '_' and '-', and not begin with a dot");
    err = check_recovery(conf, &file, &profile, problem);
    if (err == BS_OK && count_keys(&profile) > BS_GENERATED_MAX)
        err = conf_refuse(conf, "items", problem, "are too many that the device makes; there are at most %d of them",
                          BS_GENERATED_MAX);
    size_t total = 0;
    for (size_t i = 0; i < profile.item_count && err == BS_OK; i++) {
        err = check_item(conf, &profile, i, problem);
        if (err == BS_OK)
            total += size_of(&profile.items[i]);
    }
    if (err == BS_OK && total > PROFILE_TOTAL_MAX)
        err = conf_refuse(conf, "items", problem, "are too large together; a device gets at most 96 KiB");
    if (err != BS_OK)
        return err;
    profile.conf = BS_TAKE(conf);
    *ret_profile = profile;
    return BS_OK;
}

void profile_free(struct profile *profile)
{
    conf_free(BS_TAKE(profile->conf));
    *profile = (struct profile){ 0 };
}
