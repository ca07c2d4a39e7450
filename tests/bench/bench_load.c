/*
 * Devices of software that enroll as fast as bootseald lets them, for tests/bench/server.py.
 *
 *   bench_load enroll --port=N --ca=FILE --vendor=DIR --log=FILE --token=TEXT --count=N --parallel=N
 *       Makes the devices, says `ready`, waits for a line on the standard input, and lets each of them connect, attest, prove and confirm
 *       once. Then `total count=N seconds=S`, and one line `latency` with the microseconds of each, in order.
 *   bench_load idle --port=N --ca=FILE --vendor=DIR --log=FILE --count=N
 *       Opens the connections, asks each for /v1/health, says `ready`, and holds them until a line comes.
 */
#include "integration/load_client.h"

#include "core/file.h"
#include "core/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARALLEL_MAX 256

static struct {
    const char *port, *ca, *vendor, *log, *token, *count, *parallel;
} options = { .count = "1", .parallel = "1" };

static struct load_target target;
static struct softtpm *devices;
static unsigned count;
static double *latencies_us; /* by device */
static atomic_uint next_device;

static void die(const char *what)
{
    (void)fprintf(stderr, "bench_load: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void wait_for_the_flag(void)
{
    char line[16];
    (void)puts("ready");
    (void)fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        exit(1);
}

static void enroll_one(unsigned number)
{
    struct softtpm *tpm = &devices[number];
    struct softtpm_request request = { .token = options.token };
    struct load_bundle bundle;
    LOAD_LINE line = { .fd = -1 };
    double begin = now_us();
    if (load_line_open(&target, &line) != BS_OK || load_enroll(&line, tpm, &request) != BS_OK ||
        line.answer.kind != MESSAGE_APPROVED || load_open(&target, &line, tpm, &bundle) != BS_OK ||
        load_confirm(&line, tpm, bundle.serial) != BS_OK || line.answer.kind != MESSAGE_CONFIRMED)
        die("a device was not enrolled");
    latencies_us[number] = now_us() - begin;
}

static void *work(void *unused)
{
    (void)unused;
    for (unsigned number; (number = atomic_fetch_add(&next_device, 1)) < count;)
        enroll_one(number);
    return NULL;
}

static void make_devices(void)
{
    struct softtpm_vendor vendor;
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    if (bs_file_read(options.log, &log) != BS_OK || load_vendor_read(options.vendor, &vendor) != BS_OK)
        die("no vendor or no log");
    devices = calloc(count, sizeof(*devices));
    latencies_us = calloc(count, sizeof(*latencies_us));
    if (!devices || !latencies_us)
        die("no memory");
    for (unsigned i = 0; i < count; i++)
        if (softtpm_make(&vendor, NULL, &devices[i]) != BS_OK || softtpm_boot(&devices[i], bs_buf_span(&log)) != BS_OK)
            die("a device could not be made");
    softtpm_vendor_free(&vendor);
}

static void enroll(unsigned parallel)
{
    pthread_t threads[PARALLEL_MAX];
    make_devices();
    wait_for_the_flag();
    double begin = now_us();
    for (unsigned i = 0; i < parallel; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            die("no thread");
    for (unsigned i = 0; i < parallel; i++)
        (void)pthread_join(threads[i], NULL);
    printf("total count=%u seconds=%.6f\nlatency", count, (now_us() - begin) / 1e6);
    for (unsigned i = 0; i < count; i++)
        printf(" %.0f", latencies_us[i]);
    (void)puts("");
    for (unsigned i = 0; i < count; i++)
        softtpm_free(&devices[i]);
    free(devices);
    free(latencies_us);
}

static void idle(void)
{
    static const char request[] = "GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[1024];
    struct load_line *lines = calloc(count, sizeof(*lines));
    if (!lines)
        die("no memory");
    for (unsigned i = 0; i < count; i++)
        if (load_line_open(&target, &lines[i]) != BS_OK ||
            wolfSSL_write(lines[i].session, request, sizeof(request) - 1) != (int)sizeof(request) - 1 ||
            wolfSSL_read(lines[i].session, answer, sizeof(answer)) <= 0)
            die("a connection was not taken");
    wait_for_the_flag();
    for (unsigned i = 0; i < count; i++)
        load_line_close(&lines[i]);
    free(lines);
}

static bool take(const char *text)
{
    static const struct {
        const char *name;
        const char **value;
    } known[] = {
        { "--port=", &options.port },         { "--ca=", &options.ca },       { "--vendor=", &options.vendor },
        { "--log=", &options.log },           { "--token=", &options.token }, { "--count=", &options.count },
        { "--parallel=", &options.parallel },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t size = strlen(known[i].name);
        if (strncmp(text, known[i].name, size) == 0) {
            *known[i].value = text + size;
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)wolfSSL_Init();
    bs_log_set_level(BS_LOG_ERROR);
    for (int i = 2; i < argc; i++)
        if (!take(argv[i]))
            die(argv[i]);
    if (argc < 2 || !options.port || !options.ca || !options.vendor || !options.log)
        die("bench_load enroll|idle --port= --ca= --vendor= --log= [--token=] [--count=] [--parallel=]");
    count = (unsigned)strtoul(options.count, NULL, 10);
    unsigned parallel = (unsigned)strtoul(options.parallel, NULL, 10);
    if (count == 0 || parallel == 0 || parallel > PARALLEL_MAX ||
        load_target_open((uint16_t)strtoul(options.port, NULL, 10), options.ca, &target) != BS_OK)
        die("nothing to do");
    if (strcmp(argv[1], "idle") == 0)
        idle();
    else
        enroll(parallel);
    load_target_close(&target);
    return 0;
}
