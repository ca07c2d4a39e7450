/* Boots and policies for tests: an event log and the PCRs that it leads to, references by name, and the verdict. */
#pragma once

#include "unit/unit.h"

#include "server/policy/policy_judge.h"
#include "unit/logmaker.h"

#define VECTORS 12
extern const char *const vector_names[VECTORS];

/* One that was quoted; `log` and `pcrs` are its own. */
struct scene_boot {
    struct bs_buf log;
    struct bs_buf userspace;
    uint8_t pcrs[POLICY_PCRS][CRYPTO_HASH_MAX];
    uint32_t mask;
    uint16_t bank;
    const char *name; /* as a reference */
    const char *command_line;
    size_t command_line_size; /* 0: up to its zero */
};
#define SCENE_BOOT \
    ((struct scene_boot){ .log = BS_BUF(LOGMAKER_MAX), .userspace = BS_BUF(LOGMAKER_MAX), .bank = CRYPTO_SHA256 })
void scene_boot_free(struct scene_boot *boot);

/* A log of tests/vectors/eventlogs, and its true values of sha256. */
void scene_read(const char *vector, struct scene_boot *boot);

/* Fills in the values that the logs lead to, and the mask of PCRs that have events. */
void scene_replay(struct scene_boot *boot);

struct scene {
    struct policy_subject subject;
    const struct scene_boot *references[8];
    struct policy_verdict verdict;
};

/* Judges; the text must be a policy. */
const struct policy_verdict *scene_judge(struct scene *scene, const struct scene_boot *boot, const char *policy);

void assert_good(struct scene *scene, const struct scene_boot *boot, const char *policy);

/* Not good, by this rule; each of `words` is in what is said, and there is advice. */
void assert_not_good(struct scene *scene, const struct scene_boot *boot, const char *policy, const char *rule,
                     const char *words);
