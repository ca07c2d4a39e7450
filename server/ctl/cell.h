/* One value as text of a line: without anything a terminal could be deceived with, measured and cut by characters. */
#pragma once

#include "server/ctl/nodes.h"

#define CELL_SIZE 4352

/* `is_short`: ids and hashes as many hex digits as a person compares. */
void cell_format(const struct node_value *value, bool is_short, char ret_text[CELL_SIZE]);
size_t cell_width(const char *text);

/* Appends at most `width` columns of it; what is longer ends with an ellipsis. `is_padded`: filled with blanks. */
enum bs_err cell_put(struct bs_buf *out, const char *text, size_t width, bool is_padded) BS_MUST_USE;

/* The escape sequence for a status or verdict; NULL for all other words. */
const char *cell_color(const char *text);
#define CELL_PLAIN "\033[0m"
#define CELL_BOLD "\033[1m"
