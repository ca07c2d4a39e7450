/* The data of one event, under any type: four bytes type, four bytes PCR, then the data. */
#include "core/eventlog.h"
#include "core/eventlog_decode.h"
#include "core/eventlog_more.h"
#include "core/eventlog_secureboot.h"
#include "fuzz/fuzz.h"

static void decode_paths(struct bs_span path)
{
    struct bs_reader reader = BS_READER(path);
    struct eventlog_node node;
    size_t taken = 0;
    while (eventlog_take_node(&reader, &node))
        taken += 4 + node.data.size;
    FUZZ_CLAIM(taken <= path.size);
}

static void read_signer(const struct eventlog_entry *entry)
{
    struct eventlog_signer signer;
    enum bs_err err = eventlog_entry_signer(entry, &signer);
    FUZZ_CLAIM(err == BS_OK || err == BS_ERR_INPUT);
    if (err == BS_OK)
        FUZZ_CLAIM_TEXT(bs_span_of_string(signer.subject));
}

/* The lists of a variable, and the entry of an authority event. */
static void read_signatures(struct bs_span data)
{
    struct eventlog_entries entries = eventlog_entries_first(data);
    struct eventlog_entry entry;
    size_t taken = 0;
    while (eventlog_entries_next(&entries, &entry)) {
        taken += entry.bytes.size;
        FUZZ_CLAIM(taken <= data.size);
        read_signer(&entry);
    }
    if (eventlog_authority_entry(data, &entry) == BS_OK)
        read_signer(&entry);
}

static void decode(struct bs_span data)
{
    struct eventlog_variable variable;
    struct eventlog_image image;
    struct eventlog_tagged tagged;
    struct eventlog_blob blob;
    struct eventlog_gpt gpt;
    struct eventlog_load_option option;
    char guid[EVENTLOG_GUID_TEXT];
    if (eventlog_decode_variable(data, &variable) == BS_OK) {
        eventlog_guid_text(variable.guid, guid);
        FUZZ_CLAIM_TEXT(bs_span_of_string(guid));
        FUZZ_CLAIM(variable.name.size + variable.data.size + EVENTLOG_GUID_SIZE <= data.size);
        read_signatures(variable.data);
    }
    if (eventlog_decode_image(data, &image) == BS_OK)
        decode_paths(image.path);
    if (eventlog_decode_tagged(data, &tagged) == BS_OK)
        FUZZ_CLAIM(tagged.data.size + 8 == data.size);
    (void)!eventlog_decode_blob(data, true, &blob);
    (void)!eventlog_decode_blob(data, false, &blob);
    if (eventlog_decode_gpt(data, &gpt) == BS_OK)
        FUZZ_CLAIM(gpt.partitions.size <= data.size);
    if (eventlog_decode_load_option(data, &option) == BS_OK) {
        FUZZ_CLAIM(option.name.size + option.path.size + option.options.size <= data.size);
        decode_paths(option.path);
    }
}

/* Measured are bytes of the data that the digest is of. */
static void measured(const struct eventlog_event *event)
{
    struct bs_span bytes = BS_SPAN_NONE;
    uint8_t digest[CRYPTO_SHA256_SIZE];
    if (eventlog_measured(event, CRYPTO_SHA256, &bytes) != EVENTLOG_DATA_MEASURED)
        return;
    FUZZ_CLAIM(bytes.size == 0 || (bytes.data >= event->data.data && bytes.size <= event->data.size &&
                                   bytes.data + bytes.size <= event->data.data + event->data.size));
    FUZZ_CLAIM(crypto_hash(CRYPTO_SHA256, bytes, digest) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(BS_SPAN(digest, sizeof(digest)), event->digests[0].value));
}

static void describe(const struct eventlog_event *event)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    BS_SCOPED_BUF struct bs_buf again = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    FUZZ_CLAIM(eventlog_describe(event, &text) == BS_OK);
    FUZZ_CLAIM_TEXT(bs_buf_span(&text));
    FUZZ_CLAIM(eventlog_describe(event, &again) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&text), bs_buf_span(&again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_reader reader = BS_READER(BS_SPAN(data, size));
    struct eventlog_event event = { 0 };
    uint8_t digest[CRYPTO_SHA256_SIZE];
    if (!bs_read_le32(&reader, &event.type) || !bs_read_le32(&reader, &event.pcr))
        return 0;
    eventlog_know_more();
    event.data = BS_SPAN(reader.at, reader.left);
    FUZZ_CLAIM(crypto_hash(CRYPTO_SHA256, event.data, digest) == BS_OK);
    event.digests[0] = (struct eventlog_digest){ CRYPTO_SHA256, BS_SPAN(digest, sizeof(digest)) };
    event.digest_count = 1;
    decode(event.data);
    measured(&event);
    describe(&event);
    return 0;
}
