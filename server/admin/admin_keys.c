/* bootsealctl device rekey, share, recover; and the keys in device show. */
#include "server/admin/admin_request.h"

#include <stdlib.h>
#include <string.h>

static enum bs_err count_row(void *context, const struct store_key *key)
{
    (void)key;
    (*(size_t *)context)++;
    return BS_OK;
}

static enum bs_err show_row(void *context, const struct store_key *key)
{
    struct document *document = context;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(1024);
    struct generated_public half = { bs_span_of_string(key->name), key->kind, key->generation,
                                     BS_SPAN(key->half, key->half_size) };
    enum bs_err err = key->half_size > 0 ? generated_write_public(&half, key->form, &text) : BS_OK;
    if (err == BS_OK)
        err = bs_buf_append(&text, "", 1);
    if (err != BS_OK)
        return err;
    document_row(document, 7);
    document_cell_text(document, key->name);
    document_cell_text(document, generated_kind_name(key->kind));
    document_cell_text(document, generated_form_name(key->form));
    document_cell_uint(document, key->generation);
    document_cell_hex(document, half.public_half);
    document_cell_text(document, (const char *)text.data);
    document_cell_time(document, key->recorded);
    document_row_end(document);
    return document->err;
}

enum bs_err admin_show_keys(struct admin_act *act, const char *id)
{
    static const struct document_column columns[] = { { "name", "KEY", 0 },         { "type", "TYPE", 0 },
                                                      { "format", "", 0 },          { "generation", "GENERATION", 3 },
                                                      { "public", "", 0 },          { "text", "PUBLIC HALF", 1 },
                                                      { "enrolled", "ENROLLED", 2 } };
    static const struct document_column hidden[] = { { "name", "", 0 },       { "type", "", 0 },   { "format", "", 0 },
                                                     { "generation", "", 0 }, { "public", "", 0 }, { "text", "", 0 },
                                                     { "enrolled", "", 0 } };
    size_t count = 0;
    enum bs_err err = operator_device_keys(&act->call, id, count_row, &count);
    if (err != BS_OK)
        return err;
    document_table(&act->document, "keys", count > 0 ? columns : hidden, 7);
    return operator_device_keys(&act->call, id, show_row, &act->document);
}

static enum bs_err rekey(struct admin_act *act)
{
    static const struct document_column columns[] = { { "name", "KEY", 0 }, { "generation", "GENERATION", 0 } };
    struct operator_rekeyed *rekeyed = calloc(1, sizeof(*rekeyed));
    if (rekeyed == NULL)
        return BS_ERR_NOMEM;
    enum bs_err err = operator_device_rekey(&act->call, admin_text(act, "ID"), admin_text(act, "key"), rekeyed);

    if (err == BS_OK) {
        document_hex(&act->document, "id", "Device", BS_SPAN(rekeyed->id, sizeof(rekeyed->id)));
        document_table(&act->document, "keys", columns, 2);
        for (size_t i = 0; i < rekeyed->count; i++) {
            document_row(&act->document, 2);
            document_cell_text(&act->document, rekeyed->keys[i].name);
            document_cell_uint(&act->document, rekeyed->keys[i].generation);
            document_row_end(&act->document);
        }
        document_say(&act->document, "It makes new ones at its next contact; what the old ones opened stays shut.");
    }
    free(rekeyed);
    return err;
}

static enum bs_err share(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(DOCUMENT_MAX);
    enum bs_err err = operator_device_shares(&act->call, admin_text(act, "ID"), &text);

    if (err == BS_OK)
        document_raw(&act->document, "shares", bs_buf_span(&text));
    return err;
}

static enum bs_err recover(struct admin_act *act)
{
    size_t count = 0;
    enum bs_err err = operator_device_recover(&act->call, admin_bytes(act, "FILE"), &count);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "shares", "Shares", count);
    document_say(&act->document, "They go to the device with its next answer, if its boot is approved.");
    return BS_OK;
}

const struct admin_entry admin_key_acts[] = {
    { "device rekey", rekey, { { "ID", ADMIN_TEXT, true }, { "key", ADMIN_TEXT, false } }, "device.rekey" },
    { "device share", share, { { "ID", ADMIN_TEXT, true } }, NULL },
    { "device recover", recover, { { "FILE", ADMIN_FILE, true } }, "device.recover" },
    { NULL, NULL, { { NULL, ADMIN_TEXT, false } }, NULL },
};
