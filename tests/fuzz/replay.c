/* usage: fuzz_NAME FILE|FOLDER... Runs a target on files, without libFuzzer: what was found once stays mended. */
#include "fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (4L << 20)

static size_t replayed;

static void fail(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    exit(1);
}

/* In memory of exactly its size, so that a sanitizer sees what is read behind it. */
static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail(path, "cannot be opened");
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    if (size < 0 || size > INPUT_MAX || fseek(file, 0, SEEK_SET) != 0)
        fail(path, "cannot be read");
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
        fail(path, "cannot be read");
    (void)fclose(file);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    replayed++;
}

static void replay(const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        fail(path, "is not there");
    if (!S_ISDIR(status.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *folder = opendir(path);
    if (!folder)
        fail(path, "cannot be opened");
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char name[4096];
        int size = snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (entry->d_name[0] == '.')
            continue;
        if (size < 0 || (size_t)size >= sizeof(name))
            fail(path, "has too long a name in it");
        replay_file(name);
    }
    (void)closedir(folder);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    if (replayed == 0)
        fail(argv[0], "nothing to replay: name files or folders");
    printf("%zu inputs\n", replayed);
    return 0;
}
