/* What the checks of a policy (policy_check.c, policy_quoted.c, check_*.c) share; nobody else includes it. */
#pragma once

#include "server/policy/policy_check.h"

#define CHECK_BIT(pcr) (UINT32_C(1) << (pcr))
#define CHECK_PATH 128

/* The first complaint ends the check. */
struct check {
    const struct conf *conf;
    const struct policy_file *policy;
    struct conf_problem *problem;
    bool is_refused;
};

#define CHECK_REFUSE(check, path, ...)                                               \
    do {                                                                             \
        if (!(check)->is_refused)                                                    \
            (void)conf_refuse((check)->conf, (path), (check)->problem, __VA_ARGS__); \
        (check)->is_refused = true;                                                  \
    } while (0)

/* "signers.[2].subject" */
const char *check_path(char path[CHECK_PATH], const char *list, size_t index, const char *key);

/* Of each bank, each once. */
void check_digests(struct check *check, const char *path, const struct conf_strings *digests);

/* One of these PCRs is judged by events; `which` is their list in words. */
void check_judged(struct check *check, const char *path, uint32_t mask, const char *which);

void check_command_line(struct check *check);
void check_firmware(struct check *check);

/* check_taken.c: groups whose events another rule takes first, and groups that are there twice. Digests are known to be such. */
void check_taken(struct check *check);
