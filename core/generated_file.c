/* Keys that a device made, as files of those who use them: PKCS#8, WireGuard's, OpenSSH's. */
#include "core/generated.h"

#include "core/cert.h"
#include "core/crypto.h"
#include "core/crypto_generated.h"
#include "core/der.h"

#include <string.h>

#define FILE_MAX 1024
#define OID_X25519 "1.3.101.110"  /* RFC 8410 §3 */
#define OID_ED25519 "1.3.101.112" /* RFC 8410 §3 */
#define OID_SECP256K1 "1.3.132.0.10"
#define PRESHARED_SIZE 32
#define SSH_TYPE "ssh-ed25519"

const char *generated_form_name(enum bs_generated_form form)
{
    switch (form) {
    case BS_FORM_RAW:
        return "raw";
    case BS_FORM_PEM:
        return "pem";
    case BS_FORM_WIREGUARD:
        return "wireguard";
    case BS_FORM_OPENSSH:
        return "openssh";
    }
    return "?";
}

bool generated_has_form(enum bs_generated_kind kind, size_t size, enum bs_generated_form form)
{
    switch (form) {
    case BS_FORM_RAW:
        return true;
    case BS_FORM_PEM:
        return kind != BS_GENERATED_RANDOM;
    case BS_FORM_WIREGUARD:
        return kind == BS_GENERATED_X25519 || (kind == BS_GENERATED_RANDOM && size == PRESHARED_SIZE);
    case BS_FORM_OPENSSH:
        return kind == BS_GENERATED_ED25519;
    }
    return false;
}

/* ECPrivateKey of RFC 5915 §3, with the public key, without which several programs do not load it. */
static enum bs_err write_ec(struct der_writer *w, struct bs_span scalar)
{
    uint8_t point[CRYPTO_SECP256K1_PUBLIC];
    enum bs_err err = crypto_secp256k1_public(scalar.data, point);
    if (err != BS_OK)
        return err;
    der_open(w, DER_SEQUENCE);
    der_write_small(w, 1);
    der_write(w, DER_OCTET_STRING, scalar);
    der_open(w, DER_CONSTRUCTED(1));
    der_write_bits(w, BS_SPAN(point, sizeof(point)));
    der_close(w);
    der_close(w);
    return BS_OK;
}

/* PrivateKeyInfo of RFC 5958 §2, version 0; of the curves of RFC 8410 the key is an OCTET STRING in the OCTET STRING. */
static enum bs_err write_pem(const struct generated_private *key, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(FILE_MAX);
    struct der_writer w;
    enum bs_err err = BS_OK;
    der_write_begin(&w, &der);
    der_open(&w, DER_SEQUENCE);
    der_write_small(&w, 0);
    der_open(&w, DER_SEQUENCE);
    if (key->kind == BS_GENERATED_SECP256K1) {
        der_write_oid(&w, DER_OID_EC_PUBLIC_KEY);
        der_write_oid(&w, OID_SECP256K1);
    } else {
        der_write_oid(&w, key->kind == BS_GENERATED_X25519 ? OID_X25519 : OID_ED25519);
    }
    der_close(&w);
    der_open(&w, DER_OCTET_STRING);
    if (key->kind == BS_GENERATED_SECP256K1)
        err = write_ec(&w, key->private_half);
    else
        der_write(&w, DER_OCTET_STRING, key->private_half);
    der_close(&w);
    der_close(&w);
    enum bs_err end = der_write_end(&w);
    if (err == BS_OK)
        err = end;
    return err == BS_OK ? cert_pem_encode(bs_buf_span(&der), "PRIVATE KEY", out) : err;
}

static enum bs_err write_base64_line(struct bs_span bytes, struct bs_buf *out)
{
    enum bs_err err = cert_base64_encode(bytes, out);
    return err == BS_OK ? bs_buf_append_string(out, "\n") : err;
}

static enum bs_err put_be32(struct bs_buf *out, uint32_t value)
{
    const uint8_t bytes[] = { (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value };
    return bs_buf_append(out, bytes, sizeof(bytes));
}

/* A string of RFC 4251 §5. */
static enum bs_err put_string(struct bs_buf *out, struct bs_span text)
{
    enum bs_err err = put_be32(out, (uint32_t)text.size);
    return err == BS_OK ? bs_buf_append(out, text.data, text.size) : err;
}

/* RFC 8709 §4. */
static enum bs_err put_ssh_public(struct bs_buf *out, struct bs_span public_half)
{
    enum bs_err err = put_string(out, bs_span_of_string(SSH_TYPE));
    return err == BS_OK ? put_string(out, public_half) : err;
}

/* Without a cipher the two numbers only have to be equal; taken from the public half, they make the same file each time. */
static enum bs_err put_ssh_private(struct bs_buf *out, const struct generated_private *key, struct bs_span public_half)
{
    BS_SCOPED_BUF struct bs_buf both = BS_BUF(64);
    enum bs_err err = bs_buf_append(out, public_half.data, 4);
    if (err == BS_OK)
        err = bs_buf_append(out, public_half.data, 4);
    if (err == BS_OK)
        err = put_ssh_public(out, public_half);
    if (err == BS_OK)
        err = bs_buf_append(&both, key->private_half.data, key->private_half.size);
    if (err == BS_OK)
        err = bs_buf_append(&both, public_half.data, public_half.size);
    if (err == BS_OK)
        err = put_string(out, bs_buf_span(&both));
    if (err == BS_OK)
        err = put_string(out, key->name); /* the comment */
    for (uint8_t pad = 1; err == BS_OK && out->size % 8 != 0; pad++)
        err = bs_buf_append(out, &pad, 1);
    return err;
}

/* PROTOCOL.key of OpenSSH: cipher and key derivation "none", one key. */
static enum bs_err write_openssh(const struct generated_private *key, struct bs_buf *out)
{
    static const char magic[] = "openssh-key-v1";
    uint8_t public_bytes[32];
    struct bs_span public_half = BS_SPAN(public_bytes, sizeof(public_bytes));
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(FILE_MAX);
    BS_SCOPED_BUF struct bs_buf outer = BS_BUF(FILE_MAX);
    BS_SCOPED_BUF struct bs_buf inner = BS_BUF(FILE_MAX);
    enum bs_err err = crypto_ed25519_public(key->private_half.data, public_bytes);
    if (err == BS_OK)
        err = bs_buf_append(&file, magic, sizeof(magic));
    for (size_t i = 0; i < 2 && err == BS_OK; i++)
        err = put_string(&file, bs_span_of_string("none"));
    if (err == BS_OK)
        err = put_string(&file, BS_SPAN_NONE);
    if (err == BS_OK)
        err = put_be32(&file, 1);
    if (err == BS_OK)
        err = put_ssh_public(&outer, public_half);
    if (err == BS_OK)
        err = put_string(&file, bs_buf_span(&outer));
    if (err == BS_OK)
        err = put_ssh_private(&inner, key, public_half);
    if (err == BS_OK)
        err = put_string(&file, bs_buf_span(&inner));
    return err == BS_OK ? cert_pem_encode(bs_buf_span(&file), "OPENSSH PRIVATE KEY", out) : err;
}

enum bs_err generated_write(const struct generated_private *key, enum bs_generated_form form, struct bs_buf *out)
{
    size_t size = key->private_half.size;
    if (!generated_has_form(key->kind, size, form) || size != generated_private_size(key->kind, size))
        return BS_ERR_INPUT;
    switch (form) {
    case BS_FORM_RAW:
        return bs_buf_append(out, key->private_half.data, key->private_half.size);
    case BS_FORM_PEM:
        return write_pem(key, out);
    case BS_FORM_WIREGUARD:
        return write_base64_line(key->private_half, out);
    case BS_FORM_OPENSSH:
        return write_openssh(key, out);
    }
    return BS_ERR_INPUT;
}

enum bs_err generated_write_public(const struct generated_public *key, enum bs_generated_form form, struct bs_buf *out)
{
    if (form == BS_FORM_WIREGUARD && key->kind == BS_GENERATED_X25519)
        return cert_base64_encode(key->public_half, out);
    if (form == BS_FORM_OPENSSH && key->kind == BS_GENERATED_ED25519) {
        BS_SCOPED_BUF struct bs_buf blob = BS_BUF(FILE_MAX);
        enum bs_err err = put_ssh_public(&blob, key->public_half);
        if (err == BS_OK)
            err = bs_buf_append_string(out, SSH_TYPE " ");
        return err == BS_OK ? cert_base64_encode(bs_buf_span(&blob), out) : err;
    }
    char hex[2 * GENERATED_PUBLIC_MAX + 1];
    bs_hex(key->public_half, hex);
    return bs_buf_append_string(out, hex);
}
