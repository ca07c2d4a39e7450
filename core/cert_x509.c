/* A certificate taken apart (RFC 5280 §4.1 and §4.2). */
#include "core/cert_internal.h"

#include "bootseal/protocol.h"

#include <string.h>
#include <time.h>

#define EXTENSIONS_MAX 32

/* Two digits, in a text that is known to be long enough. */
static bool digits(const uint8_t *at, int *ret_number)
{
    if (at[0] < '0' || at[0] > '9' || at[1] < '0' || at[1] > '9')
        return false;
    *ret_number = 10 * (at[0] - '0') + at[1] - '0';
    return true;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ (§4.1.2.5): the seconds always, no fractions, no time zones. */
static bool read_time(struct bs_reader *r, int64_t *ret_seconds)
{
    struct bs_span text;
    struct tm tm = { 0 };
    int century = 0, year;

    if (der_take(r, DER_GENERALIZED_TIME, &text)) {
        if (text.size != 15 || !digits(text.data, &century))
            return false;
        text = BS_SPAN(text.data + 2, 13);
    } else if (!der_take(r, DER_UTC_TIME, &text) || text.size != 13) {
        return false;
    }
    const uint8_t *at = text.data;
    if (!digits(at, &year) || !digits(at + 2, &tm.tm_mon) || !digits(at + 4, &tm.tm_mday) ||
        !digits(at + 6, &tm.tm_hour) || !digits(at + 8, &tm.tm_min) || !digits(at + 10, &tm.tm_sec) || at[12] != 'Z')
        return false;
    if (century == 0)
        century = year >= 50 ? 19 : 20;
    tm.tm_year = 100 * century + year - 1900;
    tm.tm_mon--;
    if (century == 99 && year == 99) {
        *ret_seconds = INT64_MAX; /* "no well-defined expiration date" */
        return true;
    }

    /* timegm makes the 2nd of March of the 30th of February: then it was no date. */
    struct tm normal = tm;
    *ret_seconds = timegm(&normal);
    return normal.tm_mon == tm.tm_mon && normal.tm_hour == tm.tm_hour && normal.tm_min == tm.tm_min &&
           normal.tm_sec == tm.tm_sec;
}

static bool read_basic_constraints(struct bs_reader *in, struct cert_x509 *cert)
{
    struct bs_reader r;
    if (!der_enter(in, DER_SEQUENCE, &r))
        return false;
    if (der_peek(&r, DER_BOOLEAN) && !der_take_bool(&r, &cert->is_ca))
        return false;
    cert->has_path_length = der_peek(&r, DER_INTEGER);
    if (cert->has_path_length && !der_take_small(&r, &cert->path_length))
        return false;
    return r.left == 0;
}

static bool read_key_usage(struct bs_reader *in, struct cert_x509 *cert)
{
    struct bs_span bits;
    if (!der_take(in, DER_BIT_STRING, &bits) || bits.size < 2 || bits.size > 3 || bits.data[0] > 7)
        return false;
    cert->has_key_usage = true;
    cert->key_usage = bits.data[1];
    return true;
}

static bool read_alt_names(struct bs_reader *in, struct cert_x509 *cert)
{
    return der_take(in, DER_SEQUENCE, &cert->alt_names);
}

static bool read_eku(struct bs_reader *in, struct cert_x509 *cert)
{
    return der_take(in, DER_SEQUENCE, &cert->eku) && cert->eku.size > 0;
}

static bool read_subject_key(struct bs_reader *in, struct cert_x509 *cert)
{
    return der_take(in, DER_OCTET_STRING, &cert->subject_key);
}

/*
 * Extensions that are understood, so that they may be critical. certificatePolicies is among them without a reader: bootseal
 * asks for no policy (§6.1.1 (c) any-policy, (e) to (g) not set), and so whatever it says holds.
 */
static const struct {
    const char *oid;
    bool (*read)(struct bs_reader *in, struct cert_x509 *cert);
} extensions[] = {
    { CERT_OID_BASIC_CONSTRAINTS, read_basic_constraints },
    { CERT_OID_KEY_USAGE, read_key_usage },
    { CERT_OID_SUBJECT_ALT_NAME, read_alt_names },
    { CERT_OID_EXT_KEY_USAGE, read_eku },
    { CERT_OID_SUBJECT_KEY_ID, read_subject_key },
    { CERT_OID_AUTHORITY_KEY_ID, NULL },
    { "2.5.29.32", NULL },
};

#define EXTENSION_COUNT (sizeof(extensions) / sizeof(extensions[0]))

/* Name constraints bind whether they are critical or not, and they are not understood here. */
#define OID_NAME_CONSTRAINTS "2.5.29.30"

static bool read_extension(struct bs_reader *list, uint32_t *seen, struct cert_x509 *cert)
{
    struct bs_reader r;
    struct bs_span oid, value;
    bool is_critical = false;
    if (!der_enter(list, DER_SEQUENCE, &r) || !der_take(&r, DER_OID, &oid))
        return false;
    if (der_peek(&r, DER_BOOLEAN) && !der_take_bool(&r, &is_critical))
        return false;
    if (!der_take(&r, DER_OCTET_STRING, &value) || r.left > 0)
        return false;

    for (size_t i = 0; i < EXTENSION_COUNT; i++) {
        if (!der_oid_is(oid, extensions[i].oid))
            continue;
        struct bs_reader in = BS_READER(value);
        bool is_first = !(*seen & 1u << i); /* §4.2: one instance of an extension */
        *seen |= 1u << i;
        return is_first && (!extensions[i].read || (extensions[i].read(&in, cert) && in.left == 0));
    }
    if (is_critical || der_oid_is(oid, OID_NAME_CONSTRAINTS))
        cert->has_unknown_critical = true;
    return true;
}

static bool read_extensions(struct bs_reader *tbs, struct cert_x509 *cert)
{
    struct bs_reader explicit, list;
    if (tbs->left == 0)
        return true;
    if (!der_enter(tbs, DER_CONSTRUCTED(3), &explicit) || !der_enter(&explicit, DER_SEQUENCE, &list) ||
        explicit.left > 0)
        return false;

    uint32_t seen = 0;
    for (unsigned count = 0; list.left > 0; count++)
        if (count == EXTENSIONS_MAX || !read_extension(&list, &seen, cert))
            return false;
    return true;
}

static bool read_validity(struct bs_reader *tbs, struct cert_x509 *cert)
{
    struct bs_reader r;
    return der_enter(tbs, DER_SEQUENCE, &r) && read_time(&r, &cert->not_before) && read_time(&r, &cert->not_after) &&
           r.left == 0;
}

static bool read_tbs(struct bs_reader *r, struct cert_x509 *cert)
{
    struct bs_reader version;
    struct bs_span algorithm, unique_id;
    uint32_t number;
    if (!der_enter(r, DER_CONSTRUCTED(0), &version) || !der_take_small(&version, &number) || number != 2)
        return false;
    /* Some makers of EKs give negative serials: it is a name, not a number. */
    if (!der_take(r, DER_INTEGER, &cert->serial) || cert->serial.size == 0)
        return false;
    /* §4.1.1.2: the algorithm inside, which is signed, and the one outside are the same. */
    if (!der_take_whole(r, DER_SEQUENCE, &algorithm) || !bs_span_equal(algorithm, cert->algorithm))
        return false;
    if (!der_take_whole(r, DER_SEQUENCE, &cert->issuer) || !read_validity(r, cert) ||
        !der_take_whole(r, DER_SEQUENCE, &cert->subject) || !der_take_whole(r, DER_SEQUENCE, &cert->spki))
        return false;
    if (der_peek(r, DER_CONTEXT(1)) && !der_take(r, DER_CONTEXT(1), &unique_id))
        return false;
    if (der_peek(r, DER_CONTEXT(2)) && !der_take(r, DER_CONTEXT(2), &unique_id))
        return false;
    return read_extensions(r, cert) && r->left == 0;
}

enum bs_err cert_x509_read(struct bs_span der, struct cert_x509 *ret_cert)
{
    if (der.size > BS_CERT_MAX)
        return BS_ERR_PROTOCOL;

    struct bs_reader in = BS_READER(der), r, tbs;
    struct cert_x509 cert = { 0 };
    if (!der_enter(&in, DER_SEQUENCE, &r) || in.left > 0 || !der_take_whole(&r, DER_SEQUENCE, &cert.tbs) ||
        !der_take_whole(&r, DER_SEQUENCE, &cert.algorithm) || !der_take_bits(&r, &cert.signature) || r.left > 0)
        return BS_ERR_PROTOCOL;

    in = BS_READER(cert.tbs);
    if (!der_enter(&in, DER_SEQUENCE, &tbs) || !read_tbs(&tbs, &cert))
        return BS_ERR_PROTOCOL;
    *ret_cert = cert;
    return BS_OK;
}
