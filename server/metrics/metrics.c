#include "server/metrics/metrics.h"

#include "bootseal/protocol.h"
#include "server/server.h"

#include <inttypes.h>
#include <string.h>

static const char *const path_names[METRICS_PATHS] = {
    BS_PATH_ATTEST, BS_PATH_PROVE, BS_PATH_CONFIRM, BS_PATH_WHOAMI, BS_PATH_HEALTH, "other",
};

/* All that this server answers; a zero stands for what is not in the list. */
static const int statuses[METRICS_STATUSES] = { 200, 202, 400, 401, 403, 404, 405, 411, 413,
                                                414, 415, 417, 429, 431, 500, 503, 505, 0 };

/* Upper ends of the buckets but for the last, in microseconds. */
static const uint64_t bucket_us[METRICS_BUCKETS - 1] = { 250,   500,    1000,   2500,   5000,   10000,
                                                         25000, 100000, 250000, 500000, 1000000 };

static const struct {
    const char *name, *help;
} connection_names[METRICS_CONNECTIONS] = {
    { "bootseald_connections_accepted_total", "Connections that were accepted." },
    { "bootseald_connections_refused_by_address_total", "Closed at once: too many from one address." },
    { "bootseald_connections_limit_reached_total", "Times that no more connections were accepted." },
    { "bootseald_handshakes_failed_total", "TLS handshakes that failed." },
    { "bootseald_connections_too_slow_total", "Closed because a phase took too long." },
    { "bootseald_connections_closed_total", "Connections that ended." },
};

void metrics_init(struct metrics *metrics)
{
    *metrics = (struct metrics){ .lock = PTHREAD_MUTEX_INITIALIZER };
}

void metrics_connection(struct metrics *metrics, enum metrics_connection what)
{
    atomic_fetch_add_explicit(&metrics->connections[what], 1, memory_order_relaxed);
}

void metrics_request(struct metrics *metrics, struct bs_span path, int status)
{
    size_t p = 0;
    size_t s = 0;
    while (p < METRICS_OTHER && !bs_span_equal(path, bs_span_of_string(path_names[p])))
        p++;
    while (s < METRICS_STATUSES - 1 && statuses[s] != status)
        s++;
    atomic_fetch_add_explicit(&metrics->requests[p][s], 1, memory_order_relaxed);
}

static void count_verdict(struct metrics *metrics, const char *verdict, const char *reason)
{
    for (size_t i = 0; i < METRICS_REASONS_MAX; i++) {
        if (!metrics->verdicts[i].verdict) {
            metrics->verdicts[i].verdict = verdict;
            metrics->verdicts[i].reason = reason;
        }
        if (strcmp(metrics->verdicts[i].verdict, verdict) == 0 && strcmp(metrics->verdicts[i].reason, reason) == 0) {
            metrics->verdicts[i].count++;
            return;
        }
    }
}

void metrics_verdict(struct metrics *metrics, const char *verdict, const char *reason)
{
    pthread_mutex_lock(&metrics->lock);
    count_verdict(metrics, verdict, reason);
    pthread_mutex_unlock(&metrics->lock);
}

void metrics_commit(void *context, uint64_t microseconds, enum bs_err err)
{
    struct metrics *metrics = context;
    size_t bucket = 0;
    if (err != BS_OK) {
        atomic_fetch_add(&metrics->commit_failures, 1);
        return;
    }
    while (bucket < METRICS_BUCKETS - 1 && microseconds > bucket_us[bucket])
        bucket++;
    atomic_fetch_add(&metrics->commit_buckets[bucket], 1);
    atomic_fetch_add(&metrics->commit_count, 1);
    atomic_fetch_add(&metrics->commit_us, microseconds);
}

/* A page in the making: the first failure sticks. */
struct page {
    struct bs_buf *out;
    enum bs_err err;
};

#define PUT(page, ...)                                             \
    do {                                                           \
        if ((page)->err == BS_OK)                                  \
            (page)->err = bs_buf_printf((page)->out, __VA_ARGS__); \
    } while (0)

static void head(struct page *page, const char *name, const char *type, const char *help)
{
    PUT(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_connections(struct page *page, struct metrics *metrics)
{
    uint64_t accepted = atomic_load(&metrics->connections[METRICS_ACCEPTED]);
    for (size_t i = 0; i < METRICS_CONNECTIONS; i++) {
        head(page, connection_names[i].name, "counter", connection_names[i].help);
        PUT(page, "%s %" PRIu64 "\n", connection_names[i].name, atomic_load(&metrics->connections[i]));
    }
    head(page, "bootseald_connections", "gauge", "Connections that are open.");
    PUT(page, "bootseald_connections %" PRIu64 "\n", accepted - atomic_load(&metrics->connections[METRICS_CLOSED]));
}

static void put_memory(struct page *page, struct server *server)
{
    head(page, "bootseald_memory_held_bytes", "gauge", "Held for those who have proven nothing; see limits.memory.");
    PUT(page, "bootseald_memory_held_bytes %" PRIu64 "\n", atomic_load(&server->memory.held));
}

static void put_requests(struct page *page, struct metrics *metrics)
{
    head(page, "bootseald_requests_total", "counter", "HTTP requests by path and status; status 0: any other.");
    for (size_t p = 0; p < METRICS_PATHS; p++)
        for (size_t s = 0; s < METRICS_STATUSES; s++) {
            uint64_t count = atomic_load(&metrics->requests[p][s]);
            if (count > 0)
                PUT(page, "bootseald_requests_total{path=\"%s\",status=\"%d\"} %" PRIu64 "\n", path_names[p],
                    statuses[s], count);
        }
}

static void put_verdicts(struct page *page, struct metrics *metrics)
{
    head(page, "bootseald_verdicts_total", "counter",
         "Answers by verdict and reason; refusals of strangers, who have proven nothing, among them.");
    pthread_mutex_lock(&metrics->lock);
    for (size_t i = 0; i < METRICS_REASONS_MAX && metrics->verdicts[i].verdict; i++)
        PUT(page, "bootseald_verdicts_total{verdict=\"%s\",reason=\"%s\"} %" PRIu64 "\n", metrics->verdicts[i].verdict,
            metrics->verdicts[i].reason, metrics->verdicts[i].count);
    pthread_mutex_unlock(&metrics->lock);
}

static void put_seconds(struct page *page, uint64_t microseconds)
{
    PUT(page, "%" PRIu64 ".%06" PRIu64, microseconds / 1000000, microseconds % 1000000);
}

static void put_commits(struct page *page, struct metrics *metrics)
{
    uint64_t sum = 0;
    head(page, "bootseald_store_commit_seconds", "histogram", "Time until a commit was on the disk.");
    for (size_t i = 0; i < METRICS_BUCKETS - 1; i++) {
        sum += atomic_load(&metrics->commit_buckets[i]);
        PUT(page, "bootseald_store_commit_seconds_bucket{le=\"");
        put_seconds(page, bucket_us[i]);
        PUT(page, "\"} %" PRIu64 "\n", sum);
    }
    PUT(page, "bootseald_store_commit_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\nbootseald_store_commit_seconds_sum ",
        atomic_load(&metrics->commit_count));
    put_seconds(page, atomic_load(&metrics->commit_us));
    PUT(page, "\nbootseald_store_commit_seconds_count %" PRIu64 "\n", atomic_load(&metrics->commit_count));
    head(page, "bootseald_store_commit_failures_total", "counter", "Commits that failed; is the disk full?");
    PUT(page, "bootseald_store_commit_failures_total %" PRIu64 "\n", atomic_load(&metrics->commit_failures));
}

static void put_devices(struct page *page, struct server *server)
{
    head(page, "bootseald_devices", "gauge", "Devices by status.");
    for (enum store_status status = STORE_NEW; status <= STORE_REVOKED && page->err == BS_OK; status++) {
        uint64_t count = 0;
        if (store_device_count(server->store, status, &count) == BS_OK)
            PUT(page, "bootseald_devices{status=\"%s\"} %" PRIu64 "\n", store_status_name(status), count);
    }
}

static void put_certificates(struct page *page, struct server *server)
{
    head(page, "bootseald_certificate_days_left", "gauge", "Days until the server's own certificates end.");
    for (enum ca_which which = 0; which < CA_COUNT; which++) {
        struct cert_info info;
        if (cert_parse(ca_cert(server->ca, which), &info) == BS_OK)
            PUT(page, "bootseald_certificate_days_left{name=\"%s\"} %" PRId64 "\n", ca_name(which),
                (info.not_after - server->now()) / 86400);
    }
}

enum bs_err metrics_print(struct server *server, struct bs_buf *out)
{
    struct page page = { .out = out };
    put_connections(&page, &server->metrics);
    put_memory(&page, server);
    put_requests(&page, &server->metrics);
    put_verdicts(&page, &server->metrics);
    put_commits(&page, &server->metrics);
    put_devices(&page, server);
    put_certificates(&page, server);
    return page.err;
}
