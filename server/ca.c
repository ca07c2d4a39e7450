#include "server/ca.h"

#include "bootseal/protocol.h"
#include "core/bundle.h"
#include "core/file.h"
#include "core/log.h"
#include "core/wipe.h"
#include "server/ca_files.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ca {
    char *dir;
    pthread_mutex_t lock; /* keys sign for one thread at a time, and renewal replaces them */
    unsigned generation;
    struct ca_pair pairs[CA_COUNT];
};

enum bs_err ca_open(const char *dir, struct ca **ret_ca)
{
    BS_OWN(ca) ca = calloc(1, sizeof(*ca));
    if (!ca)
        return BS_ERR_NOMEM;
    pthread_mutex_init(&ca->lock, NULL);
    ca->dir = strdup(dir);
    if (!ca->dir)
        return BS_ERR_NOMEM;
    for (enum ca_which which = 0; which < CA_COUNT; which++) {
        enum bs_err err = ca_pair_read(dir, which, &ca->pairs[which]);
        if (err == BS_ERR_NOT_FOUND && which == CA_POLICY)
            continue;
        if (err != BS_OK) {
            bs_error("ca", "%s/keys/%s.pem cannot be used (%s); restore them from a backup", dir, ca_name(which),
                     bs_err_name(err));
            return err;
        }
    }
    *ret_ca = BS_TAKE(ca);
    return BS_OK;
}

void ca_close(struct ca *ca)
{
    if (!ca)
        return;
    for (enum ca_which which = 0; which < CA_COUNT; which++)
        ca_pair_free(&ca->pairs[which]);
    pthread_mutex_destroy(&ca->lock);
    free(ca->dir);
    free(ca);
}

/* The agent pins the root, so the chain that TLS sends is the leaf alone. */
static enum bs_err snapshot(const struct ca *ca, struct ca_tls *ret_tls)
{
    struct ca_tls tls = { .generation = ca->generation,
                          .chain_pem = BS_BUF(CA_PEM_MAX),
                          .device_ca_pem = BS_BUF(CA_PEM_MAX) };
    struct bs_span leaf = bs_buf_span(&ca->pairs[CA_SERVER].der);
    enum bs_err err = crypto_hash(CRYPTO_SHA256, leaf, tls.cert_sha256);
    if (err == BS_OK)
        err = cert_pem_encode(leaf, "CERTIFICATE", &tls.chain_pem);
    if (err == BS_OK)
        err = cert_pem_encode(bs_buf_span(&ca->pairs[CA_DEVICE_ROOT].der), "CERTIFICATE", &tls.device_ca_pem);
    if (err == BS_OK)
        err = crypto_key_to_pem(ca->pairs[CA_SERVER].key, &tls.key_pem);
    if (err == BS_OK)
        *ret_tls = tls;
    else
        ca_tls_free(&tls);
    return err;
}

enum bs_err ca_tls(struct ca *ca, struct ca_tls *ret_tls)
{
    pthread_mutex_lock(&ca->lock);
    enum bs_err err = snapshot(ca, ret_tls);
    pthread_mutex_unlock(&ca->lock);
    return err;
}

void ca_tls_free(struct ca_tls *tls)
{
    bs_buf_free(&tls->chain_pem);
    bs_buf_free(&tls->device_ca_pem);
    bs_secret_free(BS_TAKE(tls->key_pem));
}

static bool has_names(struct bs_span der, const struct config *config)
{
    for (size_t i = 0; i < config->name_count; i++)
        if (!cert_matches_host(der, config->names[i]))
            return false;
    return true;
}

static enum bs_err needs_renewal(const struct ca_pair *pair, const struct config *config, int64_t now, bool *ret_needs)
{
    struct cert_info info;
    if (!pair->key) {
        *ret_needs = true;
        return BS_OK;
    }
    enum bs_err err = cert_parse(bs_buf_span(&pair->der), &info);
    if (err == BS_OK)
        *ret_needs = now >= info.not_before + (info.not_after - info.not_before) / 3 * 2;
    if (err == BS_OK && pair->which == CA_SERVER && !has_names(bs_buf_span(&pair->der), config))
        *ret_needs = true;
    return err;
}

static enum bs_err renew_pair(struct ca *ca, enum ca_which which, const struct config *config, int64_t now)
{
    struct ca_pair fresh = { 0 };
    const bool is_first = !ca->pairs[which].key;
    const struct ca_pair_request request = { which, config, now, &ca->pairs[CA_SERVER_ROOT],
                                             which == CA_POLICY ? ca->pairs[which].key : NULL };
    enum bs_err err = ca_pair_make(&request, &fresh);
    if (err == BS_OK)
        err = ca_pair_write(ca->dir, &fresh);
    if (err != BS_OK) {
        ca_pair_free(&fresh);
        return err;
    }
    ca_pair_free(&ca->pairs[which]);
    ca->pairs[which] = fresh;
    ca->generation++;
    if (is_first)
        bs_notice("ca",
                  "this folder had no key to approve boots with: made keys/%s.pem; back it up, for vaults with "
                  "seal.policy = \"signed\" are sealed to it",
                  ca_name(which));
    else
        bs_notice("ca", "made a new certificate %s.pem", ca_name(which));
    return BS_OK;
}

enum bs_err ca_renew(struct ca *ca, const struct config *config, int64_t now, bool *ret_renewed)
{
    static const enum ca_which renewed[] = { CA_SERVER, CA_BUNDLE, CA_POLICY };
    bool any = false;
    enum bs_err err = BS_OK;
    pthread_mutex_lock(&ca->lock);
    for (size_t i = 0; i < sizeof(renewed) / sizeof(renewed[0]) && err == BS_OK; i++) {
        bool needs = false;
        err = needs_renewal(&ca->pairs[renewed[i]], config, now, &needs);
        if (err == BS_OK && needs)
            err = renew_pair(ca, renewed[i], config, now);
        any = any || (err == BS_OK && needs);
    }
    pthread_mutex_unlock(&ca->lock);
    if (err == BS_OK)
        *ret_renewed = any;
    else
        bs_error("ca", "the server certificate cannot be renewed (%s); it goes on with the one it has",
                 bs_err_name(err));
    return err;
}

enum bs_err ca_device_cert(struct ca *ca, const struct ca_device_request *request, uint8_t ret_serial[16],
                           struct bs_buf *out)
{
    char name[2 * WIRE_ID_SIZE + 1];
    bs_hex(BS_SPAN(request->device, WIRE_ID_SIZE), name);
    struct cert_request cert = { .common_name = name,
                                 .path_length = -1,
                                 .eku = CA_OID_CLIENT_AUTH,
                                 .device = request->device,
                                 .profile = request->profile,
                                 .not_before = request->not_before,
                                 .not_after = request->not_after };
    enum bs_err err = ca_serial(cert.serial);
    if (err != BS_OK)
        return err;
    pthread_mutex_lock(&ca->lock);
    err =
        cert_make(&cert, request->key, ca->pairs[CA_DEVICE_ROOT].key, bs_buf_span(&ca->pairs[CA_DEVICE_ROOT].der), out);
    pthread_mutex_unlock(&ca->lock);
    if (err == BS_OK)
        memcpy(ret_serial, cert.serial, sizeof(cert.serial));
    return err;
}

enum bs_err ca_bundle_sign(struct ca *ca, const struct bundle *bundle, struct bs_buf *out)
{
    pthread_mutex_lock(&ca->lock);
    enum bs_err err = bundle_sign(bundle, ca->pairs[CA_BUNDLE].key, bs_buf_span(&ca->pairs[CA_BUNDLE].der), out);
    pthread_mutex_unlock(&ca->lock);
    return err;
}

enum bs_err ca_wipe_sign(struct ca *ca, const struct wipe_order *order, struct bs_buf *out)
{
    pthread_mutex_lock(&ca->lock);
    enum bs_err err = wipe_sign(order, ca->pairs[CA_BUNDLE].key, bs_buf_span(&ca->pairs[CA_BUNDLE].der), out);
    pthread_mutex_unlock(&ca->lock);
    return err;
}

enum bs_err ca_policy_sign(struct ca *ca, const uint8_t hash[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    pthread_mutex_lock(&ca->lock);
    struct crypto_key *key = ca->pairs[CA_POLICY].key;
    enum bs_err err = key ? crypto_key_sign(key, hash, ret_signature) : BS_ERR_NOT_FOUND;
    pthread_mutex_unlock(&ca->lock);
    return err;
}

enum bs_err ca_crl(struct ca *ca, const struct cert_crl *crl, struct bs_buf *out)
{
    const struct ca_pair *root = &ca->pairs[CA_DEVICE_ROOT];
    pthread_mutex_lock(&ca->lock);
    enum bs_err err = cert_crl_make(crl, root->key, bs_buf_span(&root->der), out);
    pthread_mutex_unlock(&ca->lock);
    return err;
}

enum bs_err ca_policy_cert(struct ca *ca, struct bs_buf *out)
{
    pthread_mutex_lock(&ca->lock);
    struct bs_span der = bs_buf_span(&ca->pairs[CA_POLICY].der);
    enum bs_err err = der.size > 0 ? bs_buf_append(out, der.data, der.size) : BS_ERR_NOT_FOUND;
    pthread_mutex_unlock(&ca->lock);
    return err;
}

struct bs_span ca_cert(const struct ca *ca, enum ca_which which)
{
    return bs_buf_span(&ca->pairs[which].der);
}

const char *ca_name(enum ca_which which)
{
    switch (which) {
    case CA_SERVER_ROOT:
        return "server-ca";
    case CA_DEVICE_ROOT:
        return "device-ca";
    case CA_SERVER:
        return "server";
    case CA_BUNDLE:
        return "bundle";
    case CA_POLICY:
        return "policy";
    case CA_COUNT:
        break;
    }
    return "?";
}
