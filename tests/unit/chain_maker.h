/*
 * A root, an issuing CA and a server's certificate as they should be, for a test to change one thing in, and what cert_chain_verify()
 * says of them. Linked with --wrap=clock_gettime: the test sets the time.
 */
#pragma once

#include "cert_maker.h"

#define SERVER_AUTH "1.3.6.1.5.5.7.3.1"
#define CLIENT_AUTH "1.3.6.1.5.5.7.3.2"
#define YEAR_2033 2000000000

extern struct crypto_key *root_key, *middle_key, *leaf_key; /* of good_root(), good_middle() and good_leaf() */
extern int64_t wall_seconds;                                /* the clock; YEAR_2033 when a test begins */

int chain_make_keys(void **state);
int chain_free_keys(void **state);
int chain_setup(void **state);
#define CHAIN_TEST(name) cmocka_unit_test_setup(name, chain_setup)
#define CHAIN_RUN(tests) cmocka_run_group_tests(tests, chain_make_keys, chain_free_keys)

struct maker good_root(void);
struct maker good_middle(void); /* of path length 0 */
struct maker good_leaf(void);

struct cert_roots *roots_of(const struct bs_span *ders, size_t count);

/* For SERVER_AUTH, with that root pinned; `middle` may be empty. Who refuses says why. */
enum bs_err verify(struct bs_span leaf, struct bs_span middle, struct bs_span root);
enum bs_err verify_made(const struct maker *leaf, const struct maker *middle, const struct maker *root);

/* The good chain verifies, and with any bit of leaf or middle changed it does not. */
void assert_every_bit_counts(void);
