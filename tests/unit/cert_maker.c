#include "cert_maker.h"

#include "hex.h"

static void write_time(struct der_writer *w, const struct maker *maker, const char *text)
{
    der_write_string(w, maker->time_tag != 0 ? maker->time_tag : DER_GENERALIZED_TIME, text);
}

static void write_algorithm(struct der_writer *w, const char *oid)
{
    der_open(w, DER_SEQUENCE);
    der_write_oid(w, oid ? oid : CERT_OID_ECDSA_SHA256);
    der_close(w);
}

static void write_extensions(struct der_writer *w, const struct maker *maker)
{
    if (!maker->extensions[0].oid)
        return;
    der_open(w, DER_CONSTRUCTED(3));
    der_open(w, DER_SEQUENCE);
    for (const struct maker_extension *e = maker->extensions; e->oid; e++) {
        der_open(w, DER_SEQUENCE);
        der_write_oid(w, e->oid);
        if (e->is_critical)
            der_write_true(w);
        der_write(w, DER_OCTET_STRING, hex(e->value));
        der_close(w);
    }
    der_close(w);
    der_close(w);
}

static void write_tbs(const struct maker *maker, struct bs_span spki, struct bs_buf *out)
{
    struct der_writer w;
    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    if (maker->version != 0xff) {
        der_open(&w, DER_CONSTRUCTED(0));
        der_write_small(&w, maker->version != 0 ? maker->version : 2);
        der_close(&w);
    }
    der_write_small(&w, 1);
    write_algorithm(&w, maker->inner_algorithm);
    cert_write_name(&w, maker->issuer ? maker->issuer : maker->subject);
    der_open(&w, DER_SEQUENCE);
    write_time(&w, maker, maker->not_before ? maker->not_before : "20200101000000Z");
    write_time(&w, maker, maker->not_after ? maker->not_after : "21000101000000Z");
    der_close(&w);
    cert_write_name(&w, maker->subject);
    der_write_raw(&w, spki);
    write_extensions(&w, maker);
    der_close(&w);
    assert_ok(der_write_end(&w));
}

static void write_signature(const struct maker *maker, struct bs_span tbs, struct bs_buf *value)
{
    uint8_t digest[CRYPTO_SHA256_SIZE], signature[64];
    struct der_writer w;
    assert_ok(crypto_hash(CRYPTO_SHA256, tbs, digest));
    if (maker->sign) {
        maker->sign(digest, value);
        return;
    }
    assert_ok(crypto_key_sign(maker->issuer_key ? maker->issuer_key : maker->key, digest, signature));
    der_write_begin(&w, value);
    der_open(&w, DER_SEQUENCE);
    der_write_unsigned(&w, BS_SPAN(signature, 32));
    der_write_unsigned(&w, BS_SPAN(signature + 32, 32));
    der_close(&w);
    assert_ok(der_write_end(&w));
}

static void write_spki(const struct maker *maker, struct bs_buf *spki)
{
    struct crypto_point point;
    if (maker->spki.size > 0) {
        assert_ok(bs_buf_append(spki, maker->spki.data, maker->spki.size));
        return;
    }
    assert_ok(crypto_key_public(maker->key, &point));
    assert_ok(wire_point_spki(&point, spki));
}

struct bs_span maker_make(const struct maker *maker)
{
    static uint8_t arena[512 * 1024];
    static size_t used;
    struct der_writer w;
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf tbs = BS_BUF(8192);
    BS_SCOPED_BUF struct bs_buf value = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(8192);

    write_spki(maker, &spki);
    write_tbs(maker, bs_buf_span(&spki), &tbs);
    write_signature(maker, bs_buf_span(&tbs), &value);
    der_write_begin(&w, &out);
    der_open(&w, DER_SEQUENCE);
    der_write_raw(&w, bs_buf_span(&tbs));
    write_algorithm(&w, maker->outer_algorithm);
    der_write_bits(&w, bs_buf_span(&value));
    der_close(&w);
    assert_ok(der_write_end(&w));

    assert_true(out.size <= sizeof(arena) - used);
    memcpy(arena + used, out.data, out.size);
    struct bs_span der = BS_SPAN(arena + used, out.size);
    used += out.size;
    return der;
}
