#include "server/ca_files.h"

#include "bootseal/protocol.h"
#include "core/file.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DAY INT64_C(86400)
#define ROOT_DAYS (20 * 365)

/*
 * A bundle is verified whenever a vault opens, also on a device that sees no server for years: its certificate, and that of the
 * policy key in it, must outlive that.
 */
#define BUNDLE_DAYS (10 * 365)

/* A device whose clock is a little behind shall not find a certificate that begins tomorrow. */
#define BACKDATE DAY

enum bs_err ca_serial(uint8_t ret_serial[16])
{
    enum bs_err err = crypto_random(ret_serial, 16);
    /* RFC 5280 §4.1.2.2: positive; and no leading zero byte that an encoder would have to drop. */
    ret_serial[0] = (uint8_t)((ret_serial[0] & 0x7f) | 0x40);
    return err;
}

static const char *common_name(enum ca_which which, const struct config *config)
{
    switch (which) {
    case CA_SERVER_ROOT:
        return "bootseal server CA";
    case CA_DEVICE_ROOT:
        return "bootseal device CA";
    case CA_SERVER:
        return config->names[0];
    case CA_BUNDLE:
        return "bootseal bundle";
    case CA_POLICY:
        return "bootseal policy";
    case CA_COUNT:
        break;
    }
    return "";
}

static void describe(enum ca_which which, const struct config *config, struct cert_request *request)
{
    switch (which) {
    case CA_SERVER_ROOT:
    case CA_DEVICE_ROOT:
        request->is_ca = true;
        request->path_length = 0;
        request->not_after += ROOT_DAYS * DAY;
        return;
    case CA_SERVER:
        request->eku = CA_OID_SERVER_AUTH;
        request->dns_name_count = config->name_count;
        request->not_after += (int64_t)config->server_cert_days * DAY;
        return;
    case CA_BUNDLE:
        request->eku = BS_OID_EKU_BUNDLE;
        request->not_after += BUNDLE_DAYS * DAY;
        return;
    case CA_POLICY:
        request->eku = BS_OID_EKU_POLICY;
        request->not_after += BUNDLE_DAYS * DAY;
        return;
    case CA_COUNT:
        return;
    }
}

static enum bs_err take_key(const struct crypto_key *key, struct crypto_key **ret_key)
{
    if (!key)
        return crypto_key_make(ret_key);
    BS_OWN(secret) pem = NULL;
    enum bs_err err = crypto_key_to_pem(key, &pem);
    return err == BS_OK ? crypto_key_from_pem(BS_SPAN(bs_secret_view(pem), bs_secret_size(pem)), ret_key) : err;
}

enum bs_err ca_pair_make(const struct ca_pair_request *make, struct ca_pair *ret_pair)
{
    const struct config *config = make->config;
    const struct ca_pair *root = make->root;
    const char *names[CONFIG_NAMES_MAX];
    for (size_t i = 0; i < config->name_count; i++)
        names[i] = config->names[i];
    struct cert_request request = { .common_name = common_name(make->which, config),
                                    .path_length = -1,
                                    .dns_names = names,
                                    .not_before = make->now - BACKDATE,
                                    .not_after = make->now };
    describe(make->which, config, &request);

    struct ca_pair pair = { .which = make->which, .der = BS_BUF(BS_CERT_MAX) };
    struct crypto_point point;
    enum bs_err err = ca_serial(request.serial);
    if (err == BS_OK)
        err = take_key(make->key, &pair.key);
    if (err == BS_OK)
        err = crypto_key_public(pair.key, &point);
    if (err == BS_OK)
        err = cert_make(&request, &point, root ? root->key : pair.key, root ? bs_buf_span(&root->der) : BS_SPAN_NONE,
                        &pair.der);
    if (err == BS_OK)
        *ret_pair = pair;
    else
        ca_pair_free(&pair);
    return err;
}

void ca_pair_free(struct ca_pair *pair)
{
    crypto_key_free(pair->key);
    bs_buf_free(&pair->der);
    *pair = (struct ca_pair){ 0 };
}

static enum bs_err pair_path(const char *dir, enum ca_which which, char **ret_path)
{
    char name[64];
    snprintf(name, sizeof(name), "keys/%s.pem", ca_name(which));
    return server_path(dir, name, ret_path);
}

enum bs_err ca_pair_write(const char *dir, const struct ca_pair *pair)
{
    BS_OWN(string) path = NULL;
    BS_OWN(secret) key = NULL;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(CA_PEM_MAX);
    enum bs_err err = pair_path(dir, pair->which, &path);
    if (err == BS_OK)
        err = cert_pem_encode(bs_buf_span(&pair->der), "CERTIFICATE", &pem);
    if (err == BS_OK)
        err = crypto_key_to_pem(pair->key, &key);
    if (err == BS_OK)
        err = bs_buf_append(&pem, bs_secret_view(key), bs_secret_size(key));
    return err == BS_OK ? bs_file_write(path, bs_buf_span(&pem), NULL) : err;
}

static enum bs_err key_fits(const struct ca_pair *pair)
{
    struct crypto_point point;
    struct cert_info info;
    enum bs_err err = crypto_key_public(pair->key, &point);
    if (err == BS_OK)
        err = cert_parse(bs_buf_span(&pair->der), &info);
    if (err != BS_OK)
        return err;
    /* The last bytes of a P-256 SubjectPublicKeyInfo are the point (RFC 5480 §2.2). */
    size_t size = crypto_ecc_size(point.curve);
    if (info.spki.size < 2 * size)
        return BS_ERR_INPUT;
    const uint8_t *at = info.spki.data + info.spki.size - 2 * size;
    return memcmp(at, point.x, size) == 0 && memcmp(at + size, point.y, size) == 0 ? BS_OK : BS_ERR_INPUT;
}

enum bs_err ca_pair_read(const char *dir, enum ca_which which, struct ca_pair *ret_pair)
{
    struct ca_pair pair = { .which = which, .der = BS_BUF(BS_CERT_MAX) };
    BS_OWN(string) path = NULL;
    BS_OWN(secret) pem = NULL;
    enum bs_err err = pair_path(dir, which, &path);
    if (err == BS_OK)
        err = bs_file_read_secret(path, CA_PEM_MAX, &pem);
    if (err != BS_OK)
        return err;
    struct bs_span text = BS_SPAN(bs_secret_view(pem), bs_secret_size(pem));
    err = cert_pem_decode(text, "CERTIFICATE", &pair.der);
    if (err == BS_OK)
        err = crypto_key_from_pem(text, &pair.key);
    if (err == BS_OK)
        err = key_fits(&pair);
    if (err == BS_OK)
        *ret_pair = pair;
    else
        ca_pair_free(&pair);
    return err;
}

enum bs_err ca_init(const char *dir, const struct config *config, int64_t now)
{
    struct ca_pair pairs[CA_COUNT] = { 0 };
    BS_OWN(string) keys = NULL;
    enum bs_err err = server_path(dir, "keys", &keys);
    if (err == BS_OK && mkdir(keys, 0700) != 0)
        err = BS_ERR_INPUT;
    for (enum ca_which which = 0; which < CA_COUNT && err == BS_OK; which++) {
        bool is_root = which == CA_SERVER_ROOT || which == CA_DEVICE_ROOT;
        const struct ca_pair_request request = { which, config, now, is_root ? NULL : &pairs[CA_SERVER_ROOT], NULL };
        err = ca_pair_make(&request, &pairs[which]);
        if (err == BS_OK)
            err = ca_pair_write(dir, &pairs[which]);
    }
    for (enum ca_which which = 0; which < CA_COUNT; which++)
        ca_pair_free(&pairs[which]);
    return err;
}
