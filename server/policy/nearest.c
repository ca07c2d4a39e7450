/* The approved boot that is most like this one: by events where both have logs, else by values. */
#include "server/policy/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An event, or a value without one; sorted, two boots are compared in one pass. */
struct mark {
    uint32_t pcr;
    uint8_t digest[CRYPTO_HASH_MAX];
};

struct marks {
    struct mark *items;
    size_t count;
};

struct search {
    const struct judge *judge;
    struct marks boot;
    struct policy_verdict *verdict;
    size_t distance;
};

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct mark));
}

static void add(struct marks *marks, uint32_t pcr, const uint8_t *digest, size_t size)
{
    struct mark *mark = &marks->items[marks->count++];
    *mark = (struct mark){ .pcr = pcr };
    memcpy(mark->digest, digest, size);
}

static enum bs_err read_marks(const struct judge *judge, const struct policy_boot *boot, struct marks *ret_marks)
{
    uint32_t mask = (judge->policy->events | judge->policy->whole) & boot->mask;
    struct eventlog log = { .event_count = 0 };
    struct eventlog_event event;
    bool has_log = boot->firmware_log.size > 0 && eventlog_open(boot->firmware_log, &log, NULL) == BS_OK &&
                   eventlog_has_bank(&log, judge->bank);
    ret_marks->items = calloc(log.event_count + POLICY_PCRS, sizeof(*ret_marks->items));
    ret_marks->count = 0;
    if (!ret_marks->items)
        return BS_ERR_NOMEM;
    for (uint32_t pcr = 0; pcr < POLICY_PCRS; pcr++)
        if (mask & JUDGE_BIT(pcr))
            add(ret_marks, pcr, boot->pcrs[pcr], judge->size);
    for (struct eventlog_cursor c = eventlog_first(&log); has_log && eventlog_next(&c, &event);) {
        struct bs_span digest = eventlog_digest(&event, judge->bank);
        if (eventlog_extends(&event) && (mask & JUDGE_BIT(event.pcr)) && digest.size == judge->size)
            add(ret_marks, event.pcr, digest.data, digest.size);
    }
    qsort(ret_marks->items, ret_marks->count, sizeof(*ret_marks->items), compare);
    return BS_OK;
}

/* How many marks one of the two has alone. */
static size_t distance_of(const struct marks *a, const struct marks *b)
{
    size_t i = 0, k = 0, distance = 0;
    while (i < a->count && k < b->count) {
        int order = compare(&a->items[i], &b->items[k]);
        distance += order != 0;
        i += order <= 0;
        k += order >= 0;
    }
    return distance + (a->count - i) + (b->count - k);
}

/* The newest of those that are equally near. */
static enum bs_err consider(void *context, const struct policy_reference *reference)
{
    struct search *search = context;
    struct marks marks;
    if (reference->boot.bank != search->judge->bank)
        return BS_OK;
    enum bs_err err = read_marks(search->judge, &reference->boot, &marks);
    if (err != BS_OK)
        return err;
    size_t distance = distance_of(&search->boot, &marks);
    free(marks.items);
    if (search->verdict->has_nearest && distance > search->distance)
        return BS_OK;
    search->distance = distance;
    search->verdict->has_nearest = true;
    search->verdict->nearest = reference->id;
    JUDGE_SAY(search->verdict->nearest_name, "%s", reference->name);
    return BS_OK;
}

enum bs_err judge_nearest(struct judge *judge, struct policy_verdict *verdict)
{
    struct search search = { .judge = judge, .verdict = verdict };
    enum bs_err err = judge->size > 0 ? read_marks(judge, &judge->subject->boot, &search.boot) : BS_OK;
    if (err == BS_OK && search.boot.items)
        err = judge->references->each(judge->references->context, consider, &search);
    free(search.boot.items);
    return err;
}
