/* Requests for certificates, and PEM. */
#include "cert_keys.h"
#include "hex.h"
#include "unit.h"

#include "bootseal/protocol.h"
#include "core/cert_internal.h"

static enum bs_err sign_with_key(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    return crypto_key_sign(context, digest, ret_signature);
}

static enum bs_err sign_never(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    (void)context;
    (void)digest;
    (void)ret_signature;
    return BS_ERR_TPM;
}

static void a_csr_is_its_keys_own(void **state)
{
    (void)state;
    TPMT_PUBLIC key = tpm_key(&leaf_point), other = tpm_key(&ca_point);
    BS_SCOPED_BUF struct bs_buf csr = BS_BUF(BS_CERT_MAX);
    assert_ok(cert_csr_make(&key, "device", sign_with_key, leaf_key, &csr));
    assert_ok(cert_csr_verify(bs_buf_span(&csr), &key));
    assert_err(cert_csr_verify(bs_buf_span(&csr), &other), BS_ERR_UNTRUSTED);

    for (size_t i = 0; i < csr.size; i++) {
        csr.data[i] ^= (uint8_t)(1 << i % 8);
        assert_err(cert_csr_verify(bs_buf_span(&csr), &key), BS_ERR_UNTRUSTED);
        csr.data[i] ^= (uint8_t)(1 << i % 8);
        assert_err(cert_csr_verify(BS_SPAN(csr.data, i), &key), BS_ERR_UNTRUSTED);
    }
    assert_ok(bs_buf_append(&csr, "", 1));
    assert_err(cert_csr_verify(bs_buf_span(&csr), &key), BS_ERR_UNTRUSTED);

    /* the key of one, the signature of another */
    bs_buf_reset(&csr);
    assert_ok(cert_csr_make(&key, "device", sign_with_key, ca_key, &csr));
    assert_err(cert_csr_verify(bs_buf_span(&csr), &key), BS_ERR_UNTRUSTED);
    bs_buf_reset(&csr);
    assert_err(cert_csr_make(&key, "device", sign_never, NULL, &csr), BS_ERR_TPM);
    assert_int_equal(csr.size, 0);
}

static void the_csr_of_openssl_verifies(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf csr = BS_BUF(BS_CERT_MAX);
    BS_SCOPED_BUF struct bs_buf cert = BS_BUF(BS_CERT_MAX);
    struct cert_info info;
    struct cert_key key;
    vector("cert/leaf.csr.pem", &pem);
    assert_ok(cert_pem_decode(bs_buf_span(&pem), "CERTIFICATE REQUEST", &csr));
    bs_buf_reset(&pem);
    vector("cert/leaf.pem", &pem); /* has the same key */
    assert_ok(cert_pem_decode(bs_buf_span(&pem), "CERTIFICATE", &cert));
    assert_ok(cert_parse(bs_buf_span(&cert), &info));
    assert_true(cert_key_read(info.spki, &key));
    TPMT_PUBLIC area = tpm_key(&key.point);
    assert_ok(cert_csr_verify(bs_buf_span(&csr), &area));
}

static void pem_of_every_length_comes_back(void **state)
{
    (void)state;
    uint8_t data[200];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(37 * i);
    for (size_t size = 1; size <= sizeof(data); size++) {
        BS_SCOPED_BUF struct bs_buf pem = BS_BUF(1024);
        BS_SCOPED_BUF struct bs_buf der = BS_BUF(sizeof(data));
        assert_ok(cert_pem_encode(BS_SPAN(data, size), "X", &pem));
        assert_ok(cert_pem_decode(bs_buf_span(&pem), "X", &der));
        assert_true(bs_span_equal(bs_buf_span(&der), BS_SPAN(data, size)));
        assert_err(cert_pem_decode(bs_buf_span(&pem), "Y", &der), BS_ERR_INPUT);
        bs_buf_reset(&der);
        der.limit = size - 1;
        assert_err(cert_pem_decode(bs_buf_span(&pem), "X", &der), BS_ERR_NOMEM);
    }
}

static void malformed_pem_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "-----BEGIN X-----\n",
        "-----BEGIN X-----\nAAAA\n",
        "-----BEGIN X-----\n-----END X-----\n",
        "-----BEGIN X-----\nAAA\n-----END X-----\n",
        "-----BEGIN X-----\nAAAAAA\n-----END X-----\n",
        "-----BEGIN X-----\nAA=A\n-----END X-----\n",
        "-----BEGIN X-----\nA===\n-----END X-----\n",
        "-----BEGIN X-----\nAA==AAAA\n-----END X-----\n",
        "-----BEGIN X-----\nAB==\n-----END X-----\n", /* bits left over */
        "-----BEGIN X-----\nAAB=\n-----END X-----\n",
        "-----BEGIN X-----\nAA A\n-----END X-----\n",
        "-----BEGIN X-----\nAAA-\n-----END X-----\n",
        "-----BEGIN X-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END X-----\n",
        "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf der = BS_BUF(64);
        assert_err(cert_pem_decode(bs_span_of_string(wrong[i]), "X", &der), BS_ERR_INPUT);
    }
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(64);
    assert_ok(cert_pem_decode(bs_span_of_string("text before\r\n-----BEGIN X-----\r\nAQID\r\nBA==\r\n-----END X-----"),
                              "X", &der));
    assert_true(bs_span_equal(bs_buf_span(&der), hex("01020304")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_csr_is_its_keys_own),
        cmocka_unit_test(the_csr_of_openssl_verifies),
        cmocka_unit_test(pem_of_every_length_comes_back),
        cmocka_unit_test(malformed_pem_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
