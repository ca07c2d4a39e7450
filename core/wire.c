#include "core/wire.h"

#include "core/log.h"

#include <assert.h>
#include <string.h>
#include <tss2/tss2_mu.h>

/*
 * tss2-mu reads and writes at an offset into a buffer. A structure that travels alone is its whole buffer: a decoder takes
 * all of it or nothing.
 */
static enum bs_err decoded(TSS2_RC rc, size_t used, struct bs_span in, const char *what)
{
    if (rc != TSS2_RC_SUCCESS)
        bs_debug("wire", "%s: tss2-mu error 0x%08x", what, (unsigned)rc);
    else if (used != in.size)
        bs_debug("wire", "%s: %zu bytes after its end", what, in.size - used);
    return rc == TSS2_RC_SUCCESS && used == in.size ? BS_OK : BS_ERR_PROTOCOL;
}

/* No structure is larger on the wire than in memory, but for sizes and tags; a larger input is none of ours. */
#define WIRE_MAX(type) (sizeof(type) + 64)

#define DEFINE_DECODER(name, type)                                                \
    enum bs_err wire_##name##_decode(struct bs_span in, type *ret_value)          \
    {                                                                             \
        if (in.size == 0 || in.size > WIRE_MAX(type))                             \
            return BS_ERR_PROTOCOL;                                               \
        type value = { 0 };                                                       \
        size_t used = 0;                                                          \
        TSS2_RC rc = Tss2_MU_##type##_Unmarshal(in.data, in.size, &used, &value); \
        enum bs_err err = decoded(rc, used, in, #type);                           \
        if (err == BS_OK)                                                         \
            *ret_value = value;                                                   \
        return err;                                                               \
    }

#define DEFINE_ENCODER(name, type)                                                 \
    enum bs_err wire_##name##_encode(const type *value, struct bs_buf *out)        \
    {                                                                              \
        uint8_t bytes[WIRE_MAX(type)];                                             \
        size_t size = 0;                                                           \
        TSS2_RC rc = Tss2_MU_##type##_Marshal(value, bytes, sizeof(bytes), &size); \
        if (rc != TSS2_RC_SUCCESS) {                                               \
            bs_debug("wire", "%s: tss2-mu error 0x%08x", #type, (unsigned)rc);     \
            return BS_ERR_PROTOCOL;                                                \
        }                                                                          \
        return bs_buf_append(out, bytes, size);                                    \
    }

DEFINE_DECODER(public, TPMT_PUBLIC)
DEFINE_ENCODER(public, TPMT_PUBLIC)
DEFINE_DECODER(attest, TPMS_ATTEST)
DEFINE_DECODER(signature, TPMT_SIGNATURE)
DEFINE_ENCODER(signature, TPMT_SIGNATURE)
DEFINE_DECODER(nv_public, TPMS_NV_PUBLIC)
DEFINE_ENCODER(nv_public, TPMS_NV_PUBLIC)
DEFINE_DECODER(id_object, TPM2B_ID_OBJECT)
DEFINE_DECODER(encrypted_secret, TPM2B_ENCRYPTED_SECRET)
DEFINE_DECODER(private, TPM2B_PRIVATE)
DEFINE_ENCODER(private, TPM2B_PRIVATE)
DEFINE_ENCODER(public2b, TPM2B_PUBLIC)

/* Not by tss2-mu: it neither compares the size with what the area takes nor passes on the area's own error. */
enum bs_err wire_public2b_decode(struct bs_span in, TPM2B_PUBLIC *ret_public)
{
    struct bs_reader r = BS_READER(in);
    TPM2B_PUBLIC value = { 0 };
    if (!bs_read_be16(&r, &value.size) || value.size != r.left)
        return BS_ERR_PROTOCOL;
    enum bs_err err = wire_public_decode(BS_SPAN(r.at, r.left), &value.publicArea);
    if (err == BS_OK)
        *ret_public = value;
    return err;
}

static enum bs_err name_of(uint16_t alg, struct bs_span area, struct wire_name *ret_name)
{
    size_t size = crypto_hash_size(alg);
    if (size == 0)
        return BS_ERR_PROTOCOL;

    struct wire_name name = { .size = (uint16_t)(2 + size), .name = { (uint8_t)(alg >> 8), (uint8_t)alg } };
    enum bs_err err = crypto_hash(alg, area, name.name + 2);
    if (err == BS_OK)
        *ret_name = name;
    return err;
}

enum bs_err wire_public_name(const TPMT_PUBLIC *public_area, struct wire_name *ret_name)
{
    BS_SCOPED_BUF struct bs_buf area = BS_BUF(WIRE_MAX(TPMT_PUBLIC));
    enum bs_err err = wire_public_encode(public_area, &area);
    return err == BS_OK ? name_of(public_area->nameAlg, bs_buf_span(&area), ret_name) : err;
}

enum bs_err wire_nv_name(const TPMS_NV_PUBLIC *nv_public, struct wire_name *ret_name)
{
    BS_SCOPED_BUF struct bs_buf area = BS_BUF(WIRE_MAX(TPMS_NV_PUBLIC));
    enum bs_err err = wire_nv_public_encode(nv_public, &area);
    return err == BS_OK ? name_of(nv_public->nameAlg, bs_buf_span(&area), ret_name) : err;
}

bool wire_name_equal(const struct wire_name *a, const struct wire_name *b)
{
    return bs_span_equal(wire_name_span(a), wire_name_span(b));
}

struct bs_span wire_name_span(const struct wire_name *name)
{
    assert(name->size <= sizeof(name->name));
    return BS_SPAN(name->name, name->size);
}

enum bs_err wire_name_from_span(struct bs_span span, struct wire_name *ret_name)
{
    struct bs_reader r = BS_READER(span);
    uint16_t alg;
    if (!bs_read_be16(&r, &alg) || r.left == 0 || r.left != crypto_hash_size(alg))
        return BS_ERR_INPUT;

    *ret_name = (struct wire_name){ .size = (uint16_t)span.size };
    memcpy(ret_name->name, span.data, span.size);
    return BS_OK;
}
