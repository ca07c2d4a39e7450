/* Certificates that core/cert_make.c would not make: any field wrong on purpose. */
#pragma once

#include "unit.h"

#include "core/cert_internal.h"

#define MAKER_EXTENSIONS_MAX 40

struct maker_extension {
    const char *oid;
    bool is_critical;
    const char *value; /* hex of what stands in the OCTET STRING */
};

/* Zero means: as it should be. */
struct maker {
    const char *subject;
    const char *issuer;                            /* NULL: the subject */
    const char *not_before;                        /* "20200101000000Z"; NULL: 2020 */
    const char *not_after;                         /* NULL: 2100 */
    uint8_t time_tag;                              /* 0: GeneralizedTime */
    uint8_t version;                               /* 0: 2, which means 3; 0xff: left out */
    const char *inner_algorithm, *outer_algorithm; /* NULL: ecdsa-with-SHA256 */
    struct maker_extension extensions[MAKER_EXTENSIONS_MAX];
    struct crypto_key *key, *issuer_key; /* issuer_key NULL: key */
    struct bs_span spki; /* of a key whose private half is elsewhere, or of another kind; empty: of `key` */
    /* Content of the signature over a SHA-256 digest, by an issuer of another kind; NULL: ECDSA. */
    void (*sign)(const uint8_t digest[CRYPTO_SHA256_SIZE], struct bs_buf *out);
};

#define MAKER_CA                                       \
    {                                                  \
        CERT_OID_BASIC_CONSTRAINTS, true, "30030101ff" \
    }
#define MAKER_CA_PATH_0                                      \
    {                                                        \
        CERT_OID_BASIC_CONSTRAINTS, true, "30060101ff020100" \
    }
#define MAKER_NO_CA                              \
    {                                            \
        CERT_OID_BASIC_CONSTRAINTS, true, "3000" \
    }
#define MAKER_CERT_SIGN                      \
    {                                        \
        CERT_OID_KEY_USAGE, true, "03020106" \
    }
#define MAKER_SIGNATURE                      \
    {                                        \
        CERT_OID_KEY_USAGE, true, "03020780" \
    }
#define MAKER_SERVER_AUTH                                         \
    {                                                             \
        CERT_OID_EXT_KEY_USAGE, false, "300a06082b06010505070301" \
    }

/* DER, in memory that the whole test program keeps. */
struct bs_span maker_make(const struct maker *maker);
