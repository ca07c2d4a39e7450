/*
 * Handover: what the bundle brings is placed where the image's configuration says, all of it or nothing. The server sends
 * named items, never paths.
 */
#pragma once

#include "core/buf.h"
#include "core/bundle.h"
#include "core/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define HANDOVER_CREDSTORE "/run/credstore"
#define HANDOVER_INITRD_CREDENTIALS "/run/credentials/@initrd"

/* Names of items; "x*" stands for all that begin with x. */
struct handover_patterns {
    const char *const *items;
    size_t count;
};

struct handover_file {
    const char *item;
    const char *path;
    uid_t owner;
    gid_t group;
    mode_t mode;
};

struct handover_request {
    const char *root;                     /* prefix of all paths, may be NULL */
    const struct bundle *bundle;          /* verified */
    const struct generated_private *keys; /* that the bundle orders, in its order */
    size_t key_count;
    struct bs_span device_pem; /* TSS2 PEM of the device key; empty: none */
    struct bs_span server_ca;  /* PEM; empty: none */
    bool use_ramfs;            /* mount one at HANDOVER_CREDSTORE: its pages never go to swap */
    struct handover_patterns credstore;
    struct handover_patterns initrd_credentials;
    const struct handover_file *files;
    size_t file_count;
    const char *key_path, *chain_path, *ca_path; /* "": not written */
    const char *ready_path; /* an empty file that others wait for, the last one to appear; "": none */
};

/* What stopped a handover, for one sentence. */
struct handover_problem {
    char text[256];
};

/*
 * Places everything; *ret_count files besides the one at ready_path. After an error nothing of it is there, and *ret_problem
 * says what could not be done. CONFIG when two things would be written to one path, or an item that the configuration
 * names is not in the bundle; IO when the system failed.
 */
enum bs_err handover_place(const struct handover_request *request, size_t *ret_count,
                           struct handover_problem *ret_problem) BS_MUST_USE;

/* The kernel command line makes the root one that the boot chain authenticates: dm-verity with its root hash in it. */
bool handover_root_is_authenticated(struct bs_span cmdline);

bool handover_matches(const struct handover_patterns *patterns, struct bs_span name);
