#include "server/policy/digest_list.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The bank that the text names, 0 when none; *ret_hex is what stands behind the colon. */
static uint16_t bank_of(const char *text, const char **ret_hex)
{
    char name[8] = "";
    const char *colon = strchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof(name))
        return 0;
    memcpy(name, text, (size_t)(colon - text));
    *ret_hex = colon + 1;
    return crypto_hash_by_name(name);
}

size_t digest_text_read(const char *text, uint16_t *ret_bank, uint8_t ret_bytes[CRYPTO_HASH_MAX])
{
    const char *hex = NULL;
    size_t size = 0;
    uint16_t bank = bank_of(text, &hex);
    if (bank == 0 || bs_unhex(hex, ret_bytes, CRYPTO_HASH_MAX, &size) != BS_OK || size != crypto_hash_size(bank))
        return 0;
    *ret_bank = bank;
    return size;
}

bool digest_text_is_valid(const char *text)
{
    uint8_t bytes[CRYPTO_HASH_MAX];
    uint16_t bank;
    return digest_text_read(text, &bank, bytes) > 0;
}

const char *digest_list_fault(const struct conf_strings *list, size_t *ret_index)
{
    for (size_t i = 0; i < list->count; i++) {
        *ret_index = i;
        if (!digest_text_is_valid(list->items[i]))
            return "is no digest; write \"sha256:\" and 64 hexadecimal digits (or sha1, sha384, sha512 with theirs)";
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(list->items[k], list->items[i]) == 0)
                return "is there twice; name it once";
    }
    return NULL;
}

bool digest_list_has(const struct conf_strings *list, uint16_t bank, struct bs_span digest)
{
    uint8_t bytes[CRYPTO_HASH_MAX];
    const char *hex = NULL;
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        if (bank_of(list->items[i], &hex) == bank && bank != 0 && bs_unhex(hex, bytes, sizeof(bytes), &size) == BS_OK &&
            bs_span_equal(BS_SPAN(bytes, size), digest))
            return true;
    return false;
}

void digest_text(uint16_t bank, struct bs_span digest, char *ret_text, size_t size)
{
    char hex[2 * CRYPTO_HASH_MAX + 1] = "";
    const char *name = crypto_hash_name(bank);
    if (digest.size <= CRYPTO_HASH_MAX)
        bs_hex(digest, hex);
    snprintf(ret_text, size, "%s:%s", name ? name : "?", hex);
}

void digest_list_text(const struct conf_strings *list, uint16_t bank, char *ret_text, size_t size)
{
    const char *hex = NULL;
    size_t count = 0, used = 0;
    for (size_t i = 0; i < list->count; i++)
        count += bank_of(list->items[i], &hex) == bank;
    if (count == 0) {
        const char *name = crypto_hash_name(bank);
        snprintf(ret_text, size, "nothing of the %s bank: the policy names no digest of it here", name ? name : "?");
        return;
    }
    if (count > 1)
        used = (size_t)snprintf(ret_text, size, "one of %zu: ", count);
    for (size_t i = 0; i < list->count && used < size; i++) {
        if (bank_of(list->items[i], &hex) != bank)
            continue;
        bool has_room = used + strlen(list->items[i]) + 6 < size;
        used += (size_t)snprintf(ret_text + used, size - used, "%s%s", has_room ? list->items[i] : "...",
                                 has_room && count > 1 ? ", " : "");
        count--;
        if (!has_room)
            return;
    }
}
