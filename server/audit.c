/* hash(n) = SHA-256("bootseal audit v1" ‖ 0 ‖ hash(n-1) ‖ fields), every field with its length before it. */
#include "server/audit.h"

#include "core/crypto.h"
#include "core/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define AUDIT_LABEL "bootseal audit v1"

static void number(uint8_t ret_bytes[8], uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        ret_bytes[i] = (uint8_t)value;
}

static enum bs_err hash_row(const struct store_audit *row, const uint8_t before[STORE_DIGEST],
                            uint8_t ret_hash[STORE_DIGEST])
{
    struct bs_span texts[] = { bs_span_of_string(row->actor), bs_span_of_string(row->act),
                               row->device ? BS_SPAN(row->device, WIRE_ID_SIZE) : BS_SPAN_NONE,
                               bs_span_of_string(row->reason), bs_span_of_string(row->detail) };
    enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
    uint8_t lengths[COUNT][8], sequence[8], time[8];
    struct bs_span pieces[3 + 2 * COUNT] = { BS_SPAN(before, STORE_DIGEST), BS_SPAN(sequence, 8), BS_SPAN(time, 8) };
    number(sequence, row->sequence);
    number(time, (uint64_t)row->time);
    for (size_t i = 0; i < COUNT; i++) {
        number(lengths[i], texts[i].size);
        pieces[3 + 2 * i] = BS_SPAN(lengths[i], 8);
        pieces[4 + 2 * i] = texts[i];
    }
    return crypto_labelled(AUDIT_LABEL, pieces, 3 + 2 * COUNT, ret_hash);
}

enum bs_err audit_add(struct server *server, const struct audit_entry *entry, const char *format, ...)
{
    char detail[AUDIT_DETAIL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);

    uint8_t before[STORE_DIGEST];
    struct store_audit row = { .time = server->now(),
                               .actor = entry->actor,
                               .act = entry->act,
                               .device = entry->device,
                               .reason = entry->reason ? entry->reason : "",
                               .detail = detail };
    enum bs_err err = store_audit_last(server->store, &row.sequence, before);
    row.sequence++;
    if (err == BS_OK)
        err = hash_row(&row, before, row.hash);
    return err == BS_OK ? store_audit_add(server->store, &row) : err;
}

void audit_stranger(struct server *server, const char *reason, const char *address)
{
    uint64_t missed = 0;
    if (!limit_rows_allow(&server->strangers, reason, server->now(), &missed))
        return;
    struct audit_entry entry = { "stranger", "verdict.refused", NULL, reason };
    enum bs_err err = store_begin(server->store);
    if (err == BS_OK) {
        err = audit_add(server, &entry, "from %s; %" PRIu64 " more since the last such row", address, missed);
        if (err == BS_OK)
            err = store_commit(server->store);
        else
            store_rollback(server->store);
    }
    if (err != BS_OK)
        bs_warning("audit", "a refusal (%s) could not be written down (%s)", reason, bs_err_name(err));
}

struct chain {
    uint8_t hash[STORE_DIGEST];
    uint64_t rows;
};

static enum bs_err follow(void *context, const struct store_audit *row)
{
    struct chain *chain = context;
    uint8_t hash[STORE_DIGEST];
    enum bs_err err = hash_row(row, chain->hash, hash);
    if (err != BS_OK)
        return err;
    if (row->sequence != chain->rows + 1 || memcmp(hash, row->hash, sizeof(hash)) != 0)
        return BS_ERR_TAMPERED;
    memcpy(chain->hash, hash, sizeof(hash));
    chain->rows++;
    return BS_OK;
}

enum bs_err audit_verify(struct store *store, uint64_t *ret_rows, uint64_t *ret_wrong)
{
    struct chain chain = { .rows = 0 };
    enum bs_err err = store_audit_each(store, 0, 0, NULL, follow, &chain);
    *ret_rows = chain.rows;
    *ret_wrong = err == BS_ERR_TAMPERED ? chain.rows + 1 : 0;
    return err;
}
