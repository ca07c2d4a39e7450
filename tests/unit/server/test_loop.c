/* Event loops in threads of their own: what is said to all of them arrives in each. */
#include "unit/server/lab.h"

#include "core/clock.h"
#include "core/log.h"
#include "server/listen/loop.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPS 3

struct site {
    struct loop_shared shared;
    struct loop loops[LOOPS];
    struct event_base *bases[LOOPS];
    pthread_t threads[LOOPS];
    enum bs_err results[LOOPS];
};

static int listening_socket(void)
{
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof(any)), 0);
    return fd;
}

static void *turn(void *context)
{
    struct loop *loop = context;
    struct site *site = (struct site *)((char *)loop->shared - offsetof(struct site, shared));
    site->results[loop - site->loops] = loop_run(loop);
    return NULL;
}

static void open_site(struct site *site, struct lab *lab)
{
    site->shared.server = lab->server;
    site->shared.fd = listening_socket();
    site->shared.loops = site->loops;
    site->shared.loop_count = LOOPS;
    for (size_t i = 0; i < LOOPS; i++) {
        site->bases[i] = event_base_new();
        assert_non_null(site->bases[i]);
        assert_ok(loop_open(&site->loops[i], &site->shared, site->bases[i]));
    }
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&site->threads[i], NULL, turn, &site->loops[i]), 0);
}

/* Every loop ends by itself: nobody is connected. */
static void end_site(struct site *site)
{
    atomic_store(&site->shared.is_draining, true);
    for (size_t i = 0; i < LOOPS; i++)
        loop_wake(&site->loops[i]);
    for (size_t i = 0; i < LOOPS; i++) {
        assert_int_equal(pthread_join(site->threads[i], NULL), 0);
        assert_ok(site->results[i]);
    }
}

static void close_site(struct site *site)
{
    for (size_t i = 0; i < LOOPS; i++) {
        loop_close(&site->loops[i]);
        event_base_free(site->bases[i]);
    }
    (void)close(site->shared.fd);
}

static void a_new_server_certificate_reaches_every_loop(void **state)
{
    struct lab *lab = *state;
    static struct site site;
    struct ca_tls before, after;
    bool is_new = false;
    bs_log_set_level(BS_LOG_ERROR);
    assert_ok(ca_tls(lab->server->ca, &before));
    open_site(&site, lab);
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now() + INT64_C(86400) * 61, &is_new));
    assert_true(is_new);
    assert_ok(ca_tls(lab->server->ca, &after));
    assert_memory_not_equal(before.cert_sha256, after.cert_sha256, sizeof(after.cert_sha256));
    atomic_fetch_add(&site.shared.generation, 1);
    end_site(&site);
    for (size_t i = 0; i < LOOPS; i++)
        assert_memory_equal(site.loops[i].tls.cert_sha256, after.cert_sha256, sizeof(after.cert_sha256));
    close_site(&site);
    ca_tls_free(&before);
    ca_tls_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(a_new_server_certificate_reaches_every_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
