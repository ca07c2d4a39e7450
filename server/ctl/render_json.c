/* A document as one JSON object: fields are members, tables are arrays of objects. docs/json.md says which. */
#include "core/json.h"
#include "server/ctl/nodes.h"

static void put_value(struct bs_json *json, const char *key, const struct node_value *value)
{
    switch (value->type) {
    case NODE_NULL:
        bs_json_null(json, key);
        break;
    case NODE_TEXT:
        bs_json_text(json, key, value->span);
        break;
    case NODE_UINT:
    case NODE_TIME:
        bs_json_u64(json, key, value->number);
        break;
    case NODE_BOOL:
        bs_json_bool(json, key, value->number != 0);
        break;
    case NODE_BYTES:
        bs_json_hex(json, key, value->span);
        break;
    }
}

static void put_row(struct cbor_reader *reader, const struct node_table *table, struct bs_json *json)
{
    size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);

    if (cells != table->columns) {
        cbor_read_fail(reader);
        return;
    }
    bs_json_object(json, NULL);
    for (size_t i = 0; i < cells; i++) {
        char key[NODE_NAME_SIZE];
        struct node_value value = node_value(reader);

        node_name(table->keys[i], key);
        put_value(json, key, &value);
    }
    bs_json_close_object(json);
}

static void put_field(struct cbor_reader *reader, struct bs_json *json)
{
    char key[NODE_NAME_SIZE];
    struct node_value value;

    node_name(cbor_read_text(reader, NODE_NAME_SIZE - 1), key);
    (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
    value = node_value(reader);
    if (reader->err == BS_OK && key[0] != '\0')
        put_value(json, key, &value);
}

static void put_raw(struct cbor_reader *reader, struct bs_json *json)
{
    char key[NODE_NAME_SIZE];
    struct bs_span bytes;

    node_name(cbor_read_text(reader, NODE_NAME_SIZE - 1), key);
    bytes = cbor_read_bytes(reader, 0, DOCUMENT_MAX);
    if (reader->err == BS_OK && key[0] != '\0')
        bs_json_text(json, key, bytes);
}

static void put_node(struct cbor_reader *reader, enum document_kind kind, struct node_table *table,
                     struct bs_json *json, struct render_end *ret_end)
{
    switch (kind) {
    case DOCUMENT_END:
        node_end(reader, ret_end);
        break;
    case DOCUMENT_FIELD:
        put_field(reader, json);
        break;
    case DOCUMENT_TABLE:
        node_table(reader, table);
        bs_json_array(json, table->key);
        break;
    case DOCUMENT_ROW:
        put_row(reader, table, json);
        break;
    case DOCUMENT_SENTENCE:
        (void)cbor_read_text(reader, DOCUMENT_MAX);
        break;
    case DOCUMENT_RAW:
        put_raw(reader, json);
        break;
    }
}

enum bs_err render_json(struct bs_span document, struct bs_buf *out, struct render_end *ret_end)
{
    struct cbor_reader reader;
    struct bs_json json;
    struct node_table table = { 0 };
    enum document_kind kind = DOCUMENT_SENTENCE;
    bool is_table_open = false;
    enum bs_err err;

    cbor_read_begin(&reader, document);
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    while (reader.err == BS_OK && kind != DOCUMENT_END) {
        kind = node_next(&reader);
        if (is_table_open && kind != DOCUMENT_ROW)
            bs_json_close_array(&json);
        is_table_open = kind == DOCUMENT_TABLE || (is_table_open && kind == DOCUMENT_ROW);
        put_node(&reader, kind, &table, &json, ret_end);
    }
    bs_json_close_object(&json);
    err = bs_json_end(&json);
    return err == BS_OK ? cbor_read_end(&reader) : err;
}
