/* Requests and answers: what a decoder takes has one encoding, and that is the input. */
#include "core/message.h"
#include "fuzz/fuzz.h"

static struct bs_span input;

static void compare(enum bs_err err, const struct bs_buf *encoded)
{
    FUZZ_CLAIM(err == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(encoded), input));
}

#define ROUND_TRIP(kind)                                                    \
    static void round_trip_##kind(void)                                     \
    {                                                                       \
        struct message_##kind message;                                      \
        BS_SCOPED_BUF struct bs_buf encoded = BS_BUF(BS_REQUEST_MAX);       \
        enum bs_err err = message_##kind##_decode(input, &message);         \
        if (err == BS_OK)                                                   \
            compare(message_##kind##_encode(&message, &encoded), &encoded); \
        else                                                                \
            FUZZ_CLAIM(err == BS_ERR_PROTOCOL);                             \
    }
ROUND_TRIP(statement)
ROUND_TRIP(attest)
ROUND_TRIP(prove)
ROUND_TRIP(confirm)
ROUND_TRIP(answer)

/* Whatever others wrote becomes what a message may carry. */
static void clean(void)
{
    uint8_t room[64], again[64];
    struct bs_span text = message_text_clean(input, room, sizeof(room));
    FUZZ_CLAIM(text.size <= sizeof(room) && text.size <= input.size);
    FUZZ_CLAIM_TEXT(text);
    FUZZ_CLAIM(bs_span_equal(message_text_clean(text, again, sizeof(again)), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = BS_SPAN(data, size);
    round_trip_statement();
    round_trip_attest();
    round_trip_prove();
    round_trip_confirm();
    round_trip_answer();
    clean();
    return 0;
}
