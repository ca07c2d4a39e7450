/* Which data were measured, which are a claim, which are wrong; and what the lists of Secure Boot hold. */
#include "unit.h"

#include "core/eventlog.h"
#include "core/eventlog_secureboot.h"
#include "logmaker.h"

#define GLOBAL_GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define GUID_X509 "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"
#define GUID_SHA256 "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"

/* The one event of a log whose digest is that of `measured`. */
static void make_event(struct bs_buf *bytes, uint32_t pcr, uint32_t type, struct bs_span measured, struct bs_span data,
                       struct eventlog_event *ret_event)
{
    struct eventlog log;
    put_sha256_header(bytes);
    put_measured_as(bytes, pcr, type, measured, data);
    assert_ok(eventlog_open(bs_buf_span(bytes), &log, NULL));
    struct eventlog_cursor c = eventlog_first(&log);
    assert_true(eventlog_next(&c, ret_event) && eventlog_next(&c, ret_event));
}

static void assert_measured(uint32_t type, struct bs_span measured, struct bs_span data,
                            enum eventlog_measured expected, struct bs_span expected_bytes)
{
    struct eventlog_event event;
    struct bs_span found = BS_SPAN("untouched", 9);
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    make_event(&bytes, 8, type, measured, data, &event);
    if (eventlog_measured(&event, CRYPTO_SHA256, &found) != expected)
        fail_msg("type %#x, %.*s", type, (int)data.size, (const char *)data.data);
    assert_int_equal(eventlog_measured(&event, CRYPTO_SHA256, NULL), expected);
    assert_true(bs_span_equal(found, expected == EVENTLOG_DATA_MEASURED ? expected_bytes : BS_SPAN("untouched", 9)));
}

#define TEXT(t) BS_SPAN(t, sizeof(t) - 1)

static void types_whose_digest_is_that_of_the_data_are_right_or_wrong(void **state)
{
    (void)state;
    static const uint32_t types[] = { EVENTLOG_SEPARATOR,
                                      EVENTLOG_ACTION,
                                      EVENTLOG_EFI_ACTION,
                                      EVENTLOG_CRTM_VERSION,
                                      EVENTLOG_GPT,
                                      EVENTLOG_VARIABLE_DRIVER_CONFIG,
                                      EVENTLOG_VARIABLE_BOOT,
                                      EVENTLOG_VARIABLE_BOOT2,
                                      EVENTLOG_VARIABLE_AUTHORITY };
    for (size_t i = 0; i < COUNT(types); i++) {
        assert_measured(types[i], TEXT("some data"), TEXT("some data"), EVENTLOG_DATA_MEASURED, TEXT("some data"));
        assert_measured(types[i], TEXT("some data"), TEXT("some dada"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    }
}

static void other_types_are_right_or_a_claim(void **state)
{
    (void)state;
    static const uint32_t types[] = { EVENTLOG_POST_CODE,
                                      EVENTLOG_EVENT_TAG,
                                      EVENTLOG_CRTM_CONTENTS,
                                      EVENTLOG_IPL,
                                      EVENTLOG_NONHOST_INFO,
                                      EVENTLOG_HCRTM,
                                      0xc,
                                      0x80001234 };
    for (size_t i = 0; i < COUNT(types); i++) {
        assert_measured(types[i], TEXT("some data"), TEXT("some data"), EVENTLOG_DATA_MEASURED, TEXT("some data"));
        assert_measured(types[i], TEXT("an image"), TEXT("some data"), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
    }
}

static void images_are_never_their_event(void **state)
{
    (void)state;
    static const uint32_t types[] = { EVENTLOG_BOOT_APPLICATION, EVENTLOG_BOOT_DRIVER, EVENTLOG_RUNTIME_DRIVER,
                                      EVENTLOG_NO_ACTION };
    for (size_t i = 0; i < COUNT(types); i++)
        assert_measured(types[i], TEXT("some data"), TEXT("some data"), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
}

static void texts_may_end_in_a_zero_that_was_not_measured(void **state)
{
    (void)state;
    assert_measured(EVENTLOG_EFI_ACTION, TEXT("go"), TEXT("go\0"), EVENTLOG_DATA_MEASURED, TEXT("go"));
    assert_measured(EVENTLOG_EFI_ACTION, TEXT("go"), TEXT("go\0\0"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_EFI_ACTION, TEXT("g"), TEXT("go"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_EFI_ACTION, TEXT("go"), BS_SPAN_NONE, EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\0\0\0"), TEXT("\0\0\0\0"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
}

static void grub_measures_what_stands_behind_its_prefix(void **state)
{
    (void)state;
    assert_measured(EVENTLOG_IPL, TEXT("ls"), TEXT("grub_cmd: ls\0"), EVENTLOG_DATA_MEASURED, TEXT("ls"));
    assert_measured(EVENTLOG_IPL, TEXT("/vmlinuz ro"), TEXT("kernel_cmdline: /vmlinuz ro\0"), EVENTLOG_DATA_MEASURED,
                    TEXT("/vmlinuz ro"));
    assert_measured(EVENTLOG_IPL, TEXT("x"), TEXT("module_cmdline: x"), EVENTLOG_DATA_MEASURED, TEXT("x"));
    assert_measured(EVENTLOG_IPL, TEXT("ls"), TEXT("grub_cmd ls\0"), EVENTLOG_DATA_MEASURED, TEXT("ls"));
    assert_measured(EVENTLOG_IPL, TEXT("/vmlinuz ro"), TEXT("grub_kernel_cmdline /vmlinuz ro\0"),
                    EVENTLOG_DATA_MEASURED, TEXT("/vmlinuz ro"));
    assert_measured(EVENTLOG_IPL, TEXT("/vmlinuz ro init=/bin/sh"), TEXT("kernel_cmdline: /vmlinuz ro\0"),
                    EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_IPL, TEXT("a file's contents"), TEXT("(hd0,gpt2)/grub.cfg\0"), EVENTLOG_DATA_NOT_MEASURED,
                    BS_SPAN_NONE);
}

static void separators_may_have_zeros_behind_or_say_what_failed(void **state)
{
    (void)state;
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\xff\xff\xff\xff"), TEXT("\xff\xff\xff\xff\0\0\0"),
                    EVENTLOG_DATA_MEASURED, TEXT("\xff\xff\xff\xff"));
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"), TEXT("\0\0\0\0\0\0"), EVENTLOG_DATA_MEASURED,
                    TEXT("\0\0\0\0"));
    /* Nothing but zeros: other bytes would be shown, and not have been measured. */
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"), TEXT("\0\0\0\0x"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"), TEXT("\0\0\0\0x\0"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_SEPARATOR, TEXT("good"), TEXT("good, says its maker"), EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_SEPARATOR, TEXT("\1\0\0\0"), TEXT("no TPM"), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
}

static void an_authoritys_last_byte_may_not_be_measured(void **state)
{
    (void)state;
    assert_measured(EVENTLOG_VARIABLE_AUTHORITY, TEXT("db, and an entr"), TEXT("db, and an entry"),
                    EVENTLOG_DATA_MEASURED, TEXT("db, and an entr"));
    assert_measured(EVENTLOG_VARIABLE_AUTHORITY, TEXT("db, and an ent"), TEXT("db, and an entry"), EVENTLOG_DATA_WRONG,
                    BS_SPAN_NONE);
    assert_measured(EVENTLOG_VARIABLE_DRIVER_CONFIG, TEXT("db, and an entr"), TEXT("db, and an entry"),
                    EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
}

static void names_of_sections_are_measured_in_ascii(void **state)
{
    (void)state;
    const struct bs_span name = TEXT(".\0l\0i\0n\0u\0x\0\0\0");
    assert_measured(EVENTLOG_IPL, TEXT(".linux\0"), name, EVENTLOG_DATA_MEASURED, name);
    assert_measured(EVENTLOG_IPL, name, name, EVENTLOG_DATA_MEASURED, name);
    assert_measured(EVENTLOG_IPL, TEXT("contents"), name, EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
    assert_measured(EVENTLOG_IPL, TEXT("."), TEXT(".\0l"), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
    assert_measured(EVENTLOG_IPL, BS_SPAN_NONE, TEXT("x"), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
    uint8_t ascii[33], utf16[66] = { 0 };
    for (size_t i = 0; i < sizeof(ascii); i++)
        ascii[i] = utf16[2 * i] = 'a';
    assert_measured(EVENTLOG_IPL, BS_SPAN(ascii, 32), BS_SPAN(utf16, 64), EVENTLOG_DATA_MEASURED, BS_SPAN(utf16, 64));
    assert_measured(EVENTLOG_IPL, BS_SPAN(ascii, 33), BS_SPAN(utf16, 66), EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
    assert_measured(EVENTLOG_IPL, TEXT(".linux\0"), TEXT(".\0l\1i\0n\0u\0x\0\0\0"), EVENTLOG_DATA_NOT_MEASURED,
                    BS_SPAN_NONE);
}

static void a_boot_variable_may_be_measured_without_its_name(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    put_variable_data(&data, GLOBAL_GUID, "BootOrder", TEXT("\1\0\2\0"));
    const struct bs_span whole = bs_buf_span(&data);
    assert_measured(EVENTLOG_VARIABLE_BOOT, TEXT("\1\0\2\0"), whole, EVENTLOG_DATA_MEASURED, TEXT("\1\0\2\0"));
    assert_measured(EVENTLOG_VARIABLE_BOOT, whole, whole, EVENTLOG_DATA_MEASURED, whole);
    assert_measured(EVENTLOG_VARIABLE_BOOT, TEXT("\1\0\3\0"), whole, EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    /* No other variable event may be: its name would be anybody's. */
    assert_measured(EVENTLOG_VARIABLE_BOOT2, TEXT("\1\0\2\0"), whole, EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_VARIABLE_DRIVER_CONFIG, TEXT("\1\0\2\0"), whole, EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
    assert_measured(EVENTLOG_VARIABLE_AUTHORITY, TEXT("\1\0\2\0"), whole, EVENTLOG_DATA_WRONG, BS_SPAN_NONE);
}

static void a_tag_may_be_measured_without_its_head(void **state)
{
    (void)state;
    const struct bs_span tagged = TEXT("\1\2\3\4\5\0\0\0hello");
    assert_measured(EVENTLOG_EVENT_TAG, TEXT("hello"), tagged, EVENTLOG_DATA_MEASURED, TEXT("hello"));
    assert_measured(EVENTLOG_EVENT_TAG, tagged, tagged, EVENTLOG_DATA_MEASURED, tagged);
    assert_measured(EVENTLOG_EVENT_TAG, TEXT("an initrd"), tagged, EVENTLOG_DATA_NOT_MEASURED, BS_SPAN_NONE);
}

static void of_a_bank_without_a_digest_nothing_can_be_said(void **state)
{
    (void)state;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    make_event(&bytes, 4, EVENTLOG_SEPARATOR, TEXT("x"), TEXT("x"), &event);
    assert_int_equal(eventlog_measured(&event, CRYPTO_SHA384, NULL), EVENTLOG_DATA_NOT_MEASURED);
    assert_int_equal(eventlog_measured(&event, 0x0071, NULL), EVENTLOG_DATA_NOT_MEASURED);
}

static void no_real_firmware_is_wrong(void **state)
{
    (void)state;
    static const char *const vectors[] = { "arm64-uboot-uki.bin", "direct-kernel-cloud.bin",
                                           "ovmf2M-uki-cloud-allbanks.bin", "ovmf2M-uki-cloud-espcred.bin",
                                           "ovmf4Msecboot-signed-uki.bin" };
    for (size_t i = 0; i < COUNT(vectors); i++) {
        struct eventlog log;
        struct eventlog_event event;
        size_t measured = 0;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        read_vector(vectors[i], &bytes);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);)
            for (size_t k = 0; k < event.digest_count; k++) {
                enum eventlog_measured found = eventlog_measured(&event, event.digests[k].alg, NULL);
                if (found == EVENTLOG_DATA_WRONG)
                    fail_msg("%s: event %zu", vectors[i], event.index);
                measured += found == EVENTLOG_DATA_MEASURED;
            }
        assert_true(measured >= 8);
    }
}

static void entries_come_list_by_list(void **state)
{
    (void)state;
    struct eventlog_entry entry;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    put_signature_list(&data, GUID_X509, TEXT("certificate"));
    put_signature_list(&data, GUID_SHA256, TEXT("0123456789abcdef0123456789abcdef"));
    put_signature_list(&data, "an unknown GUID!", TEXT("x"));
    struct eventlog_entries e = eventlog_entries_first(bs_buf_span(&data));
    assert_true(eventlog_entries_next(&e, &entry));
    assert_int_equal(entry.kind, EVENTLOG_ENTRY_X509);
    assert_span_text(entry.owner, "OOOOOOOOOOOOOOOO");
    assert_span_text(entry.bytes, "certificate");
    assert_true(eventlog_entries_next(&e, &entry));
    assert_int_equal(entry.kind, EVENTLOG_ENTRY_SHA256);
    assert_span_text(entry.bytes, "0123456789abcdef0123456789abcdef");
    assert_true(eventlog_entries_next(&e, &entry));
    assert_int_equal(entry.kind, EVENTLOG_ENTRY_OTHER);
    assert_span_text(entry.type, "an unknown GUID!");
    assert_false(eventlog_entries_next(&e, &entry));
    assert_false(e.is_broken);

    e = eventlog_entries_first(BS_SPAN_NONE);
    assert_false(eventlog_entries_next(&e, &entry));
    assert_false(e.is_broken);
}

static void broken_lists_are_told_at_every_length(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    put_signature_list(&data, GUID_X509, TEXT("certificate"));
    for (size_t size = 1; size < data.size; size++) {
        struct eventlog_entry entry;
        struct eventlog_entries e = eventlog_entries_first(BS_SPAN(data.data, size));
        assert_false(eventlog_entries_next(&e, &entry));
        assert_true(e.is_broken);
        assert_false(eventlog_entries_next(&e, &entry));
    }
    /* size of the list, of its header, of an entry */
    static const struct {
        size_t at;
        uint32_t value;
    } wrong[] = { { 16, 27 }, { 16, 0 },  { 16, 0xffffffff }, { 16, 56 }, { 20, 28 },        { 20, 0xffffffff },
                  { 24, 0 },  { 24, 15 }, { 24, 26 },         { 24, 28 }, { 24, 0xffffffff } };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        struct eventlog_entry entry;
        uint8_t bytes[55];
        assert_int_equal(data.size, sizeof(bytes));
        memcpy(bytes, data.data, sizeof(bytes));
        for (size_t k = 0; k < 4; k++)
            bytes[wrong[i].at + k] = (uint8_t)(wrong[i].value >> 8 * k);
        struct eventlog_entries e = eventlog_entries_first(BS_SPAN(bytes, sizeof(bytes)));
        while (eventlog_entries_next(&e, &entry))
            assert_true(entry.bytes.data >= bytes && entry.bytes.data + entry.bytes.size <= bytes + sizeof(bytes));
        assert_true(e.is_broken);
    }
    BS_SCOPED_BUF struct bs_buf hash = BS_BUF(1000);
    struct eventlog_entry entry;
    put_signature_list(&hash, GUID_SHA256, TEXT("no 32 bytes"));
    put_signature_list(&hash, GUID_X509, TEXT("certificate"));
    struct eventlog_entries e = eventlog_entries_first(bs_buf_span(&hash));
    assert_false(eventlog_entries_next(&e, &entry));
    assert_true(e.is_broken);
    assert_false(eventlog_entries_next(&e, &entry)); /* what follows is not looked for */
}

/* The variable of this name and type in the log of a boot with Secure Boot. */
static void find_variable(struct bs_buf *bytes, uint32_t type, const char *name, struct eventlog_variable *ret_variable)
{
    struct eventlog log;
    struct eventlog_event event;
    read_vector("ovmf4Msecboot-signed-uki.bin", bytes);
    assert_ok(eventlog_open(bs_buf_span(bytes), &log, NULL));
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);)
        if (event.type == type && eventlog_decode_variable(event.data, ret_variable) == BS_OK &&
            ret_variable->name.size == 2 * strlen(name) && ret_variable->name.data[0] == (uint8_t)name[0])
            return;
    fail_msg("no %s", name);
}

/* openssl x509 -fingerprint of Debian's snakeoil key. */
#define SNAKEOIL "282e8130b7070f107aaecc25d3992ca4440270860b09088792a5075fab0d13f8"

static void assert_snakeoil(const struct eventlog_entry *entry)
{
    struct eventlog_signer signer;
    char hex[65];
    assert_int_equal(entry->kind, EVENTLOG_ENTRY_X509);
    assert_ok(eventlog_entry_signer(entry, &signer));
    assert_string_equal(signer.subject, "C=US, ST=Colorado, L=Fort Collins, O=SnakeOil");
    bs_hex(BS_SPAN(signer.fingerprint, 32), hex);
    assert_string_equal(hex, SNAKEOIL);
}

static void signers_of_a_real_boot_have_their_names(void **state)
{
    (void)state;
    struct eventlog_variable variable;
    struct eventlog_entry entry;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), again = BS_BUF(LOGMAKER_MAX);
    find_variable(&bytes, EVENTLOG_VARIABLE_DRIVER_CONFIG, "db", &variable);
    struct eventlog_entries e = eventlog_entries_first(variable.data);
    assert_true(eventlog_entries_next(&e, &entry));
    assert_snakeoil(&entry);
    assert_false(eventlog_entries_next(&e, &entry));
    assert_false(e.is_broken);

    find_variable(&again, EVENTLOG_VARIABLE_AUTHORITY, "db", &variable);
    assert_ok(eventlog_authority_entry(variable.data, &entry));
    assert_int_equal(entry.owner.size, 16);
    assert_snakeoil(&entry);
    /* without its owner, as shim's own key is logged */
    assert_ok(eventlog_authority_entry(entry.bytes, &entry));
    assert_int_equal(entry.owner.size, 0);
    assert_snakeoil(&entry);
}

static void an_entry_that_is_no_certificate_has_no_signer(void **state)
{
    (void)state;
    struct eventlog_entry entry = { .kind = EVENTLOG_ENTRY_SHA256, .bytes = TEXT("0123456789abcdef0123456789abcdef") };
    struct eventlog_signer signer;
    assert_err(eventlog_entry_signer(&entry, &signer), BS_ERR_INPUT);
    entry.kind = EVENTLOG_ENTRY_X509;
    assert_ok(eventlog_entry_signer(&entry, &signer));
    assert_string_equal(signer.subject, "");
    assert_ok(eventlog_authority_entry(TEXT("OOOOOOOOOOOOOOOO0123456789abcdef0123456789abcdef"), &entry));
    assert_int_equal(entry.kind, EVENTLOG_ENTRY_SHA256);
    assert_err(eventlog_authority_entry(TEXT("OOOOOOOOOOOOOOOO0123"), &entry), BS_ERR_INPUT);
    assert_err(eventlog_authority_entry(TEXT("short"), &entry), BS_ERR_INPUT);
    assert_err(eventlog_authority_entry(BS_SPAN_NONE, &entry), BS_ERR_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_whose_digest_is_that_of_the_data_are_right_or_wrong),
        cmocka_unit_test(other_types_are_right_or_a_claim),
        cmocka_unit_test(images_are_never_their_event),
        cmocka_unit_test(texts_may_end_in_a_zero_that_was_not_measured),
        cmocka_unit_test(grub_measures_what_stands_behind_its_prefix),
        cmocka_unit_test(separators_may_have_zeros_behind_or_say_what_failed),
        cmocka_unit_test(an_authoritys_last_byte_may_not_be_measured),
        cmocka_unit_test(names_of_sections_are_measured_in_ascii),
        cmocka_unit_test(a_boot_variable_may_be_measured_without_its_name),
        cmocka_unit_test(a_tag_may_be_measured_without_its_head),
        cmocka_unit_test(of_a_bank_without_a_digest_nothing_can_be_said),
        cmocka_unit_test(no_real_firmware_is_wrong),
        cmocka_unit_test(entries_come_list_by_list),
        cmocka_unit_test(broken_lists_are_told_at_every_length),
        cmocka_unit_test(signers_of_a_real_boot_have_their_names),
        cmocka_unit_test(an_entry_that_is_no_certificate_has_no_signer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
