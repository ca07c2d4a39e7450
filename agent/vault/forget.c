/*
 * Forgetting. What shuts the vault is the counter: no policy names a value that it has left behind. It is incremented twice, because a commit that
 * was cut off may have left a slot for the next value somewhere. In between such a slot would open; so before that a mark is
 * made durable in the place of the idle slot, and who finds a mark does all of it once more before anything else.
 */
#include "agent/vault/forget.h"

#include "agent/vault/slot.h"
#include "core/log.h"

#define INCREMENTS 2

/* Magic and version, docs/design.md. No slot begins so. */
static const uint8_t mark[] = { 'B', 'S', 'F', 'O', 'R', 'G', 'E', 'T', 0, 0, 0, 1 };

bool forget_is_mark(struct bs_span bytes)
{
    return bs_span_equal(bytes, BS_SPAN(mark, sizeof(mark)));
}

/* What lies in the slots. */
struct found {
    bool is_there[VAULT_SLOTS];
    bool is_marked[VAULT_SLOTS];
    uint64_t generation[VAULT_SLOTS]; /* 0: not a slot */
};

static void look(const struct slots *slots, struct found *ret_found)
{
    *ret_found = (struct found){ 0 };
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(SLOT_MAX);
        struct slot slot;
        enum bs_err err = slots_read(slots, i, &bytes);
        ret_found->is_there[i] = err != BS_ERR_NOT_FOUND;
        if (err != BS_OK)
            continue;
        ret_found->is_marked[i] = forget_is_mark(bs_buf_span(&bytes));
        if (slot_decode(bs_buf_span(&bytes), &slot) == BS_OK)
            ret_found->generation[i] = slot.header.generation;
    }
}

/* In the place of the slot that is not of this generation: as long as the mark is not durable nothing has happened. */
static enum bs_err put_mark(const struct slots *slots, const struct found *found, uint64_t generation,
                            size_t *ret_index)
{
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        *ret_index = i;
        if (found->is_marked[i])
            return BS_OK;
    }
    *ret_index = found->generation[0] == generation ? 1 : 0;
    enum bs_err err = slots_erase(slots, *ret_index);
    return err == BS_OK ? slots_write(slots, *ret_index, BS_SPAN(mark, sizeof(mark))) : err;
}

static enum bs_err shut(struct tpm *tpm, struct tpm_counter *counter)
{
    enum bs_err err = BS_OK;
    for (unsigned i = 0; err == BS_OK && i < INCREMENTS; i++)
        err = tpm_counter_increment(tpm, counter);
    return err;
}

/*
 * Whatever fails, the rest is tried: each part alone already keeps somebody out. The mark goes last, and stays where not all is done: the
 * next start then tries again.
 */
static enum bs_err do_all(const struct slots *slots, const struct found *found, struct tpm *tpm,
                          struct vault_forgotten *forgotten)
{
    struct tpm_counter counter = { .value = 0 };
    size_t marked = 0;
    bool is_marked = false;
    enum bs_err tpm_err = tpm ? tpm_counter_make(tpm, &counter) : BS_ERR_NO_TPM;
    if (slots_are_open(slots))
        is_marked = put_mark(slots, found, counter.value, &marked) == BS_OK;
    if (tpm_err == BS_OK)
        tpm_err = shut(tpm, &counter);
    forgotten->is_shut = tpm_err == BS_OK;
    forgotten->counter = counter.value;
    if (!slots_are_open(slots))
        return tpm_err;

    enum bs_err disk_err = slots_erase(slots, 1 - marked);
    if (!is_marked || (forgotten->is_shut && disk_err == BS_OK)) {
        enum bs_err err = slots_erase(slots, marked);
        disk_err = disk_err == BS_OK ? err : disk_err;
    }
    forgotten->is_erased = disk_err == BS_OK;
    return tpm_err != BS_OK ? tpm_err : disk_err;
}

enum bs_err vault_forget(const char *dir, struct tpm *tpm, struct vault_forgotten *ret_forgotten)
{
    *ret_forgotten = (struct vault_forgotten){ 0 };
    SCOPED_SLOTS slots = SLOTS_NONE;
    struct found found;
    struct tpm_counter counter;
    enum bs_err open_err = slots_open(dir, &slots);
    look(&slots, &found);
    bool has_slot = found.is_there[0] || found.is_there[1];
    if (!has_slot && tpm && tpm_counter_read(tpm, &counter) == BS_ERR_NOT_FOUND)
        return open_err == BS_OK ? BS_ERR_NOT_FOUND : open_err;

    enum bs_err err = do_all(&slots, &found, tpm, ret_forgotten);
    if (err == BS_OK && open_err == BS_ERR_NOT_FOUND)
        ret_forgotten->is_erased = true;
    else if (err == BS_OK)
        err = open_err;
    return err;
}

enum bs_err forget_finish(const char *dir, struct tpm *tpm, bool *ret_was_marked)
{
    SCOPED_SLOTS slots = SLOTS_NONE;
    struct found found;
    enum bs_err err = slots_open(dir, &slots);
    if (err != BS_OK)
        slots = SLOTS_NONE;
    look(&slots, &found);
    *ret_was_marked = found.is_marked[0] || found.is_marked[1];
    if (!*ret_was_marked)
        return BS_OK;

    struct vault_forgotten forgotten = { 0 };
    err = do_all(&slots, &found, tpm, &forgotten);
    bs_debug("vault", "forgetting was cut off; done now: %s", bs_err_name(err));
    return err;
}
