/* Which system calls of another process leave a trace that outlives it: on a disk, in a TPM, on a network. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum effect_kind { EFFECT_NONE, EFFECT_DISK, EFFECT_TPM, EFFECT_NET };

/* What the model of the disk is told when the call has succeeded. */
enum effect_disk { DISK_CHANGES, DISK_CREATES, DISK_SYNCS, DISK_SYNCS_ALL };

struct effect {
    enum effect_kind kind;
    enum effect_disk disk;
    int fd; /* of a TPM's socket, in that process */
    char path[PATH_MAX];
    char text[PATH_MAX + 64]; /* one line for a person */
};

/*
 * What the call that the process is about to make will do; kind NONE when nothing. The process has to be stopped. Calls that will fail, because
 * what they remove is not there or what they make is, do nothing.
 */
void effect_of(pid_t pid, uint64_t call, const uint64_t arguments[6], struct effect *ret_effect);

/* Waits until the TPM has answered: then it has done what it was told, and the answer may be lost. */
void effect_await_tpm(pid_t pid, int fd);
