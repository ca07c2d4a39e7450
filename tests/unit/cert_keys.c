#include "cert_keys.h"

#include "unit.h"

#include "core/file.h"

struct crypto_key *ca_key, *leaf_key;
struct crypto_point ca_point, leaf_point;

int make_keys(void **state)
{
    (void)state;
    assert_ok(crypto_key_make(&ca_key));
    assert_ok(crypto_key_make(&leaf_key));
    assert_ok(crypto_key_public(ca_key, &ca_point));
    assert_ok(crypto_key_public(leaf_key, &leaf_point));
    return 0;
}

int free_keys(void **state)
{
    (void)state;
    crypto_key_free(ca_key);
    crypto_key_free(leaf_key);
    return 0;
}

TPMT_PUBLIC tpm_key(const struct crypto_point *point)
{
    TPMT_PUBLIC area;
    wire_template_device(&area);
    area.unique.ecc.x.size = area.unique.ecc.y.size = 32;
    memcpy(area.unique.ecc.x.buffer, point->x, 32);
    memcpy(area.unique.ecc.y.buffer, point->y, 32);
    return area;
}

void vector(const char *name, struct bs_buf *out)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", BS_TEST_VECTORS, name);
    assert_ok(bs_file_read(path, out));
}
