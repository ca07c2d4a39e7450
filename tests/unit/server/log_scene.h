/* A boot whose userspace measured something, too: its log, and what else the request says beside the quote. */
#pragma once

#include "evidence_scene.h"

/* All empty when a test begins. */
extern char userspace[BS_USERSPACE_LOG_MAX + 1];
extern size_t userspace_size;
extern const char *command_line;
extern const char *note;

int log_setup(void **state);
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, log_setup, evidence_teardown)

/* A record of userspace's log. `digest` NULL: the hash of the text; `pcr` below 0: of an NV index. */
void put_record(int pcr, const char *digest, const char *text);
void extend(uint32_t pcr, const char *text);
/* The record, and the extend that it tells of. */
void measure(uint32_t pcr, const char *text);

/* Whole, but another boot than the reference. */
void expect_whole(void **state);
void expect_approved(void **state);
