/* Requests as they come over a connection: whole or byte by byte, they are the same requests and get the same answers. */
#include "fuzz/fuzz.h"
#include "server/listen/http.h"

#include <string.h>

#define TRACE_MAX (1u << 20)

/* What came of a request that is complete. */
static void note_request(struct http *http, struct bs_buf *trace)
{
    struct route_request request = http_request(http);
    struct route_response response = { .content_type = "text/plain", .result = { .status = 200 } };
    FUZZ_CLAIM(request.path.size <= HTTP_PATH_MAX);
    FUZZ_CLAIM(bs_buf_printf(trace, "[%d %zu %zu %zu]", request.method, request.path.size, request.content_type.size,
                             request.body.size) == BS_OK);
    FUZZ_CLAIM(bs_buf_append(trace, request.path.data, request.path.size) == BS_OK);
    FUZZ_CLAIM(bs_buf_append(trace, request.content_type.data, request.content_type.size) == BS_OK);
    FUZZ_CLAIM(bs_buf_append(trace, request.body.data, request.body.size) == BS_OK);
    FUZZ_CLAIM(http_answer(http, &response, BS_SPAN("ok", 2), trace) == BS_OK);
}

/*
 * Feeds at most `step` bytes at a time, until the connection would be closed. Of several things that are wrong with a request another
 * one may show first: which, is not compared.
 */
static void feed(struct bs_span input, size_t step, struct bs_buf *trace)
{
    struct http http;
    http_init(&http);
    for (size_t at = 0; at < input.size;) {
        size_t left = input.size - at, used = 0;
        struct bs_span piece = BS_SPAN(input.data + at, left < step ? left : step);
        BS_SCOPED_BUF struct bs_buf wrong = BS_BUF(4096);
        enum http_state state = http_feed(&http, piece, &used, &wrong);
        FUZZ_CLAIM(used <= piece.size);
        FUZZ_CLAIM(http.head_size <= HTTP_HEAD_MAX + step);
        FUZZ_CLAIM(http.body.capacity <= http.announced);
        FUZZ_CLAIM((state == HTTP_BROKEN) == (wrong.size > 0));
        if (state == HTTP_BROKEN) {
            FUZZ_CLAIM(bs_buf_append_string(trace, "[broken]") == BS_OK);
            break;
        }
        at += used;
        if (state == HTTP_INCOMPLETE) {
            FUZZ_CLAIM(used == piece.size);
            continue;
        }
        note_request(&http, trace);
        if (!http.keep_alive)
            break;
        http_next(&http);
    }
    http_free(&http);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    BS_SCOPED_BUF struct bs_buf whole = BS_BUF(TRACE_MAX);
    BS_SCOPED_BUF struct bs_buf single = BS_BUF(TRACE_MAX);
    BS_SCOPED_BUF struct bs_buf pieces = BS_BUF(TRACE_MAX);
    feed(BS_SPAN(data, size), SIZE_MAX / 2, &whole);
    feed(BS_SPAN(data, size), 1, &single);
    feed(BS_SPAN(data, size), 7, &pieces);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&whole), bs_buf_span(&single)));
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&whole), bs_buf_span(&pieces)));
    return 0;
}
