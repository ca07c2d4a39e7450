/* Chains that others made: of swtpm and of openssl (tests/vectors). */
#include "chain_maker.h"

#include "bootseal/protocol.h"
#include "core/file.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        CHAIN_TEST(the_ek_certificates_of_swtpm_verify),
        CHAIN_TEST(the_chain_of_openssl_verifies),
        CHAIN_TEST(a_signature_with_sha1_is_refused),
        CHAIN_TEST(roots_are_cas_or_they_are_not_taken),
    };
    return CHAIN_RUN(tests);
}
