/* Lists of digests as a policy writes them: "sha256:HEX", each of a bank of its own. */
#pragma once

#include "core/conf.h"
#include "core/crypto.h"

#include <stdint.h>

/* "sha256:" and as many hex digits as a digest of it has. */
bool digest_text_is_valid(const char *text);

/* Its bytes; returns their number, 0 when it is no digest. */
size_t digest_text_read(const char *text, uint16_t *ret_bank, uint8_t ret_bytes[CRYPTO_HASH_MAX]);

/* What is wrong with a list, NULL when each is valid and none is there twice; *ret_index is of the wrong one. */
const char *digest_list_fault(const struct conf_strings *list, size_t *ret_index);

/* One of the list is this digest of this bank. */
bool digest_list_has(const struct conf_strings *list, uint16_t bank, struct bs_span digest);

/* "sha256:0123...", with as many characters as `size` has room for; for a person. */
void digest_text(uint16_t bank, struct bs_span digest, char *ret_text, size_t size);

/* "one of 3: sha256:..., sha256:...": the ones of this bank, as many as there is room for. */
void digest_list_text(const struct conf_strings *list, uint16_t bank, char *ret_text, size_t size);
