#include "server/ctl/nodes.h"

#include <stdio.h>

#define TAG_EPOCH 1

/* The major type of the next item (RFC 8949 §3.1): the document is a sequence, and values are of several types. */
struct node_value node_value(struct cbor_reader *reader)
{
    struct node_value value = { .type = NODE_NULL };
    uint8_t first = reader->in.left > 0 ? *reader->in.at : 0xff;

    switch (first >> 5) {
    case 0:
        return (struct node_value){ .type = NODE_UINT, .number = cbor_read_uint(reader, UINT64_MAX) };
    case 2:
        return (struct node_value){ .type = NODE_BYTES, .span = cbor_read_bytes(reader, 0, DOCUMENT_MAX) };
    case 3:
        return (struct node_value){ .type = NODE_TEXT, .span = cbor_read_text(reader, DOCUMENT_MAX) };
    case 6:
        cbor_read_tag(reader, TAG_EPOCH);
        return (struct node_value){ .type = NODE_TIME, .number = cbor_read_uint(reader, INT64_MAX) };
    default:
        break;
    }
    if (first == 0xf6) { /* null */
        reader->in.at++;
        reader->in.left--;
        return value;
    }
    return (struct node_value){ .type = NODE_BOOL, .number = cbor_read_bool(reader) ? 1 : 0 };
}

void node_name(struct bs_span name, char ret_text[NODE_NAME_SIZE])
{
    (void)snprintf(ret_text, NODE_NAME_SIZE, "%.*s", (int)name.size, name.size > 0 ? (const char *)name.data : "");
}

enum document_kind node_next(struct cbor_reader *reader)
{
    if (cbor_read_array(reader, 4) == 0)
        cbor_read_fail(reader);
    return (enum document_kind)cbor_read_uint(reader, DOCUMENT_RAW);
}

void node_table(struct cbor_reader *reader, struct node_table *ret_table)
{
    struct node_table table = { 0 };

    node_name(cbor_read_text(reader, sizeof(table.key) - 1), table.key);
    table.columns = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);
    for (size_t i = 0; i < table.columns; i++) {
        if (cbor_read_array(reader, 3) != 3)
            cbor_read_fail(reader);
        table.keys[i] = cbor_read_text(reader, NODE_NAME_SIZE - 1);
        table.labels[i] = cbor_read_text(reader, NODE_NAME_SIZE - 1);
        table.ranks[i] = (uint8_t)cbor_read_uint(reader, UINT8_MAX);
    }
    *ret_table = table;
}

void node_end(struct cbor_reader *reader, struct render_end *ret_end)
{
    struct bs_span why;

    ret_end->exit_code = (int)cbor_read_uint(reader, 255);
    why = cbor_read_text(reader, sizeof(ret_end->why) - 1);
    (void)snprintf(ret_end->why, sizeof(ret_end->why), "%.*s", (int)why.size,
                   why.size > 0 ? (const char *)why.data : "");
}
