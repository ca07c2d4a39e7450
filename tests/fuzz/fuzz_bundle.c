/*
 * What a server signs for devices, behind the signature: bundle, order to wipe, and lists of approvals. Signing and verifying stand
 * aside here (--wrap), so that every input is read as if the server had signed it.
 */
#include "core/approval.h"
#include "core/bundle.h"
#include "core/sign1.h"
#include "core/wipe.h"
#include "fuzz/fuzz.h"

enum bs_err __wrap_sign1_verify(const struct sign1_use *use, struct bs_span sign1, const struct cert_roots *roots,
                                struct bs_span *ret_payload);
enum bs_err __wrap_sign1_verify(const struct sign1_use *use, struct bs_span sign1, const struct cert_roots *roots,
                                struct bs_span *ret_payload)
{
    (void)roots;
    if (sign1.size > use->max)
        return BS_ERR_UNTRUSTED;
    *ret_payload = sign1;
    return BS_OK;
}

enum bs_err __wrap_sign1_make(const struct sign1_use *use, struct bs_span payload, struct crypto_key *key,
                              struct bs_span cert, struct bs_buf *out);
enum bs_err __wrap_sign1_make(const struct sign1_use *use, struct bs_span payload, struct crypto_key *key,
                              struct bs_span cert, struct bs_buf *out)
{
    (void)use;
    (void)key;
    (void)cert;
    return bs_buf_append(out, payload.data, payload.size);
}

static void compare(struct bs_span input, enum bs_err err, const struct bs_buf *encoded)
{
    FUZZ_CLAIM(err == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(encoded), input));
}

static void bundle(struct bs_span input)
{
    struct bundle decoded;
    BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(BS_BUNDLE_MAX);
    enum bs_err err = bundle_verify(input, NULL, &decoded);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        return;
    }
    compare(input, bundle_sign(&decoded, NULL, BS_SPAN_NONE, &encoded), &encoded);
}

static void wipe(struct bs_span input)
{
    struct wipe_order decoded;
    BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(BS_ORDER_MAX);
    enum bs_err err = wipe_verify(input, NULL, &decoded);
    if (err == BS_OK)
        compare(input, wipe_sign(&decoded, NULL, BS_SPAN_NONE, &encoded), &encoded);
    else
        FUZZ_CLAIM_REFUSAL(err);
}

static void approvals(struct bs_span input)
{
    struct approvals decoded;
    BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(APPROVALS_SIZE_MAX);
    enum bs_err err = approvals_decode(input, &decoded);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        return;
    }
    compare(input, approvals_encode(&decoded, &encoded), &encoded);
    for (size_t i = 0; i < decoded.count; i++) {
        uint8_t policy[CRYPTO_SHA256_SIZE];
        err = approval_policy(&decoded.list[i].pcrs, policy);
        if (err != BS_OK)
            FUZZ_CLAIM_REFUSAL(err);
        FUZZ_CLAIM(approval_differences(&decoded.list[i].pcrs, &decoded.list[i].pcrs) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* The largest payloads leave no room for what a real signature needs. */
    if (size > BS_BUNDLE_MAX / 2)
        return 0;
    bundle(BS_SPAN(data, size));
    wipe(BS_SPAN(data, size));
    approvals(BS_SPAN(data, size));
    return 0;
}
