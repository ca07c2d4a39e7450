/* Chains and pinned roots. Linked with --wrap=clock_gettime: the test sets the time. */
#include "cert_maker.h"
#include "hex.h"

#include "bootseal/protocol.h"
#include "core/clock.h"
#include "core/file.h"

#include <time.h>

#define SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define YEAR_2033 2000000000
#define DAY 86400

static int64_t wall_seconds = YEAR_2033;

int __wrap_clock_gettime(clockid_t id, struct timespec *now);

int __wrap_clock_gettime(clockid_t id, struct timespec *now)
{
    (void)id;
    *now = (struct timespec){ .tv_sec = wall_seconds };
    return 0;
}

static struct crypto_key *root_key, *middle_key, *leaf_key;

static int make_keys(void **state)
{
    (void)state;
    assert_ok(crypto_key_make(&root_key));
    assert_ok(crypto_key_make(&middle_key));
    assert_ok(crypto_key_make(&leaf_key));
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    crypto_key_free(root_key);
    crypto_key_free(middle_key);
    crypto_key_free(leaf_key);
    return 0;
}

static int reset_clock(void **state)
{
    (void)state;
    wall_seconds = YEAR_2033;
    return 0;
}

static struct cert_roots *roots_of(const struct bs_span *ders, size_t count)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(64 * 1024);
    struct cert_roots *roots = NULL;
    for (size_t i = 0; i < count; i++)
        assert_ok(cert_pem_encode(ders[i], "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    assert_int_equal(cert_roots_count(roots), count);
    return roots;
}

static struct maker good_root(void)
{
    return (struct maker){ .subject = "Root", .key = root_key, .extensions = { MAKER_CA, MAKER_CERT_SIGN } };
}

static struct maker good_middle(void)
{
    return (struct maker){ .subject = "Middle",
                           .issuer = "Root",
                           .key = middle_key,
                           .issuer_key = root_key,
                           .extensions = { MAKER_CA_PATH_0, MAKER_CERT_SIGN } };
}

static struct maker good_leaf(void)
{
    return (struct maker){ .subject = "leaf",
                           .issuer = "Middle",
                           .key = leaf_key,
                           .issuer_key = middle_key,
                           .extensions = { MAKER_NO_CA, MAKER_SIGNATURE, MAKER_SERVER_AUTH } };
}

static enum bs_err verify(struct bs_span leaf, struct bs_span middle, struct bs_span root)
{
    BS_OWN(roots) roots = roots_of(&root, 1);
    const struct bs_span chain[] = { leaf, middle };
    const char *why = NULL;
    enum bs_err err = cert_chain_verify(chain, middle.size > 0 ? 2 : 1, roots, SERVER_AUTH, &why);
    assert_true((err == BS_ERR_UNTRUSTED) == (why != NULL));
    return err;
}

static enum bs_err verify_made(const struct maker *leaf, const struct maker *middle, const struct maker *root)
{
    return verify(maker_make(leaf), maker_make(middle), maker_make(root));
}

static void a_chain_that_is_in_order_verifies(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    assert_ok(verify_made(&leaf, &middle, &root));
    /* An issuer may itself be what is pinned, and the root may stand at the end of the chain. */
    assert_ok(verify(maker_make(&leaf), BS_SPAN_NONE, maker_make(&middle)));
    struct bs_span root_der = maker_make(&root);
    const struct bs_span chain[] = { maker_make(&leaf), maker_make(&middle), root_der };
    BS_OWN(roots) roots = roots_of(&root_der, 1);
    assert_ok(cert_chain_verify(chain, 3, roots, SERVER_AUTH, NULL));
}

static void a_chain_to_no_pinned_root_is_refused(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    root.key = leaf_key; /* the same name, another key */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    root = good_root();
    root.subject = "Other";
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    root = good_root();
    assert_err(verify(maker_make(&leaf), BS_SPAN_NONE, maker_make(&root)), BS_ERR_UNTRUSTED);

    struct bs_span root_der = maker_make(&root);
    BS_OWN(roots) roots = roots_of(&root_der, 1);
    assert_err(cert_chain_verify(NULL, 0, roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
    struct bs_span chain[CERT_CHAIN_MAX + 1];
    for (size_t i = 0; i < COUNT(chain); i++)
        chain[i] = root_der;
    assert_err(cert_chain_verify(chain, COUNT(chain), roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
}

/* CA 0 is the root, CA n signs the leaf; all of them with one key. */
static enum bs_err verify_long(size_t cas)
{
    static const char *const names[] = { "CA 0", "CA 1", "CA 2", "CA 3", "CA 4", "CA 5", "CA 6" };
    struct bs_span chain[COUNT(names) + 1];
    struct maker leaf = good_leaf();
    leaf.issuer = names[cas - 1];
    leaf.issuer_key = root_key;
    chain[0] = maker_make(&leaf);
    for (size_t i = 0; i < cas; i++) {
        struct maker ca = { .subject = names[i],
                            .issuer = names[i > 0 ? i - 1 : 0],
                            .key = root_key,
                            .extensions = { MAKER_CA, MAKER_CERT_SIGN } };
        chain[cas - i] = maker_make(&ca);
    }
    BS_OWN(roots) roots = roots_of(&chain[cas], 1);
    return cert_chain_verify(chain, cas + 1, roots, SERVER_AUTH, NULL);
}

static void a_chain_may_have_six_certificates(void **state)
{
    (void)state;
    assert_ok(verify_long(CERT_CHAIN_MAX - 1));
    assert_err(verify_long(CERT_CHAIN_MAX), BS_ERR_UNTRUSTED);
}

/* An algorithm of RSA over a good signature by a key that is none. */
static void the_algorithm_must_be_one_of_the_key(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), root = good_root();
    leaf.issuer = "Root";
    leaf.issuer_key = root_key;
    leaf.inner_algorithm = leaf.outer_algorithm = "1.2.840.113549.1.1.11";
    assert_err(verify(maker_make(&leaf), BS_SPAN_NONE, maker_make(&root)), BS_ERR_UNTRUSTED);
}

static void a_chain_with_a_wrong_signature_is_refused(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.issuer_key = root_key;
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf = good_leaf();
    middle.issuer_key = leaf_key;
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
}

static void a_chain_with_a_wrong_name_in_it_is_refused(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.issuer = "Mittel";
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf = good_leaf();
    middle.issuer = "Wurzel";
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
}

static void a_changed_bit_anywhere_breaks_the_chain(void **state)
{
    (void)state;
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

static void only_cas_issue(void **state)
{
    (void)state;
    const struct maker_extension wrong[][2] = {
        { MAKER_NO_CA, MAKER_CERT_SIGN },
        { MAKER_CERT_SIGN },
        { MAKER_CA, MAKER_SIGNATURE }, /* keyUsage without keyCertSign */
    };
    struct maker leaf = good_leaf(), root = good_root();
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct maker middle = good_middle();
        memset(middle.extensions, 0, sizeof(middle.extensions));
        memcpy(middle.extensions, wrong[i], sizeof(wrong[i]));
        assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    }
    struct maker middle = good_middle();
    middle.extensions[1].oid = NULL; /* no keyUsage says nothing against it */
    assert_ok(verify_made(&leaf, &middle, &root));
}

static void path_lengths_are_kept(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    root.extensions[0] = (struct maker_extension)MAKER_CA_PATH_0; /* and there is one CA below it */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf.issuer = "Root";
    leaf.issuer_key = root_key;
    assert_ok(verify(maker_make(&leaf), BS_SPAN_NONE, maker_make(&root)));

    /* An issuing CA of path length 0 above another one. */
    struct crypto_key *key = leaf_key;
    struct maker lower = { .subject = "Lower",
                           .issuer = "Middle",
                           .key = root_key,
                           .issuer_key = middle_key,
                           .extensions = { MAKER_CA, MAKER_CERT_SIGN } };
    leaf.issuer = "Lower";
    leaf.key = key;
    root = good_root();
    struct bs_span root_der = maker_make(&root);
    BS_OWN(roots) roots = roots_of(&root_der, 1);
    struct bs_span chain[] = { maker_make(&leaf), maker_make(&lower), maker_make(&middle) };
    assert_err(cert_chain_verify(chain, 3, roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
    middle.extensions[0] = (struct maker_extension)MAKER_CA;
    chain[2] = maker_make(&middle);
    assert_ok(cert_chain_verify(chain, 3, roots, SERVER_AUTH, NULL));
}

static void the_leaf_must_be_for_the_use_that_is_asked_for(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.extensions[2].oid = NULL; /* no use at all */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf = good_leaf();
    leaf.extensions[2].value = "300a06082b06010505070302"; /* clientAuth */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf.extensions[2].value = "30060604551d2500"; /* anyExtendedKeyUsage is not what was asked for */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf.extensions[2].value = "301406082b0601050507030206082b06010505070301";
    assert_ok(verify_made(&leaf, &middle, &root));
    leaf = good_leaf();
    leaf.extensions[1].value = "03020520"; /* keyEncipherment only */
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
}

static void a_critical_extension_that_is_not_understood_is_refused_anywhere(void **state)
{
    (void)state;
    const struct maker_extension unknown = { "1.2.3.4", true, "0500" };
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].extensions[3] = unknown;
        if (where > 0)
            makers[where].extensions[2] = (struct maker_extension){ "2.5.29.32", true, "3006300406022a03" };
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
        makers[where].extensions[3].is_critical = false;
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
    }
}

/* The subtrees would have to be looked at, whatever the flag says. */
static void name_constraints_are_refused_even_if_not_critical(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    middle.extensions[2] = (struct maker_extension){ "2.5.29.30", false, "3000" };
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
}

static void a_critical_alternative_name_is_understood(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.extensions[3] = (struct maker_extension){ CERT_OID_SUBJECT_ALT_NAME, true, "30078205612e622e63" };
    assert_ok(verify_made(&leaf, &middle, &root));
}

static void roots_that_share_a_name_are_all_tried(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), roots[3] = { good_root(), good_root(), good_root() };
    struct crypto_key *keys[] = { middle_key, leaf_key, root_key };
    struct bs_span ders[3];
    for (size_t i = 0; i < COUNT(roots); i++) {
        roots[i].key = keys[i];
        ders[i] = maker_make(&roots[i]);
    }
    leaf.issuer = "Root";
    BS_OWN(roots) all = roots_of(ders, 3);
    BS_OWN(roots) two = roots_of(ders, 2);
    leaf.issuer_key = root_key; /* the last one */
    struct bs_span der = maker_make(&leaf);
    assert_ok(cert_chain_verify(&der, 1, all, SERVER_AUTH, NULL));
    assert_err(cert_chain_verify(&der, 1, two, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
}

/* An expired or forbidden root beside a good one of the same name does no harm. */
static void a_bad_root_does_not_hide_a_good_one(void **state)
{
    (void)state;
    struct maker leaf = good_leaf(), old = good_root(), good = good_root();
    leaf.issuer = "Root";
    leaf.issuer_key = root_key;
    old.not_after = "20210101000000Z";
    const struct bs_span ders[] = { maker_make(&old), maker_make(&good) };
    struct bs_span der = maker_make(&leaf);
    BS_OWN(roots) both = roots_of(ders, 2);
    BS_OWN(roots) only = roots_of(ders, 1);
    assert_ok(cert_chain_verify(&der, 1, both, SERVER_AUTH, NULL));
    assert_err(cert_chain_verify(&der, 1, only, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
}

/* Seconds as GeneralizedTime, in memory that the whole test program keeps. */
static const char *time_text(int64_t seconds)
{
    static char texts[16][24];
    static unsigned next;
    char *text = texts[next++ % 16];
    time_t time = (time_t)seconds;
    struct tm tm;
    assert_non_null(gmtime_r(&time, &tm));
    assert_int_equal(strftime(text, 24, "%Y%m%d%H%M%SZ", &tm), 15);
    return text;
}

static void a_known_clock_decides_by_both_dates(void **state)
{
    (void)state;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_before = time_text(YEAR_2033 + 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
        makers[where].not_before = time_text(YEAR_2033);
        makers[where].not_after = time_text(YEAR_2033);
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
        makers[where].not_after = time_text(YEAR_2033 - 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
    }
}

static void at_1970_a_certificate_younger_than_the_floor_is_accepted(void **state)
{
    (void)state;
    wall_seconds = 0;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_before = time_text(bs_clock_floor() + 30 * DAY);
        makers[where].not_after = time_text(bs_clock_floor() + 90 * DAY);
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
    }
}

static void at_1970_a_certificate_that_expired_before_the_floor_is_refused(void **state)
{
    (void)state;
    wall_seconds = 0;
    for (int where = 0; where < 3; where++) {
        struct maker makers[] = { good_leaf(), good_middle(), good_root() };
        makers[where].not_after = time_text(bs_clock_floor() - 1);
        assert_err(verify_made(&makers[0], &makers[1], &makers[2]), BS_ERR_UNTRUSTED);
        makers[where].not_after = time_text(bs_clock_floor());
        assert_ok(verify_made(&makers[0], &makers[1], &makers[2]));
    }
}

static void at_1970_everything_else_is_checked_as_ever(void **state)
{
    (void)state;
    wall_seconds = 0;
    struct maker leaf = good_leaf(), middle = good_middle(), root = good_root();
    leaf.not_before = time_text(bs_clock_floor() + DAY);
    leaf.issuer_key = root_key;
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    leaf.issuer_key = middle_key;
    leaf.extensions[2].value = "300a06082b06010505070302";
    assert_err(verify_made(&leaf, &middle, &root), BS_ERR_UNTRUSTED);
    a_changed_bit_anywhere_breaks_the_chain(state);
}

static struct bs_span vector(const char *name)
{
    static uint8_t arena[64 * 1024];
    static size_t used;
    char path[256];
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(16 * 1024);
    snprintf(path, sizeof(path), "%s/%s", BS_TEST_VECTORS, name);
    assert_ok(bs_file_read(path, &file));
    assert_true(file.size <= sizeof(arena) - used);
    memcpy(arena + used, file.data, file.size);
    struct bs_span span = BS_SPAN(arena + used, file.size);
    used += file.size;
    return span;
}

static struct bs_span vector_cert(const char *name)
{
    static uint8_t arena[64 * 1024];
    static size_t used;
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    assert_ok(cert_pem_decode(vector(name), "CERTIFICATE", &der));
    memcpy(arena + used, der.data, der.size);
    struct bs_span span = BS_SPAN(arena + used, der.size);
    used += der.size;
    return span;
}

static struct cert_roots *vector_roots(const char *name)
{
    struct cert_roots *roots = NULL;
    assert_ok(cert_roots_from_pem(vector(name), &roots));
    return roots;
}

static void the_ek_certificates_of_swtpm_verify(void **state)
{
    (void)state;
    BS_OWN(roots) roots = vector_roots("ek/root.pem");
    BS_OWN(roots) issuers = vector_roots("ek/issuer.pem");
    BS_OWN(roots) strangers = vector_roots("cert/root.pem");
    const char *const names[] = { "ek/rsa2048.der", "ek/p384.der" };
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct bs_span chain[] = { vector(names[i]), vector_cert("ek/issuer.pem") };
        const char *why = NULL;
        assert_ok(cert_chain_verify(chain, 2, roots, BS_OID_EKU_EK, &why));
        assert_null(why);
        assert_ok(cert_chain_verify(chain, 1, issuers, BS_OID_EKU_EK, &why));
        assert_err(cert_chain_verify(chain, 1, roots, BS_OID_EKU_EK, &why), BS_ERR_UNTRUSTED);
        assert_non_null(why);
        assert_err(cert_chain_verify(chain, 2, strangers, BS_OID_EKU_EK, NULL), BS_ERR_UNTRUSTED);
        assert_err(cert_chain_verify(chain, 2, roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
        /* one of them, not signed by the other */
        const struct bs_span swapped[] = { chain[0], vector(names[1 - i]) };
        assert_err(cert_chain_verify(swapped, 2, roots, BS_OID_EKU_EK, NULL), BS_ERR_UNTRUSTED);
    }
}

/* P-384 with SHA-384, RSA-4096 with SHA-512 and SHA-384, a critical certificatePolicies. */
static void the_chain_of_openssl_verifies(void **state)
{
    (void)state;
    BS_OWN(roots) roots = vector_roots("cert/root.pem");
    const struct bs_span chain[] = { vector_cert("cert/leaf.pem"), vector_cert("cert/issuer.pem") };
    assert_ok(cert_chain_verify(chain, 2, roots, SERVER_AUTH, NULL));
    assert_ok(cert_chain_verify(chain, 2, roots, CLIENT_AUTH, NULL));
    assert_err(cert_chain_verify(chain, 2, roots, BS_OID_EKU_BUNDLE, NULL), BS_ERR_UNTRUSTED);
    for (size_t i = chain[0].size - 500; i < chain[0].size; i += 11) {
        ((uint8_t *)chain[0].data)[i] ^= 1;
        assert_err(cert_chain_verify(chain, 2, roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
        ((uint8_t *)chain[0].data)[i] ^= 1;
    }
}

static void a_signature_with_sha1_is_refused(void **state)
{
    (void)state;
    BS_OWN(roots) roots = vector_roots("cert/issuer.pem");
    struct bs_span leaf = vector_cert("cert/leaf-sha1.pem");
    assert_err(cert_chain_verify(&leaf, 1, roots, SERVER_AUTH, NULL), BS_ERR_UNTRUSTED);
}

static void roots_are_cas_or_they_are_not_taken(void **state)
{
    (void)state;
    struct cert_roots *roots = NULL;
    assert_err(cert_roots_from_pem(bs_span_of_string(""), &roots), BS_ERR_INPUT);
    assert_err(cert_roots_from_pem(bs_span_of_string("no certificate"), &roots), BS_ERR_INPUT);
    assert_err(cert_roots_from_pem(vector("cert/leaf.pem"), &roots), BS_ERR_INPUT);

    BS_SCOPED_BUF struct bs_buf two = BS_BUF(16 * 1024);
    struct bs_span root = vector("cert/root.pem"), leaf = vector("cert/leaf.pem");
    assert_ok(bs_buf_append(&two, root.data, root.size));
    assert_ok(bs_buf_append(&two, leaf.data, leaf.size));
    assert_err(cert_roots_from_pem(bs_buf_span(&two), &roots), BS_ERR_INPUT);
    /* a second certificate that is cut off */
    assert_err(cert_roots_from_pem(BS_SPAN(two.data, two.size - 40), &roots), BS_ERR_INPUT);
    assert_null(roots);

    BS_OWN(roots) good = vector_roots("cert/root.pem");
    assert_int_equal(cert_roots_count(good), 1);
    assert_true(bs_span_equal(cert_roots_der(good, 0), vector_cert("cert/root.pem")));
}

#define TEST(name) cmocka_unit_test_setup(name, reset_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_chain_that_is_in_order_verifies),
        TEST(a_chain_to_no_pinned_root_is_refused),
        TEST(a_chain_may_have_six_certificates),
        TEST(the_algorithm_must_be_one_of_the_key),
        TEST(a_chain_with_a_wrong_signature_is_refused),
        TEST(a_chain_with_a_wrong_name_in_it_is_refused),
        TEST(a_changed_bit_anywhere_breaks_the_chain),
        TEST(only_cas_issue),
        TEST(path_lengths_are_kept),
        TEST(the_leaf_must_be_for_the_use_that_is_asked_for),
        TEST(a_critical_extension_that_is_not_understood_is_refused_anywhere),
        TEST(name_constraints_are_refused_even_if_not_critical),
        TEST(a_critical_alternative_name_is_understood),
        TEST(roots_that_share_a_name_are_all_tried),
        TEST(a_bad_root_does_not_hide_a_good_one),
        TEST(a_known_clock_decides_by_both_dates),
        TEST(at_1970_a_certificate_younger_than_the_floor_is_accepted),
        TEST(at_1970_a_certificate_that_expired_before_the_floor_is_refused),
        TEST(at_1970_everything_else_is_checked_as_ever),
        TEST(the_ek_certificates_of_swtpm_verify),
        TEST(the_chain_of_openssl_verifies),
        TEST(a_signature_with_sha1_is_refused),
        TEST(roots_are_cas_or_they_are_not_taken),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
