/* The words of the worked examples, held in files beside their evidence (tests/vectors/boots). */
#pragma once

#include "server/policy/evidence_file.h"
#include "server/policy/policy_judge.h"

/* Reads NAME.json, and fails the test with what is wrong with it. */
void read_example(const char *name, struct evidence_file *ret_file);

/* The text of a file of the folder; appends. */
void read_boots_file(const char *name, struct bs_buf *out);

struct policy_boot boot_of_example(const struct evidence_file *file);

/*
 * Fails when the file of that name does not hold exactly this text, and says where they part. With BOOTSEAL_RENEW_SNAPSHOTS=1 it
 * writes the file anew and fails as well, so that it is looked at and no test passes by it.
 */
void assert_snapshot(const char *name, struct bs_span text);
