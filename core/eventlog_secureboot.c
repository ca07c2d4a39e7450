#include "core/eventlog_secureboot.h"

#include <string.h>

#define LIST_HEADER 28 /* GUID, size of list, of header, of an entry */

static const uint8_t guid_x509[EVENTLOG_GUID_SIZE] = { 0xa1, 0x59, 0xc0, 0xa5, 0xe4, 0x94, 0xa7, 0x4a,
                                                       0x87, 0xb5, 0xab, 0x15, 0x5c, 0x2b, 0xf0, 0x72 };
static const uint8_t guid_sha256[EVENTLOG_GUID_SIZE] = { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92, 0x40,
                                                         0xac, 0xa9, 0x41, 0xf9, 0x36, 0x93, 0x43, 0x28 };

static enum eventlog_entry_kind kind_of(struct bs_span type)
{
    if (bs_span_equal(type, BS_SPAN(guid_x509, sizeof(guid_x509))))
        return EVENTLOG_ENTRY_X509;
    if (bs_span_equal(type, BS_SPAN(guid_sha256, sizeof(guid_sha256))))
        return EVENTLOG_ENTRY_SHA256;
    return EVENTLOG_ENTRY_OTHER;
}

struct eventlog_entries eventlog_entries_first(struct bs_span data)
{
    return (struct eventlog_entries){ .lists = BS_READER(data) };
}

/* One EFI_SIGNATURE_LIST: its entries are whole, or it is none. */
static bool take_list(struct eventlog_entries *e)
{
    struct bs_span skipped, body;
    uint32_t list_size, header_size;

    if (!bs_read_bytes(&e->lists, EVENTLOG_GUID_SIZE, &e->type) || !bs_read_le32(&e->lists, &list_size) ||
        !bs_read_le32(&e->lists, &header_size) || !bs_read_le32(&e->lists, &e->entry_size))
        return false;
    if (list_size < LIST_HEADER || !bs_read_bytes(&e->lists, list_size - LIST_HEADER, &body))
        return false;
    e->entries = BS_READER(body);
    if (!bs_read_bytes(&e->entries, header_size, &skipped))
        return false;
    return e->entry_size >= EVENTLOG_GUID_SIZE && e->entries.left % e->entry_size == 0;
}

bool eventlog_entries_next(struct eventlog_entries *e, struct eventlog_entry *ret_entry)
{
    struct eventlog_entry entry;

    if (e->is_broken)
        return false;
    while (e->entries.left == 0) {
        if (e->lists.left == 0)
            return false;
        if (!take_list(e)) {
            e->is_broken = true;
            return false;
        }
    }
    entry.type = e->type;
    entry.kind = kind_of(e->type);
    if (!bs_read_bytes(&e->entries, EVENTLOG_GUID_SIZE, &entry.owner) ||
        !bs_read_bytes(&e->entries, e->entry_size - EVENTLOG_GUID_SIZE, &entry.bytes) ||
        (entry.kind == EVENTLOG_ENTRY_SHA256 && entry.bytes.size != CRYPTO_SHA256_SIZE)) {
        e->is_broken = true;
        return false;
    }
    *ret_entry = entry;
    return true;
}

/* A DER SEQUENCE with a length of two bytes that fills the span, as every certificate of a real key is. */
static bool looks_like_certificate(struct bs_span bytes)
{
    return bytes.size > 4 && bytes.data[0] == 0x30 && bytes.data[1] == 0x82 &&
           (size_t)(bytes.data[2] << 8 | bytes.data[3]) + 4 == bytes.size;
}

enum bs_err eventlog_authority_entry(struct bs_span data, struct eventlog_entry *ret_entry)
{
    struct bs_reader r = BS_READER(data);
    struct bs_span owner;
    struct eventlog_entry entry = { .kind = EVENTLOG_ENTRY_X509, .bytes = data };

    if (!looks_like_certificate(data)) {
        if (!bs_read_bytes(&r, EVENTLOG_GUID_SIZE, &owner))
            return BS_ERR_INPUT;
        entry.owner = owner;
        entry.bytes = BS_SPAN(r.at, r.left);
        if (entry.bytes.size == CRYPTO_SHA256_SIZE)
            entry.kind = EVENTLOG_ENTRY_SHA256;
        else if (!looks_like_certificate(entry.bytes))
            return BS_ERR_INPUT;
    }
    *ret_entry = entry;
    return BS_OK;
}

enum bs_err eventlog_entry_signer(const struct eventlog_entry *entry, struct eventlog_signer *ret_signer)
{
    struct eventlog_signer signer;
    struct cert_info info;

    if (entry->kind != EVENTLOG_ENTRY_X509)
        return BS_ERR_INPUT;
    signer.subject[0] = '\0';
    if (cert_parse(entry->bytes, &info) == BS_OK)
        memcpy(signer.subject, info.subject, sizeof(signer.subject));
    enum bs_err err = crypto_hash(CRYPTO_SHA256, entry->bytes, signer.fingerprint);
    if (err == BS_OK)
        *ret_signer = signer;
    return err;
}
