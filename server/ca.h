/*
 * The server's keys and certificates, all in its folder: two roots that do not know each other (server CA: pinned in the
 * images; device CA: signs device certificates), and under the server CA the server's certificate, the bundle key's and the policy key's.
 * One CA for both would let a device certificate be the server.
 *
 * Files: keys/NAME.pem (0600), each a certificate and its key, so that a renewal replaces both in one rename. The device CA's
 * certificate lies in device-ca.pem too, for relying parties, and the server CA's in image/server-ca.pem.
 */
#pragma once

#include "core/buf.h"
#include "core/cert.h"
#include "core/crypto.h"
#include "core/err.h"
#include "server/config.h"

struct ca;

/* Makes all of it in `dir`. INPUT when one of the files is already there: nothing is ever replaced. */
enum bs_err ca_init(const char *dir, const struct config *config, int64_t now) BS_MUST_USE;

/* A folder of a version that knew no policy key has none: ca_renew() makes it, and until then approvals cannot be signed. */
enum bs_err ca_open(const char *dir, struct ca **ret_ca) BS_MUST_USE;
void ca_close(struct ca *ca);
BS_DEFINE_OWN(ca, struct ca, ca_close)

/*
 * What the TLS side needs: the server's certificate with its chain (PEM), its key (PEM), the hash that enroll_peer carries,
 * and the CA that client certificates must lead to. A snapshot, owned by the caller; `generation` rises with each renewal.
 */
struct ca_tls {
    unsigned generation;
    struct bs_buf chain_pem;
    struct bs_secret *key_pem;
    uint8_t cert_sha256[CRYPTO_SHA256_SIZE];
    struct bs_buf device_ca_pem;
};
enum bs_err ca_tls(struct ca *ca, struct ca_tls *ret_tls) BS_MUST_USE;
void ca_tls_free(struct ca_tls *tls);

/*
 * Makes new server and bundle certificates (with new keys, durable before they are used) when two thirds of the life of the
 * present ones are over, or when the names of the configuration are no longer theirs. The policy key's gets a new certificate for
 * the same key, for vaults are sealed to that key; where there is none, a key is made. To be called once an hour; *ret_renewed says
 * whether ca_tls() has something new.
 */
enum bs_err ca_renew(struct ca *ca, const struct config *config, int64_t now, bool *ret_renewed) BS_MUST_USE;

/* Signs a device certificate; appends DER. */
struct ca_device_request {
    const uint8_t *device; /* WIRE_ID_SIZE bytes */
    const char *profile;
    const struct crypto_point *key;
    int64_t not_before;
    int64_t not_after;
};
enum bs_err ca_device_cert(struct ca *ca, const struct ca_device_request *request, uint8_t ret_serial[16],
                           struct bs_buf *out) BS_MUST_USE;

/* Signs a bundle with the bundle key; see bundle_sign(). */
struct bundle;
enum bs_err ca_bundle_sign(struct ca *ca, const struct bundle *bundle, struct bs_buf *out) BS_MUST_USE;

/* Signs an order to forget, with the bundle key too; see wipe_sign(). */
struct wipe_order;
enum bs_err ca_wipe_sign(struct ca *ca, const struct wipe_order *order, struct bs_buf *out) BS_MUST_USE;

/* r ‖ s of the policy key over what approval_hash() gave. NOT_FOUND where there is no such key yet. */
enum bs_err ca_policy_sign(struct ca *ca, const uint8_t hash[CRYPTO_SHA256_SIZE],
                           uint8_t ret_signature[64]) BS_MUST_USE;

/* Signs a revocation list of the device CA. */
enum bs_err ca_crl(struct ca *ca, const struct cert_crl *crl, struct bs_buf *out) BS_MUST_USE;

/*
 * A copy, for threads beside the one that renews; appended to `out`. NOT_FOUND where there is no policy key.
 */
enum bs_err ca_policy_cert(struct ca *ca, struct bs_buf *out) BS_MUST_USE;

/*
 * For `ca show` and for chains. The two roots are never replaced: their spans stay valid until ca_close(). Those of the others do until the
 * next ca_renew(), and are for the thread alone that calls it.
 */
enum ca_which { CA_SERVER_ROOT, CA_DEVICE_ROOT, CA_SERVER, CA_BUNDLE, CA_POLICY, CA_COUNT };
struct bs_span ca_cert(const struct ca *ca, enum ca_which which); /* empty where there is none */
const char *ca_name(enum ca_which which); /* "server-ca", "device-ca", "server", "bundle", "policy" */
