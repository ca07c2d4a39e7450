/* The store in SQLite: devices, what they showed, their secrets, certificates and bundles. */
#include "server/store/store_sqlite.h"

#include <assert.h>
#include <string.h>

const char *store_status_name(enum store_status status)
{
    switch (status) {
    case STORE_NEW:
        return "new";
    case STORE_PENDING:
        return "pending";
    case STORE_APPROVED:
        return "approved";
    case STORE_REFUSED:
        return "refused";
    case STORE_REVOKED:
        return "revoked";
    }
    return "?";
}

const char *store_device_state(const struct store_device *device)
{
    switch (device->wipe) {
    case STORE_WIPE_ORDERED:
        return "wiping";
    case STORE_WIPE_DONE:
        return "wiped";
    case STORE_WIPE_NONE:
        break;
    }
    return store_status_name(device->status);
}

const char *store_device_serial(const struct store_device *device)
{
    return device->serial[0] ? device->serial : device->claimed_serial;
}

static void put_name(struct sql_use *use, const struct wire_name *name)
{
    put_blob(use, name->size > 0 ? name->name : NULL, name->size);
}

static void take_name(struct sql_use *use, struct wire_name *ret_name)
{
    struct bs_span view = take_view(use);
    *ret_name = (struct wire_name){ 0 };
    if (view.size > 0 && wire_name_from_span(view, ret_name) != BS_OK && use->err == BS_OK)
        use->err = BS_ERR_IO;
}

/* The columns of schema/1.sql in their order, then that of schema/4.sql. */
static void put_device(struct sql_use *use, const struct store_device *d)
{
    put_blob(use, d->id, sizeof(d->id));
    put_int(use, d->status);
    put_text(use, d->profile);
    put_text(use, d->serial);
    put_text(use, d->labels);
    put_name(use, &d->ak_name);
    put_name(use, &d->srk_name);
    put_text(use, d->ek_manufacturer);
    put_text(use, d->ek_model);
    put_text(use, d->ek_version);
    put_u64(use, d->firmware_version);
    put_int(use, d->reset_count);
    put_int(use, d->accept_reset);
    put_u64(use, d->bundle_serial);
    put_u64(use, d->confirmed_serial);
    put_int(use, d->created);
    put_int(use, d->seen);
    put_text(use, d->verdict);
    put_text(use, d->reason);
    put_int(use, d->verdict_time);
    put_blob(use, d->verdict_question, sizeof(d->verdict_question));
    put_text(use, d->product);
    put_text(use, d->firmware);
    put_text(use, d->kernel);
    put_text(use, d->agent);
    put_text(use, d->claimed_serial);
    put_int(use, d->wipe);
}

static enum bs_err take_device(struct sql_use *use, struct store_device *ret_device)
{
    struct store_device d = { 0 };
    take_blob(use, d.id, sizeof(d.id));
    d.status = (enum store_status)take_int(use);
    take_text(use, d.profile, sizeof(d.profile));
    take_text(use, d.serial, sizeof(d.serial));
    take_text(use, d.labels, sizeof(d.labels));
    take_name(use, &d.ak_name);
    take_name(use, &d.srk_name);
    take_text(use, d.ek_manufacturer, sizeof(d.ek_manufacturer));
    take_text(use, d.ek_model, sizeof(d.ek_model));
    take_text(use, d.ek_version, sizeof(d.ek_version));
    d.firmware_version = (uint64_t)take_int(use);
    d.reset_count = (uint32_t)take_int(use);
    d.accept_reset = take_int(use) != 0;
    d.bundle_serial = (uint64_t)take_int(use);
    d.confirmed_serial = (uint64_t)take_int(use);
    d.created = take_int(use);
    d.seen = take_int(use);
    take_text(use, d.verdict, sizeof(d.verdict));
    take_text(use, d.reason, sizeof(d.reason));
    d.verdict_time = take_int(use);
    take_blob(use, d.verdict_question, sizeof(d.verdict_question));
    take_text(use, d.product, sizeof(d.product));
    take_text(use, d.firmware, sizeof(d.firmware));
    take_text(use, d.kernel, sizeof(d.kernel));
    take_text(use, d.agent, sizeof(d.agent));
    take_text(use, d.claimed_serial, sizeof(d.claimed_serial));
    d.wipe = (enum store_wipe)take_int(use);
    if (use->err == BS_OK)
        *ret_device = d;
    return use->err;
}

enum bs_err store_device_get(struct store *store, const uint8_t id[WIRE_ID_SIZE], struct store_device *ret_device)
{
    SQL_USE(use, store, SQL_DEVICE_GET);
    put_blob(&use, id, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_device(&use, ret_device) : err;
}

enum bs_err store_device_by_ak(struct store *store, const struct wire_name *ak, uint8_t ret_id[WIRE_ID_SIZE])
{
    SQL_USE(use, store, SQL_DEVICE_BY_AK);
    put_name(&use, ak);
    enum bs_err err = sql_row(&use);
    if (err != BS_OK)
        return err;
    take_blob(&use, ret_id, WIRE_ID_SIZE);
    return use.err;
}

enum bs_err store_device_put(struct store *store, const struct store_device *device)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_DEVICE_PUT);
    put_device(&use, device);
    return sql_run(&use);
}

enum bs_err store_device_verdict(struct store *store, const struct store_device *device)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_DEVICE_VERDICT);
    put_blob(&use, device->id, sizeof(device->id));
    put_int(&use, device->reset_count);
    put_int(&use, device->accept_reset);
    put_u64(&use, device->bundle_serial);
    put_u64(&use, device->confirmed_serial);
    put_int(&use, device->seen);
    put_text(&use, device->verdict);
    put_text(&use, device->reason);
    put_int(&use, device->verdict_time);
    put_blob(&use, device->verdict_question, sizeof(device->verdict_question));
    return sql_run(&use);
}

enum bs_err store_device_count(struct store *store, enum store_status status, uint64_t *ret_count)
{
    SQL_USE(use, store, SQL_DEVICE_COUNT);
    put_int(&use, status);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        *ret_count = (uint64_t)take_int(&use);
    return err;
}

enum bs_err store_device_each(struct store *store, store_device_fn row, void *context)
{
    SQL_USE(use, store, SQL_DEVICE_EACH);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_device device;
        err = take_device(&use, &device);
        if (err == BS_OK)
            err = row(context, &device);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

/* The smallest and the largest id that begin with this hex: "12a" is 12a0... to 12af.... */
static enum bs_err prefix_range(const char *prefix, uint8_t ret_low[WIRE_ID_SIZE], uint8_t ret_high[WIRE_ID_SIZE])
{
    char digits[2 * WIRE_ID_SIZE + 1];
    size_t length = strlen(prefix), size = 0;
    if (length == 0 || length > 2 * WIRE_ID_SIZE)
        return BS_ERR_INPUT;
    memset(digits, '0', sizeof(digits));
    digits[2 * WIRE_ID_SIZE] = '\0';
    memcpy(digits, prefix, length);
    enum bs_err err = bs_unhex(digits, ret_low, WIRE_ID_SIZE, &size);
    if (err != BS_OK)
        return err;
    memset(digits + length, 'f', 2 * WIRE_ID_SIZE - length);
    return bs_unhex(digits, ret_high, WIRE_ID_SIZE, &size);
}

enum bs_err store_device_find(struct store *store, const char *prefix, uint8_t ret_ids[2][WIRE_ID_SIZE],
                              size_t *ret_count)
{
    uint8_t low[WIRE_ID_SIZE], high[WIRE_ID_SIZE];
    enum bs_err err = prefix_range(prefix, low, high);
    if (err != BS_OK)
        return err;
    SQL_USE(use, store, SQL_DEVICE_FIND);
    put_blob(&use, low, sizeof(low));
    put_blob(&use, high, sizeof(high));
    size_t count = 0;
    while (count < 2 && (err = sql_row(&use)) == BS_OK)
        take_blob(&use, ret_ids[count++], WIRE_ID_SIZE);
    if (err != BS_OK && err != BS_ERR_NOT_FOUND)
        return err;
    *ret_count = count;
    return use.err;
}

void store_boot_free(struct store_boot *boot)
{
    bs_buf_free(&boot->log);
    bs_buf_free(&boot->userspace_log);
    bs_buf_free(&boot->command_line);
}

static size_t pack_pcrs(const struct store_boot *boot, uint8_t *ret_packed)
{
    size_t size = crypto_hash_size(boot->bank), at = 0;
    for (unsigned pcr = 0; pcr < 24; pcr++)
        if (boot->mask & (1u << pcr)) {
            memcpy(ret_packed + at, boot->pcrs[pcr], size);
            at += size;
        }
    return at;
}

static void put_buf(struct sql_use *use, const struct bs_buf *buf)
{
    put_blob(use, buf->size > 0 ? (const void *)buf->data : "", buf->size);
}

static void take_buf(struct sql_use *use, struct bs_buf *ret_buf)
{
    bs_buf_reset(ret_buf);
    take_bytes(use, ret_buf);
}

void put_boot(struct sql_use *use, const struct store_boot *boot)
{
    uint8_t packed[24 * CRYPTO_HASH_MAX] = { 0 };
    size_t size = pack_pcrs(boot, packed);
    put_int(use, boot->bank);
    put_int(use, boot->mask);
    /* The packed values live on this stack only: SQLite takes a copy. */
    if (use->err == BS_OK &&
        sqlite3_bind_blob64(use->statement, ++use->next, packed, size, SQLITE_TRANSIENT) != SQLITE_OK)
        use->err = BS_ERR_NOMEM;
    put_buf(use, &boot->log);
    put_buf(use, &boot->userspace_log);
    put_buf(use, &boot->command_line);
}

void take_boot(struct sql_use *use, struct store_boot *ret_boot)
{
    ret_boot->bank = (uint16_t)take_int(use);
    ret_boot->mask = (uint32_t)take_int(use);
    struct bs_span packed = take_view(use);
    struct bs_reader reader = BS_READER(packed);
    size_t size = crypto_hash_size(ret_boot->bank);
    for (unsigned pcr = 0; pcr < 24; pcr++) {
        struct bs_span value;
        if (!(ret_boot->mask & (1u << pcr)))
            continue;
        if (size == 0 || !bs_read_bytes(&reader, size, &value)) {
            use->err = BS_ERR_IO;
            return;
        }
        memcpy(ret_boot->pcrs[pcr], value.data, size);
    }
    take_buf(use, &ret_boot->log);
    take_buf(use, &ret_boot->userspace_log);
    take_buf(use, &ret_boot->command_line);
}

enum bs_err store_evidence_put(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                               const uint8_t question[STORE_DIGEST], int64_t time, const struct store_boot *boot)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_EVIDENCE_PUT);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_blob(&use, question, STORE_DIGEST);
    put_int(&use, time);
    put_boot(&use, boot);
    return sql_run(&use);
}

enum bs_err store_evidence_get(struct store *store, const uint8_t device[WIRE_ID_SIZE],
                               uint8_t ret_question[STORE_DIGEST], int64_t *ret_time, struct store_boot *ret_boot)
{
    SQL_USE(use, store, SQL_EVIDENCE_GET);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    if (err != BS_OK)
        return err;
    take_blob(&use, ret_question, STORE_DIGEST);
    *ret_time = take_int(&use);
    take_boot(&use, ret_boot);
    return use.err;
}

enum bs_err store_secret_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *item,
                             struct bs_secret **ret_secret)
{
    SQL_USE(use, store, SQL_SECRET_GET);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_text(&use, item);
    enum bs_err err = sql_row(&use);
    if (err != BS_OK)
        return err;
    struct bs_span value = take_view(&use);
    return value.size > 0 ? bs_secret_copy(value.data, value.size, ret_secret) : BS_ERR_IO;
}

enum bs_err store_secret_put(struct store *store, const uint8_t device[WIRE_ID_SIZE], const char *item,
                             const struct bs_secret *secret, int64_t now)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_SECRET_PUT);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_text(&use, item);
    put_blob(&use, bs_secret_view(secret), bs_secret_size(secret));
    put_int(&use, now);
    return sql_run(&use);
}
