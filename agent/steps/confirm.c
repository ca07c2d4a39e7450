#include "agent/steps/confirm.h"

#define CONFIRM_MAX 4096
#define CONFIRM_MS 5000

static enum bs_err make(struct boot *boot, struct message_confirm *confirm, struct bs_buf *out)
{
    uint8_t channel[BS_CHANNEL_SIZE], mac[CRYPTO_SHA256_SIZE];
    net_channel(boot->exchange.connection, channel);
    enum bs_err err = message_confirm_mac(BS_SPAN(boot->exchange.confirm_key, sizeof(boot->exchange.confirm_key)),
                                          BS_SPAN(channel, sizeof(channel)), confirm, mac);
    confirm->mac = BS_SPAN(mac, sizeof(mac));
    if (err == BS_OK)
        err = message_confirm_encode(confirm, out);
    confirm->mac = BS_SPAN_NONE;
    return err;
}

enum bs_err confirm_send(struct boot *boot, struct message_confirm *confirm)
{
    struct boot_exchange *exchange = &boot->exchange;
    BS_SCOPED_BUF struct bs_buf body = BS_BUF(CONFIRM_MAX);
    enum bs_err err = exchange->is_open ? make(boot, confirm, &body) : BS_ERR_UNREACHABLE;
    if (err != BS_OK)
        return err;

    struct net_answer http;
    struct message_answer answer;
    bs_buf_reset(&exchange->answer_bytes);
    net_hurry(exchange->connection, bs_deadline_in(CONFIRM_MS));
    err = net_post(exchange->connection, BS_PATH_CONFIRM, bs_buf_span(&body), &exchange->answer_bytes, &http);
    if (err == BS_OK)
        err = message_answer_decode(bs_buf_span(&exchange->answer_bytes), &answer);
    if (err == BS_OK && answer.kind != MESSAGE_CONFIRMED)
        err = BS_ERR_PROTOCOL;
    return err;
}
