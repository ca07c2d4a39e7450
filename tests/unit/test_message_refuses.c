/* Other encodings, and members that are missing, double, unknown or in another order. */
#include "message_try.h"

#include "bootseal/protocol.h"
#include "cbor_edit.h"
#include "core/cbor.h"

static const struct {
    const char *name;
    try_fn try;
} vectors[] = {
    { "messages/statement-full.cbor", try_statement },
    { "messages/statement-minimal.cbor", try_statement },
    { "messages/statement-challenge.cbor", try_statement },
    { "messages/attest.cbor", try_attest },
    { "messages/attest-userspace.cbor", try_attest },
    { "messages/prove.cbor", try_prove },
    { "messages/confirm.cbor", try_confirm },
    { "messages/confirm-keys.cbor", try_confirm },
    { "messages/statement-keys.cbor", try_statement },
    { "messages/statement-userspace.cbor", try_statement },
    { "messages/answer-prove.cbor", try_answer },
    { "messages/answer-approved.cbor", try_answer },
    { "messages/answer-pending.cbor", try_answer },
    { "messages/answer-refused.cbor", try_answer },
    { "messages/answer-confirmed.cbor", try_answer },
    { "messages/answer-busy.cbor", try_answer },
};

static void whatever_is_accepted_after_a_changed_byte_has_no_other_encoding(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(vectors); v++) {
        BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
        vector_read(vectors[v].name, &in);
        for (size_t i = 0; i < in.size; i++) {
            const uint8_t was = in.data[i];
            const uint8_t others[] = {
                0x00, 0xff, was ^ 0x01, was ^ 0x20, was ^ 0x80, (uint8_t)(was + 1), (was & 0xe0) | 0x1f
            };
            for (size_t k = 0; k < COUNT(others); k++) {
                in.data[i] = others[k];
                (void)vectors[v].try(bs_buf_span(&in));
            }
            in.data[i] = was;
        }
    }
}

static void messages_cut_short_or_with_a_byte_too_many_are_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(vectors); v++) {
        BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
        vector_read(vectors[v].name, &in);
        for (size_t size = 0; size < in.size; size++)
            assert_err(vectors[v].try(BS_SPAN(in.data, size)), BS_ERR_PROTOCOL);
        assert_ok(vectors[v].try(bs_buf_span(&in)));
        assert_ok(bs_buf_append(&in, "", 1));
        assert_err(vectors[v].try(bs_buf_span(&in)), BS_ERR_PROTOCOL);
    }
}

struct head_changes {
    try_fn try;
    size_t seen;
};

static void refuse_changed(struct bs_span document, size_t at, const struct edit_head *head, struct bs_span by,
                           try_fn try)
{
    BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_REQUEST_MAX);
    assert_ok(bs_buf_append(&changed, document.data, at));
    assert_ok(bs_buf_append(&changed, by.data, by.size));
    assert_ok(bs_buf_append(&changed, document.data + at + head->size, document.size - at - head->size));
    assert_err(try(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
}

/* Every longer form of the head, a tag before it, an indefinite length, and every other type in its place. */
static void change_head(struct bs_span document, size_t at, void *context)
{
    struct head_changes *changes = context;
    const struct edit_head head = edit_head_at(document, at);
    changes->seen++;
    for (unsigned size = 1; size <= 8; size *= 2) {
        BS_SCOPED_BUF struct bs_buf longer = BS_BUF(16);
        edit_put_head(&longer, head.major, head.argument, size);
        if (longer.size > head.size)
            refuse_changed(document, at, &head, bs_buf_span(&longer), changes->try);
    }

    static const uint8_t others[][9] = {
        { 0x20 }, { 0xd2 }, { 0xc1 }, { 0xf4 }, { 0xf6 }, { 0xf7 }, { 0xf9, 0, 0 }, { 0xfb },
        { 0xff }, { 0x9f }, { 0xbf }, { 0x5f }, { 0x7f }, { 0x1c }, { 0xfc },
    };
    static const size_t sizes[COUNT(others)] = { 1, 1, 1, 1, 1, 1, 3, 9, 1, 1, 1, 1, 1, 1, 1 };
    for (size_t i = 0; i < COUNT(others); i++)
        refuse_changed(document, at, &head, BS_SPAN(others[i], sizes[i]), changes->try);
}

static void other_forms_and_types_of_every_item_are_refused(void **state)
{
    (void)state;
    for (size_t v = 0; v < COUNT(vectors); v++) {
        BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
        struct head_changes changes = { vectors[v].try, 0 };
        vector_read(vectors[v].name, &in);
        edit_each_head(bs_buf_span(&in), change_head, &changes);
        assert_true(changes.seen >= 3);
    }
}

#define KEYS_END (-1)

/* Maps inside the vectors with the keys that may be missing; every other key of theirs must be there. */
static const struct {
    const char *name;
    try_fn try;
    int path[4];
    int optional[16];
} maps[] = {
    { "statement-full", try_statement, { EDIT_END }, { 7, 13, 17, 18, 20, KEYS_END } },
    { "statement-full", try_statement, { 9, EDIT_END }, { KEYS_END } },
    { "statement-full", try_statement, { 11, EDIT_END }, { KEYS_END } },
    { "statement-full", try_statement, { 12, EDIT_END }, { KEYS_END } },
    { "statement-full", try_statement, { 12, 2, EDIT_END }, { 0, 1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 23, KEYS_END } },
    { "statement-full", try_statement, { 14, EDIT_END }, { 1, 2, 3, 4, 5, KEYS_END } },
    { "statement-minimal", try_statement, { EDIT_END }, { KEYS_END } },
    { "statement-minimal", try_statement, { 12, 2, EDIT_END }, { KEYS_END } },
    { "statement-challenge", try_statement, { EDIT_END }, { KEYS_END } },
    { "attest", try_attest, { EDIT_END }, { 4, KEYS_END } },
    { "attest-userspace", try_attest, { EDIT_END }, { 5, KEYS_END } },
    { "prove", try_prove, { EDIT_END }, { KEYS_END } },
    { "confirm", try_confirm, { EDIT_END }, { KEYS_END } },
    { "confirm-keys", try_confirm, { EDIT_END }, { 4, KEYS_END } },
    { "confirm-keys", try_confirm, { 4, 0, EDIT_END }, { KEYS_END } },
    { "statement-keys", try_statement, { EDIT_END }, { 22, 23, KEYS_END } },
    { "statement-keys", try_statement, { 22, 1, EDIT_END }, { KEYS_END } },
    { "statement-userspace", try_statement, { EDIT_END }, { 21, 24, KEYS_END } },
    { "answer-prove", try_answer, { EDIT_END }, { KEYS_END } },
    { "answer-approved", try_answer, { EDIT_END }, { KEYS_END } },
    { "answer-pending", try_answer, { EDIT_END }, { KEYS_END } },
    { "answer-refused", try_answer, { EDIT_END }, { 9, 10, KEYS_END } },
    { "answer-refused", try_answer, { 10, 0, EDIT_END }, { 1, 2, 4, 5, KEYS_END } },
    { "answer-confirmed", try_answer, { EDIT_END }, { KEYS_END } },
    { "answer-busy", try_answer, { EDIT_END }, { KEYS_END } },
};

static void read_map_vector(size_t index, struct bs_buf *out)
{
    char name[64];
    snprintf(name, sizeof(name), "messages/%s.cbor", maps[index].name);
    vector_read(name, out);
}

static bool is_optional(size_t index, uint64_t key)
{
    for (const int *k = maps[index].optional; *k != KEYS_END; k++) {
        if ((uint64_t)*k == key)
            return true;
    }
    return false;
}

static void path_to(size_t index, uint64_t key, int ret_path[5])
{
    size_t length = 0;
    for (; maps[index].path[length] != EDIT_END; length++)
        ret_path[length] = maps[index].path[length];
    ret_path[length] = (int)key;
    ret_path[length + 1] = EDIT_END;
}

/* Whether the map has the key; walks it as edit_find does, without aborting. */
static bool has_key(struct bs_span document, size_t index, uint64_t wanted)
{
    const struct edit_item map = edit_find(document, maps[index].path);
    const uint64_t pairs = edit_head_at(document, map.start).argument;
    size_t at = map.start + edit_head_at(document, map.start).size;
    for (uint64_t i = 0; i < pairs; i++) {
        const uint64_t key = edit_head_at(document, at).argument;
        int path[5];
        if (key == wanted)
            return true;
        path_to(index, key, path);
        at = edit_find(document, path).end;
    }
    return false;
}

static void required_members_are_missed_and_repeated_or_unknown_ones_refused(void **state)
{
    (void)state;
    for (size_t m = 0; m < COUNT(maps); m++) {
        BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
        BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_REQUEST_MAX);
        read_map_vector(m, &in);
        for (uint64_t key = 0; key < 64; key++) {
            int path[5];
            if (!has_key(bs_buf_span(&in), m, key))
                continue;
            path_to(m, key, path);
            bs_buf_reset(&changed);
            edit_remove(bs_buf_span(&in), path, &changed);
            assert_err(maps[m].try(bs_buf_span(&changed)), is_optional(m, key) ? BS_OK : BS_ERR_PROTOCOL);
            bs_buf_reset(&changed);
            edit_repeat(bs_buf_span(&in), path, &changed);
            assert_err(maps[m].try(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
        }
        for (uint64_t key = 24; key < 300; key += 25) {
            bs_buf_reset(&changed);
            edit_add(bs_buf_span(&in), maps[m].path, key, BS_SPAN("\1", 1), &changed);
            assert_err(maps[m].try(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
        }
    }
}

static void members_that_do_not_belong_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        try_fn try;
        uint64_t key;
    } strange[] = {
        { "messages/statement-full.cbor", try_statement, 25 },
        { "messages/statement-full.cbor", try_statement, 22 },
        { "messages/answer-refused.cbor", try_answer, 11 },
    };
    for (size_t i = 0; i < COUNT(strange); i++) {
        BS_SCOPED_BUF struct bs_buf in = BS_BUF(BS_REQUEST_MAX);
        BS_SCOPED_BUF struct bs_buf changed = BS_BUF(BS_REQUEST_MAX);
        vector_read(strange[i].name, &in);
        edit_add(bs_buf_span(&in), EDIT_TOP, strange[i].key, BS_SPAN("\x41\1", 2), &changed);
        assert_err(strange[i].try(bs_buf_span(&changed)), BS_ERR_PROTOCOL);
    }
}

static void unsorted_keys_are_refused(void **state)
{
    (void)state;
    /* confirm with its serial before its device */
    BS_SCOPED_BUF struct bs_buf in = BS_BUF(256);
    BS_SCOPED_BUF struct bs_buf swapped = BS_BUF(256);
    vector_read("messages/confirm.cbor", &in);
    const struct edit_item device = edit_find(bs_buf_span(&in), EDIT_PATH(1)),
                           serial = edit_find(bs_buf_span(&in), EDIT_PATH(2));
    assert_ok(bs_buf_append(&swapped, in.data, device.key));
    assert_ok(bs_buf_append(&swapped, in.data + serial.key, serial.end - serial.key));
    assert_ok(bs_buf_append(&swapped, in.data + device.key, device.end - device.key));
    assert_ok(bs_buf_append(&swapped, in.data + serial.end, in.size - serial.end));
    assert_int_equal(swapped.size, in.size);
    assert_err(try_confirm(bs_buf_span(&swapped)), BS_ERR_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_accepted_after_a_changed_byte_has_no_other_encoding),
        cmocka_unit_test(messages_cut_short_or_with_a_byte_too_many_are_refused),
        cmocka_unit_test(other_forms_and_types_of_every_item_are_refused),
        cmocka_unit_test(required_members_are_missed_and_repeated_or_unknown_ones_refused),
        cmocka_unit_test(members_that_do_not_belong_are_refused),
        cmocka_unit_test(unsorted_keys_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
