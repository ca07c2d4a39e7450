/* The store in SQLite: device certificates, bundles, tokens. */
#include "server/store/store_sqlite.h"

#include <assert.h>
#include <string.h>

static enum bs_err take_cert(struct sql_use *use, struct store_cert *ret_cert, struct bs_buf *ret_der)
{
    struct store_cert cert = { 0 };
    take_blob(use, cert.serial, sizeof(cert.serial));
    take_blob(use, cert.device, sizeof(cert.device));
    take_blob(use, cert.key_sha256, sizeof(cert.key_sha256));
    take_text(use, cert.profile, sizeof(cert.profile));
    cert.status = (enum store_cert_status)take_int(use);
    cert.not_after = take_int(use);
    cert.issued = take_int(use);
    cert.revoked = take_int(use);
    take_bytes(use, ret_der);
    if (use->err == BS_OK)
        *ret_cert = cert;
    return use->err;
}

enum bs_err store_cert_add(struct store *store, const struct store_cert *cert, struct bs_span der)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_CERT_ADD);
    put_blob(&use, cert->serial, sizeof(cert->serial));
    put_blob(&use, cert->device, sizeof(cert->device));
    put_blob(&use, cert->key_sha256, sizeof(cert->key_sha256));
    put_text(&use, cert->profile);
    put_int(&use, cert->status);
    put_int(&use, cert->not_after);
    put_int(&use, cert->issued);
    put_int(&use, cert->revoked);
    put_blob(&use, der.data, der.size);
    return sql_run(&use);
}

enum bs_err store_cert_get(struct store *store, const uint8_t serial[STORE_SERIAL], struct store_cert *ret_cert,
                           struct bs_buf *ret_der)
{
    SQL_USE(use, store, SQL_CERT_GET);
    put_blob(&use, serial, STORE_SERIAL);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_cert(&use, ret_cert, ret_der) : err;
}

enum bs_err store_cert_by_key(struct store *store, const uint8_t key_sha256[CRYPTO_SHA256_SIZE],
                              struct store_cert *ret_cert, struct bs_buf *ret_der)
{
    SQL_USE(use, store, SQL_CERT_BY_KEY);
    put_blob(&use, key_sha256, CRYPTO_SHA256_SIZE);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_cert(&use, ret_cert, ret_der) : err;
}

enum bs_err store_key_is_foreign(struct store *store, const uint8_t key_sha256[CRYPTO_SHA256_SIZE],
                                 const uint8_t device[WIRE_ID_SIZE], bool *ret_is)
{
    SQL_USE(use, store, SQL_CERT_FOREIGN);
    put_blob(&use, key_sha256, CRYPTO_SHA256_SIZE);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK || err == BS_ERR_NOT_FOUND)
        *ret_is = err == BS_OK;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_cert_confirm(struct store *store, const uint8_t serial[STORE_SERIAL])
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_CERT_CONFIRM);
    put_blob(&use, serial, STORE_SERIAL);
    return sql_run(&use);
}

enum bs_err store_cert_revoke_others(struct store *store, const uint8_t device[WIRE_ID_SIZE], const uint8_t *keep,
                                     int64_t now, uint64_t *ret_count)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_CERT_REVOKE);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_blob(&use, keep, STORE_SERIAL);
    put_int(&use, now);
    enum bs_err err = sql_run(&use);
    if (err == BS_OK && ret_count)
        *ret_count = (uint64_t)sqlite3_changes64(store->db);
    return err;
}

static enum bs_err each_cert(struct sql_use *use, store_cert_fn row, void *context)
{
    enum bs_err err;
    while ((err = sql_row(use)) == BS_OK) {
        struct store_cert cert;
        err = take_cert(use, &cert, NULL);
        if (err == BS_OK)
            err = row(context, &cert);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_cert_each(struct store *store, const uint8_t device[WIRE_ID_SIZE], store_cert_fn row, void *context)
{
    SQL_USE(use, store, SQL_CERT_EACH);
    put_blob(&use, device, WIRE_ID_SIZE);
    return each_cert(&use, row, context);
}

enum bs_err store_cert_each_revoked(struct store *store, int64_t now, store_cert_fn row, void *context)
{
    SQL_USE(use, store, SQL_CERT_EACH_REVOKED);
    put_int(&use, now);
    return each_cert(&use, row, context);
}

enum bs_err store_bundle_put(struct store *store, const struct store_bundle *bundle)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_BUNDLE_PUT);
    put_blob(&use, bundle->device, sizeof(bundle->device));
    put_u64(&use, bundle->serial);
    put_blob(&use, bundle->confirm_key, sizeof(bundle->confirm_key));
    put_blob(&use, bundle->cert_serial, sizeof(bundle->cert_serial));
    put_int(&use, bundle->issued);
    put_int(&use, bundle->confirmed);
    put_text(&use, bundle->items);
    return sql_run(&use);
}

enum bs_err store_bundle_confirm(struct store *store, const struct store_bundle *bundle)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_BUNDLE_CONFIRM);
    put_blob(&use, bundle->device, sizeof(bundle->device));
    put_int(&use, bundle->confirmed);
    return sql_run(&use);
}

enum bs_err store_bundle_get(struct store *store, const uint8_t device[WIRE_ID_SIZE], struct store_bundle *ret_bundle)
{
    SQL_USE(use, store, SQL_BUNDLE_GET);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    if (err != BS_OK)
        return err;
    take_blob(&use, ret_bundle->device, sizeof(ret_bundle->device));
    ret_bundle->serial = (uint64_t)take_int(&use);
    take_blob(&use, ret_bundle->confirm_key, sizeof(ret_bundle->confirm_key));
    take_blob(&use, ret_bundle->cert_serial, sizeof(ret_bundle->cert_serial));
    ret_bundle->issued = take_int(&use);
    ret_bundle->confirmed = take_int(&use);
    take_text(&use, ret_bundle->items, sizeof(ret_bundle->items));
    return use.err;
}

static enum bs_err take_token(struct sql_use *use, struct store_token *ret_token)
{
    struct store_token token = { 0 };
    token.id = (uint64_t)take_int(use);
    take_blob(use, token.hash, sizeof(token.hash));
    take_text(use, token.profile, sizeof(token.profile));
    token.uses = (uint32_t)take_int(use);
    token.used = (uint32_t)take_int(use);
    token.expires = take_int(use);
    token.created = take_int(use);
    take_text(use, token.created_by, sizeof(token.created_by));
    token.is_revoked = take_int(use) != 0;
    if (use->err == BS_OK)
        *ret_token = token;
    return use->err;
}

enum bs_err store_token_add(struct store *store, const struct store_token *token, uint64_t *ret_id)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_TOKEN_ADD);
    put_blob(&use, token->hash, sizeof(token->hash));
    put_text(&use, token->profile);
    put_int(&use, token->uses);
    put_int(&use, token->expires);
    put_int(&use, token->created);
    put_text(&use, token->created_by);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK)
        *ret_id = (uint64_t)take_int(&use);
    return err;
}

enum bs_err store_token_get(struct store *store, const uint8_t hash[CRYPTO_SHA256_SIZE], struct store_token *ret_token)
{
    SQL_USE(use, store, SQL_TOKEN_GET);
    put_blob(&use, hash, CRYPTO_SHA256_SIZE);
    enum bs_err err = sql_row(&use);
    return err == BS_OK ? take_token(&use, ret_token) : err;
}

enum bs_err store_token_revoke(struct store *store, uint64_t id)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_TOKEN_REVOKE);
    put_u64(&use, id);
    enum bs_err err = sql_run(&use);
    return err == BS_OK && sqlite3_changes(store->db) == 0 ? BS_ERR_NOT_FOUND : err;
}

enum bs_err store_token_each(struct store *store, store_token_fn row, void *context)
{
    SQL_USE(use, store, SQL_TOKEN_EACH);
    enum bs_err err;
    while ((err = sql_row(&use)) == BS_OK) {
        struct store_token token;
        err = take_token(&use, &token);
        if (err == BS_OK)
            err = row(context, &token);
        if (err != BS_OK)
            return err;
    }
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_token_is_used_by(struct store *store, uint64_t id, const uint8_t device[WIRE_ID_SIZE], bool *ret_is)
{
    SQL_USE(use, store, SQL_TOKEN_USED_BY);
    put_u64(&use, id);
    put_blob(&use, device, WIRE_ID_SIZE);
    enum bs_err err = sql_row(&use);
    if (err == BS_OK || err == BS_ERR_NOT_FOUND)
        *ret_is = err == BS_OK;
    return err == BS_ERR_NOT_FOUND ? BS_OK : err;
}

enum bs_err store_token_use(struct store *store, uint64_t id, const uint8_t device[WIRE_ID_SIZE], int64_t now)
{
    assert(store->is_inside);
    SQL_USE(use, store, SQL_TOKEN_USE);
    put_u64(&use, id);
    put_blob(&use, device, WIRE_ID_SIZE);
    put_int(&use, now);
    enum bs_err err = sql_run(&use);
    if (err != BS_OK)
        return err;
    SQL_USE(count, store, SQL_TOKEN_COUNT);
    put_u64(&count, id);
    return sql_run(&count);
}
