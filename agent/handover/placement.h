/*
 * Writes several files so that either all of them are there or none: first every one beside its place under a temporary name, then all are
 * renamed; what goes wrong in between takes back what was done. Folders on the way are not followed when they are links.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define PLACEMENT_MAX 200
#define PLACEMENT_PATH_MAX 512

struct placement {
    char path[PLACEMENT_PATH_MAX]; /* absolute, below the root */
    struct bs_span data;
    mode_t mode;
    uid_t owner;
    gid_t group;
    mode_t dir_mode; /* of the folder where it is made */
    int dir_fd;      /* while at work */
    bool is_renamed;
};

struct placements {
    const char *root;
    struct placement items[PLACEMENT_MAX];
    size_t count;
    const char *failed; /* path of the one that could not be placed */
};

/* Takes one more on the list. NOMEM when it is full or the path too long, CONFIG when the path is taken. */
enum bs_err placements_add(struct placements *list, const struct placement *item) BS_MUST_USE;

enum bs_err placements_write(struct placements *list) BS_MUST_USE;

/* Opens a folder below `root`, making what is missing of it; parents 0755, the last one `mode`. INPUT when a part of it is a link. */
enum bs_err placement_open_dir(const char *root, const char *path, mode_t mode, int *ret_fd) BS_MUST_USE;
