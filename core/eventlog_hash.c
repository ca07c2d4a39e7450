#include "core/eventlog_hash.h"

#include <string.h>

#define NAME_SIZE 10

/* TCG Algorithm Registry 1.34, table 3. */
static const struct {
    uint16_t alg;
    uint16_t size;
    char name[NAME_SIZE];
} others[] = {
    { EVENTLOG_SM3_256, 32, "sm3_256" },
    { EVENTLOG_SHA3_256, 32, "sha3_256" },
    { EVENTLOG_SHA3_384, 48, "sha3_384" },
    { EVENTLOG_SHA3_512, 64, "sha3_512" },
};

#define OTHER_COUNT (sizeof(others) / sizeof(others[0]))

size_t eventlog_hash_size(uint16_t alg)
{
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (others[i].alg == alg)
            return others[i].size;
    return crypto_hash_size(alg);
}

const char *eventlog_hash_name(uint16_t alg)
{
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (others[i].alg == alg)
            return others[i].name;
    return crypto_hash_name(alg);
}

uint16_t eventlog_hash_by_name(const char *name)
{
    char text[NAME_SIZE];
    size_t size = strlen(name);

    if (size >= sizeof(text))
        return 0;
    for (size_t i = 0; i <= size; i++) {
        bool is_capital = name[i] >= 'A' && name[i] <= 'Z';
        text[i] = (char)(is_capital ? name[i] | 0x20 : name[i] == '-' ? '_' : name[i]);
    }
    if (strcmp(text, "sm3") == 0) /* as Linux calls it */
        return EVENTLOG_SM3_256;
    for (size_t i = 0; i < OTHER_COUNT; i++)
        if (strcmp(others[i].name, text) == 0)
            return others[i].alg;
    return crypto_hash_by_name(text);
}

static void (*compute_sm3)(struct bs_span data, uint8_t *ret_digest);

void eventlog_hash_know_sm3(void (*sm3)(struct bs_span data, uint8_t *ret_digest))
{
    compute_sm3 = sm3;
}

static bool is_sha3(uint16_t alg)
{
    return alg >= EVENTLOG_SHA3_256 && alg <= EVENTLOG_SHA3_512;
}

bool eventlog_hash_is_computed(uint16_t alg)
{
    return is_sha3(alg) || (alg == EVENTLOG_SM3_256 && compute_sm3) || crypto_hash_size(alg) > 0;
}

enum bs_err eventlog_hash(uint16_t alg, struct bs_span data, uint8_t *ret_digest)
{
    if (is_sha3(alg))
        return crypto_sha3(eventlog_hash_size(alg), data, ret_digest);
    if (alg == EVENTLOG_SM3_256 && compute_sm3) {
        compute_sm3(data, ret_digest);
        return BS_OK;
    }
    return crypto_hash_size(alg) > 0 ? crypto_hash(alg, data, ret_digest) : BS_ERR_NOT_FOUND;
}
