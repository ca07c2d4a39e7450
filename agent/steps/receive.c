/* receive: recover, decrypt and verify the bundle, and check that it is for this device, whole, before anything of it is used. */
#include "agent/machine.h"
#include "agent/steps/steps.h"
#include "agent/vault/keys.h"
#include "core/file.h"

#include <inttypes.h>

#define STATE BS_STATE_RECEIVE

/* The keys of the answer come from a secret that only this TPM recovers. */
static enum bs_err decrypt(struct boot *boot, struct bs_secret **ret_sign1)
{
    struct boot_exchange *exchange = &boot->exchange;
    const struct message_answer *answer = &exchange->answer;
    BS_OWN(secret) secret = NULL;
    enum bs_err err = tpm_activate(boot->tpm, answer->id_object, answer->encrypted_secret, &secret);
    if (err != BS_OK)
        return err;

    uint8_t channel_bytes[BS_CHANNEL_SIZE];
    net_channel(exchange->connection, channel_bytes);
    struct bs_span channel = BS_SPAN(channel_bytes, sizeof(channel_bytes));
    struct bs_span key = BS_SPAN(bs_secret_view(secret), bs_secret_size(secret));
    err = bundle_confirm_key(key, channel, exchange->confirm_key);
    if (err == BS_OK)
        err = bundle_decrypt(key, channel, bs_buf_span(&exchange->statement), answer->bundle, ret_sign1);
    return err;
}

/* NULL when the bundle is ours, else what is wrong with it. */
static const char *not_ours(struct boot *boot, const struct bundle *bundle)
{
    const TPMT_PUBLIC *public_area;
    const struct wire_name *ak, *srk;
    if (tpm_ak(boot->tpm, &public_area, &ak) != BS_OK || tpm_srk(boot->tpm, &public_area, &srk) != BS_OK)
        return "cannot be compared with the TPM's keys";
    if (!bs_span_equal(bundle->device, BS_SPAN(boot->identity.device, WIRE_ID_SIZE)))
        return "is for another device";
    if (!bs_span_equal(bundle->ak_name, wire_name_span(ak)))
        return "is for another attestation key";
    if (!bs_span_equal(bundle->srk_name, wire_name_span(srk)))
        return "is for another storage root key";
    if (boot->is_held && bundle->serial <= boot->held.bundle.serial)
        return "is not newer than the one that is held";

    struct cert_info leaf;
    if (bundle->chain_count == 0 || cert_parse(bundle->chain[0], &leaf) != BS_OK ||
        !cert_key_equals(&leaf, &boot->identity.device_key.public_area.publicArea))
        return "has a certificate for another device key";
    return NULL;
}

static enum bs_err encode_device_key(struct boot *boot)
{
    bs_buf_reset(&boot->device_public);
    bs_buf_reset(&boot->device_private);
    enum bs_err err = wire_public2b_encode(&boot->identity.device_key.public_area, &boot->device_public);
    if (err == BS_OK)
        err = wire_private_encode(&boot->identity.device_key.private_area, &boot->device_private);
    return err;
}

static enum bs_err take(struct boot *boot, struct bs_secret *sign1, const struct bundle *bundle)
{
    enum bs_err err = encode_device_key(boot);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the device key cannot be encoded (%s)", bs_err_name(err));

    vault_opened_clear(&boot->fresh);
    boot->fresh = (struct vault_opened){
        .plain = sign1,
        .bundle = *bundle,
        .contents = { .sign1 = BS_SPAN(bs_secret_view(sign1), bs_secret_size(sign1)),
                      .device_public = bs_buf_span(&boot->device_public),
                      .device_private = bs_buf_span(&boot->device_private),
                      .time_floor = boot->exchange.answer.time },
    };
    bs_clock_raise_floor((int64_t)boot->exchange.answer.time);
    return BS_OK;
}

/* Vaults that the shares in the bundle open; they have what the device made before this boot was another one. */
static enum bs_err recover(struct boot *boot, struct vault_opened ret_old[VAULT_SLOTS], size_t *ret_count)
{
    const struct bundle *bundle = &boot->fresh.bundle;
    const struct vault_shares shares = { bundle->device, bundle->shares, bundle->share_count };
    BS_OWN(string) dir = NULL;
    *ret_count = 0;
    if (shares.count == 0)
        return BS_OK;
    enum bs_err err = machine_vault(boot->config, boot->root, 0, &dir);
    if (err == BS_OK)
        vault_recover(dir, &shares, ret_old, ret_count);
    return err;
}

static enum bs_err say_keys(struct boot *boot, enum bs_err err, const struct vault_key_result *result)
{
    if (err == BS_ERR_KEYS_LOST)
        return boot_fail(
            boot, err, STATE,
            "the key \"%.*s\" that this device made is not in its vault, and no recovery share opens an older one; it "
            "makes no new one unless told to: bootsealctl device rekey %s",
            (int)result->lost.size, (const char *)result->lost.data, boot->report.device);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the keys of this device cannot be made (%s)", bs_err_name(err));
    if (result->made > 0)
        bs_notice(STATE, "%zu keys are made by this device", result->made);
    if (result->kept > 0)
        bs_notice(STATE, "%zu keys that this device made are kept", result->kept);
    return BS_OK;
}

static enum bs_err settle_keys(struct boot *boot)
{
    struct vault_opened old[VAULT_SLOTS];
    size_t old_count = 0;
    struct vault_key_sources sources = { .count = 0 };
    struct vault_key_result result = { 0 };
    enum bs_err err = recover(boot, old, &old_count);
    if (boot->is_held)
        sources.list[sources.count++] = &boot->held.contents;
    for (size_t i = 0; i < old_count; i++)
        sources.list[sources.count++] = &old[i].contents;
    if (err == BS_OK)
        err = vault_keys_settle(&boot->fresh, &sources, &result);
    err = say_keys(boot, err, &result);
    for (size_t i = 0; i < old_count; i++)
        vault_opened_clear(&old[i]);
    return err;
}

enum bs_err step_receive(struct boot *boot)
{
    BS_OWN(secret) sign1 = NULL;
    enum bs_err err = decrypt(boot, &sign1);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the credentials cannot be decrypted (%s); %s", bs_err_name(err),
                         machine_tpm_hint(err, "they are not for this TPM and this connection"));

    struct bundle bundle;
    err = bundle_verify(BS_SPAN(bs_secret_view(sign1), bs_secret_size(sign1)), boot->roots, &bundle);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE,
                         "the credentials are not signed as they must be (%s); is server.ca this server's CA?",
                         bs_err_name(err));
    const char *wrong = not_ours(boot, &bundle);
    if (wrong)
        return boot_fail(boot, BS_ERR_UNTRUSTED, STATE, "the bundle %s; nothing of it is used", wrong);

    err = take(boot, sign1, &bundle);
    if (err != BS_OK)
        return err;
    (void)BS_TAKE(sign1);
    err = settle_keys(boot);
    if (err != BS_OK)
        return err;
    bs_notice(STATE, "approved: bundle %" PRIu64 " of profile %.*s, %zu items", bundle.serial, (int)bundle.profile.size,
              (const char *)bundle.profile.data, bundle.item_count);
    return BS_OK;
}
