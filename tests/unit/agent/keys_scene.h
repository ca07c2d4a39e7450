/* Keys that the device makes, over several boots: against a server that records what it is told and gives shares that are asked for. */
#pragma once

#include "scene.h"

#include "unit/unit.h"

#define KEYS 4

/* What the server knows. */
extern struct keys_server {
    bool keeps_shares; /* and gives older ones */
    bool gives_others; /* those of another serial */
    unsigned twist;    /* orders other keys under the same names: see order_twisted() in keys_scene.c */
    uint64_t generation;
    uint8_t halves[KEYS][GENERATED_PUBLIC_MAX];
    size_t sizes[KEYS]; /* 0: nothing was enrolled */
    uint8_t older[BS_SHARES_MAX][BS_SHARE_SIZE];
    uint8_t share[BS_SHARE_SIZE];
} server;

int keys_setup(void **state);
int keys_teardown(void **state);
#define keys_test(name) cmocka_unit_test_setup_teardown(name, keys_setup, keys_teardown)

/* Enrolls what a device says that it made. */
void record(const struct generated_public *keys, size_t count);

/* The first boot, whose keys the server records. */
void enroll(void);

/* The files as a boot, most often the first, handed them over. */
extern struct bs_buf first_files[KEYS];
const char *file_of(size_t i); /* good until the next call */
void remember_files(void);
bool has_the_same_file(size_t i);
void assert_the_same_keys(void);
