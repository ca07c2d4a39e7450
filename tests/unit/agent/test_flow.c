#include "unit/unit.h"

#include "agent/flow.h"

/* The table of docs/design.md once more, written by hand: what follows success, "not now", and any other failure. */
static const struct {
    enum flow_state ok, wait, other;
} plain[FLOW_COUNT] = {
    [FLOW_DISCOVER] = { FLOW_OPEN, FLOW_FAILED, FLOW_FAILED },
    [FLOW_OPEN] = { FLOW_CAP, FLOW_CONNECT, FLOW_CONNECT },
    [FLOW_CONNECT] = { FLOW_IDENTIFY, FLOW_CONNECT, FLOW_FAILED },
    [FLOW_IDENTIFY] = { FLOW_ATTEST, FLOW_FAILED, FLOW_FAILED },
    [FLOW_ATTEST] = { FLOW_RECEIVE, FLOW_CONNECT, FLOW_FAILED },
    [FLOW_RECEIVE] = { FLOW_SEAL, FLOW_FAILED, FLOW_FAILED },
    [FLOW_SEAL] = { FLOW_CAP, FLOW_FAILED, FLOW_FAILED },
    [FLOW_CAP] = { FLOW_HANDOVER, FLOW_FAILED, FLOW_FAILED },
    [FLOW_HANDOVER] = { FLOW_DONE, FLOW_FAILED, FLOW_FAILED },
    [FLOW_FAILED] = { FLOW_NONE, FLOW_NONE, FLOW_NONE },
};

#define FACTS 32

static struct flow_facts facts_of(unsigned bits)
{
    return (struct flow_facts){ bits & 1, bits & 2, bits & 4, bits & 8, bits & 16 };
}

static enum flow_state expected(enum flow_state state, enum bs_err err, const struct flow_facts *f)
{
    bool is_wait = bs_err_blame(err) == BS_BLAME_WAIT;
    if (state == FLOW_FAILED)
        return FLOW_NONE;
    if (f->is_stopped && !f->is_capped)
        return FLOW_FAILED;
    if (f->is_off && state == FLOW_DISCOVER)
        return FLOW_CAP;
    if (f->is_renewing && state == FLOW_OPEN && err == BS_OK)
        return FLOW_CONNECT;
    if (f->is_renewing && state >= FLOW_CONNECT && state <= FLOW_SEAL && err != BS_OK)
        return err == BS_ERR_REFUSED || err == BS_ERR_WIPED ? FLOW_FAILED : FLOW_CAP;
    if (is_wait && f->is_time_up && (state == FLOW_CONNECT || state == FLOW_ATTEST))
        return FLOW_FAILED;
    return err == BS_OK ? plain[state].ok : is_wait ? plain[state].wait : plain[state].other;
}

static void every_state_error_and_fact_leads_where_the_design_says(void **state)
{
    (void)state;
    for (enum flow_state s = FLOW_DISCOVER; s < FLOW_COUNT; s++) {
        if (s == FLOW_DONE)
            continue;
        for (enum bs_err err = BS_OK; err <= BS_ERR_CRYPTO; err++) {
            for (unsigned bits = 0; bits < FACTS; bits++) {
                struct flow_facts facts = facts_of(bits);
                assert_int_equal(flow_next(s, err, &facts), expected(s, err, &facts));
            }
        }
    }
}

static void nothing_but_a_capped_boot_reaches_the_handover(void **state)
{
    (void)state;
    for (enum flow_state s = FLOW_DISCOVER; s < FLOW_COUNT; s++) {
        for (enum bs_err err = BS_OK; err <= BS_ERR_CRYPTO; err++) {
            for (unsigned bits = 0; bits < FACTS; bits++) {
                struct flow_facts facts = facts_of(bits);
                enum flow_state next = flow_next(s, err, &facts);
                if (next == FLOW_HANDOVER)
                    assert_true(s == FLOW_CAP && err == BS_OK);
                if (next == FLOW_DONE)
                    assert_true(s == FLOW_HANDOVER && err == BS_OK);
            }
        }
    }
}

static void a_state_that_is_not_retried_leads_forward_only(void **state)
{
    (void)state;
    for (enum flow_state s = FLOW_DISCOVER; s < FLOW_DONE; s++) {
        for (enum bs_err err = BS_OK; err <= BS_ERR_CRYPTO; err++) {
            for (unsigned bits = 0; bits < FACTS; bits++) {
                struct flow_facts facts = facts_of(bits);
                enum flow_state next = flow_next(s, err, &facts);
                if (next <= s)
                    assert_true(next == FLOW_CONNECT && bs_err_blame(err) == BS_BLAME_WAIT && !facts.is_time_up);
            }
        }
    }
}

static void every_state_has_a_name(void **state)
{
    (void)state;
    assert_string_equal(flow_name(FLOW_DISCOVER), "discover");
    assert_string_equal(flow_name(FLOW_FAILED), "failed");
    for (enum flow_state s = FLOW_DISCOVER; s < FLOW_COUNT; s++)
        assert_true(strlen(flow_name(s)) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_error_and_fact_leads_where_the_design_says),
        cmocka_unit_test(nothing_but_a_capped_boot_reaches_the_handover),
        cmocka_unit_test(a_state_that_is_not_retried_leads_forward_only),
        cmocka_unit_test(every_state_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
