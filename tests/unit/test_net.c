#include "unit.h"

#include "agent/net/connection.h"
#include "bootseal/protocol.h"

/* http.c is linked with this connection in place of a TLS one: it answers with `script`, at most `step` bytes a read. */
static struct {
    const char *script;
    size_t size, at, step;
    enum bs_err at_end;
    char sent[1024];
    size_t sent_size;
} wire;

enum bs_err connection_write(struct net_connection *connection, struct bs_span data)
{
    (void)connection;
    assert_true(wire.sent_size + data.size < sizeof(wire.sent));
    memcpy(wire.sent + wire.sent_size, data.data, data.size);
    wire.sent_size += data.size;
    return BS_OK;
}

enum bs_err connection_read(struct net_connection *connection, uint8_t *buffer, size_t size, size_t *ret_size)
{
    size_t n = wire.size - wire.at;

    (void)connection;
    if (n == 0)
        return wire.at_end;
    n = n < size ? n : size;
    n = n < wire.step ? n : wire.step;
    memcpy(buffer, wire.script + wire.at, n);
    wire.at += n;
    *ret_size = n;
    return BS_OK;
}

const char *connection_authority(const struct net_connection *connection)
{
    (void)connection;
    return "host.example:8443";
}

void net_count_round_trip(void)
{
}

static enum bs_err post(const char *script, size_t size, size_t step, struct bs_buf *answer,
                        struct net_answer *ret_answer)
{
    memset(&wire, 0, sizeof(wire));
    wire.script = script;
    wire.size = size;
    wire.step = step;
    wire.at_end = BS_ERR_UNREACHABLE;
    return net_post(NULL, BS_PATH_ATTEST, BS_SPAN("body", 4), answer, ret_answer);
}

static void expect(enum bs_err want, const char *script)
{
    BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
    struct net_answer head;

    assert_int_equal(post(script, strlen(script), 4096, &answer, &head), want);
}

static void http_request_is_one_write_with_length_and_type(void **state)
{
    BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
    struct net_answer head;
    static const char script[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    assert_int_equal(post(script, sizeof(script) - 1, 4096, &answer, &head), BS_OK);
    assert_string_equal(wire.sent,
                        "POST /v1/attest HTTP/1.1\r\nHost: host.example:8443\r\nContent-Type: application/cbor\r\n"
                        "Content-Length: 4\r\n\r\nbody");
}

static void http_answer_is_read_whatever_the_pieces(void **state)
{
    static const char script[] =
        "HTTP/1.1 202 Accepted\r\nContent-Type: application/cbor\r\nretry-after: 17\r\nContent-Length:  5 \r\n\r\nhello";

    (void)state;
    for (size_t step = 1; step < sizeof(script); step++) {
        BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
        struct net_answer head;

        assert_int_equal(post(script, sizeof(script) - 1, step, &answer, &head), BS_OK);
        assert_int_equal(head.status, 202);
        assert_int_equal(head.retry_after, 17);
        assert_true(head.is_open);
        assert_int_equal(answer.size, 5);
        assert_memory_equal(answer.data, "hello", 5);
    }
}

static void http_connection_close_is_told(void **state)
{
    BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
    struct net_answer head;
    static const char script[] = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    assert_int_equal(post(script, sizeof(script) - 1, 9, &answer, &head), BS_OK);
    assert_false(head.is_open);
}

static void http_answer_cut_short_is_unreachable(void **state)
{
    static const char script[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

    (void)state;
    for (size_t size = 0; size + 1 < sizeof(script); size++) {
        BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
        struct net_answer head;

        assert_int_equal(post(script, size, 7, &answer, &head), BS_ERR_UNREACHABLE);
    }
}

static void http_refuses_what_our_server_never_says(void **state)
{
    (void)state;
    expect(BS_ERR_PROTOCOL, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 0x0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nServer: x\r\n folded\r\nContent-Length: 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\nContent-Length: 0\n\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n");
    expect(BS_ERR_PROTOCOL, "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n");
}

static void http_head_is_bounded_and_has_no_zero_byte(void **state)
{
    static char flood[8192];
    BS_SCOPED_BUF struct bs_buf answer = BS_BUF(BS_ANSWER_MAX);
    struct net_answer head;
    static const char zero[] = "HTTP/1.1 200 OK\r\nA: \0b\r\nContent-Length: 0\r\n\r\n";

    (void)state;
    memset(flood, 'a', sizeof(flood));
    memcpy(flood, "HTTP/1.1 200 OK\r\nA: ", 20);
    assert_int_equal(post(flood, sizeof(flood), 4096, &answer, &head), BS_ERR_PROTOCOL);
    assert_int_equal(post(zero, sizeof(zero) - 1, 4096, &answer, &head), BS_ERR_PROTOCOL);
}

static void url_with_name_and_default_port(void **state)
{
    struct net_url url;

    (void)state;
    assert_int_equal(net_url_parse("https://boot.example.org", &url), BS_OK);
    assert_string_equal(url.host, "boot.example.org");
    assert_string_equal(url.port, "8443");
    assert_false(url.is_address);
    assert_int_equal(net_url_parse("https://gateway:1/", &url), BS_OK);
    assert_string_equal(url.port, "1");
}

static void url_with_addresses(void **state)
{
    struct net_url url;

    (void)state;
    assert_int_equal(net_url_parse("https://10.0.2.2:443/", &url), BS_OK);
    assert_true(url.is_address);
    assert_int_equal(net_url_parse("https://[fd00::1]:444", &url), BS_OK);
    assert_string_equal(url.host, "fd00::1");
    assert_string_equal(url.port, "444");
    assert_true(url.is_address);
}

static void proxy_is_http_with_a_port(void **state)
{
    static const char *const bad[] = { "http://gateway",   "https://gateway:8080",  "gateway:8080",
                                       "http://gateway:0", "http://gateway:8080/x", "http://me:secret@gateway:8080",
                                       "http://:8080" };
    struct net_url url;

    (void)state;
    assert_int_equal(net_proxy_parse("http://gateway:8080", &url), BS_OK);
    assert_string_equal(url.host, "gateway");
    assert_string_equal(url.port, "8080");
    assert_int_equal(net_proxy_parse("http://[fd00::1]:3128/", &url), BS_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(net_proxy_parse(bad[i], &url), BS_ERR_CONFIG);
}

static void url_that_is_anything_else_is_refused(void **state)
{
    static const char *const bad[] = { "",
                                       "http://a",
                                       "https://",
                                       "https:///",
                                       "https://a:",
                                       "https://a:0",
                                       "https://a:65536",
                                       "https://a:1x",
                                       "https://a/path",
                                       "https://user@a",
                                       "https://fd00::1",
                                       "https://[a]",
                                       "https://[10.0.0.1]",
                                       "https://[fd00::1",
                                       "https://a b",
                                       "HTTPS://a",
                                       "https://a:0x1" };
    struct net_url url;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(net_url_parse(bad[i], &url), BS_ERR_CONFIG);
}

static void up_runs_a_program_and_tells_how_it_ended(void **state)
{
    const char *const good[] = { "/bin/true", NULL };
    const char *const bad[] = { "/bin/false", NULL };
    const char *const none[] = { "/nonexistent/program", NULL };

    (void)state;
    assert_int_equal(net_up(NULL, BS_FOREVER), BS_OK);
    assert_int_equal(net_up(good, bs_deadline_in(10000)), BS_OK);
    assert_int_equal(net_up(bad, bs_deadline_in(10000)), BS_ERR_IO);
    assert_int_equal(net_up(none, bs_deadline_in(10000)), BS_ERR_IO);
}

static void up_kills_at_the_deadline(void **state)
{
    const char *const slow[] = { "/bin/sleep", "600", NULL };
    int64_t begin = bs_clock_monotonic_ms();

    (void)state;
    assert_int_equal(net_up(slow, bs_deadline_in(50)), BS_ERR_TIMEOUT);
    assert_true(bs_clock_monotonic_ms() - begin < 60000);
}

static void up_gives_an_environment_of_nothing_but_path(void **state)
{
    const char *const check[] = { "/bin/sh", "-c", "test -z \"$BOOTSEAL_UNIT\" && test -n \"$PATH\"", NULL };

    (void)state;
    assert_int_equal(setenv("BOOTSEAL_UNIT", "1", 1), 0);
    assert_int_equal(net_up(check, bs_deadline_in(10000)), BS_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_request_is_one_write_with_length_and_type),
        cmocka_unit_test(http_answer_is_read_whatever_the_pieces),
        cmocka_unit_test(http_connection_close_is_told),
        cmocka_unit_test(http_answer_cut_short_is_unreachable),
        cmocka_unit_test(http_refuses_what_our_server_never_says),
        cmocka_unit_test(http_head_is_bounded_and_has_no_zero_byte),
        cmocka_unit_test(proxy_is_http_with_a_port),
        cmocka_unit_test(url_with_name_and_default_port),
        cmocka_unit_test(url_with_addresses),
        cmocka_unit_test(url_that_is_anything_else_is_refused),
        cmocka_unit_test(up_runs_a_program_and_tells_how_it_ended),
        cmocka_unit_test(up_kills_at_the_deadline),
        cmocka_unit_test(up_gives_an_environment_of_nothing_but_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
