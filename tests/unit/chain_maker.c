#include "chain_maker.h"

#include <time.h>

struct crypto_key *root_key, *middle_key, *leaf_key;
int64_t wall_seconds = YEAR_2033;

int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    (void)id;
    *now = (struct timespec){ .tv_sec = wall_seconds };
    return 0;
}

int chain_make_keys(void **state)
{
    (void)state;
    assert_ok(crypto_key_make(&root_key));
    assert_ok(crypto_key_make(&middle_key));
    assert_ok(crypto_key_make(&leaf_key));
    return 0;
}

int chain_free_keys(void **state)
{
    (void)state;
    crypto_key_free(root_key);
    crypto_key_free(middle_key);
    crypto_key_free(leaf_key);
    return 0;
}

int chain_setup(void **state)
{
    (void)state;
    wall_seconds = YEAR_2033;
    return 0;
}

struct cert_roots *roots_of(const struct bs_span *ders, size_t count)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(64 * 1024);
    struct cert_roots *roots = NULL;
    for (size_t i = 0; i < count; i++)
        assert_ok(cert_pem_encode(ders[i], "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    assert_int_equal(cert_roots_count(roots), count);
    return roots;
}

struct maker good_root(void)
{
    return (struct maker){ .subject = "Root", .key = root_key, .extensions = { MAKER_CA, MAKER_CERT_SIGN } };
}

struct maker good_middle(void)
{
    return (struct maker){ .subject = "Middle",
                           .issuer = "Root",
                           .key = middle_key,
                           .issuer_key = root_key,
                           .extensions = { MAKER_CA_PATH_0, MAKER_CERT_SIGN } };
}

struct maker good_leaf(void)
{
    return (struct maker){ .subject = "leaf",
                           .issuer = "Middle",
                           .key = leaf_key,
                           .issuer_key = middle_key,
                           .extensions = { MAKER_NO_CA, MAKER_SIGNATURE, MAKER_SERVER_AUTH } };
}

enum bs_err verify(struct bs_span leaf, struct bs_span middle, struct bs_span root)
{
    BS_OWN(roots) roots = roots_of(&root, 1);
    const struct bs_span chain[] = { leaf, middle };
    const char *why = NULL;
    enum bs_err err = cert_chain_verify(chain, middle.size > 0 ? 2 : 1, roots, SERVER_AUTH, &why);
    assert_true((err == BS_ERR_UNTRUSTED) == (why != NULL));
    return err;
}

enum bs_err verify_made(const struct maker *leaf, const struct maker *middle, const struct maker *root)
{
    return verify(maker_make(leaf), maker_make(middle), maker_make(root));
}

void assert_every_bit_counts(void)
{
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    struct bs_span ders[2] = { maker_make(&leaf), maker_make(&middle) }, root_der = maker_make(&root);
    assert_ok(verify(ders[0], ders[1], root_der));
    for (size_t k = 0; k < COUNT(ders); k++)
        for (size_t i = 0; i < ders[k].size; i++) {
            ((uint8_t *)ders[k].data)[i] ^= (uint8_t)(1 << i % 8);
            assert_err(verify(ders[0], ders[1], root_der), BS_ERR_UNTRUSTED);
            ((uint8_t *)ders[k].data)[i] ^= (uint8_t)(1 << i % 8);
        }
}
