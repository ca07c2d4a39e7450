/* Allow-lists as CSV. The store stands aside (--wrap): there is one profile, and no device yet. */
#include "fuzz/fuzz.h"
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/profile.h"

#include <string.h>

static size_t put;

#define STAND_IN(name, ...)                 \
    enum bs_err __wrap_##name(__VA_ARGS__); \
    enum bs_err __wrap_##name(__VA_ARGS__)

STAND_IN(store_begin, struct store *store)
{
    (void)store;
    put = 0;
    return BS_OK;
}

STAND_IN(store_commit, struct store *store)
{
    (void)store;
    return BS_OK;
}

void __wrap_store_rollback(struct store *store);
void __wrap_store_rollback(struct store *store)
{
    (void)store;
}

STAND_IN(store_profile_get, struct store *store, const char *name, struct store_profile *ret_profile,
         struct bs_buf *ret_text)
{
    (void)store;
    (void)ret_profile;
    (void)ret_text;
    return strcmp(name, "sensor") == 0 ? BS_OK : BS_ERR_NOT_FOUND;
}

STAND_IN(store_device_get, struct store *store, const uint8_t id[WIRE_ID_SIZE], struct store_device *ret_device)
{
    (void)store;
    (void)id;
    (void)ret_device;
    return BS_ERR_NOT_FOUND;
}

STAND_IN(store_device_put, struct store *store, const struct store_device *device)
{
    (void)store;
    put++;
    FUZZ_CLAIM_TEXT(bs_span_of_string(device->serial));
    FUZZ_CLAIM(strchr(device->serial, '\n') == NULL);
    FUZZ_CLAIM(device->profile[0] == '\0' || profile_name_is_valid(device->profile));
    FUZZ_CLAIM(profile_labels_are_valid(device->labels));
    return BS_OK;
}

STAND_IN(audit_add, struct server *server, const struct audit_entry *entry, const char *format, ...)
{
    (void)server;
    (void)entry;
    (void)format;
    return BS_OK;
}

static int64_t now(void)
{
    return 1800000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct server server;
    struct operator_call call = { .server = &server, .actor = "uid:0(fuzz)" };
    struct operator_imported imported = { 0 };
    server.now = now;
    enum bs_err err = operator_device_import(&call, BS_SPAN(data, size), &imported);
    if (err == BS_OK) {
        FUZZ_CLAIM(imported.added == put);
        return 0;
    }
    FUZZ_CLAIM(err == BS_ERR_INPUT);
    FUZZ_CLAIM(call.why[0] != '\0');
    return 0;
}
