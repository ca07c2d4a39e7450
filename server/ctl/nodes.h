/* Reads a document (server/admin/document.h) node by node. */
#pragma once

#include "server/admin/document.h"
#include "server/ctl/render.h"

enum node_type { NODE_NULL, NODE_TEXT, NODE_UINT, NODE_BOOL, NODE_BYTES, NODE_TIME };

struct node_value {
    enum node_type type;
    struct bs_span span;
    uint64_t number;
};

struct node_table {
    char key[65];
    struct bs_span keys[DOCUMENT_COLUMNS_MAX];
    struct bs_span labels[DOCUMENT_COLUMNS_MAX];
    uint8_t ranks[DOCUMENT_COLUMNS_MAX];
    size_t columns;
};

/* The kind of the next node; its members follow in the reader. */
enum document_kind node_next(struct cbor_reader *reader);
struct node_value node_value(struct cbor_reader *reader);
void node_table(struct cbor_reader *reader, struct node_table *ret_table);
void node_end(struct cbor_reader *reader, struct render_end *ret_end);

/* A key or label as a string. */
#define NODE_NAME_SIZE 65
void node_name(struct bs_span name, char ret_text[NODE_NAME_SIZE]);
