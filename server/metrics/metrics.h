/*
 * What a monitoring system asks for: counters since the start, in the text format of Prometheus. Counting is cheap and never fails; what
 * strangers can cause has a fixed number of series.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct server;

#define METRICS_REASONS_MAX 96
#define METRICS_BUCKETS 12

enum metrics_path {
    METRICS_ATTEST,
    METRICS_PROVE,
    METRICS_CONFIRM,
    METRICS_WHOAMI,
    METRICS_HEALTH,
    METRICS_OTHER,
    METRICS_PATHS
};
#define METRICS_STATUSES 18

/* Connections, by what became of them. */
enum metrics_connection {
    METRICS_ACCEPTED,
    METRICS_OVER_ADDRESS_LIMIT, /* closed at once: too many from one address */
    METRICS_OVER_LIMIT,         /* times that nothing more was accepted */
    METRICS_HANDSHAKE_FAILED,
    METRICS_TOO_SLOW,
    METRICS_CLOSED,
    METRICS_CONNECTIONS,
};

struct metrics {
    _Atomic uint64_t requests[METRICS_PATHS][METRICS_STATUSES];
    _Atomic uint64_t connections[METRICS_CONNECTIONS];
    pthread_mutex_t lock; /* of the verdicts */
    struct {
        const char *verdict; /* static text */
        const char *reason;  /* static text; empty: none */
        uint64_t count;
    } verdicts[METRICS_REASONS_MAX];
    _Atomic uint64_t commit_buckets[METRICS_BUCKETS]; /* not cumulative */
    _Atomic uint64_t commit_count;
    _Atomic uint64_t commit_us;
    _Atomic uint64_t commit_failures;
};

void metrics_init(struct metrics *metrics);

void metrics_connection(struct metrics *metrics, enum metrics_connection what);
void metrics_request(struct metrics *metrics, struct bs_span path, int status);
/* Both texts have to be static. */
void metrics_verdict(struct metrics *metrics, const char *verdict, const char *reason);
/* A store_observe_fn; `context` is the metrics. */
void metrics_commit(void *context, uint64_t microseconds, enum bs_err err);

/* All of it, with what the server can say of its store and its certificates now. */
enum bs_err metrics_print(struct server *server, struct bs_buf *out) BS_MUST_USE;
