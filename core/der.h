/*
 * DER (ITU-T X.690 §10): a strict reader, which takes one definite, shortest-form element at a time, and a writer that
 * closes what it opened. Enough for keys, certificates, requests and revocation lists; tags of one byte, elements of up to 65535
 * bytes when they are read, of up to 16 MiB when they are written.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define DER_BOOLEAN 0x01
#define DER_INTEGER 0x02
#define DER_BIT_STRING 0x03
#define DER_OCTET_STRING 0x04
#define DER_NULL 0x05
#define DER_OID 0x06
#define DER_UTF8_STRING 0x0c
#define DER_PRINTABLE_STRING 0x13
#define DER_IA5_STRING 0x16
#define DER_UTC_TIME 0x17
#define DER_GENERALIZED_TIME 0x18
#define DER_SEQUENCE 0x30
#define DER_SET 0x31
#define DER_CONTEXT(n) (0x80 | (n))     /* [n] IMPLICIT of a primitive type */
#define DER_CONSTRUCTED(n) (0xa0 | (n)) /* [n] EXPLICIT, or IMPLICIT of a constructed type */

/* Algorithms and curves that more than one module names (RFC 5480 §2.1.1, RFC 8017 appendix A). */
#define DER_OID_RSA "1.2.840.113549.1.1.1"
#define DER_OID_EC_PUBLIC_KEY "1.2.840.10045.2.1"
#define DER_OID_P256 "1.2.840.10045.3.1.7"
#define DER_OID_P384 "1.3.132.0.34"

/* Readers: false, and nothing taken, when there is no such element at the front. */
bool der_read(struct bs_reader *r, uint8_t *ret_tag, struct bs_span *ret_content);
bool der_take(struct bs_reader *r, uint8_t tag, struct bs_span *ret_content);
bool der_enter(struct bs_reader *r, uint8_t tag, struct bs_reader *ret_inside);
/* The element with its tag and length, as signatures cover it. */
bool der_take_whole(struct bs_reader *r, uint8_t tag, struct bs_span *ret_element);
bool der_peek(const struct bs_reader *r, uint8_t tag);

/* A positive INTEGER without its leading zero; negative, empty and padded ones are refused. Zero is the byte 0. */
bool der_take_unsigned(struct bs_reader *r, struct bs_span *ret_value);
bool der_take_small(struct bs_reader *r, uint32_t *ret_value);
/* A BIT STRING of whole bytes. */
bool der_take_bits(struct bs_reader *r, struct bs_span *ret_bytes);
bool der_take_bool(struct bs_reader *r, bool *ret_value);

/* Dotted form of an OID's content. False when it is malformed, an arc exceeds 64 bits, or `size` is too small. */
bool der_oid_text(struct bs_span oid, char *ret_text, size_t size);
/* The content is the OID `dotted`. */
bool der_oid_is(struct bs_span oid, const char *dotted);

#define DER_DEPTH_MAX 12

/* Writer with a sticky error. Whatever der_open opened, der_close closes; der_write_end tells. */
struct der_writer {
    struct bs_buf *out;
    enum bs_err err;
    unsigned depth;
    struct {
        size_t at;
        uint8_t tag;
    } open[DER_DEPTH_MAX];
};

void der_write_begin(struct der_writer *w, struct bs_buf *out);
void der_open(struct der_writer *w, uint8_t tag);
void der_close(struct der_writer *w);
void der_write(struct der_writer *w, uint8_t tag, struct bs_span content);
void der_write_string(struct der_writer *w, uint8_t tag, const char *text);
void der_write_raw(struct der_writer *w, struct bs_span der);
void der_write_oid(struct der_writer *w, const char *dotted);
/* OBJECT IDENTIFIER with an implicit tag. */
void der_write_oid_as(struct der_writer *w, uint8_t tag, const char *dotted);
/* INTEGER from an unsigned big-endian number with any padding. */
void der_write_unsigned(struct der_writer *w, struct bs_span number);
void der_write_small(struct der_writer *w, uint8_t value);
void der_write_bits(struct der_writer *w, struct bs_span bytes);
void der_write_true(struct der_writer *w);
enum bs_err der_write_end(struct der_writer *w) BS_MUST_USE;
