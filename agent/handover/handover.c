#include "agent/handover/handover.h"

#include "agent/handover/placement.h"
#include "core/cert.h"
#include "core/file.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PRIVATE_DIR 0700
#define CREDSTORE_MODE 0600
#define CREDENTIALS_MODE 0400
#define PEM_MAX (BUNDLE_CHAIN_MAX * BS_CERT_MAX * 2)
/* systemd's and dracut's word for a dm-verity root, and the kernel's own (dm-mod.create=, with a target named verity). */
#define VERITY_ROOT "roothash="
#define VERITY_TABLE "dm-mod.create="
#define VERITY_TARGET " verity "

bool handover_matches(const struct handover_patterns *patterns, struct bs_span name)
{
    for (size_t i = 0; i < patterns->count; i++) {
        struct bs_span pattern = bs_span_of_string(patterns->items[i]);
        if (pattern.size > 0 && pattern.data[pattern.size - 1] == '*') {
            if (name.size >= pattern.size - 1 && memcmp(name.data, pattern.data, pattern.size - 1) == 0)
                return true;
        } else if (bs_span_equal(pattern, name)) {
            return true;
        }
    }
    return false;
}

/* Where a word that begins so stands, with something after it; NULL when none does. */
static const char *find_word(struct bs_span cmdline, const char *wanted)
{
    size_t size = strlen(wanted);
    for (size_t i = 0; i + size < cmdline.size; i++) {
        bool is_word = i == 0 || cmdline.data[i - 1] == ' ' || cmdline.data[i - 1] == '"';
        if (is_word && memcmp(cmdline.data + i, wanted, size) == 0 && cmdline.data[i + size] > ' ')
            return (const char *)cmdline.data + i;
    }
    return NULL;
}

bool handover_root_is_authenticated(struct bs_span cmdline)
{
    const char *table = find_word(cmdline, VERITY_TABLE);
    if (find_word(cmdline, VERITY_ROOT))
        return true;
    return table && memmem(table, cmdline.size - (size_t)(table - (const char *)cmdline.data), VERITY_TARGET,
                           strlen(VERITY_TARGET));
}

__attribute__((format(printf, 3, 4))) static enum bs_err say(enum bs_err err, struct handover_problem *problem,
                                                             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(problem->text, sizeof(problem->text), format, args);
    va_end(args);
    return err;
}

/* The pages of a ramfs never go to swap, other than those of /run itself. */
static enum bs_err mount_ramfs(const char *root, struct handover_problem *problem)
{
    BS_OWN_FD int fd = -1;
    enum bs_err err = placement_open_dir(root, HANDOVER_CREDSTORE, PRIVATE_DIR, &fd);
    if (err != BS_OK)
        return say(err, problem, "%s cannot be made", HANDOVER_CREDSTORE);
    struct statfs fs;
    if (fstatfs(fd, &fs) == 0 && fs.f_type == RAMFS_MAGIC)
        return BS_OK; /* ours, of an earlier run */

    char self[32]; /* the folder that was opened, whatever becomes of its path */
    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    if (mount("ramfs", self, "ramfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") == 0)
        return BS_OK;
    if (errno == EPERM)
        return say(BS_ERR_IO, problem,
                   "a ramfs cannot be mounted at %s without privilege; for tests set handover.ramfs = false",
                   HANDOVER_CREDSTORE);
    return say(BS_ERR_IO, problem, "a ramfs cannot be mounted at %s (%s)", HANDOVER_CREDSTORE, strerror(errno));
}

static enum bs_err add(struct placements *list, struct placement item, struct handover_problem *problem)
{
    enum bs_err err = placements_add(list, &item);
    if (err == BS_ERR_CONFIG)
        return say(err, problem, "two things would be written to %s; change handover in bootseal.conf", item.path);
    if (err != BS_OK)
        return say(err, problem, "more than %d files are to be handed over", PLACEMENT_MAX);
    return BS_OK;
}

static enum bs_err set_path(struct placement *item, const char *path, struct handover_problem *problem)
{
    if (snprintf(item->path, sizeof(item->path), "%s", path) < (int)sizeof(item->path))
        return BS_OK;
    return say(BS_ERR_CONFIG, problem, "the path %.100s… is too long", path);
}

/* What is handed over by name: the server's items, and the keys of the device in the forms that were ordered. */
struct things {
    struct bundle_item list[BS_ITEMS_MAX + BS_GENERATED_MAX];
    size_t count;
    struct bs_buf files[BS_GENERATED_MAX];
    size_t file_count;
};

static enum bs_err gather(const struct handover_request *request, struct things *things,
                          struct handover_problem *problem)
{
    const struct bundle *bundle = request->bundle;
    if (request->key_count != bundle->key_count)
        return say(BS_ERR_INPUT, problem, "%zu keys are ordered, and %zu are there", bundle->key_count,
                   request->key_count);
    memcpy(things->list, bundle->items, bundle->item_count * sizeof(bundle->items[0]));
    things->count = bundle->item_count;
    for (size_t i = 0; i < bundle->key_count; i++) {
        struct bs_buf *file = &things->files[things->file_count++];
        *file = BS_BUF(BS_ITEM_DATA_MAX);
        enum bs_err err = generated_write(&request->keys[i], bundle->keys[i].form, file);
        if (err != BS_OK)
            return say(err, problem, "the key \"%.*s\" cannot be written as %s", (int)request->keys[i].name.size,
                       (const char *)request->keys[i].name.data, generated_form_name(bundle->keys[i].form));
        things->list[things->count++] =
            (struct bundle_item){ request->keys[i].name, BS_ITEM_SECRET, bs_buf_span(file) };
    }
    return BS_OK;
}

/* One folder of credentials, a file for every item that its patterns take. */
struct folder {
    const char *path;
    const struct handover_patterns *patterns;
    mode_t mode;
};

static enum bs_err add_folder(const struct things *things, const struct folder *folder, struct placements *list,
                              struct handover_problem *problem)
{
    for (size_t i = 0; i < things->count; i++) {
        const struct bundle_item *item = &things->list[i];
        if (!bundle_item_name_is_valid(item->name)) /* the bundle's decoder saw to that; a path is made of it here */
            return say(BS_ERR_INPUT, problem, "an item has a name that is no file name");
        if (!handover_matches(folder->patterns, item->name))
            continue;
        struct placement p = {
            .data = item->data, .mode = folder->mode, .owner = geteuid(), .group = getegid(), .dir_mode = PRIVATE_DIR
        };
        snprintf(p.path, sizeof(p.path), "%s/%.*s", folder->path, (int)item->name.size, (const char *)item->name.data);
        enum bs_err err = add(list, p, problem);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

static const struct bundle_item *find_item(const struct things *things, const char *name)
{
    for (size_t i = 0; i < things->count; i++) {
        if (bs_span_equal(things->list[i].name, bs_span_of_string(name)))
            return &things->list[i];
    }
    return NULL;
}

static enum bs_err add_files(const struct handover_request *request, const struct things *things,
                             struct placements *list, struct handover_problem *problem)
{
    for (size_t i = 0; i < request->file_count; i++) {
        const struct handover_file *file = &request->files[i];
        const struct bundle_item *item = find_item(things, file->item);
        if (!item)
            return say(
                BS_ERR_CONFIG, problem,
                "handover.files names the item \"%s\", which the profile %.*s does not have; add it there or take it out here",
                file->item, (int)request->bundle->profile.size, (const char *)request->bundle->profile.data);
        struct placement p = {
            .data = item->data, .mode = file->mode, .owner = file->owner, .group = file->group, .dir_mode = 0755
        };
        enum bs_err err = set_path(&p, file->path, problem);
        if (err == BS_OK)
            err = add(list, p, problem);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

static enum bs_err encode_chain(const struct bundle *bundle, struct bs_buf *out)
{
    enum bs_err err = BS_OK;
    for (size_t i = 0; err == BS_OK && i < bundle->chain_count; i++)
        err = cert_pem_encode(bundle->chain[i], "CERTIFICATE", out);
    return err;
}

static enum bs_err add_device_key(const struct handover_request *request, struct bs_span chain, struct placements *list,
                                  struct handover_problem *problem)
{
    const struct {
        const char *path;
        struct bs_span data;
    } parts[] = {
        { request->key_path, request->device_pem },
        { request->chain_path, chain },
        { request->ca_path, request->server_ca },
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i].path || *parts[i].path == '\0' || parts[i].data.size == 0)
            continue;
        struct placement p = { .data = parts[i].data,
                               .mode = CREDSTORE_MODE,
                               .owner = geteuid(),
                               .group = getegid(),
                               .dir_mode = PRIVATE_DIR };
        enum bs_err err = set_path(&p, parts[i].path, problem);
        if (err == BS_OK)
            err = add(list, p, problem);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

static enum bs_err add_ready(const struct handover_request *request, struct placements *list,
                             struct handover_problem *problem)
{
    if (!request->ready_path || *request->ready_path == '\0')
        return BS_OK;
    struct placement p = { .mode = 0644, .owner = geteuid(), .group = getegid(), .dir_mode = 0755 };
    enum bs_err err = set_path(&p, request->ready_path, problem);
    return err == BS_OK ? add(list, p, problem) : err;
}

/* What the list's data points at. */
struct contents {
    struct things things;
    struct bs_buf chain;
};

static void contents_free(struct contents *contents)
{
    for (size_t i = 0; i < contents->things.file_count; i++)
        bs_buf_free(&contents->things.files[i]);
    bs_buf_free(&contents->chain);
}
#define SCOPED_CONTENTS __attribute__((cleanup(contents_free)))

static enum bs_err plan(const struct handover_request *request, const struct contents *contents,
                        struct placements *list, struct handover_problem *problem)
{
    const struct folder folders[] = {
        { HANDOVER_CREDSTORE, &request->credstore, CREDSTORE_MODE },
        /* PID 1 takes these in and removes them at its start (systemd 254 and newer), so a mount point would be in its way. */
        { HANDOVER_INITRD_CREDENTIALS, &request->initrd_credentials, CREDENTIALS_MODE },
    };
    enum bs_err err = BS_OK;
    for (size_t i = 0; err == BS_OK && i < sizeof(folders) / sizeof(folders[0]); i++)
        err = add_folder(&contents->things, &folders[i], list, problem);
    if (err == BS_OK)
        err = add_device_key(request, bs_buf_span(&contents->chain), list, problem);
    if (err == BS_OK)
        err = add_files(request, &contents->things, list, problem);
    return err;
}

enum bs_err handover_place(const struct handover_request *request, size_t *ret_count,
                           struct handover_problem *ret_problem)
{
    SCOPED_CONTENTS struct contents contents = { .chain = BS_BUF(PEM_MAX) };
    enum bs_err err = encode_chain(request->bundle, &contents.chain);
    if (err != BS_OK)
        return say(err, ret_problem, "the device's certificates cannot be written as PEM");
    err = gather(request, &contents.things, ret_problem);
    if (err != BS_OK)
        return err;

    BS_OWN(memory) memory = calloc(1, sizeof(struct placements));
    struct placements *list = memory;
    if (!list)
        return say(BS_ERR_NOMEM, ret_problem, "there is no memory");
    list->root = request->root;
    err = plan(request, &contents, list, ret_problem);
    size_t count = list->count;
    if (err == BS_OK)
        err = add_ready(request, list, ret_problem);
    if (err == BS_OK && request->use_ramfs)
        err = mount_ramfs(request->root, ret_problem);
    if (err != BS_OK)
        return err;

    err = placements_write(list);
    if (err != BS_OK)
        return say(err, ret_problem, "%s cannot be written (%s); nothing was handed over", list->failed,
                   err == BS_ERR_INPUT ? "a link is in the way" : bs_err_name(err));
    *ret_count = count;
    return BS_OK;
}
