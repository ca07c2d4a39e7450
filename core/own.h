/*
 * Ownership by scope: BS_OWN(secret) key = NULL; releases on every path out of the scope,
 * BS_TAKE(key) hands the value over and leaves NULL behind.
 */
#pragma once

#include <stdlib.h>

/* Makes BS_OWN(name) possible for pointers to `type`; `release` takes the pointer and must accept NULL. */
#define BS_DEFINE_OWN(name, type, release)             \
    typedef type *bs_own_##name;                       \
    static inline void bs_own_release_##name(type **p) \
    {                                                  \
        release(*p);                                   \
        *p = NULL;                                     \
    }

#define BS_OWN(name) __attribute__((cleanup(bs_own_release_##name), unused)) bs_own_##name

#define BS_TAKE(p)                  \
    ({                              \
        __typeof__(p) taken_ = (p); \
        (p) = NULL;                 \
        taken_;                     \
    })

BS_DEFINE_OWN(memory, void, free)
BS_DEFINE_OWN(string, char, free)

/* A file descriptor that closes itself: BS_OWN_FD int fd = -1; */
void bs_own_release_fd(int *fd);
#define BS_OWN_FD __attribute__((cleanup(bs_own_release_fd)))
