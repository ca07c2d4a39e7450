/* Chains and pinned roots. */
#include "chain_maker.h"

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
    assert_every_bit_counts();
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(a_chain_that_is_in_order_verifies),
        CHAIN_TEST(a_chain_to_no_pinned_root_is_refused),
        CHAIN_TEST(a_chain_may_have_six_certificates),
        CHAIN_TEST(the_algorithm_must_be_one_of_the_key),
        CHAIN_TEST(a_chain_with_a_wrong_signature_is_refused),
        CHAIN_TEST(a_chain_with_a_wrong_name_in_it_is_refused),
        CHAIN_TEST(a_changed_bit_anywhere_breaks_the_chain),
        CHAIN_TEST(only_cas_issue),
        CHAIN_TEST(path_lengths_are_kept),
        CHAIN_TEST(the_leaf_must_be_for_the_use_that_is_asked_for),
        CHAIN_TEST(a_critical_extension_that_is_not_understood_is_refused_anywhere),
        CHAIN_TEST(name_constraints_are_refused_even_if_not_critical),
        CHAIN_TEST(a_critical_alternative_name_is_understood),
        CHAIN_TEST(roots_that_share_a_name_are_all_tried),
        CHAIN_TEST(a_bad_root_does_not_hide_a_good_one),
    };
    return CHAIN_RUN(tests);
}
