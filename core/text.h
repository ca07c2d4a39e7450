/* Characters of text that others wrote: UTF-8 and UTF-16 decoded strictly, control characters found. */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define BS_TEXT_REPLACEMENT 0xfffdu /* stands for what is no character */

/*
 * Takes one character from the front; false at the end. A byte that is not part of well-formed UTF-8 (Unicode
 * table 3-7: no overlong forms, no surrogates) is taken alone and gives BS_TEXT_REPLACEMENT with *ret_valid false.
 */
bool bs_utf8_take(struct bs_reader *r, uint32_t *ret_character, bool *ret_valid);

/* As bs_utf8_take, from UTF-16LE; an unpaired surrogate or a lone last byte is not valid. */
bool bs_utf16_take(struct bs_reader *r, uint32_t *ret_character, bool *ret_valid);

/* UTF-8 of one character, 1 to 4 bytes, not terminated; returns how many. */
size_t bs_utf8_encode(uint32_t character, uint8_t ret_bytes[4]);

bool bs_utf8_is_valid(struct bs_span text);

/*
 * C0, DEL, C1, and the marks that reorder or hide text (bidirectional controls, zero width): what a terminal or
 * a reader could be deceived with.
 */
bool bs_is_control(uint32_t character);
