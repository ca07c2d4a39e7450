/* Files: bounded reads without following links, and writes that are whole and durable or not there. */
#pragma once

#include "core/buf.h"
#include "core/err.h"
#include "core/own.h"
#include "core/secret.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Prefix for every path that the configuration names (bootseal --root). `root` NULL or "/" is no prefix.
 * The result is absolute, malloc'd, owned by the caller. A `path` that is not absolute, or has a ".." component,
 * is BS_ERR_INPUT; a relative `root` is taken from the working directory.
 */
enum bs_err bs_path_under(const char *root, const char *path, char **ret_path) BS_MUST_USE;

/*
 * Reads a whole file, to its end, not to the size that stat says (securityfs says 0, and a log may grow).
 * O_NOFOLLOW, regular file or character device. NOT_FOUND when absent; INPUT when it is something else or larger
 * than buf->limit allows. Appends; after an error `buf` holds what it held before.
 */
enum bs_err bs_file_read(const char *path, struct bs_buf *buf) BS_MUST_USE;
enum bs_err bs_file_read_at(int dir_fd, const char *name, struct bs_buf *buf) BS_MUST_USE;

/* The rest of what is open, with the same limit and errors. */
enum bs_err bs_file_read_fd(int fd, struct bs_buf *buf) BS_MUST_USE;

/* As bs_file_read, into a secret; *ret_secret holds at most `max` bytes. An empty file is BS_ERR_INPUT. */
enum bs_err bs_file_read_secret(const char *path, size_t max, struct bs_secret **ret_secret) BS_MUST_USE;

struct bs_file_attr {
    mode_t mode;
    uid_t uid; /* (uid_t)-1: as the process */
    gid_t gid; /* (gid_t)-1: as the process */
};

/*
 * Temporary file ".NAME.new" beside the target, write, attributes, fsync, rename, fsync of the folder. After BS_OK the
 * contents are durable; after an error the old file is as it was. The temporary name is fixed so that power cuts
 * leave one at most, which the next write replaces: one writer at a time for one name. `attr` NULL: 0600, as the
 * process.
 */
enum bs_err bs_file_write(const char *path, struct bs_span data, const struct bs_file_attr *attr) BS_MUST_USE;
enum bs_err bs_file_write_at(int dir_fd, const char *name, struct bs_span data,
                             const struct bs_file_attr *attr) BS_MUST_USE;

/*
 * Overwrites a file with zeros as far as `max` bytes, removes it, and with it what a power cut left of its next version; durable. A link
 * is removed, not followed. What the medium keeps of old blocks is out of reach. BS_OK when there is no such file.
 */
enum bs_err bs_file_erase_at(int dir_fd, const char *name, size_t max) BS_MUST_USE;

/*
 * Makes a folder and its parents where missing; `mode` is for the last one if it is made here, 0755 for parents. An
 * existing non-folder is BS_ERR_IO.
 */
enum bs_err bs_dir_make(const char *path, mode_t mode) BS_MUST_USE;

/* Opens a folder: O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC. NOT_FOUND when absent; INPUT when it is a link or no folder. */
enum bs_err bs_dir_open(const char *path, int *ret_fd) BS_MUST_USE;
