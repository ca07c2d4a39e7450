#include "agent/steps/wipe.h"

#include "agent/machine.h"
#include "agent/steps/confirm.h"
#include "core/wipe.h"

#include <inttypes.h>

#define STATE BS_STATE_ATTEST

/* NULL when the order is ours, else what is wrong with it. */
static const char *not_ours(struct boot *boot, const struct wipe_order *order)
{
    const TPMT_PUBLIC *public_area;
    const struct wire_name *ak;
    uint8_t hash[CRYPTO_SHA256_SIZE];
    if (tpm_ak(boot->tpm, &public_area, &ak) != BS_OK ||
        crypto_hash(CRYPTO_SHA256, bs_buf_span(&boot->exchange.statement), hash) != BS_OK)
        return "cannot be compared with this device";
    if (!bs_span_equal(order->device, BS_SPAN(boot->identity.device, WIRE_ID_SIZE)))
        return "is for another device";
    if (!bs_span_equal(order->ak_name, wire_name_span(ak)))
        return "is for another attestation key";
    if (!bs_span_equal(order->statement_sha256, BS_SPAN(hash, sizeof(hash))))
        return "is an answer to something else";
    if (boot->is_held && order->serial <= boot->held.bundle.serial)
        return "is older than what is held";
    return NULL;
}

static enum bs_err verify(struct boot *boot, struct wipe_order *ret_order)
{
    enum bs_err err = wipe_verify(boot->exchange.answer.order, boot->roots, ret_order);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "an order to forget is not signed as it must be (%s); it is not obeyed",
                         bs_err_name(err));
    const char *wrong = not_ours(boot, ret_order);
    return wrong ? boot_fail(boot, BS_ERR_UNTRUSTED, STATE, "an order to forget %s; it is not obeyed", wrong) : BS_OK;
}

static enum bs_err send_confirm(struct boot *boot, const struct wipe_order *order)
{
    const struct message_answer *answer = &boot->exchange.answer;
    uint8_t channel[BS_CHANNEL_SIZE];
    BS_OWN(secret) secret = NULL;
    enum bs_err err = tpm_activate(boot->tpm, answer->id_object, answer->encrypted_secret, &secret);
    if (err != BS_OK)
        return err;
    net_channel(boot->exchange.connection, channel);
    err = wipe_confirm_key(BS_SPAN(bs_secret_view(secret), bs_secret_size(secret)), BS_SPAN(channel, sizeof(channel)),
                           boot->exchange.confirm_key);
    if (err != BS_OK)
        return err;
    return confirm_send(boot, &(struct message_confirm){ .device = order->device, .serial = order->serial });
}

/* Best effort: where it does not arrive the next boot is ordered once more. */
static void confirm(struct boot *boot, const struct wipe_order *order)
{
    enum bs_err err = send_confirm(boot, order);
    if (err != BS_OK)
        bs_warning(STATE, "the server could not be told that this device has forgotten (%s)", bs_err_name(err));
}

enum bs_err wipe_obey(struct boot *boot)
{
    struct wipe_order order;
    struct vault_forgotten forgotten = { 0 };
    enum bs_err err = verify(boot, &order);
    if (err != BS_OK)
        return err;

    /* What fails here cannot be made good by going on: the device has been told to have nothing. */
    err = machine_forget(boot->config, boot->root, boot->tpm, &forgotten);
    if (forgotten.is_shut)
        boot_fail(boot, BS_ERR_WIPED, STATE,
                  "wiped by order of the server (bootsealctl device wipe): the counter is at %" PRIu64
                  ", whatever was sealed here opens nothing any more%s",
                  forgotten.counter, forgotten.is_erased ? "" : "; the slots could not be erased");
    else
        boot_fail(boot, BS_ERR_WIPED, STATE,
                  "the server orders this device to forget (bootsealctl device wipe), and the TPM does not count (%s): "
                  "nothing is handed over, and the next boot tries again",
                  bs_err_name(err));
    if (forgotten.is_shut)
        confirm(boot, &order);
    return BS_ERR_WIPED;
}
