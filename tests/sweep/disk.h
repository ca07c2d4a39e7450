/*
 * A disk that loses its power: which contents and names below a folder were made durable, and what is left when everything
 * else is thrown away. As unkind as POSIX lets a file system be: a file's data is durable by fsync of the file, names in a
 * folder by fsync of the folder, and neither does anything for the other.
 *
 * The caller says what was made and what was synchronized, right after it happened. Anything that fails here ends the program.
 */
#pragma once

#include <stdbool.h>

struct disk;

/* What lies below `root` now is durable. Files, folders and links; a file with two names is not understood. */
struct disk *disk_begin(const char *root);
void disk_end(struct disk *disk); /* takes NULL */

/* A block device beside the folder; what lies on it now is durable, and later what did at its last fsync. One at most. */
void disk_add_device(struct disk *disk, const char *path);

/* A file or folder was created, so that an inode number that was seen before is of another file now. */
void disk_created(struct disk *disk, const char *path);

/* fsync of a file, a folder or the device. Other paths that are not below the root are let pass, here and above. */
void disk_synced(struct disk *disk, const char *path);

/* sync() */
void disk_synced_all(struct disk *disk);

/* A power cut now would throw something away. */
bool disk_is_dirty(struct disk *disk);

/* Makes folder and device what is durable of them. */
void disk_cut(struct disk *disk);
