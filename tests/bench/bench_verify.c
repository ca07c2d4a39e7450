/*
 * What verifying one request costs here: CPU time of this thread for all of it, and for all but the public-key operations, which are
 * then left out (--wrap): their signatures are good. For each size of the event log in bytes, given as an argument, a line
 * `BYTES EVENTS US_ALL US_ELSE ALLOCATIONS ALLOCATED`: microseconds are the median of several slices, the allocations those of one
 * request, everything from decoding to the verdict on quote and log.
 *
 * usage: bench_verify BYTES...      or: bench_verify --log BYTES > FILE, the log itself
 */
#include "core/cert.h"
#include "fakes/softtpm.h"
#include "server/evidence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLICES 15
#define SLICE_US 20000.0
#define EVENT_DATA 100 /* bytes: about what boot loaders write */

static bool is_else_only;
static unsigned long allocations, allocated;

static void must(bool is_good, const char *what)
{
    if (is_good)
        return;
    (void)fprintf(stderr, "bench_verify: %s\n", what);
    exit(1);
}

static void good(enum bs_err err)
{
    must(err == BS_OK, bs_err_name(err));
}

/* Public-key operations, all that verifying makes. */

enum bs_err __real_crypto_ecdsa_verify(const struct crypto_point *key, struct bs_span digest, struct bs_span r,
                                       struct bs_span s);
enum bs_err __wrap_crypto_ecdsa_verify(const struct crypto_point *key, struct bs_span digest, struct bs_span r,
                                       struct bs_span s);
enum bs_err __wrap_crypto_ecdsa_verify(const struct crypto_point *key, struct bs_span digest, struct bs_span r,
                                       struct bs_span s)
{
    return is_else_only ? BS_OK : __real_crypto_ecdsa_verify(key, digest, r, s);
}

enum bs_err __real_crypto_rsa_verify(struct bs_span modulus, uint32_t exponent, uint16_t alg, struct bs_span digest,
                                     struct bs_span signature);
enum bs_err __wrap_crypto_rsa_verify(struct bs_span modulus, uint32_t exponent, uint16_t alg, struct bs_span digest,
                                     struct bs_span signature);
enum bs_err __wrap_crypto_rsa_verify(struct bs_span modulus, uint32_t exponent, uint16_t alg, struct bs_span digest,
                                     struct bs_span signature)
{
    return is_else_only ? BS_OK : __real_crypto_rsa_verify(modulus, exponent, alg, digest, signature);
}

/* Memory, also that of the libraries that are linked in. */

static void count(size_t size)
{
    allocations++;
    allocated += size;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    count(size);
    return __real_malloc(size);
}

void *__real_calloc(size_t items, size_t size);
void *__wrap_calloc(size_t items, size_t size);
void *__wrap_calloc(size_t items, size_t size)
{
    count(items * size);
    return __real_calloc(items, size);
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    count(size);
    return __real_realloc(old, size);
}

/* A log of a size */

static void put_le(struct bs_buf *log, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++, value >>= 8)
        good(bs_buf_append(log, &(uint8_t){ (uint8_t)value }, 1));
}

static void put_event(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span data)
{
    uint8_t digest[CRYPTO_SHA256_SIZE];
    good(crypto_hash(CRYPTO_SHA256, data, digest));
    put_le(log, pcr, 4);
    put_le(log, type, 4);
    put_le(log, 1, 4);
    put_le(log, CRYPTO_SHA256, 2);
    good(bs_buf_append(log, digest, sizeof(digest)));
    put_le(log, (uint32_t)data.size, 4);
    good(bs_buf_append(log, data.data, data.size));
}

/* PFP 1.06 §10.4.5.1: TCG_EfiSpecIDEvent, with one bank. */
static void put_header(struct bs_buf *log)
{
    static const uint8_t spec[] = { 'S', 'p', 'e', 'c', ' ', 'I', 'D', ' ', 'E',  'v',  'e', 'n',  't', '0', '3', 0, 0,
                                    0,   0,   0,   0,   2,   0,   2,   1,   0x00, 0x00, 0,   0x0b, 0,   32,  0,   0 };
    uint8_t bytes[sizeof(spec)];
    memcpy(bytes, spec, sizeof(spec));
    bytes[24] = 1; /* one algorithm */
    bytes[25] = bytes[26] = bytes[27] = 0;
    put_le(log, 0, 4);
    put_le(log, EVENTLOG_NO_ACTION, 4);
    good(bs_buf_append(log, bs_zeros, 20));
    put_le(log, sizeof(bytes), 4);
    good(bs_buf_append(log, bytes, sizeof(bytes)));
}

static void make_log(size_t size, struct bs_buf *log)
{
    char text[EVENT_DATA + 1];
    put_header(log);
    for (uint32_t pcr = 0; pcr < 8; pcr++)
        put_event(log, pcr, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4));
    for (unsigned i = 0; log->size + EVENT_DATA + 50 <= size; i++) {
        (void)snprintf(text, sizeof(text), "grub_cmd: command number %u %-60s", i, "set something");
        put_event(log, 4 + 5 * (i % 2), EVENTLOG_IPL, BS_SPAN(text, EVENT_DATA));
    }
}

/* Requests */

struct bench {
    struct server server;
    struct softtpm_vendor vendor;
    struct softtpm tpm;
    struct bs_buf body;
    uint8_t channel[32], cert[32];
};

static void prepare(struct bench *bench)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    config_defaults(&bench->server.config);
    good(softtpm_vendor_make(&bench->vendor));
    good(softtpm_vendor_pem(&bench->vendor, &pem));
    good(cert_roots_from_pem(bs_buf_span(&pem), &bench->server.ek_roots));
    good(softtpm_make(&bench->vendor, NULL, &bench->tpm));
    bench->body = BS_BUF(BS_REQUEST_MAX);
}

static void make_request(struct bench *bench, struct bs_span log)
{
    const struct softtpm_request request = { .channel = bench->channel, .server_cert = bench->cert };
    BS_SCOPED_BUF struct bs_buf statement = BS_BUF(BS_REQUEST_MAX);
    bs_buf_reset(&bench->body);
    good(softtpm_boot(&bench->tpm, log));
    good(softtpm_attest(&bench->tpm, &request, &bench->body, &statement));
}

static void verify(const struct bench *bench)
{
    const struct evidence_channel channel = { bench->channel, bench->cert };
    struct refusal refusal = { 0 };
    BS_OWN(evidence) evidence = NULL;
    good(evidence_new(&evidence));
    enum bs_err err = evidence_verify(&bench->server, &channel, bs_buf_span(&bench->body), evidence, &refusal);
    must(err == BS_OK && evidence->ek_is_endorsed && evidence->is_quoted,
         refusal.text[0] ? refusal.text : "not verified");
}

static double cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double slice(const struct bench *bench, bool is_else)
{
    double begin = cpu_us(), end = begin;
    unsigned requests = 0;
    is_else_only = is_else;
    for (; end - begin < SLICE_US; end = cpu_us(), requests++)
        verify(bench);
    is_else_only = false;
    return (end - begin) / requests;
}

static int by_value(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return difference < 0 ? -1 : difference > 0;
}

static void measure(struct bench *bench, size_t size)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(EVENTLOG_SIZE_MAX);
    struct eventlog opened;
    double all[SLICES], other[SLICES];
    make_log(size, &log);
    good(eventlog_open(bs_buf_span(&log), &opened, NULL));
    make_request(bench, bs_buf_span(&log));
    verify(bench);
    allocations = allocated = 0;
    verify(bench);
    unsigned long one = allocations, bytes = allocated;
    for (unsigned i = 0; i < SLICES; i++) {
        all[i] = slice(bench, false);
        other[i] = slice(bench, true);
    }
    qsort(all, SLICES, sizeof(all[0]), by_value);
    qsort(other, SLICES, sizeof(other[0]), by_value);
    printf("%zu %zu %.1f %.1f %lu %lu\n", log.size, opened.event_count, all[SLICES / 2], other[SLICES / 2], one, bytes);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    bool is_log = argc == 3 && strcmp(argv[1], "--log") == 0;
    must(argc > 1, "usage: bench_verify BYTES...");
    if (!is_log)
        prepare(&bench);
    for (int i = is_log ? 2 : 1; i < argc; i++) {
        uint64_t size;
        must(bs_parse_u64(argv[i], 220 * 1024, &size) == BS_OK && size >= 1024, "a log has 1024 to 225280 bytes");
        if (is_log) {
            BS_SCOPED_BUF struct bs_buf log = BS_BUF(EVENTLOG_SIZE_MAX);
            make_log(size, &log);
            must(fwrite(log.data, 1, log.size, stdout) == log.size, "stdout");
        } else {
            measure(&bench, size);
        }
    }
    return 0;
}
