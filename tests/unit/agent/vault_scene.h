/* The scene's vault, seen from outside: its slots as files. */
#pragma once

#include "scene.h"

#include "unit/unit.h"

#define VAULT "/var/lib/bootseal"
#define SLOT_A VAULT "/slot-a"
#define SLOT_B VAULT "/slot-b"

void vault_put(const char *path, struct bs_span bytes);
void vault_keep(const char *path, struct bs_buf *out);
bool vault_is_marked(const char *path);

/* Powers off and on: a boot that nobody but the vault can help. */
void vault_assert_opens_nothing(void);
