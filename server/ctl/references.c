#include "server/ctl/references.h"

#include "bootseal/exit.h"
#include "server/ctl/streams.h"
#include "server/policy/boot_judge.h"
#include "server/policy/evidence_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX ".json"

struct loaded {
    char name[POLICY_NAME_MAX + 1];
    struct evidence_file file;
};

struct references {
    struct loaded *items; /* by name */
    size_t count;
};

void references_free(struct references *references)
{
    if (!references)
        return;
    for (size_t i = 0; i < references->count; i++)
        evidence_file_free(&references->items[i].file);
    free(references->items);
    free(references);
}

static int fail(const char *folder, const char *name, const char *what)
{
    (void)fprintf(stderr, "bootsealctl: %s/%s: %s\n", folder, name, what);
    return BS_EXIT_INPUT;
}

static bool has_suffix(const char *name)
{
    size_t length = strlen(name);
    return length > strlen(SUFFIX) && strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

static int load(const char *folder, const char *name, struct loaded *item)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    struct evidence_file_fault fault = { "" };
    char path[4096];
    int length = snprintf(path, sizeof(path), "%s/%s", folder, name);
    item->file = EVIDENCE_FILE_INIT;
    snprintf(item->name, sizeof(item->name), "%.*s", (int)(strlen(name) - strlen(SUFFIX)), name);
    if (length < 0 || length >= (int)sizeof(path) || strlen(name) - strlen(SUFFIX) > POLICY_NAME_MAX ||
        !policy_name_is_valid(item->name))
        return fail(folder, name, "its name is not that of a reference");
    int code = streams_read(path, &bytes);
    if (code != 0)
        return code;
    enum bs_err err = evidence_file_read(bs_buf_span(&bytes), &item->file, &fault);
    return err == BS_OK ? 0 : fail(folder, name, fault.text[0] ? fault.text : bs_err_name(err));
}

static int load_all(const char *folder, struct dirent **names, int count, struct references *references)
{
    for (int i = 0; i < count; i++) {
        if (!has_suffix(names[i]->d_name))
            continue;
        if (references->count == REFERENCES_MAX)
            return fail(folder, names[i]->d_name, "there are more references than 256");
        int code = load(folder, names[i]->d_name, &references->items[references->count++]);
        if (code != 0)
            return code;
    }
    return 0;
}

int references_load(const char *folder, struct references **ret_references)
{
    struct dirent **names = NULL;
    struct references *references = calloc(1, sizeof(*references));
    int count = 0, code = BS_EXIT_LOCAL;
    if (references)
        references->items = calloc(REFERENCES_MAX, sizeof(*references->items));
    if (references && references->items) {
        count = folder ? scandir(folder, &names, NULL, alphasort) : 0;
        code = count < 0 ? fail(folder, "", "the folder cannot be read") : load_all(folder, names, count, references);
    }
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
    if (code == 0)
        *ret_references = references;
    else
        references_free(references);
    return code;
}

static enum bs_err show(const struct loaded *item, policy_reference_fn row, void *row_context)
{
    struct policy_reference reference = { .name = item->name, .boot = boot_judge_view(&item->file.boot) };
    return row(row_context, &reference);
}

static enum bs_err find(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    const struct references *references = context;
    for (size_t i = 0; i < references->count; i++)
        if (strcmp(references->items[i].name, name) == 0)
            return show(&references->items[i], row, row_context);
    return BS_ERR_NOT_FOUND;
}

static enum bs_err each(void *context, policy_reference_fn row, void *row_context)
{
    const struct references *references = context;
    enum bs_err err = BS_OK;
    for (size_t i = 0; i < references->count && err == BS_OK; i++)
        err = show(&references->items[i], row, row_context);
    return err;
}

struct policy_references references_view(struct references *references)
{
    return (struct policy_references){ references, find, each };
}
