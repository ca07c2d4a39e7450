/* What most tests of policies begin with: log_base() and its boot, to be bent, and rules to be judged by. Every test starts afresh. */
#pragma once

#include "unit/server/policy_log.h"

extern struct log_cert db_cert, kek_cert, other_cert; /* of db, of PK and KEK, of nobody */
extern struct log_table base;                         /* as it comes */
extern struct log_table table;                        /* a copy, to be bent */
extern struct scene_boot boot;                        /* what `table` leads to; its command line is LOG_COMMAND_LINE */
extern struct scene_boot reference;                   /* empty, called "gw-1.4", and not in the scene */
extern struct scene scene;

int stage_open(void **state);
int stage_close(void **state);
int stage_setup(void **state);
int stage_teardown(void **state);
#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_setup, stage_teardown)
#define STAGE_RUN(tests) cmocka_run_group_tests(tests, stage_open, stage_close)

/* `table` and `boot` as they were. */
void reset(void);

/* The boot of `table`, judged by a policy with these PCRs in `events` and these rules. */
void good(uint32_t events, const char *rules);
void refused(uint32_t events, const char *rules, const char *rule, const char *words);
/* `boot`, whatever `table` would lead to. */
void good_as_it_stands(uint32_t events, const char *rules);
void refused_as_it_stands(uint32_t events, const char *rules, const char *rule, const char *words);

#define P(pcr) (1u << (pcr))

/* The digests of log_filled(). */
#define FILL41 "sha256:4141414141414141414141414141414141414141414141414141414141414141"
#define FILL42 "sha256:4242424242424242424242424242424242424242424242424242424242424242"
#define FILL43 "sha256:4343434343434343434343434343434343434343434343434343434343434343"
#define FILL49 "sha256:4949494949494949494949494949494949494949494949494949494949494949"
#define FILL50 "sha256:5050505050505050505050505050505050505050505050505050505050505050"
#define FILL66 "sha256:6666666666666666666666666666666666666666666666666666666666666666"

/* The rule that takes both sections of `base`; in memory that is good until the next call. */
const char *base_sections(void);

/* Into PCR 11, without an event: as systemd-pcrphase does. */
void extend_words(struct scene_boot *b, const char *words);
