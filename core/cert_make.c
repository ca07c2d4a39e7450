/* Making certificates: the server's business alone. */
#include "core/cert_internal.h"

#include "bootseal/protocol.h"
#include "core/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define KEY_ID_SIZE 20
#define DNS_NAME_MAX 253

/* §4.1.2.5: UTCTime to the end of 2049, GeneralizedTime after it; no end is the last second of the year 9999. */
void cert_write_time(struct der_writer *w, int64_t seconds)
{
    time_t time = (time_t)(seconds > BS_TIME_MAX ? BS_TIME_MAX : seconds);
    char text[24];
    struct tm tm;
    if (!gmtime_r(&time, &tm) || strftime(text, sizeof(text), "%Y%m%d%H%M%SZ", &tm) != 15) {
        w->err = BS_ERR_INPUT;
        return;
    }
    if (tm.tm_year >= 50 && tm.tm_year < 150)
        der_write_string(w, DER_UTC_TIME, text + 2);
    else
        der_write_string(w, DER_GENERALIZED_TIME, text);
}

/* §4.2: what der_open and der_close enclose is the value, inside its OCTET STRING. */
static void open_extension(struct der_writer *w, const char *oid, bool is_critical)
{
    der_open(w, DER_SEQUENCE);
    der_write_oid(w, oid);
    if (is_critical)
        der_write_true(w);
    der_open(w, DER_OCTET_STRING);
}

static void close_extension(struct der_writer *w)
{
    der_close(w);
    der_close(w);
}

static void write_basic_constraints(struct der_writer *w, const struct cert_request *request)
{
    open_extension(w, CERT_OID_BASIC_CONSTRAINTS, true);
    der_open(w, DER_SEQUENCE);
    if (request->is_ca) {
        der_write_true(w);
        if (request->path_length >= 0)
            der_write_small(w, (uint8_t)request->path_length);
    }
    der_close(w);
    close_extension(w);
}

/* A BIT STRING of named bits ends with the last bit that is set (X.690 §11.2.2). */
static void write_key_usage(struct der_writer *w, const struct cert_request *request)
{
    const uint8_t ca[] = { 1, CERT_USAGE_CERT_SIGN | CERT_USAGE_CRL_SIGN };
    const uint8_t leaf[] = { 7, CERT_USAGE_SIGNATURE };
    open_extension(w, CERT_OID_KEY_USAGE, true);
    der_write(w, DER_BIT_STRING, request->is_ca ? BS_SPAN(ca, sizeof(ca)) : BS_SPAN(leaf, sizeof(leaf)));
    close_extension(w);
}

static void write_eku(struct der_writer *w, const struct cert_request *request)
{
    if (!request->eku)
        return;
    open_extension(w, CERT_OID_EXT_KEY_USAGE, false);
    der_open(w, DER_SEQUENCE);
    der_write_oid(w, request->eku);
    der_close(w);
    close_extension(w);
}

/* Letters, digits, hyphens and dots: nothing that another reader of the certificate may take for something else. */
static bool is_dns_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.";
    size_t size = strlen(name);
    return size > 0 && size <= DNS_NAME_MAX && strspn(name, allowed) == size && name[0] != '.' && name[0] != '-';
}

static void write_host(struct der_writer *w, const char *host)
{
    uint8_t address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1)
        der_write(w, CERT_NAME_IP, BS_SPAN(address, sizeof(struct in_addr)));
    else if (inet_pton(AF_INET6, host, address) == 1)
        der_write(w, CERT_NAME_IP, BS_SPAN(address, sizeof(struct in6_addr)));
    else if (is_dns_name(host))
        der_write_string(w, CERT_NAME_DNS, host);
    else if (w->err == BS_OK)
        w->err = BS_ERR_INPUT;
}

static void write_device(struct der_writer *w, const uint8_t *device)
{
    char text[2 * WIRE_ID_SIZE + 1];
    bs_hex(BS_SPAN(device, WIRE_ID_SIZE), text);
    der_open(w, CERT_NAME_OTHER);
    der_write_oid(w, CERT_OID_PERMANENT_ID);
    der_open(w, DER_CONSTRUCTED(0));
    der_open(w, DER_SEQUENCE);
    der_write_string(w, DER_UTF8_STRING, text);
    der_write_oid(w, BS_OID_EK_PERMANENT_ID);
    der_close(w);
    der_close(w);
    der_close(w);
}

static void write_profile(struct der_writer *w, const char *profile)
{
    size_t size = strlen(profile);
    if (size == 0 || size > BS_PROFILE_NAME_MAX || !bs_utf8_is_valid(BS_SPAN(profile, size))) {
        w->err = BS_ERR_INPUT;
        return;
    }
    der_open(w, CERT_NAME_OTHER);
    der_write_oid(w, BS_OID_SAN_PROFILE);
    der_open(w, DER_CONSTRUCTED(0));
    der_write_string(w, DER_UTF8_STRING, profile);
    der_close(w);
    der_close(w);
}

static void write_alt_names(struct der_writer *w, const struct cert_request *request)
{
    if (request->dns_name_count == 0 && !request->device && !request->profile)
        return;
    open_extension(w, CERT_OID_SUBJECT_ALT_NAME, false);
    der_open(w, DER_SEQUENCE);
    for (size_t i = 0; i < request->dns_name_count; i++)
        write_host(w, request->dns_names[i]);
    if (request->device)
        write_device(w, request->device);
    if (request->profile)
        write_profile(w, request->profile);
    der_close(w);
    close_extension(w);
}

static void write_key_ids(struct der_writer *w, struct bs_span subject_key, struct bs_span authority_key)
{
    open_extension(w, CERT_OID_SUBJECT_KEY_ID, false);
    der_write(w, DER_OCTET_STRING, subject_key);
    close_extension(w);
    if (authority_key.size == 0)
        return;
    open_extension(w, CERT_OID_AUTHORITY_KEY_ID, false);
    der_open(w, DER_SEQUENCE);
    der_write(w, DER_CONTEXT(0), authority_key);
    der_close(w);
    close_extension(w);
}

/* What write_tbs needs beside the request. */
struct parts {
    struct bs_span issuer; /* Name; empty: the subject itself */
    struct bs_span spki;
    struct bs_span subject_key; /* key identifiers */
    struct bs_span authority_key;
};

static enum bs_err write_tbs(const struct cert_request *request, const struct parts *parts, struct bs_buf *out)
{
    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_open(&w, DER_CONSTRUCTED(0));
    der_write_small(&w, 2); /* version 3 */
    der_close(&w);
    der_write_unsigned(&w, BS_SPAN(request->serial, sizeof(request->serial)));
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, CERT_OID_ECDSA_SHA256);
    der_close(&w);
    if (parts->issuer.size > 0)
        der_write_raw(&w, parts->issuer);
    else
        cert_write_name(&w, request->common_name);
    der_open(&w, DER_SEQUENCE);
    cert_write_time(&w, request->not_before);
    cert_write_time(&w, request->not_after);
    der_close(&w);
    cert_write_name(&w, request->common_name);
    der_write_raw(&w, parts->spki);
    der_open(&w, DER_CONSTRUCTED(3));
    der_open(&w, DER_SEQUENCE);
    write_basic_constraints(&w, request);
    write_key_usage(&w, request);
    write_eku(&w, request);
    write_alt_names(&w, request);
    write_key_ids(&w, parts->subject_key, parts->authority_key);
    der_close(&w);
    der_close(&w);
    der_close(&w);
    return der_write_end(&w);
}

/* RFC 7093 §2, method 1: the first 160 bits of SHA-256 of the key itself, without tag, length and unused bits. */
static enum bs_err key_id(const struct crypto_point *key, uint8_t ret_id[KEY_ID_SIZE])
{
    size_t size = crypto_ecc_size(key->curve);
    const struct bs_span pieces[] = { BS_SPAN("\x04", 1), BS_SPAN(key->x, size), BS_SPAN(key->y, size) };
    uint8_t digest[CRYPTO_SHA256_SIZE];
    enum bs_err err = crypto_sha256(pieces, 3, digest);
    if (err == BS_OK)
        memcpy(ret_id, digest, KEY_ID_SIZE);
    return err;
}

enum bs_err cert_issuer_check(struct bs_span der, const struct crypto_key *issuer_key, struct cert_x509 *ret_issuer)
{
    struct cert_key certified;
    struct crypto_point point;
    enum bs_err err = cert_x509_read(der, ret_issuer);
    if (err == BS_OK)
        err = crypto_key_public(issuer_key, &point);
    if (err != BS_OK)
        return err == BS_ERR_PROTOCOL ? BS_ERR_INPUT : err;
    if (!ret_issuer->is_ca || !cert_key_read(ret_issuer->spki, &certified) || certified.is_rsa ||
        memcmp(&certified.point, &point, sizeof(point)) != 0)
        return BS_ERR_INPUT;
    return BS_OK;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    while (size > 0 && bytes[size - 1] == 0)
        size--;
    return size == 0;
}

enum bs_err cert_make(const struct cert_request *request, const struct crypto_point *key, struct crypto_key *issuer_key,
                      struct bs_span issuer_cert, struct bs_buf *out)
{
    assert(request->serial[0] < 0x80 && !is_zero(request->serial, sizeof(request->serial)));

    uint8_t id[KEY_ID_SIZE], digest[CRYPTO_SHA256_SIZE], signature[64];
    struct cert_x509 issuer = { 0 };
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(256);
    BS_SCOPED_BUF struct bs_buf tbs = BS_BUF(BS_CERT_MAX);
    enum bs_err err = issuer_cert.size > 0 ? cert_issuer_check(issuer_cert, issuer_key, &issuer) : BS_OK;
    if (err == BS_OK)
        err = key_id(key, id);
    if (err == BS_OK)
        err = wire_point_spki(key, &spki);
    if (err != BS_OK)
        return err;

    const struct parts parts = { issuer.subject, bs_buf_span(&spki), BS_SPAN(id, sizeof(id)), issuer.subject_key };
    err = write_tbs(request, &parts, &tbs);
    if (err == BS_OK)
        err = crypto_hash(CRYPTO_SHA256, bs_buf_span(&tbs), digest);
    if (err == BS_OK)
        err = crypto_key_sign(issuer_key, digest, signature);
    return err == BS_OK ? cert_wrap_signed(bs_buf_span(&tbs), signature, out) : err;
}
