/* Chains (RFC 5280 §6.1) up to pinned roots. */
#include "core/cert_internal.h"

#include "bootseal/protocol.h"
#include "core/clock.h"

#include <stdlib.h>
#include <string.h>

/* Vendors of TPMs have some hundred roots and issuers in all. */
#define ROOTS_MAX 4096

struct root {
    struct bs_buf der;
    struct cert_x509 cert;
};

struct cert_roots {
    struct root *items;
    size_t count;
};

void cert_roots_free(struct cert_roots *roots)
{
    if (!roots)
        return;
    for (size_t i = 0; i < roots->count; i++)
        bs_buf_free(&roots->items[i].der);
    free(roots->items);
    free(roots);
}

size_t cert_roots_count(const struct cert_roots *roots)
{
    return roots->count;
}

struct bs_span cert_roots_der(const struct cert_roots *roots, size_t index)
{
    return bs_buf_span(&roots->items[index].der);
}

static bool is_issuer(const struct cert_x509 *cert)
{
    return cert->is_ca && (!cert->has_key_usage || (cert->key_usage & CERT_USAGE_CERT_SIGN));
}

/* Takes the next certificate of the file as one root more. */
static enum bs_err add_root(struct bs_reader *pem, struct cert_roots *roots)
{
    if (roots->count == ROOTS_MAX)
        return BS_ERR_INPUT;
    struct root *items = reallocarray(roots->items, roots->count + 1, sizeof(*items));
    if (!items)
        return BS_ERR_NOMEM;
    roots->items = items;

    struct root root = { .der = BS_BUF(BS_CERT_MAX) };
    enum bs_err err = cert_pem_next(pem, "CERTIFICATE", &root.der);
    if (err == BS_OK && (cert_x509_read(bs_buf_span(&root.der), &root.cert) != BS_OK || !is_issuer(&root.cert)))
        err = BS_ERR_INPUT;
    if (err != BS_OK) {
        bs_buf_free(&root.der);
        return err;
    }
    items[roots->count++] = root;
    return BS_OK;
}

enum bs_err cert_roots_from_pem(struct bs_span pem, struct cert_roots **ret_roots)
{
    BS_OWN(roots) roots = calloc(1, sizeof(*roots));
    if (!roots)
        return BS_ERR_NOMEM;

    struct bs_reader r = BS_READER(pem);
    enum bs_err err;
    do
        err = add_root(&r, roots);
    while (err == BS_OK);
    if (err != BS_ERR_NOT_FOUND)
        return err;
    if (roots->count == 0)
        return BS_ERR_INPUT;
    *ret_roots = BS_TAKE(roots);
    return BS_OK;
}

/* The clock rule (core/clock.h). NULL when nothing is wrong. */
static const char *dates_wrong(const struct cert_x509 *cert)
{
    int64_t now = bs_clock_now();
    if (now > cert->not_after)
        return "a certificate has expired";
    if (bs_clock_is_known() && now < cert->not_before)
        return "a certificate is not yet valid";
    return NULL;
}

static const char *any_wrong(const struct cert_x509 *cert)
{
    if (cert->has_unknown_critical)
        return "a certificate has a critical extension that is not understood";
    return dates_wrong(cert);
}

static bool lists_eku(const struct cert_x509 *cert, const char *eku)
{
    struct bs_reader r = BS_READER(cert->eku);
    struct bs_span oid;
    while (der_take(&r, DER_OID, &oid))
        if (der_oid_is(oid, eku))
            return true;
    return false;
}

static const char *leaf_wrong(const struct cert_x509 *leaf, const char *eku)
{
    if (!lists_eku(leaf, eku))
        return "the certificate is for another use";
    /* Every use but that of an EK, which decrypts, is to sign. */
    if (strcmp(eku, BS_OID_EKU_EK) != 0 && leaf->has_key_usage && !(leaf->key_usage & CERT_USAGE_SIGNATURE))
        return "the certificate's key is not for signatures";
    return any_wrong(leaf);
}

/* `between`: certificates of CAs that stand between the issuer and the leaf (§6.1.4 (l), (m)). */
static const char *issuer_wrong(const struct cert_x509 *issuer, size_t between)
{
    if (!is_issuer(issuer))
        return "a certificate was issued by one that is no CA";
    if (issuer->has_path_length && between > issuer->path_length)
        return "the chain is longer than one of its CAs allows";
    return any_wrong(issuer);
}

static enum bs_err issued(const struct cert_x509 *issuer, const struct cert_x509 *cert)
{
    struct cert_key key;
    if (!cert_key_read(issuer->spki, &key))
        return BS_ERR_UNTRUSTED;
    return cert_signature_verify(&key, cert->tbs, cert->algorithm, cert->signature);
}

/* One step up, where the names fit: the issuer is in order and signed the certificate. */
static enum bs_err step(const struct cert_x509 *cert, const struct cert_x509 *issuer, size_t between,
                        const char **ret_why)
{
    const char *why = issuer_wrong(issuer, between);
    if (why) {
        *ret_why = why;
        return BS_ERR_UNTRUSTED;
    }
    enum bs_err err = issued(issuer, cert);
    if (err == BS_ERR_UNTRUSTED)
        *ret_why = "a signature in the chain does not verify";
    return err;
}

/* Names are no proof of anything: every root with the right one is asked. NOT_FOUND when none has the name. */
static enum bs_err step_to_root(const struct cert_x509 *cert, const struct cert_roots *roots, size_t between,
                                const char **ret_why)
{
    enum bs_err err = BS_ERR_NOT_FOUND;
    for (size_t i = 0; i < roots->count && err != BS_OK; i++)
        if (bs_span_equal(cert->issuer, roots->items[i].cert.subject))
            err = step(cert, &roots->items[i].cert, between, ret_why);
    return err;
}

static enum bs_err read_cert(struct bs_span der, struct cert_x509 *ret_cert, const char **ret_why)
{
    enum bs_err err = cert_x509_read(der, ret_cert);
    if (err == BS_ERR_PROTOCOL) {
        *ret_why = "a certificate is malformed";
        err = BS_ERR_UNTRUSTED;
    }
    return err;
}

static enum bs_err climb(const struct bs_span *chain, size_t count, const struct cert_roots *roots, const char *eku,
                         const char **ret_why)
{
    struct cert_x509 cert, issuer;
    enum bs_err err = read_cert(chain[0], &cert, ret_why);
    if (err != BS_OK)
        return err;
    *ret_why = leaf_wrong(&cert, eku);
    if (*ret_why)
        return BS_ERR_UNTRUSTED;

    for (size_t i = 0; i < count; i++, cert = issuer) {
        *ret_why = "no pinned root issued the chain";
        err = step_to_root(&cert, roots, i, ret_why);
        if (err == BS_OK || (err != BS_ERR_UNTRUSTED && err != BS_ERR_NOT_FOUND))
            return err;
        if (i + 1 == count)
            break;
        err = read_cert(chain[i + 1], &issuer, ret_why);
        if (err != BS_OK)
            return err;
        if (!bs_span_equal(cert.issuer, issuer.subject))
            break;
        err = step(&cert, &issuer, i, ret_why);
        if (err != BS_OK)
            return err;
    }
    return BS_ERR_UNTRUSTED;
}

enum bs_err cert_chain_verify(const struct bs_span *chain, size_t count, const struct cert_roots *roots,
                              const char *eku, const char **ret_why)
{
    const char *why = "the chain is empty or too long";
    enum bs_err err = BS_ERR_UNTRUSTED;
    if (count > 0 && count <= CERT_CHAIN_MAX)
        err = climb(chain, count, roots, eku, &why);
    if (err == BS_ERR_UNTRUSTED && ret_why)
        *ret_why = why;
    return err;
}
