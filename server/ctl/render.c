/* A document for a person: fields under each other, tables that fit the terminal, sentences that are folded. */
#include "server/ctl/cell.h"

#include <string.h>

#define GAP 2
#define LABEL_MAX 24
/* A column is never cut below this: what is left has to say something. */
#define COLUMN_MIN 6

struct text {
    const struct render_options *options;
    struct bs_buf *out;
    struct node_table table;
    size_t widths[DOCUMENT_COLUMNS_MAX];
    bool is_hidden;     /* the table that is being read has no labels: it is for programs */
    size_t label_width; /* of fields */
};

static enum bs_err put_colored(struct text *text, const char *color, const char *cell, size_t width, bool is_padded)
{
    bool is_colored = text->options->is_color && color != NULL;
    enum bs_err err = is_colored ? bs_buf_append_string(text->out, color) : BS_OK;

    if (err == BS_OK)
        err = cell_put(text->out, cell, width, is_padded);
    return err == BS_OK && is_colored ? bs_buf_append_string(text->out, CELL_PLAIN) : err;
}

static void skip_node(struct cbor_reader *reader, enum document_kind kind)
{
    struct node_table table;
    struct render_end end;

    switch (kind) {
    case DOCUMENT_END:
        node_end(reader, &end);
        break;
    case DOCUMENT_FIELD:
        (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
        (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
        (void)node_value(reader);
        break;
    case DOCUMENT_TABLE:
        node_table(reader, &table);
        break;
    case DOCUMENT_ROW:
        for (size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX); cells > 0; cells--)
            (void)node_value(reader);
        break;
    case DOCUMENT_SENTENCE:
        (void)cbor_read_text(reader, DOCUMENT_MAX);
        break;
    case DOCUMENT_RAW:
        (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
        (void)cbor_read_bytes(reader, 0, DOCUMENT_MAX);
        break;
    }
}

/* The widest label of all fields: the document is read once ahead. */
static size_t measure_labels(struct bs_span document)
{
    struct cbor_reader reader;
    enum document_kind kind = DOCUMENT_SENTENCE;
    size_t width = 0;

    cbor_read_begin(&reader, document);
    while (reader.err == BS_OK && kind != DOCUMENT_END) {
        kind = node_next(&reader);
        if (kind == DOCUMENT_FIELD) {
            struct bs_span label;

            (void)cbor_read_text(&reader, NODE_NAME_SIZE - 1);
            label = cbor_read_text(&reader, NODE_NAME_SIZE - 1);
            if (node_value(&reader).type != NODE_NULL && label.size > width && label.size <= LABEL_MAX)
                width = label.size;
        } else {
            skip_node(&reader, kind);
        }
    }
    return width;
}

/* Columns are as wide as their widest cell: the rows that follow are read once ahead. */
static void measure(const struct cbor_reader *reader, struct text *text)
{
    struct cbor_reader ahead = *reader;

    for (size_t i = 0; i < text->table.columns; i++)
        text->widths[i] = text->table.labels[i].size;
    while (ahead.err == BS_OK && ahead.in.left > 0 && node_next(&ahead) == DOCUMENT_ROW) {
        if (cbor_read_array(&ahead, DOCUMENT_COLUMNS_MAX) != text->table.columns)
            return;
        for (size_t i = 0; i < text->table.columns; i++) {
            struct node_value value = node_value(&ahead);
            char cell[CELL_SIZE];

            cell_format(&value, true, cell);
            if (cell_width(cell) > text->widths[i])
                text->widths[i] = cell_width(cell);
        }
    }
}

static size_t least(const struct text *text, size_t column)
{
    size_t label = text->table.labels[column].size;

    return label > COLUMN_MIN ? label : COLUMN_MIN;
}

/* The least important columns are cut first; where that is not enough the lines are as long as they are. */
static void fit(struct text *text)
{
    size_t total = GAP * (text->table.columns - 1);

    for (size_t i = 0; i < text->table.columns; i++)
        total += text->widths[i];
    for (unsigned rank = UINT8_MAX; rank > 0 && total > text->options->width; rank--)
        for (size_t i = text->table.columns; i-- > 0;) {
            size_t floor = least(text, i);
            size_t over = total - text->options->width;
            size_t spare = text->widths[i] > floor ? text->widths[i] - floor : 0;

            if (text->table.ranks[i] != rank || total <= text->options->width)
                continue;
            text->widths[i] -= over < spare ? over : spare;
            total -= over < spare ? over : spare;
        }
}

static bool is_for_programs(const struct node_table *table)
{
    for (size_t i = 0; i < table->columns; i++)
        if (table->labels[i].size > 0)
            return false;
    return true;
}

static enum bs_err end_cell(struct text *text, size_t column)
{
    return bs_buf_append_string(text->out, column + 1 == text->table.columns ? "\n" : "  ");
}

static enum bs_err put_table(struct cbor_reader *reader, struct text *text)
{
    enum bs_err err = BS_OK;

    node_table(reader, &text->table);
    if (reader->err != BS_OK)
        return reader->err;
    text->is_hidden = is_for_programs(&text->table);
    if (text->is_hidden)
        return BS_OK;
    measure(reader, text);
    if (text->options->width > 0 && text->table.columns > 0)
        fit(text);
    if (text->out->size > 0)
        err = bs_buf_append_string(text->out, "\n");
    for (size_t i = 0; i < text->table.columns && err == BS_OK; i++) {
        char label[NODE_NAME_SIZE];

        node_name(text->table.labels[i], label);
        err = put_colored(text, CELL_BOLD, label, text->widths[i], i + 1 < text->table.columns);
        if (err == BS_OK)
            err = end_cell(text, i);
    }
    return err;
}

static enum bs_err put_row(struct cbor_reader *reader, struct text *text)
{
    size_t cells = cbor_read_array(reader, DOCUMENT_COLUMNS_MAX);
    enum bs_err err = cells == text->table.columns ? BS_OK : BS_ERR_PROTOCOL;

    for (size_t i = 0; i < cells && err == BS_OK; i++) {
        struct node_value value = node_value(reader);
        char cell[CELL_SIZE];

        if (text->is_hidden)
            continue;
        cell_format(&value, true, cell);
        err = put_colored(text, cell_color(cell), cell, text->widths[i], i + 1 < cells);
        if (err == BS_OK)
            err = end_cell(text, i);
    }
    return err;
}

/* Words up to the edge of the terminal, further lines under the first one. */
static enum bs_err put_folded(struct text *text, const char *line, size_t indent)
{
    size_t room = text->options->width > indent + 20 ? text->options->width - indent : 0;
    enum bs_err err = BS_OK;

    while (err == BS_OK && room > 0 && cell_width(line) > room) {
        size_t cut = 0;
        size_t width = 0;

        for (size_t i = 0; line[i] != '\0' && width <= room; i++) {
            if (line[i] == ' ')
                cut = i;
            width += ((unsigned char)line[i] & 0xc0) != 0x80;
        }
        if (cut == 0)
            break;
        err = bs_buf_printf(text->out, "%.*s\n%*s", (int)cut, line, (int)indent, "");
        line += cut + 1;
    }
    return err == BS_OK ? bs_buf_printf(text->out, "%s\n", line) : err;
}

static enum bs_err put_field(struct cbor_reader *reader, struct text *text)
{
    char cell[CELL_SIZE];
    char label[NODE_NAME_SIZE];
    struct node_value value;
    const char *color;
    enum bs_err err;

    (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
    node_name(cbor_read_text(reader, NODE_NAME_SIZE - 1), label);
    value = node_value(reader);
    if (reader->err != BS_OK || value.type == NODE_NULL || label[0] == '\0')
        return reader->err; /* what is not known is not shown to a person */
    cell_format(&value, false, cell);
    err = bs_buf_printf(text->out, "%*s  ", (int)text->label_width, label);
    color = cell_color(cell);
    if (err == BS_OK && text->options->is_color && color != NULL)
        return bs_buf_printf(text->out, "%s%s" CELL_PLAIN "\n", color, cell);
    return err == BS_OK ? put_folded(text, cell, text->label_width + GAP) : err;
}

static enum bs_err put_sentence(struct cbor_reader *reader, struct text *text)
{
    struct node_value value = { .type = NODE_TEXT, .span = cbor_read_text(reader, DOCUMENT_MAX) };
    char line[CELL_SIZE];

    if (reader->err != BS_OK)
        return reader->err;
    cell_format(&value, false, line);
    return put_folded(text, line, 0);
}

static enum bs_err put_raw(struct cbor_reader *reader, struct text *text)
{
    struct bs_span bytes;

    (void)cbor_read_text(reader, NODE_NAME_SIZE - 1);
    bytes = cbor_read_bytes(reader, 0, DOCUMENT_MAX);
    return reader->err == BS_OK ? bs_buf_append(text->out, bytes.data, bytes.size) : reader->err;
}

static enum bs_err put_node(struct cbor_reader *reader, enum document_kind kind, struct text *text,
                            struct render_end *ret_end)
{
    switch (kind) {
    case DOCUMENT_END:
        node_end(reader, ret_end);
        return reader->err;
    case DOCUMENT_FIELD:
        return put_field(reader, text);
    case DOCUMENT_TABLE:
        return put_table(reader, text);
    case DOCUMENT_ROW:
        return put_row(reader, text);
    case DOCUMENT_SENTENCE:
        return put_sentence(reader, text);
    case DOCUMENT_RAW:
        return put_raw(reader, text);
    }
    return BS_ERR_PROTOCOL;
}

enum bs_err render_text(struct bs_span document, const struct render_options *options, struct bs_buf *out,
                        struct render_end *ret_end)
{
    struct cbor_reader reader;
    struct text text = { .options = options, .out = out, .label_width = measure_labels(document) };
    enum document_kind kind = DOCUMENT_SENTENCE;
    enum bs_err err = BS_OK;

    cbor_read_begin(&reader, document);
    while (err == BS_OK && reader.err == BS_OK && kind != DOCUMENT_END) {
        kind = node_next(&reader);
        if (reader.err == BS_OK)
            err = put_node(&reader, kind, &text, ret_end);
    }
    return err == BS_OK ? cbor_read_end(&reader) : err;
}
