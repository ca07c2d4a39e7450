/*
 * What somebody with access to the TPM can do without the server: seals a key of his own to the PCR values of this boot and to the
 * counter's present or next value, and puts it in the vault with a bundle of his own making. Everything in it fits but
 * the signature.
 *
 *   forge_slot DEVICE DIR MASK current|next
 */
#include "agent/vault/slot.h"
#include "core/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEED(expression)                                                                   \
    do {                                                                                   \
        enum bs_err err_ = (expression);                                                   \
        if (err_ != BS_OK) {                                                               \
            (void)fprintf(stderr, "forge_slot: %s: %s\n", #expression, bs_err_name(err_)); \
            exit(1);                                                                       \
        }                                                                                  \
    } while (0)

struct authority {
    struct crypto_key *key;
    struct bs_buf cert;
};

static void self_signed(struct authority *ca)
{
    struct cert_request request = { .common_name = "forger", .is_ca = true, .path_length = -1, .not_after = INT32_MAX };
    struct crypto_point point;

    ca->cert = BS_BUF(BS_CERT_MAX);
    request.serial[15] = 1;
    NEED(crypto_key_make(&ca->key));
    NEED(crypto_key_public(ca->key, &point));
    NEED(cert_make(&request, &point, ca->key, BS_SPAN_NONE, &ca->cert));
}

static void issue(struct authority *ca, const struct crypto_point *point, const char *eku, struct bs_buf *out)
{
    struct cert_request request = { .common_name = "forged", .eku = eku, .path_length = -1, .not_after = INT32_MAX };

    request.serial[15] = 2;
    NEED(cert_make(&request, point, ca->key, bs_buf_span(&ca->cert), out));
}

static void forge_bundle(struct tpm *tpm, const struct tpm_key_blob *device, struct bs_buf *sign1)
{
    static const uint8_t id[32] = { 1 };
    struct authority ca;
    struct crypto_key *key;
    struct crypto_point point;
    struct bs_buf signer = BS_BUF(BS_CERT_MAX);
    struct bs_buf leaf = BS_BUF(BS_CERT_MAX);
    const TPMT_PUBLIC *public_area;
    const struct wire_name *ak;
    const struct wire_name *srk;
    struct bundle bundle = {
        .device = BS_SPAN(id, sizeof(id)), .serial = 99, .issued = 1, .profile = BS_SPAN("demo", 4)
    };

    self_signed(&ca);
    NEED(crypto_key_make(&key));
    NEED(crypto_key_public(key, &point));
    issue(&ca, &point, BS_OID_EKU_BUNDLE, &signer);
    NEED(wire_public_point(&device->public_area.publicArea, &point));
    issue(&ca, &point, "1.3.6.1.5.5.7.3.2", &leaf);
    NEED(tpm_ak(tpm, &public_area, &ak));
    bundle.ak_name = wire_name_span(ak);
    NEED(tpm_srk(tpm, &public_area, &srk));
    bundle.srk_name = wire_name_span(srk);
    bundle.chain[0] = bs_buf_span(&leaf);
    bundle.chain_count = 1;
    bundle.items[0] = (struct bundle_item){ BS_SPAN("demo.secret", 11), BS_ITEM_SECRET, BS_SPAN("forged", 6) };
    bundle.item_count = 1;
    NEED(bundle_sign(&bundle, key, bs_buf_span(&signer), sign1));
    crypto_key_free(key);
    crypto_key_free(ca.key);
    bs_buf_free(&ca.cert);
    bs_buf_free(&signer);
    bs_buf_free(&leaf);
}

static void forge_slot(struct tpm *tpm, uint32_t mask, bool is_next, struct bs_buf *out)
{
    struct slot_header header = { .policy = { .bank = CRYPTO_SHA256, .boot_mask = mask, .cap_pcr = 12 } };
    struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    struct bs_buf public_area = BS_BUF(4096);
    struct bs_buf private_area = BS_BUF(4096);
    struct vault_contents contents;
    struct tpm_key_blob device;
    struct tpm_counter counter;
    struct tpm_policy policy;
    struct bs_secret *key;
    const TPMT_PUBLIC *srk;
    const struct wire_name *srk_name;

    NEED(tpm_srk(tpm, &srk, &srk_name));
    header.srk = *srk;
    NEED(tpm_counter_read(tpm, &counter));
    header.generation = counter.value + (is_next ? 1 : 0);
    header.counter_index = counter.public_area.nvIndex;
    header.counter_name = counter.name;
    NEED(tpm_device_key_make(tpm, &device));
    forge_bundle(tpm, &device, &sign1);
    NEED(wire_public2b_encode(&device.public_area, &public_area));
    NEED(wire_private_encode(&device.private_area, &private_area));
    contents = (struct vault_contents){ .sign1 = bs_buf_span(&sign1),
                                        .device_public = bs_buf_span(&public_area),
                                        .device_private = bs_buf_span(&private_area),
                                        .time_floor = 1 };
    NEED(bs_secret_new(SLOT_KEY_SIZE, &key));
    NEED(crypto_random(bs_secret_data(key), SLOT_KEY_SIZE));
    NEED(tpm_policy_now(tpm, CRYPTO_SHA256, mask, 12, &counter, header.generation, &policy));
    NEED(tpm_seal(tpm, &policy, key, &header.sealed));
    NEED(slot_encode(&header, &(struct slot_keys){ key, NULL }, &contents, out));
    bs_secret_free(key);
    bs_buf_free(&sign1);
    bs_buf_free(&public_area);
    bs_buf_free(&private_area);
    if (is_next)
        NEED(tpm_counter_increment(tpm, &counter));
}

int main(int argc, char **argv)
{
    struct tpm_options options = { .srk_handle = 0x81000001,
                                   .ak_handle = 0x8101B001,
                                   .counter_index = 0x0180B001,
                                   .persist = true,
                                   .timeout_ms = 10000 };
    struct bs_buf slot = BS_BUF(SLOT_MAX);
    struct tpm *tpm;
    uint64_t mask;
    char path[512];

    if (argc != 5)
        return 2;
    options.device = argv[1];
    NEED(bs_parse_u64(argv[3], 0xFFFFFF, &mask));
    NEED(tpm_open(&options, &tpm));
    forge_slot(tpm, (uint32_t)mask, strcmp(argv[4], "next") == 0, &slot);
    tpm_close(tpm);
    for (char name = 'a'; name <= 'b'; name++) {
        (void)snprintf(path, sizeof(path), "%s/slot-%c", argv[2], name);
        NEED(bs_file_write(path, bs_buf_span(&slot), NULL));
    }
    bs_buf_free(&slot);
    return 0;
}
