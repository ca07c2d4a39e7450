/*
 * Policies that were parsed already: verdicts go by the same few, and parsing one costs more than judging by it. A policy is found by its text, so
 * whatever is applied, or restored behind the server's back, is parsed anew. Threads share one cache.
 */
#pragma once

#include "core/own.h"
#include "server/policy/policy_file.h"

#define POLICY_CACHE_MAX 16 /* so many that nobody uses are kept; the one that was used longest ago goes */

struct policy_cache;

/* NULL: out of memory. */
struct policy_cache *policy_cache_new(void);
/* Nobody may use a policy of it any more. */
void policy_cache_free(struct policy_cache *cache);
BS_DEFINE_OWN(policy_cache, struct policy_cache, policy_cache_free)

/* As policy_parse(). What comes is the cache's, and is there until policy_cache_give(). */
enum bs_err policy_cache_take(struct policy_cache *cache, struct bs_span text, const struct policy_file **ret_policy,
                              struct conf_problem *problem) BS_MUST_USE;
struct policy_cache_state {
    size_t kept;     /* also those that are in use */
    uint64_t parsed; /* texts, since the beginning */
};
struct policy_cache_state policy_cache_state(struct policy_cache *cache);

/* NULL is taken. */
void policy_cache_give(struct policy_cache *cache, const struct policy_file *policy);
