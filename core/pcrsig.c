#include "core/pcrsig.h"

#include "core/cert.h"
#include "core/der.h"
#include "core/json_read.h"

#include <string.h>

#define PCR_LAST 23
#define BANK_NAME_MAX 16

enum member { PCRS = 1, PKFP = 2, POL = 4, SIG = 8, ALL = 15 };

static void read_mask(struct json_reader *r, struct pcrsig *entry)
{
    json_read_array(r);
    while (json_read_element(r))
        entry->mask |= UINT32_C(1) << json_read_uint(r, PCR_LAST);
}

static bool read_hash(struct json_reader *r, uint8_t ret_hash[CRYPTO_SHA256_SIZE])
{
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    const struct bs_span text = json_read_string(r);
    size_t size = 0;
    if (text.size != sizeof(hex) - 1)
        return false;
    memcpy(hex, text.data, text.size);
    hex[text.size] = '\0';
    return bs_unhex(hex, ret_hash, CRYPTO_SHA256_SIZE, &size) == BS_OK && size == CRYPTO_SHA256_SIZE;
}

static bool read_signature(struct json_reader *r, struct pcrsig *entry)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(CRYPTO_RSA_MAX);
    if (cert_base64_decode(json_read_string(r), &bytes) != BS_OK || bytes.size == 0)
        return false;
    memcpy(entry->signature, bytes.data, bytes.size);
    entry->signature_size = bytes.size;
    return true;
}

/* *ret_seen: which members were there; 0 when one of them was not what it must be. */
static void read_entry(struct json_reader *r, struct pcrsig *entry, unsigned *ret_seen)
{
    unsigned seen = 0;
    bool is_good = true;
    struct bs_span key;
    json_read_object(r);
    while (json_read_key(r, &key)) {
        unsigned member = bs_span_equal(key, bs_span_of_string("pcrs"))   ? PCRS
                          : bs_span_equal(key, bs_span_of_string("pkfp")) ? PKFP
                          : bs_span_equal(key, bs_span_of_string("pol"))  ? POL
                          : bs_span_equal(key, bs_span_of_string("sig"))  ? SIG
                                                                          : 0;
        is_good &= !(seen & member);
        seen |= member;
        if (member == PCRS)
            read_mask(r, entry);
        else if (member == PKFP)
            is_good &= read_hash(r, entry->fingerprint);
        else if (member == POL)
            is_good &= read_hash(r, entry->policy);
        else if (member == SIG)
            is_good &= read_signature(r, entry);
        else
            json_read_skip(r);
    }
    *ret_seen = is_good && r->err == BS_OK ? seen : 0;
}

static uint16_t bank_of(struct bs_span name)
{
    char text[BANK_NAME_MAX];
    if (name.size >= sizeof(text))
        return 0;
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return crypto_hash_by_name(text);
}

enum bs_err pcrsig_read(struct bs_span json, pcrsig_fn each, void *context)
{
    struct json_reader r;
    struct bs_span bank;
    bool is_good = json.size <= PCRSIG_SIZE_MAX;
    json_read_begin(&r, json);
    json_read_object(&r);
    while (is_good && json_read_key(&r, &bank)) {
        uint16_t algorithm = bank_of(bank);
        json_read_array(&r);
        while (is_good && json_read_element(&r)) {
            struct pcrsig entry = { .bank = algorithm };
            unsigned seen;
            read_entry(&r, &entry, &seen);
            is_good = seen == ALL && entry.mask != 0;
            if (is_good && algorithm != 0)
                each(context, &entry);
        }
    }
    enum bs_err err = json_read_end(&r);
    return is_good ? err : BS_ERR_INPUT;
}

enum bs_err pcrsig_fingerprint(const TPMT_PUBLIC *key, uint8_t ret_fingerprint[CRYPTO_SHA256_SIZE])
{
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(1024);
    struct bs_span algorithm, bits;
    enum bs_err err = wire_public_spki(key, &spki);
    if (err != BS_OK)
        return err;
    struct bs_reader whole = BS_READER(bs_buf_span(&spki)), inside;
    if (!der_enter(&whole, DER_SEQUENCE, &inside) || !der_take(&inside, DER_SEQUENCE, &algorithm) ||
        !der_take_bits(&inside, &bits))
        return BS_ERR_INPUT;
    return crypto_sha256(&bits, 1, ret_fingerprint);
}
