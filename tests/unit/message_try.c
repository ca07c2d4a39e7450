#include "message_try.h"

#include "core/message.h"

#define DEFINE_TRY(type)                                                             \
    enum bs_err try_##type(struct bs_span document)                                  \
    {                                                                                \
        uint8_t *copy = malloc(document.size + (document.size == 0));                \
        assert_non_null(copy);                                                       \
        if (document.size > 0)                                                       \
            memcpy(copy, document.data, document.size);                              \
        struct message_##type m;                                                     \
        enum bs_err err = message_##type##_decode(BS_SPAN(copy, document.size), &m); \
        if (err == BS_OK) {                                                          \
            BS_SCOPED_BUF struct bs_buf again = BS_BUF(BS_REQUEST_MAX);              \
            assert_ok(message_##type##_encode(&m, &again));                          \
            assert_true(bs_span_equal(document, bs_buf_span(&again)));               \
        } else {                                                                     \
            assert_err(err, BS_ERR_PROTOCOL);                                        \
        }                                                                            \
        free(copy);                                                                  \
        return err;                                                                  \
    }
DEFINE_TRY(statement)
DEFINE_TRY(attest)
DEFINE_TRY(prove)
DEFINE_TRY(confirm)
DEFINE_TRY(answer)
