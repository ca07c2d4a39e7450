/* An approved device and a request of it in which nothing is wrong, for a test to bend in one thing; and how it has to be answered. */
#pragma once

#include "unit/server/lab.h"

extern struct softtpm tpm;   /* approved, with its boot as reference */
extern struct softtpm other; /* another device of the same vendor */

/* Not for the device's id: the pair stays the proven one, so that nothing but the check stands between request and secrets. */
extern struct softtpm_request request;

int evidence_setup(void **state);
int evidence_teardown(void **state);
#define EVIDENCE_TEST(name) cmocka_unit_test_setup_teardown(name, evidence_setup, evidence_teardown)

/* Refused for this reason, which is a row of the audit log. */
void expect(void **state, const char *reason);
/* And the sentence, or a finding, has these words. */
void expect_words(void **state, const char *reason, const char *words);

#define BEND_ATTEST(name, statement)                \
    static void name(struct softtpm_attest *attest) \
    {                                               \
        statement;                                  \
    }
