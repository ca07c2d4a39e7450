#include "keys_scene.h"

#include "core/file.h"

struct keys_server server;

static const struct {
    const char *name;
    enum bs_generated_kind kind;
    uint32_t size;
    enum bs_generated_form form;
} ordered[KEYS] = {
    { "disk", BS_GENERATED_RANDOM, 64, BS_FORM_RAW },
    { "wg0.key", BS_GENERATED_X25519, 0, BS_FORM_WIREGUARD },
    { "host", BS_GENERATED_ED25519, 0, BS_FORM_OPENSSH },
    { "wallet", BS_GENERATED_SECP256K1, 0, BS_FORM_PEM },
};

/* The share of a serial, the same each time. */
static struct bs_span share_of(uint64_t serial, uint8_t room[BS_SHARE_SIZE])
{
    memset(room, 0xC3, BS_SHARE_SIZE);
    room[0] = (uint8_t)serial;
    return BS_SPAN(room, BS_SHARE_SIZE);
}

/* The wallet's key raw, and from 2 on of another kind of the same size; the disk's of more bytes. */
static void order_twisted(struct bundle *bundle)
{
    bundle->keys[3].form = BS_FORM_RAW;
    if (server.twist == 1)
        return;
    bundle->keys[3].key.kind = BS_GENERATED_ED25519;
    bundle->keys[0].size = 128;
}

static void order(struct bundle *bundle)
{
    for (size_t i = 0; i < KEYS; i++)
        bundle->keys[i] = (struct bundle_generated){
            .key = { bs_span_of_string(ordered[i].name), ordered[i].kind, server.generation,
                     BS_SPAN(server.halves[i], server.sizes[i]) },
            .size = ordered[i].size,
            .form = ordered[i].form,
        };
    bundle->key_count = KEYS;
    if (server.twist)
        order_twisted(bundle);
    if (!server.keeps_shares)
        return;
    bundle->share = share_of(bundle->serial, server.share);
    for (size_t i = 0; i < scene.said.share_count; i++) {
        uint64_t serial = scene.said.shares[i];
        bundle->shares[i] = (struct bundle_share){ serial, share_of(serial + server.gives_others, server.older[i]) };
    }
    bundle->share_count = scene.said.share_count;
}

void record(const struct generated_public *keys, size_t count)
{
    assert_int_equal(count, KEYS);
    for (size_t i = 0; i < count; i++) {
        assert_span_text(keys[i].name, ordered[i].name);
        assert_int_equal(keys[i].kind, ordered[i].kind);
        assert_int_equal(keys[i].generation, server.generation);
        memcpy(server.halves[i], keys[i].public_half.data, keys[i].public_half.size);
        server.sizes[i] = keys[i].public_half.size;
    }
}

struct bs_buf first_files[KEYS];

const char *file_of(size_t i)
{
    static char path[128];
    snprintf(path, sizeof(path), "/run/credstore/%s", ordered[i].name);
    return path;
}

void remember_files(void)
{
    for (size_t i = 0; i < KEYS; i++) {
        first_files[i] = BS_BUF(65536);
        assert_ok(bs_file_read(scene_path(file_of(i)), &first_files[i]));
    }
}

bool has_the_same_file(size_t i)
{
    BS_SCOPED_BUF struct bs_buf now = BS_BUF(65536);
    assert_ok(bs_file_read(scene_path(file_of(i)), &now));
    return bs_span_equal(bs_buf_span(&now), bs_buf_span(&first_files[i]));
}

void assert_the_same_keys(void)
{
    for (size_t i = 0; i < KEYS; i++)
        assert_true(has_the_same_file(i));
}

int keys_setup(void **state)
{
    memset(&server, 0, sizeof(server));
    server.generation = 1;
    server.keeps_shares = true;
    if (scene_setup(state) != 0)
        return -1;
    scene.spoil = order;
    return 0;
}

int keys_teardown(void **state)
{
    for (size_t i = 0; i < KEYS; i++)
        bs_buf_free(&first_files[i]);
    return scene_teardown(state);
}

void enroll(void)
{
    assert_ok(scene_boot());
    record(scene.kept.keys, scene.kept.key_count);
    remember_files();
}
