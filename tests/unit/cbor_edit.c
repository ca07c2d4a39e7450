#include "cbor_edit.h"

#include "core/cbor.h"
#include "core/file.h"
#include "unit.h"

enum { BYTES = 2, TEXT = 3, ARRAY = 4, MAP = 5, TAG = 6 };

struct edit_head edit_head_at(struct bs_span document, size_t offset)
{
    assert_true(offset < document.size);
    const uint8_t *at = document.data + offset;
    struct edit_head head = { .major = at[0] >> 5, .argument = at[0] & 0x1f, .size = 1 };
    if (head.argument >= 24) {
        const size_t more = (size_t)1 << (head.argument - 24);
        assert_true(head.argument < 28 && more < document.size - offset);
        head.argument = 0;
        for (size_t i = 0; i < more; i++)
            head.argument = head.argument << 8 | at[1 + i];
        head.size += more;
    }
    return head;
}

static size_t children(struct edit_head head)
{
    switch (head.major) {
    case ARRAY:
        return (size_t)head.argument;
    case MAP:
        return 2 * (size_t)head.argument;
    case TAG:
        return 1;
    }
    return 0;
}

/* Where the item ends; on the way every head of it is shown. */
static size_t walk(struct bs_span document, size_t at, void (*see)(struct bs_span, size_t, void *), void *context)
{
    const struct edit_head head = edit_head_at(document, at);
    if (see)
        see(document, at, context);
    at += head.size;
    if (head.major == BYTES || head.major == TEXT)
        at += (size_t)head.argument;
    for (size_t i = 0; i < children(head); i++)
        at = walk(document, at, see, context);
    assert_true(at <= document.size);
    return at;
}

void edit_each_head(struct bs_span document, void (*see)(struct bs_span, size_t, void *), void *context)
{
    assert_int_equal(walk(document, 0, see, context), document.size);
}

struct edit_item edit_find(struct bs_span document, const int *path)
{
    struct edit_item item = { .end = walk(document, 0, NULL, NULL) };
    for (; *path != EDIT_END; path++) {
        const struct edit_head head = edit_head_at(document, item.start);
        const bool is_map = head.major == MAP;
        bool is_found = false;
        size_t at = item.start + head.size;
        assert_true(is_map || head.major == ARRAY);
        for (size_t i = 0; i < head.argument && !is_found; i++) {
            const uint64_t key = is_map ? edit_head_at(document, at).argument : i;
            const size_t start = is_map ? walk(document, at, NULL, NULL) : at;
            const size_t end = walk(document, start, NULL, NULL);
            is_found = key == (uint64_t)*path;
            if (is_found)
                item = (struct edit_item){ .key = at, .start = start, .end = end, .parent = item.start };
            at = end;
        }
        assert_true(is_found);
    }
    return item;
}

static void put(struct bs_buf *out, struct bs_span document, size_t from, size_t to)
{
    assert_ok(bs_buf_append(out, document.data + from, to - from));
}

void edit_put_head(struct bs_buf *out, unsigned major, uint64_t argument, unsigned size)
{
    const uint8_t info = size == 1 ? 24 : size == 2 ? 25 : size == 4 ? 26 : 27;
    uint8_t bytes[9] = { (uint8_t)(major << 5 | info) };
    for (unsigned i = 0; i < size; i++)
        bytes[1 + i] = (uint8_t)(argument >> (8 * (size - 1 - i)));
    assert_ok(bs_buf_append(out, bytes, 1 + size));
}

/* The document up to `to`, with another count in the head of one array or map. */
static void put_with_count(struct bs_buf *out, struct bs_span document, size_t parent, int more, size_t to)
{
    const struct edit_head head = edit_head_at(document, parent);
    const uint64_t count = head.argument + (uint64_t)(int64_t)more;
    put(out, document, 0, parent);
    if (count < 24) {
        const uint8_t byte = (uint8_t)(head.major << 5 | count);
        assert_ok(bs_buf_append(out, &byte, 1));
    } else {
        edit_put_head(out, head.major, count, 1);
    }
    put(out, document, parent + head.size, to);
}

void edit_replace(struct bs_span document, const int *path, struct bs_span by, struct bs_buf *out)
{
    const struct edit_item item = edit_find(document, path);
    put(out, document, 0, item.start);
    assert_ok(bs_buf_append(out, by.data, by.size));
    put(out, document, item.end, document.size);
}

void edit_remove(struct bs_span document, const int *path, struct bs_buf *out)
{
    const struct edit_item item = edit_find(document, path);
    put_with_count(out, document, item.parent, -1, item.key);
    put(out, document, item.end, document.size);
}

void edit_repeat(struct bs_span document, const int *path, struct bs_buf *out)
{
    const struct edit_item item = edit_find(document, path);
    put_with_count(out, document, item.parent, 1, item.end);
    put(out, document, item.key, document.size);
}

void edit_add(struct bs_span document, const int *path_of_map, uint64_t key, struct bs_span value, struct bs_buf *out)
{
    const struct edit_item item = edit_find(document, path_of_map);
    put_with_count(out, document, item.start, 1, item.end);
    struct cbor_writer w;
    cbor_write_begin(&w, out);
    cbor_write_uint(&w, key);
    assert_ok(cbor_write_end(&w));
    assert_ok(bs_buf_append(out, value.data, value.size));
    put(out, document, item.end, document.size);
}

struct bs_span fill(uint8_t seed, size_t size)
{
    static uint8_t room[128][512];
    static unsigned next;
    uint8_t *bytes = room[next++ % COUNT(room)];
    assert_true(size <= sizeof(room[0]));
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(seed + i);
    return BS_SPAN(bytes, size);
}

void vector_read(const char *name, struct bs_buf *out)
{
    char path[1024];
    assert_true(snprintf(path, sizeof(path), "%s/%s", BS_TEST_VECTORS, name) < (int)sizeof(path));
    bs_buf_reset(out);
    assert_ok(bs_file_read(path, out));
}
