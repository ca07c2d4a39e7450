/*
 * The proxy as a program: tpm_proxy LISTEN UPSTREAM. A line on stdin, a line on stdout:
 *
 *   fault KIND CODE VALUE AFTER TIMES   numbers as in struct proxy_fault          → ok
 *   seed NUMBER                         of the noise that follows                 → ok
 *   record                              forgets what was recorded                 → ok
 *   tape                                what was recorded is what is replayed     → ok
 *   commands                            codes since `record`, hexadecimal, in order
 *   bus FILE                            writes what was recorded                  → ok
 *
 * It says "ready" when it listens, and ends with stdin.
 */
#include "integration/tpm_proxy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const kinds[LAB_FAULTS] = {
    [LAB_NONE] = "none",       [LAB_EXTEND] = "extend", [LAB_CODE] = "code",     [LAB_DROP] = "drop",
    [LAB_SILENCE] = "silence", [LAB_DELAY] = "delay",   [LAB_HANGUP] = "hangup", [LAB_CUT] = "cut",
    [LAB_GARBAGE] = "garbage", [LAB_RAW] = "raw",       [LAB_NOISE] = "noise",   [LAB_FLIP] = "flip",
    [LAB_REPLAY] = "replay",   [LAB_NO_ECC] = "no-ecc",
};

static bool set_fault(struct proxy *proxy, const char *line)
{
    struct proxy_fault fault;
    char kind[16];
    if (sscanf(line, "fault %15s %" SCNx32 " %" SCNx32 " %u %u", kind, &fault.command, &fault.value, &fault.after,
               &fault.times) != 5)
        return false;
    for (int i = 0; i < LAB_FAULTS; i++) {
        if (strcmp(kind, kinds[i]) != 0)
            continue;
        fault.kind = (enum lab_fault)i;
        proxy_fault(proxy, &fault);
        return true;
    }
    return false;
}

static void print_commands(struct proxy *proxy)
{
    BS_SCOPED_BUF struct bs_buf bus = BS_BUF(64 << 20);
    proxy_copy_bus(proxy, &bus);
    struct bs_span left = bs_buf_span(&bus), command, response;
    while (proxy_take_message(&left, &command) && proxy_take_message(&left, &response))
        printf("%" PRIx32 " ", proxy_code(command));
    printf("\n");
}

static bool write_bus(struct proxy *proxy, const char *path)
{
    BS_SCOPED_BUF struct bs_buf bus = BS_BUF(64 << 20);
    proxy_copy_bus(proxy, &bus);
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    bool written = fwrite(bus.data, 1, bus.size, file) == bus.size;
    return fclose(file) == 0 && written;
}

static bool obey(struct proxy *proxy, const char *line)
{
    uint64_t seed;
    char path[256];
    if (strcmp(line, "record") == 0)
        proxy_record(proxy);
    else if (strcmp(line, "tape") == 0)
        proxy_keep_tape(proxy);
    else if (sscanf(line, "seed %" SCNu64, &seed) == 1)
        proxy_seed(proxy, seed);
    else if (sscanf(line, "bus %255[^\n]", path) == 1)
        return write_bus(proxy, path);
    else
        return set_fault(proxy, line);
    return true;
}

int main(int argc, char **argv)
{
    char line[512];
    struct proxy *proxy = argc == 3 ? proxy_start(argv[1], argv[2]) : NULL;
    if (!proxy) {
        (void)fprintf(stderr, "usage: tpm_proxy LISTEN UPSTREAM, two paths of sockets; the first is made\n");
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    printf("ready\n");
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, "commands") == 0)
            print_commands(proxy);
        else
            printf("%s\n", obey(proxy, line) ? "ok" : "what?");
    }
    proxy_stop(proxy);
    return 0;
}
