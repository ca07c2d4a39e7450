/* A server's answer as the agent reads it, at once or byte by byte; a connection that gives the input stands in for TLS. */
#include "agent/net/connection.h"
#include "bootseal/protocol.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct {
    struct bs_reader answer;
    size_t step;
} wire;

enum bs_err connection_write(struct net_connection *connection, struct bs_span data)
{
    (void)connection;
    FUZZ_CLAIM(data.size > 0);
    return BS_OK;
}

enum bs_err connection_read(struct net_connection *connection, uint8_t *buffer, size_t size, size_t *ret_size)
{
    struct bs_span piece;
    size_t n = wire.answer.left < wire.step ? wire.answer.left : wire.step;
    (void)connection;
    FUZZ_CLAIM(size > 0);
    n = n < size ? n : size;
    if (n == 0 || !bs_read_bytes(&wire.answer, n, &piece))
        return BS_ERR_UNREACHABLE;
    memcpy(buffer, piece.data, n);
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

static enum bs_err post(struct bs_span input, size_t step, struct bs_buf *body, struct net_answer *ret_answer)
{
    wire.answer = BS_READER(input);
    wire.step = step;
    return net_post(NULL, BS_PATH_ATTEST, BS_SPAN("body", 4), body, ret_answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BS_SCOPED_BUF struct bs_buf whole = BS_BUF(BS_ANSWER_MAX);
    BS_SCOPED_BUF struct bs_buf single = BS_BUF(BS_ANSWER_MAX);
    struct net_answer first = { 0 }, second = { 0 };
    enum bs_err err = post(BS_SPAN(data, size), SIZE_MAX, &whole, &first);
    /* Only at once can it be seen that more came than was announced. */
    enum bs_err slow = post(BS_SPAN(data, size), 1, &single, &second);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_PROTOCOL || err == BS_ERR_UNREACHABLE);
        return 0;
    }
    FUZZ_CLAIM(slow == BS_OK);
    FUZZ_CLAIM(first.status >= 200 && first.status < 600 && first.status == second.status);
    FUZZ_CLAIM(first.retry_after == second.retry_after && first.is_open == second.is_open);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&whole), bs_buf_span(&single)));
    return 0;
}
