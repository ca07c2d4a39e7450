#include "logmaker.h"

#include "core/crypto.h"
#include "core/eventlog_hash.h"
#include "core/file.h"
#include "unit.h"

void put_bytes(struct bs_buf *log, const void *data, size_t size)
{
    assert_ok(bs_buf_append(log, data, size));
}

static void put_le(struct bs_buf *log, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        put_bytes(log, &byte, 1);
    }
}

void put_le16(struct bs_buf *log, uint16_t value)
{
    put_le(log, value, 2);
}

void put_le32(struct bs_buf *log, uint32_t value)
{
    put_le(log, value, 4);
}

void put_le64(struct bs_buf *log, uint64_t value)
{
    put_le(log, value, 8);
}

static void put_fill(struct bs_buf *log, uint8_t fill, size_t size)
{
    for (size_t i = 0; i < size; i++)
        put_bytes(log, &fill, 1);
}

static void put_data(struct bs_buf *log, struct bs_span data)
{
    put_le32(log, (uint32_t)data.size);
    put_bytes(log, data.data, data.size);
}

void put_sha1_event(struct bs_buf *log, uint32_t pcr, uint32_t type, uint8_t fill, struct bs_span data)
{
    put_le32(log, pcr);
    put_le32(log, type);
    put_fill(log, fill, 20);
    put_data(log, data);
}

void put_header(struct bs_buf *log, const uint16_t *banks)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    uint32_t count = 0;
    while (banks[2 * count] != 0)
        count++;

    put_bytes(&data, "Spec ID Event03\0\0\0\0\0\0\2\0\2", 24);
    put_le32(&data, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        put_le16(&data, banks[i]);
    put_bytes(&data, "", 1); /* no vendor info */
    put_sha1_event(log, 0, 3, 0, bs_buf_span(&data));
}

void put_sha256_header(struct bs_buf *log)
{
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, 0 };
    put_header(log, banks);
}

static void put_start(struct bs_buf *log, uint32_t pcr, uint32_t type)
{
    put_le32(log, pcr);
    put_le32(log, type);
    put_le32(log, 1);
    put_le16(log, CRYPTO_SHA256);
}

void put_event(struct bs_buf *log, uint32_t pcr, uint32_t type, uint8_t fill, struct bs_span data)
{
    put_start(log, pcr, type);
    put_fill(log, fill, 32);
    put_data(log, data);
}

void put_measured_as(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span measured, struct bs_span data)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    assert_ok(crypto_hash(CRYPTO_SHA256, measured, digest));
    put_start(log, pcr, type);
    put_bytes(log, digest, 32);
    put_data(log, data);
}

void put_userspace_record(struct bs_buf *log, int pcr, struct bs_span measured, const char *text)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    char hex[2 * CRYPTO_HASH_MAX + 1];
    assert_ok(crypto_hash(CRYPTO_SHA256, measured, digest));
    bs_hex(BS_SPAN(digest, 32), hex);
    assert_ok(bs_buf_printf(log,
                            "\x1e{\"%s\":%d,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"%s\"}],\"content_type\":"
                            "\"systemd\",\"content\":{\"eventType\":\"phase\",\"bootId\":\"1\",\"string\":\"%s\"}}\n",
                            pcr < 0 ? "nv_index" : "pcr", pcr < 0 ? 0x1d10200 : pcr, hex, text));
}

void put_measured(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span data)
{
    put_measured_as(log, pcr, type, data, data);
}

void put_with_hashes(struct bs_buf *log, uint32_t pcr, uint32_t type, const uint16_t *hashes, struct bs_span data)
{
    uint32_t count = 0;
    while (hashes[count] != 0)
        count++;
    put_le32(log, pcr);
    put_le32(log, type);
    put_le32(log, count);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t digest[CRYPTO_HASH_MAX];
        put_le16(log, hashes[i]);
        if (!eventlog_hash_is_computed(hashes[i])) {
            put_fill(log, 0xab, 32);
            continue;
        }
        assert_ok(eventlog_hash(hashes[i], data, digest));
        put_bytes(log, digest, eventlog_hash_size(hashes[i]));
    }
    put_data(log, data);
}

void put_sha1_measured(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span data)
{
    uint8_t digest[CRYPTO_HASH_MAX];
    assert_ok(crypto_hash(CRYPTO_SHA1, data, digest));
    put_le32(log, pcr);
    put_le32(log, type);
    put_bytes(log, digest, 20);
    put_data(log, data);
}

void put_variable_data(struct bs_buf *data, const char guid[16], const char *name, struct bs_span value)
{
    put_bytes(data, guid, 16);
    put_le64(data, strlen(name));
    put_le64(data, value.size);
    for (; *name; name++)
        put_le16(data, (uint8_t)*name);
    put_bytes(data, value.data, value.size);
}

void put_signature_list(struct bs_buf *data, const char type[16], struct bs_span entry)
{
    put_bytes(data, type, 16);
    put_le32(data, (uint32_t)(28 + 16 + entry.size));
    put_le32(data, 0);
    put_le32(data, (uint32_t)(16 + entry.size));
    put_fill(data, 'O', 16);
    put_bytes(data, entry.data, entry.size);
}

void read_vector(const char *name, struct bs_buf *out)
{
    char path[1000];
    snprintf(path, sizeof(path), BS_TEST_VECTORS "/eventlogs/%s", name);
    assert_ok(bs_file_read(path, out));
}
