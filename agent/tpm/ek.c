/*
 * The endorsement key and its certificates (TCG EK Credential Profile 2.5): which one there is, where its certificate
 * lies.
 */
#include "agent/tpm/internal.h"

#include "core/cert.h"
#include "core/log.h"

#include <bootseal/protocol.h>

#include <string.h>

/* §2.2.1.5: certificates of those who issued the EK's, DER one after the other, in as many indices as it takes. */
#define CHAIN_FIRST 0x01C00100
#define CHAIN_LAST 0x01C001FF
#define EK_INDICES_FIRST 0x01C00000

/* Strong and quick to make first; a curve that the TPM lacks is passed over. */
static const enum wire_ek order[] = { WIRE_EK_P384, WIRE_EK_P256, WIRE_EK_RSA2048 };
#define ORDER_COUNT (sizeof(order) / sizeof(order[0]))

/* Size of the certificate at the front by its own header, 0 when there is none (padding, other vendors' formats). */
static size_t der_size(struct bs_span data)
{
    if (data.size < 4 || data.data[0] != 0x30 || data.data[1] != 0x82)
        return 0; /* two length bytes: no certificate is shorter than 256 bytes */
    size_t size = 4 + ((size_t)data.data[2] << 8 | data.data[3]);
    return size <= data.size && size <= BS_CERT_MAX ? size : 0;
}

/*
 * Some vendors kept TPM 1.2's header (TCG PC Client Specific Implementation 1.21 §7.4.5: TCG_PCCLIENT_STORED_CERT,
 * TCG_FULL_CERT).
 */
static struct bs_span skip_header(struct bs_span data)
{
    const size_t header = 7;
    if (data.size > header && data.data[0] == 0x10 && data.data[1] == 0x01 && data.data[2] == 0x00)
        return BS_SPAN(data.data + header, data.size - header);
    return data;
}

/* Takes certificates from the front for as long as there are any; zero padding ends them. */
static enum bs_err take_certs(struct bs_span data, size_t most, struct tpm_ek *ek)
{
    for (size_t size; most > 0 && ek->cert_count < TPM_CERTS_MAX && (size = der_size(data)) > 0; most--) {
        struct bs_buf *cert = &ek->certs[ek->cert_count];
        *cert = BS_BUF(BS_CERT_MAX);
        enum bs_err err = bs_buf_append(cert, data.data, size);
        if (err != BS_OK)
            return err;
        ek->cert_count++;
        data = BS_SPAN(data.data + size, data.size - size);
    }
    return BS_OK;
}

static bool has_index(const TPML_HANDLE *indices, TPM2_HANDLE index)
{
    for (uint32_t i = 0; i < indices->count; i++)
        if (indices->handle[i] == index)
            return true;
    return false;
}

/*
 * The connection broke, or the TPM could not just then: that must not be taken for a key or certificate that is not there, for
 * with another EK this would be another device.
 */
static bool is_undecided(const struct tpm *tpm, enum bs_err err)
{
    return err != BS_OK && (tpm->is_stale || tpm->could_not);
}

/* A certificate that may not be read is as good as none. */
static enum bs_err read_cert(struct tpm *tpm, const TPML_HANDLE *indices, TPM2_HANDLE index, TPMA_NV needed,
                             struct tpm_ek *ek)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(2 * BS_CERT_MAX);
    if (!has_index(indices, index))
        return BS_OK;
    enum bs_err err = tpm_nv_read(tpm, index, needed, &data);
    if (err == BS_OK)
        return take_certs(skip_header(bs_buf_span(&data)), 1, ek);
    return is_undecided(tpm, err) ? err : BS_OK;
}

static enum bs_err read_chain(struct tpm *tpm, const TPML_HANDLE *indices, struct tpm_ek *ek)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF((TPM_CERTS_MAX - 1) * BS_CERT_MAX);
    for (uint32_t i = 0; i < indices->count; i++) {
        TPM2_HANDLE index = indices->handle[i];
        if (index < CHAIN_FIRST || index > CHAIN_LAST)
            continue;
        enum bs_err err = tpm_nv_read(tpm, index, 0, &data);
        if (is_undecided(tpm, err))
            return err;
        if (err != BS_OK)
            break; /* what comes after a gap is no certificate */
    }
    return take_certs(bs_buf_span(&data), TPM_CERTS_MAX, ek);
}

static enum bs_err list_indices(struct tpm *tpm, TPML_HANDLE *ret_indices)
{
    TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
    TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES,
                                    EK_INDICES_FIRST, TPM2_MAX_CAP_HANDLES, NULL, &data);
    enum bs_err err = tpm_check(tpm, rc, "TPM2_GetCapability");
    if (err != BS_OK)
        return err;
    if (data->capability != TPM2_CAP_HANDLES)
        return BS_ERR_TPM;
    *ret_indices = data->data.handles;
    return BS_OK;
}

/* Finds or makes the EK of that kind; *ek_key is what is then known of it. */
static enum bs_err try_key(struct tpm *tpm, enum wire_ek kind, struct tpm_key *ret_key)
{
    TPM_LOADED struct tpm_loaded loaded = TPM_LOADED_NONE;
    const struct wire_ek_template *template = wire_ek_template(kind);
    struct tpm_key key = { .handle = template->handle, .hierarchy = TPM2_RH_ENDORSEMENT };

    enum bs_err err = tpm_key_open(tpm, &template->public_area, &key, &loaded);
    if (err == BS_OK)
        *ret_key = key;
    return err == BS_ERR_REFUSED ? BS_ERR_TPM : err;
}

static void release_certs(struct tpm_ek *ek)
{
    for (size_t i = 0; i < ek->cert_count; i++)
        bs_buf_free(&ek->certs[i]);
    ek->cert_count = 0;
}

static bool cert_is_for(const struct tpm_ek *ek, const TPMT_PUBLIC *public_area)
{
    struct cert_info info;
    return cert_parse(bs_buf_span(&ek->certs[0]), &info) == BS_OK && cert_key_equals(&info, public_area);
}

/*
 * The first kind in order whose certificate, in an index with the attributes that are needed, is for its key. NOT_FOUND when
 * there is none.
 */
static enum bs_err choose_by_cert(struct tpm *tpm, const TPML_HANDLE *indices, TPMA_NV needed, struct tpm_ek *ek,
                                  struct tpm_key *key)
{
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        ek->kind = order[i];
        enum bs_err err = read_cert(tpm, indices, wire_ek_template(order[i])->cert_index, needed, ek);
        if (err == BS_OK && ek->cert_count == 0)
            continue;
        if (err == BS_OK)
            err = try_key(tpm, order[i], key);
        if (is_undecided(tpm, err) || (err == BS_OK && cert_is_for(ek, &key->public_area)))
            return err;
        release_certs(ek);
    }
    return BS_ERR_NOT_FOUND;
}

static enum bs_err choose_any(struct tpm *tpm, struct tpm_ek *ek, struct tpm_key *key)
{
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        ek->kind = order[i];
        enum bs_err err = try_key(tpm, order[i], key);
        if (err == BS_OK || is_undecided(tpm, err))
            return err;
    }
    return BS_ERR_TPM;
}

/*
 * What the maker wrote comes first: the owner may define indices beside it, and the kind that is chosen is the device's identity.
 */
static enum bs_err find_ek(struct tpm *tpm, struct tpm_ek *ek, struct tpm_key *key)
{
    TPML_HANDLE indices = { 0 };
    enum bs_err err = tpm_begin(tpm);
    if (err == BS_OK)
        err = list_indices(tpm, &indices);
    if (err == BS_OK)
        err = choose_by_cert(tpm, &indices, TPMA_NV_PLATFORMCREATE, ek, key);
    if (err == BS_ERR_NOT_FOUND)
        err = choose_by_cert(tpm, &indices, 0, ek, key);
    if (err == BS_ERR_NOT_FOUND)
        err = choose_any(tpm, ek, key);
    if (err == BS_OK && ek->cert_count > 0)
        err = read_chain(tpm, &indices, ek);
    return err;
}

enum bs_err tpm_ek(struct tpm *tpm, const struct tpm_ek **ret_ek)
{
    if (!tpm->has_ek) {
        struct tpm_ek ek = { .cert_count = 0 };
        struct tpm_key key;
        enum bs_err err = find_ek(tpm, &ek, &key);
        if (err != BS_OK) {
            release_certs(&ek);
            return err;
        }
        ek.public_area = key.public_area;
        tpm->ek = ek;
        tpm->ek_key = key;
        tpm->has_ek = true;
    }
    *ret_ek = &tpm->ek;
    return BS_OK;
}

enum bs_err tpm_ek_open(struct tpm *tpm, struct tpm_loaded *ret_loaded)
{
    const struct tpm_ek *ek;
    enum bs_err err = tpm_ek(tpm, &ek);
    if (err != BS_OK)
        return err;
    return tpm_key_open(tpm, &wire_ek_template(ek->kind)->public_area, &tpm->ek_key, ret_loaded);
}
