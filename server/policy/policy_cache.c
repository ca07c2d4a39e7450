#include "server/policy/policy_cache.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct entry {
    struct policy_file policy;
    struct bs_buf text;
    size_t users;
    struct entry *next; /* the one that was used last comes first */
};

struct policy_cache {
    pthread_mutex_t lock;
    struct entry *first;
    uint64_t parsed;
};

struct policy_cache *policy_cache_new(void)
{
    struct policy_cache *cache = calloc(1, sizeof(*cache));
    if (cache)
        pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

static void entry_free(struct entry *entry)
{
    if (!entry)
        return;
    if (entry->policy.conf)
        policy_free(&entry->policy);
    bs_buf_free(&entry->text);
    free(entry);
}
BS_DEFINE_OWN(entry, struct entry, entry_free)

void policy_cache_free(struct policy_cache *cache)
{
    if (!cache)
        return;
    while (cache->first) {
        struct entry *entry = cache->first;
        assert(entry->users == 0);
        cache->first = entry->next;
        entry_free(entry);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache);
}

static void put_first(struct policy_cache *cache, struct entry *entry)
{
    entry->next = cache->first;
    cache->first = entry;
}

struct policy_cache_state policy_cache_state(struct policy_cache *cache)
{
    pthread_mutex_lock(&cache->lock);
    struct policy_cache_state state = { .parsed = cache->parsed };
    for (const struct entry *entry = cache->first; entry; entry = entry->next)
        state.kept++;
    pthread_mutex_unlock(&cache->lock);
    return state;
}

/* With the lock. */
static struct entry *find(struct policy_cache *cache, struct bs_span text)
{
    for (struct entry **at = &cache->first; *at; at = &(*at)->next) {
        struct entry *entry = *at;
        if (!bs_span_equal(bs_buf_span(&entry->text), text))
            continue;
        *at = entry->next;
        put_first(cache, entry);
        entry->users++;
        return entry;
    }
    return NULL;
}

/* Takes those out that nobody uses and that are too many; with the lock. The caller frees them, without it. */
static struct entry *take_old(struct policy_cache *cache)
{
    struct entry *old = NULL;
    size_t unused = 0;
    for (struct entry **at = &cache->first; *at;) {
        struct entry *entry = *at;
        if (entry->users > 0 || unused++ < POLICY_CACHE_MAX) {
            at = &entry->next;
            continue;
        }
        *at = entry->next;
        entry->next = old;
        old = entry;
    }
    return old;
}

static struct entry *look_up(struct policy_cache *cache, struct bs_span text)
{
    pthread_mutex_lock(&cache->lock);
    struct entry *entry = find(cache, text);
    pthread_mutex_unlock(&cache->lock);
    return entry;
}

/* Two threads may both have made it: the one that comes second is found from now on, and the other grows old. */
static void add(struct policy_cache *cache, struct entry *entry)
{
    pthread_mutex_lock(&cache->lock);
    cache->parsed++;
    entry->users = 1;
    put_first(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

static enum bs_err make(struct bs_span text, struct entry **ret_entry, struct conf_problem *problem)
{
    BS_OWN(entry) entry = calloc(1, sizeof(*entry));
    if (!entry)
        return BS_ERR_NOMEM;
    entry->text = BS_BUF(text.size);
    enum bs_err err = policy_parse(text, &entry->policy, problem);
    if (err == BS_OK)
        err = bs_buf_append(&entry->text, text.data, text.size);
    if (err == BS_OK)
        *ret_entry = BS_TAKE(entry);
    return err;
}

enum bs_err policy_cache_take(struct policy_cache *cache, struct bs_span text, const struct policy_file **ret_policy,
                              struct conf_problem *problem)
{
    struct entry *entry = look_up(cache, text);
    if (!entry) {
        enum bs_err err = make(text, &entry, problem);
        if (err != BS_OK)
            return err;
        add(cache, entry);
    }
    *ret_policy = &entry->policy;
    return BS_OK;
}

void policy_cache_give(struct policy_cache *cache, const struct policy_file *policy)
{
    struct entry *old = NULL;
    if (!policy)
        return;
    pthread_mutex_lock(&cache->lock);
    for (struct entry *entry = cache->first; entry; entry = entry->next)
        if (&entry->policy == policy) {
            assert(entry->users > 0);
            entry->users--;
        }
    old = take_old(cache);
    pthread_mutex_unlock(&cache->lock);
    while (old) {
        struct entry *next = old->next;
        entry_free(old);
        old = next;
    }
}
