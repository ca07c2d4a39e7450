#include "unit.h"

#include "core/share.h"

/* Made with `openssl ecparam -name prime256v1 -genkey | openssl pkcs8 -topk8 -nocrypt`, and `openssl pkey -pubout` of it. */
static const char private_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgUiQfK/yNsRdSWtqN\n"
                                  "0hC4fjLCIUNLt9hrveEB1/ZM/0KhRANCAATZ2UiVmC4ae1qWmaFssUfjoIloeEgA\n"
                                  "WhFXCh7TMY99KsIwqnxiRDZuPEC6GMIMZPPwtvqeBDLgE3OTnafQuyrq\n"
                                  "-----END PRIVATE KEY-----\n";
static const char public_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                 "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE2dlIlZguGntalpmhbLFH46CJaHhI\n"
                                 "AFoRVwoe0zGPfSrCMKp8YkQ2bjxAuhjCDGTz8Lb6ngQy4BNzk52n0Lsq6g==\n"
                                 "-----END PUBLIC KEY-----\n";

static const uint8_t value[BS_SHARE_SIZE] = { 1, 2, 3 };
static struct share_label label;
static struct crypto_key *key;
static struct crypto_point point;
static uint8_t locked[SHARE_LOCKED_SIZE];

static int setup(void **state)
{
    (void)state;
    memset(label.device, 0xD0, sizeof(label.device));
    label.serial = 0x0102030405060708;
    assert_ok(crypto_key_from_pem(bs_span_of_string(private_pem), &key));
    assert_ok(share_key_from_pem(bs_span_of_string(public_pem), &point));
    assert_ok(share_lock(&point, &label, value, locked));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    crypto_key_free(key);
    return 0;
}

static enum bs_err unlock(struct crypto_key *with, const struct share_label *whose)
{
    BS_OWN(secret) share = NULL;
    enum bs_err err = share_unlock(with, whose, BS_SPAN(locked, sizeof(locked)), &share);
    if (err == BS_OK) {
        assert_int_equal(bs_secret_size(share), BS_SHARE_SIZE);
        assert_memory_equal(bs_secret_view(share), value, BS_SHARE_SIZE);
    } else {
        assert_null(share);
    }
    return err;
}

static void a_locked_share_opens_with_its_key_for_its_device_and_serial_alone(void **state)
{
    (void)state;
    struct share_label other = label;
    struct crypto_key *stranger;
    assert_ok(unlock(key, &label));
    assert_ok(crypto_key_make(&stranger));
    assert_err(unlock(stranger, &label), BS_ERR_UNTRUSTED);
    crypto_key_free(stranger);
    other.serial++;
    assert_err(unlock(key, &other), BS_ERR_UNTRUSTED);
    other = label;
    other.device[31] ^= 1;
    assert_err(unlock(key, &other), BS_ERR_UNTRUSTED);
}

static void no_byte_of_a_locked_share_can_be_changed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(locked); i++) {
        locked[i] ^= 1;
        assert_err(unlock(key, &label), i == 0 ? BS_ERR_INPUT : BS_ERR_UNTRUSTED);
        locked[i] ^= 1;
    }
    BS_OWN(secret) share = NULL;
    assert_err(share_unlock(key, &label, BS_SPAN(locked, sizeof(locked) - 1), &share), BS_ERR_INPUT);
    assert_ok(unlock(key, &label));
}

static void two_locks_of_a_share_have_nothing_in_common(void **state)
{
    (void)state;
    uint8_t again[SHARE_LOCKED_SIZE];
    assert_ok(share_lock(&point, &label, value, again));
    for (size_t i = 1; i + 8 <= sizeof(again); i += 8)
        assert_memory_not_equal(locked + i, again + i, 8);
}

static void keys_that_are_none_on_p256_are_refused(void **state)
{
    (void)state;
    struct crypto_point none;
    BS_SCOPED_BUF struct bs_buf off = BS_BUF(1024);
    assert_err(share_key_from_pem(bs_span_of_string(private_pem), &none), BS_ERR_INPUT);
    assert_err(share_key_from_pem(BS_SPAN_NONE, &none), BS_ERR_INPUT);
    assert_ok(bs_buf_append(&off, public_pem, sizeof(public_pem) - 1));
    off.data[120] = off.data[120] == 'A' ? 'B' : 'A'; /* within y: not on the curve any more */
    assert_err(share_key_from_pem(bs_buf_span(&off), &none), BS_ERR_INPUT);
}

static void shares_are_read_as_they_were_written(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(4096);
    BS_SCOPED_BUF struct bs_buf room = BS_BUF(256);
    struct share_label second = label;
    struct share_block block;
    second.serial = 7;
    assert_ok(share_write(&label, true, BS_SPAN(locked, sizeof(locked)), &text));
    assert_ok(share_write(&second, true, BS_SPAN(locked, sizeof(locked)), &text));
    assert_err(share_write(&second, false, BS_SPAN(locked, sizeof(locked)), &text), BS_ERR_INPUT);
    struct bs_reader in = BS_READER(bs_buf_span(&text));
    assert_ok(share_read(&in, true, &room, &block));
    assert_int_equal(block.label.serial, label.serial);
    assert_memory_equal(block.label.device, label.device, sizeof(label.device));
    assert_true(bs_span_equal(block.bytes, BS_SPAN(locked, sizeof(locked))));
    assert_ok(share_read(&in, true, &room, &block));
    assert_int_equal(block.label.serial, 7);
    assert_err(share_read(&in, true, &room, &block), BS_ERR_NOT_FOUND);

    in = BS_READER(bs_buf_span(&text));
    assert_err(share_read(&in, false, &room, &block), BS_ERR_NOT_FOUND); /* none that is open */
    text.data[40] = '!';
    in = BS_READER(bs_buf_span(&text));
    assert_err(share_read(&in, true, &room, &block), BS_ERR_INPUT);
}

#define share_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        share_test(a_locked_share_opens_with_its_key_for_its_device_and_serial_alone),
        share_test(no_byte_of_a_locked_share_can_be_changed),
        share_test(two_locks_of_a_share_have_nothing_in_common),
        share_test(keys_that_are_none_on_p256_are_refused),
        share_test(shares_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
