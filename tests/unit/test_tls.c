/* The server's end of TLS where wolfSSL cannot do what is asked of it. That it can is tested with real connections. */
#include "unit/unit.h"

#include "server/listen/tls.h"

#include <string.h>

int __wrap_wolfSSL_export_keying_material(WOLFSSL *ssl, unsigned char *out, size_t size, const char *label,
                                          size_t label_size, const unsigned char *context, size_t context_size,
                                          int use_context);

static const char *asked_label;
static size_t asked_size;

int __wrap_wolfSSL_export_keying_material(WOLFSSL *ssl, unsigned char *out, size_t size, const char *label,
                                          size_t label_size, const unsigned char *context, size_t context_size,
                                          int use_context)
{
    (void)ssl;
    (void)out;
    (void)context;
    (void)use_context;
    assert_int_equal(context_size, 0);
    assert_int_equal(label_size, strlen(label));
    asked_label = label;
    asked_size = size;
    return WOLFSSL_FAILURE;
}

/* Evidence could not be bound to such a connection, so it never gets as far as a request. */
static void a_connection_without_an_exporter_is_closed(void **state)
{
    (void)state;
    uint8_t channel[32] = { 0 };
    static const uint8_t untouched[32] = { 0 };
    BS_SCOPED_BUF struct bs_buf client = BS_BUF(64);
    assert_err(tls_finished(NULL, channel, &client), BS_ERR_CRYPTO);
    assert_string_equal(asked_label, "EXPORTER-Channel-Binding");
    assert_int_equal(asked_size, 32);
    assert_memory_equal(channel, untouched, sizeof(channel));
    assert_int_equal(client.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_without_an_exporter_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
