/* A folder of evidence files as the references of a profile: NAME.json is the reference NAME; other files are left alone. */
#pragma once

#include "server/policy/policy_judge.h"

#define REFERENCES_MAX 256

struct references;

/* `folder` NULL: none. Returns an exit code, after saying why. */
int references_load(const char *folder, struct references **ret_references);
void references_free(struct references *references);

/* Points at `references`. */
struct policy_references references_view(struct references *references);
