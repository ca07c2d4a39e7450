/* What comes sealed or signed, with real cryptography: nothing made here can be good, and the way to that is what is read first. */
#include "core/bundle.h"
#include "core/credential.h"
#include "core/file.h"
#include "core/share.h"
#include "core/wipe.h"
#include "fuzz/fuzz.h"

static const uint8_t secret[CREDENTIAL_SIZE] = { 1 }, channel[32] = { 2 };

static struct cert_roots *roots;
static struct crypto_key *key;

static void begin(void)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    if (roots)
        return;
    FUZZ_CLAIM(bs_file_read(BS_TEST_VECTORS "/messages/bundle-ca.pem", &pem) == BS_OK);
    FUZZ_CLAIM(cert_roots_from_pem(bs_buf_span(&pem), &roots) == BS_OK);
    FUZZ_CLAIM(crypto_key_make(&key) == BS_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_span input = BS_SPAN(data, size);
    struct bundle bundle;
    struct wipe_order order;
    const struct share_label label = { .serial = 1 };
    BS_OWN(secret) opened = NULL;
    begin();
    enum bs_err err = bundle_verify(input, roots, &bundle);
    if (err != BS_OK)
        FUZZ_CLAIM_REFUSAL(err);
    err = wipe_verify(input, roots, &order);
    if (err != BS_OK)
        FUZZ_CLAIM_REFUSAL(err);
    err = bundle_decrypt(BS_SPAN(secret, sizeof(secret)), BS_SPAN(channel, sizeof(channel)), BS_SPAN("s", 1), input,
                         &opened);
    FUZZ_CLAIM(err != BS_OK && !opened);
    FUZZ_CLAIM_REFUSAL(err);
    err = share_unlock(key, &label, input, &opened);
    FUZZ_CLAIM(err != BS_OK && !opened);
    FUZZ_CLAIM_REFUSAL(err);
    return 0;
}
