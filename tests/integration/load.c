/*
 * Many devices of software against a real bootseald. What each is told is a line on the standard output, written at once.
 *
 *   load vendor DIR
 *       Makes a maker of TPMs: DIR/vendor.pem (for ek-roots/) and DIR/vendor.key.
 *   load enroll --port=N --ca=FILE --vendor=DIR --log=FILE --count=N [--parallel=N] [--token=TEXT] [--patience=SECONDS]
 *       Each device tries until it is answered, or patience is over; with a token it confirms what it got. Lines: `approved ID
 *       BUNDLE CERTIFICATE`, `confirmed ID BUNDLE`, `pending ID REASON`, `refused ID REASON`, `lost ID`; at the end `total ...`.
 *   load bad --port=N --ca=FILE --vendor=DIR --log=FILE
 *       The table of load_bad.c.
 */
#include "load_client.h"

#include "bootseal/protocol.h"
#include "core/file.h"
#include "core/log.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PARALLEL_MAX 512

static struct {
    uint16_t port;
    const char *ca, *vendor, *log, *token;
    unsigned count, parallel, patience;
} options = { .count = 1, .parallel = 1, .patience = 30 };

static struct load_target target;
static struct softtpm_vendor vendor;
static struct bs_buf boot_log = BS_BUF(SOFTTPM_LOG_MAX);
static atomic_uint next_device, answered, retries;
static double *latencies; /* seconds of the exchange that was answered, by device */

static double now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void say(const char *what, const struct softtpm *tpm, const char *more)
{
    char id[2 * WIRE_ID_SIZE + 1];
    char line[256];
    bs_hex(BS_SPAN(tpm->id, WIRE_ID_SIZE), id);
    int size = snprintf(line, sizeof(line), "%s %s%s%s\n", what, id, *more ? " " : "", more);
    if (write(STDOUT_FILENO, line, (size_t)size) != size)
        exit(3);
}

static bool approved(struct load_line *line, struct softtpm *tpm)
{
    struct load_bundle bundle;
    char text[80];
    char serial[33];
    if (load_open(&target, line, tpm, &bundle) != BS_OK) {
        say("broken", tpm, "");
        exit(4);
    }
    bs_hex(BS_SPAN(bundle.cert_serial, 16), serial);
    (void)snprintf(text, sizeof(text), "%llu %s", (unsigned long long)bundle.serial, serial);
    say("approved", tpm, text);
    if (load_confirm(line, tpm, bundle.serial) != BS_OK || line->answer.kind != MESSAGE_CONFIRMED)
        return false;
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)bundle.serial);
    say("confirmed", tpm, text);
    return true;
}

static void judged(const char *what, const struct load_line *line, const struct softtpm *tpm)
{
    char reason[64];
    (void)snprintf(reason, sizeof(reason), "%.*s", (int)line->answer.reason.size,
                   (const char *)line->answer.reason.data);
    say(what, tpm, reason);
}

/* True when there is no more to do for this device. */
static bool try_once(struct softtpm *tpm, double *ret_seconds)
{
    LOAD_LINE line = { .fd = -1 };
    double begin = now();
    struct softtpm_request request = { .token = options.token };
    enum bs_err err = load_line_open(&target, &line);
    if (err == BS_OK)
        err = load_enroll(&line, tpm, &request);
    *ret_seconds = now() - begin;
    if (err != BS_OK)
        return false;
    switch (line.answer.kind) {
    case MESSAGE_APPROVED:
        return approved(&line, tpm);
    case MESSAGE_PENDING:
        judged("pending", &line, tpm);
        return !options.token;
    case MESSAGE_REFUSED:
    case MESSAGE_WIPE:
        judged("refused", &line, tpm);
        return true;
    case MESSAGE_BUSY:
        judged("busy", &line, tpm);
        return false;
    case MESSAGE_PROVE:
    case MESSAGE_CONFIRMED:
        break;
    }
    say("nonsense", tpm, "");
    exit(5);
}

static void live(unsigned number)
{
    struct softtpm tpm;
    double end = now() + options.patience;
    if (softtpm_make(&vendor, NULL, &tpm) != BS_OK || softtpm_boot(&tpm, bs_buf_span(&boot_log)) != BS_OK)
        exit(6);
    for (bool is_done = false; !is_done;) {
        is_done = try_once(&tpm, &latencies[number]);
        if (is_done) {
            (void)atomic_fetch_add(&answered, 1);
        } else if (now() > end) {
            say("lost", &tpm, "");
            is_done = true;
        } else {
            (void)atomic_fetch_add(&retries, 1);
            (void)usleep(50000 + (useconds_t)(number * 7919 % 100000));
        }
    }
    softtpm_free(&tpm);
}

static void *work(void *unused)
{
    (void)unused;
    for (unsigned number; (number = atomic_fetch_add(&next_device, 1)) < options.count;)
        live(number);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

static int enroll(void)
{
    pthread_t threads[PARALLEL_MAX];
    double begin = now();
    latencies = calloc(options.count, sizeof(*latencies));
    for (unsigned i = 0; i < options.parallel; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            return 6;
    for (unsigned i = 0; i < options.parallel; i++)
        (void)pthread_join(threads[i], NULL);
    double seconds = now() - begin;
    qsort(latencies, options.count, sizeof(*latencies), by_value);
    printf("total devices=%u answered=%u retries=%u seconds=%.3f a_second=%.1f p50_ms=%.2f p99_ms=%.2f\n",
           options.count, atomic_load(&answered), atomic_load(&retries), seconds, atomic_load(&answered) / seconds,
           latencies[options.count / 2] * 1e3, latencies[options.count - 1 - options.count / 100] * 1e3);
    free(latencies);
    return atomic_load(&answered) == options.count ? 0 : 1;
}

static bool take(const char *text)
{
    static const struct {
        const char *name;
        const char **text;
        unsigned *number;
    } known[] = {
        { "--ca=", &options.ca, NULL },
        { "--vendor=", &options.vendor, NULL },
        { "--log=", &options.log, NULL },
        { "--token=", &options.token, NULL },
        { "--count=", NULL, &options.count },
        { "--parallel=", NULL, &options.parallel },
        { "--patience=", NULL, &options.patience },
    };
    if (strncmp(text, "--port=", 7) == 0) {
        options.port = (uint16_t)strtoul(text + 7, NULL, 10);
        return options.port > 0;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t size = strlen(known[i].name);
        if (strncmp(text, known[i].name, size) != 0)
            continue;
        if (known[i].text)
            *known[i].text = text + size;
        else
            *known[i].number = (unsigned)strtoul(text + size, NULL, 10);
        return true;
    }
    return false;
}

static int run(const char *verb)
{
    if (!options.port || !options.ca || !options.vendor || !options.log || options.count == 0 ||
        options.parallel == 0 || options.parallel > PARALLEL_MAX)
        return 2;
    if (bs_file_read(options.log, &boot_log) != BS_OK || load_vendor_read(options.vendor, &vendor) != BS_OK ||
        load_target_open(options.port, options.ca, &target) != BS_OK)
        return 6;
    int code = strcmp(verb, "bad") == 0 ? load_bad(&target, &vendor, bs_buf_span(&boot_log)) : enroll();
    load_target_close(&target);
    softtpm_vendor_free(&vendor);
    bs_buf_free(&boot_log);
    return code;
}

int main(int argc, char **argv)
{
    (void)signal(SIGPIPE, SIG_IGN);
    (void)wolfSSL_Init();
    bs_log_set_level(BS_LOG_ERROR);
    if (argc == 3 && strcmp(argv[1], "vendor") == 0)
        return load_vendor_write(argv[2]) == BS_OK ? 0 : 6;
    for (int i = 2; i < argc; i++)
        if (!take(argv[i])) {
            (void)fprintf(stderr, "load: what is %s?\n", argv[i]);
            return 2;
        }
    if (argc < 2 || (strcmp(argv[1], "enroll") != 0 && strcmp(argv[1], "bad") != 0))
        return 2;
    return run(argv[1]);
}
