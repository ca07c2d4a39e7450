#include "folder.h"

#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

int folder_setup(void **state)
{
    const char *parent = getenv("TMPDIR");
    char *path = malloc(PATH_MAX);
    if (!path)
        return -1;
    snprintf(path, PATH_MAX, "%s/bootseal-unit-XXXXXX", parent ? parent : "/tmp");
    *state = path;
    return mkdtemp(path) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

int folder_teardown(void **state)
{
    int failed = nftw(*state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return failed;
}

const char *folder_path(void **state, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;

    char *path = paths[next++ % COUNT(paths)];
    snprintf(path, PATH_MAX, "%s/%s", (const char *)*state, name);
    return path;
}

void folder_put(void **state, const char *name, const char *text)
{
    FILE *file = fopen(folder_path(state, name), "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}
