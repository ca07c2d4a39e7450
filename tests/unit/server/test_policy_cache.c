/* Policies are parsed once, whoever asks, and never older than their text. */
#include "policy_text.h"

#include "core/buf.h"
#include "server/policy/policy_cache.h"

#include <pthread.h>

#define THREADS 8
#define ROUNDS 400
#define TEXTS 40 /* more than are kept */

static struct bs_span text_of(unsigned number, char ret_text[200])
{
    snprintf(ret_text, 200,
             "name = \"p%u\"; pcrs: { events = [4]; };"
             "applications = ( { name = \"a\"; digests = [\"sha256:%064x\"]; } );",
             number, number + 1);
    return bs_span_of_string(ret_text);
}

static const struct policy_file *take(struct policy_cache *cache, unsigned number)
{
    char text[200], name[16];
    struct conf_problem problem = { "" };
    const struct policy_file *policy = NULL;
    if (policy_cache_take(cache, text_of(number, text), &policy, &problem) != BS_OK)
        fail_msg("%s", problem.text);
    snprintf(name, sizeof(name), "p%u", number);
    assert_string_equal(policy->name, name);
    return policy;
}

static void one_text_is_parsed_once(void **state)
{
    (void)state;
    BS_OWN(policy_cache) cache = policy_cache_new();
    const struct policy_file *first = take(cache, 1), *again = take(cache, 1), *other = take(cache, 2);
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    policy_cache_give(cache, first);
    policy_cache_give(cache, again);
    policy_cache_give(cache, other);
    assert_ptr_equal(take(cache, 1), first); /* nobody used it, and it was kept */
    policy_cache_give(cache, first);
    policy_cache_give(cache, NULL);
    assert_int_equal(policy_cache_state(cache).parsed, 2);
}

/* The name does not find it, nor its version: what was applied is another text. */
static void another_text_of_the_name_is_another_policy(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "name = \"p\"; pcrs: { events = [4]; }; applications = ( { release = \"1\"; } );",
        "name = \"p\"; pcrs: { events = [4]; }; applications = ( { release = \"2\"; } );",
    };
    BS_OWN(policy_cache) cache = policy_cache_new();
    const struct policy_file *policies[COUNT(texts)] = { NULL };
    struct conf_problem problem = { "" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        assert_ok(policy_cache_take(cache, bs_span_of_string(texts[i]), &policies[i], &problem));
        const struct policy_application *release = policies[i]->applications.items;
        assert_string_equal(release->release, i == 0 ? "1" : "2");
    }
    policy_cache_give(cache, policies[0]);
    policy_cache_give(cache, policies[1]);
}

static void what_is_no_policy_is_none_each_time(void **state)
{
    (void)state;
    BS_OWN(policy_cache) cache = policy_cache_new();
    for (int i = 0; i < 2; i++) {
        const struct policy_file *policy = NULL;
        struct conf_problem problem = { "" };
        assert_err(policy_cache_take(cache, bs_span_of_string("name = \"p\";"), &policy, &problem), BS_ERR_CONFIG);
        assert_non_null(strstr(problem.text, "approves nothing"));
        assert_null(policy);
    }
}

#define OTHERS (POLICY_CACHE_MAX - 1) /* beside the one that is used often */

/* The oldest goes; one that is in use never does. */
static void those_that_were_used_last_are_kept(void **state)
{
    (void)state;
    BS_OWN(policy_cache) cache = policy_cache_new();
    const struct policy_file *held = take(cache, 1000), *often = take(cache, 2000), *kept[OTHERS];
    policy_cache_give(cache, often);
    for (unsigned i = 0; i < TEXTS; i++) {
        const struct policy_file *policy = take(cache, i);
        if (i >= TEXTS - OTHERS)
            kept[i - (TEXTS - OTHERS)] = policy;
        policy_cache_give(cache, policy);
        assert_ptr_equal(take(cache, 2000), often);
        policy_cache_give(cache, often);
    }
    assert_ptr_equal(take(cache, 1000), held);
    assert_string_equal(held->name, "p1000");
    for (unsigned i = 0; i < OTHERS; i++) {
        const struct policy_file *policy = take(cache, TEXTS - OTHERS + i);
        assert_ptr_equal(policy, kept[i]);
        policy_cache_give(cache, policy);
    }
    assert_int_equal(policy_cache_state(cache).kept, POLICY_CACHE_MAX + 1);
    assert_int_equal(policy_cache_state(cache).parsed, TEXTS + 2);
    policy_cache_give(cache, held);
    policy_cache_give(cache, held);
    assert_int_equal(policy_cache_state(cache).kept, POLICY_CACHE_MAX);
}

struct worker {
    pthread_t thread;
    struct policy_cache *cache;
    unsigned number;
    unsigned wrong;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[200], name[16];
        unsigned number = (i * 7 + worker->number * 3) % TEXTS;
        struct conf_problem problem = { "" };
        const struct policy_file *policy = NULL;
        snprintf(name, sizeof(name), "p%u", number);
        if (policy_cache_take(worker->cache, text_of(number, text), &policy, &problem) != BS_OK ||
            strcmp(policy->name, name) != 0)
            worker->wrong++;
        policy_cache_give(worker->cache, policy);
    }
    return NULL;
}

static void threads_share_them(void **state)
{
    (void)state;
    BS_OWN(policy_cache) cache = policy_cache_new();
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){ .cache = cache, .number = i };
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_int_equal(policy_cache_state(cache).kept, POLICY_CACHE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_text_is_parsed_once),
        cmocka_unit_test(another_text_of_the_name_is_another_policy),
        cmocka_unit_test(what_is_no_policy_is_none_each_time),
        cmocka_unit_test(those_that_were_used_last_are_kept),
        cmocka_unit_test(threads_share_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
