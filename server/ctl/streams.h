/* bootsealctl's files and its standard output: what an operator names and reads, with a sentence where that does not work. */
#pragma once

#include "core/buf.h"

/*
 * Appends a whole file; "-" is the standard input. Links and pipes are followed, for the operator chose them: `<(command)`, or a folder
 * of links as container managers make it. At most out->limit bytes. 0, or an exit code after a sentence on the standard error.
 */
int streams_read(const char *path, struct bs_buf *out);

/* What was written so far is out: 0. Otherwise an exit code after a sentence, for a cut answer is none. */
int streams_write(struct bs_span bytes);
int streams_end(void);
