#include "unit.h"

#include "core/text.h"
#include "core/uki.h"
#include "logmaker.h"
#include "pemaker.h"
#include "ukimaker.h"

#define PROFILES                                                                                                      \
    "the image has profiles, or parts that are chosen by the hardware (.profile, .dtbauto, .hwids, .efifw): what is " \
    "measured is only decided when it boots"

static const uint16_t banks[] = { CRYPTO_SHA256, CRYPTO_SHA384 };

static void assert_fault(const struct bs_buf *image, const char *what)
{
    struct uki uki = { .stub_version = 77 };
    struct pe_fault fault = { .what = "" };
    assert_err(uki_open(bs_buf_span(image), &uki, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, what);
    assert_true(fault.offset <= image->size);
    assert_int_equal(uki.stub_version, 77);
    assert_err(uki_open(bs_buf_span(image), &uki, NULL), BS_ERR_INPUT);
}

static void assert_parts_fault(const struct ukimaker *parts, const char *what)
{
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(parts, &image);
    assert_fault(&image, what);
}

static void a_uki_is_known_by_its_stub(void **state)
{
    (void)state;
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(&(struct ukimaker){ .stub = STUB_252, .more = { { ".cmdline", "quiet" } } }, &image);
    ukimaker_open(&image, &uki);
    assert_string_equal(uki.stub, "252.39-1~deb12u2");
    assert_int_equal(uki.stub_version, 252);
    assert_true(uki_measures(&uki, UKI_LINUX));
    assert_true(uki_measures(&uki, UKI_CMDLINE));
    assert_false(uki_measures(&uki, UKI_INITRD));
    assert_int_equal(uki.kernel.section_count, 1);
    assert_null(uki_pcr9_problem(&uki));
}

static void an_image_without_a_known_stub_is_refused(void **state)
{
    (void)state;
    static const char unknown[] =
        "the image's stub is not systemd's (there is no version in its section .sdmagic), and "
        "what it measures is not known";
    static const char *const wrong[] = {
        NULL,
        "",
        "systemd-stub 252",
        "#### LoaderInfo: systemd-stub  ####",
        "#### LoaderInfo: systemd-stub 252",
        "#### LoaderInfo: systemd-stub abc ####",
        "#### LoaderInfo: systemd-stub 25\x01"
        "2 ####",
        "#### LoaderInfo: systemd-stub 252 x ####",
        "#### LoaderInfo: systemd-boot 252 ####",
        "#### LoaderInfo: systemd-stub 252.01234567890123456789012345678901234567890123456789012345678901234567 ####",
        "#### LoaderInfo: systemd-stub 252.0123456789012345678901234567890123456789012345678901234567 ####",
    };
    for (size_t i = 0; i + 1 < COUNT(wrong); i++)
        assert_parts_fault(&(struct ukimaker){ .stub = wrong[i] }, unknown);
    /* 64 characters are too many, 63 are not. */
    assert_parts_fault(
        &(struct ukimaker){ .stub = "#### LoaderInfo: systemd-stub "
                                    "252.012345678901234567890123456789012345678901234567890123456789 ####" },
        unknown);
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    struct uki uki;
    ukimaker_make(&(struct ukimaker){ .stub = wrong[COUNT(wrong) - 1] }, &image);
    ukimaker_open(&image, &uki);
    assert_parts_fault(&(struct ukimaker){ .stub = "#### LoaderInfo: systemd-stub 251.4 ####" },
                       "the image's stub is older than systemd 252, and what it measures is not known");
}

static void what_is_no_uki_is_called_so(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf kernel = BS_BUF(PEMAKER_MAX);
    assert_fault(&kernel, "this is no PE image");
    ukimaker_kernel(&(struct ukimaker){ .stub = NULL }, &kernel);
    assert_fault(&kernel, "this is no unified kernel image: it has no section .linux");
}

static void parts_that_are_chosen_at_boot_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { ".profile", ".dtbauto", ".hwids", ".efifw" };
    for (size_t i = 0; i < COUNT(names); i++)
        assert_parts_fault(&(struct ukimaker){ .stub = STUB_257, .more = { { names[i], "x" } } }, PROFILES);
}

static void names_that_stubs_read_differently_are_refused(void **state)
{
    (void)state;
    assert_parts_fault(&(struct ukimaker){ .stub = STUB_252, .more = { { ".cmdline", "a" }, { ".cmdline", "b" } } },
                       "a part of the UKI is there twice");
    assert_parts_fault(&(struct ukimaker){ .stub = STUB_252, .more = { { ".linux2", "a" } } },
                       "a section's name begins like that of a part of a UKI, and some stubs take it for that");
}

static void a_kernel_that_uefi_cannot_start_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(&(struct ukimaker){ .stub = STUB_252 }, &image);
    size_t kernel = pemaker_peek32(&image, PEMAKER_SECTION(2) + PEMAKER_OFFSET);
    pemaker_poke16(&image, kernel + PEMAKER_VERSION, 0);
    assert_fault(&image, "the kernel is older than Linux 5.8, and how it is started is not known");
    image.data[kernel] = 0;
    assert_fault(&image, "what is in .linux is no kernel that UEFI could start");
}

/* ---- what the kernel measures ---- */

static void assert_hash(enum bs_err (*hash)(const struct uki *, uint16_t, uint8_t *), const struct ukimaker *parts,
                        struct bs_span expected)
{
    uint8_t is[CRYPTO_HASH_MAX], digest[CRYPTO_HASH_MAX];
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(parts, &image);
    ukimaker_open(&image, &uki);
    assert_null(uki_pcr9_problem(&uki));
    assert_ok(hash(&uki, CRYPTO_SHA256, is));
    assert_ok(crypto_hash(CRYPTO_SHA256, expected, digest));
    assert_memory_equal(is, digest, 32);
}

static void the_command_line_is_measured_as_the_kernel_gets_it(void **state)
{
    (void)state;
    const struct ukimaker plain = { .stub = STUB_252, .more = { { ".cmdline", " a\tb\n\n " } } };
    const struct ukimaker trimmed = { .stub = STUB_257, .more = { { ".cmdline", " a\tb\n\n " } } };
    const struct ukimaker umlaut = { .stub = STUB_257, .more = { { ".cmdline", "\xc3\xbc\xe2\x82\xac" } } };
    const struct ukimaker empty = { .stub = STUB_252, .more = { { ".cmdline", "\n" } } };
    assert_hash(uki_hash_options, &plain, BS_SPAN(" \0a\0 \0b\0\0\0", 10));
    assert_hash(uki_hash_options, &trimmed, BS_SPAN("a\0 \0b\0\0\0", 8));
    assert_hash(uki_hash_options, &umlaut, BS_SPAN("\xfc\0\xac\x20\0\0", 6));
    assert_hash(uki_hash_options, &empty, BS_SPAN("\0\0", 2));
}

static void a_command_line_ends_at_its_zero(void **state)
{
    (void)state;
    uint8_t is[32], expected[32];
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(&(struct ukimaker){ .stub = STUB_252, .more = { { ".cmdline", "abcdef" } } }, &image);
    image.data[pemaker_peek32(&image, PEMAKER_SECTION(2) + PEMAKER_OFFSET) + 1] = 0;
    ukimaker_open(&image, &uki);
    assert_ok(uki_hash_options(&uki, CRYPTO_SHA256, is));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN("a\0\0", 4), expected));
    assert_memory_equal(is, expected, 32);
}

static void nothing_is_measured_where_there_is_nothing(void **state)
{
    (void)state;
    uint8_t is[CRYPTO_HASH_MAX];
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(&(struct ukimaker){ .stub = STUB_252 }, &image);
    ukimaker_open(&image, &uki);
    assert_err(uki_hash_options(&uki, CRYPTO_SHA256, is), BS_ERR_NOT_FOUND);
    assert_err(uki_hash_initrd(&uki, CRYPTO_SHA256, is), BS_ERR_NOT_FOUND);
}

static const char *pcr9_problem(const struct ukimaker *parts)
{
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    ukimaker_make(parts, &image);
    ukimaker_open(&image, &uki);
    const char *problem = uki_pcr9_problem(&uki);
    return problem ? problem : "";
}

static void what_versions_do_differently_is_not_foretold(void **state)
{
    (void)state;
    static const char characters[] =
        "the command line has characters of which versions of systemd-stub make different things";
    static const char blank[] = "the command line begins with a blank, and it is not known what this version of "
                                "systemd-stub makes of that";
    static const char *const lines[] = { "a\x7f", "\xff", "\xc3", "\xf0\x9f\x98\x80" };
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .more = { { ".cmdline", lines[i] } } }),
                            characters);
    struct ukimaker begins = { .stub = STUB_256, .more = { { ".cmdline", " a" } } };
    assert_string_equal(pcr9_problem(&begins), blank);
    begins.stub = STUB_254;
    assert_string_equal(pcr9_problem(&begins), "");
    begins.stub = STUB_257;
    assert_string_equal(pcr9_problem(&begins), "");
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_258 }),
                        "systemd-stub from 258 on may add something of the machine to the initrd");
}

static void an_old_kernel_is_not_foretold(void **state)
{
    (void)state;
    static const char old[] = "the kernel is older than Linux 6.1, and what it measures is not known";
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .linux_release = "5.10.0 (x)" }), old);
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .linux_release = "6.0.12" }), old);
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .linux_release = "6.1.0-56" }), "");
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .linux_release = "10.0.0" }), "");
    assert_string_equal(pcr9_problem(&(struct ukimaker){ .stub = STUB_252, .linux_release = "who knows" }), "");
}

static void one_initrd_is_measured_as_it_is(void **state)
{
    (void)state;
    assert_hash(uki_hash_initrd, &(struct ukimaker){ .stub = STUB_252, .more = { { ".initrd", "12345" } } },
                bs_span_of_string("12345"));
    assert_hash(uki_hash_initrd,
                &(struct ukimaker){ .stub = STUB_252, .more = { { ".ucode", "u" }, { ".initrd", "12345" } } },
                bs_span_of_string("12345"));
    assert_hash(uki_hash_initrd,
                &(struct ukimaker){ .stub = STUB_257, .more = { { ".initrd", "i" }, { ".ucode", "12345" } } },
                BS_SPAN("12345\0\0\0i\0\0\0", 12));
}

/* A cpio archive as the kernel documents it, written by hand. */
#define ENTRY(inode, mode, links, size, name_size) \
    "070701" inode mode "00000000"                 \
    "00000000" links "00000000" size "00000000"    \
    "00000000"                                     \
    "00000000"                                     \
    "00000000" name_size "00000000"
#define FOLDER ENTRY("00000001", "0000416d", "00000001", "00000000", "00000007") ".extra\0\0\0\0"
#define TRAILER ENTRY("00000000", "00000000", "00000001", "00000000", "0000000B") "TRAILER!!!\0\0\0\0"

static void signature_and_key_become_archives_behind_the_initrd(void **state)
{
    (void)state;
    static const char expected[] = "12345\0\0\0" FOLDER ENTRY(
        "00000002", "00008124", "00000001", "00000003",
        "0000001f") ".extra/tpm2-pcr-signature.json\0\0\0\0"
                    "sig\0" TRAILER FOLDER ENTRY("00000002", "00008124", "00000001", "00000004",
                                                 "0000001f") ".extra/tpm2-pcr-public-key.pem\0\0\0\0"
                                                             "pkey" TRAILER;
    struct ukimaker parts = {
        .stub = STUB_252,
        .more = { { ".pcrpkey", "pkey" }, { ".pcrsig", "sig" }, { ".initrd", "12345" }, { ".osrel", "ID=x\n" } }
    };
    assert_hash(uki_hash_initrd, &parts, BS_SPAN(expected, sizeof(expected) - 1));
    static const char release[] =
        FOLDER ENTRY("00000002", "00008124", "00000001", "00000005", "00000012") ".extra/os-release\0"
                                                                                 "ID=x\n\0\0\0" TRAILER;
    assert_hash(uki_hash_initrd, &(struct ukimaker){ .stub = STUB_257, .more = { { ".osrel", "ID=x\n" } } },
                BS_SPAN(release, sizeof(release) - 1));
}

/* ---- events ---- */

static void assert_events(const struct ukimaker *parts, const char *expected)
{
    char text[1000];
    struct eventlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(0);
    ukimaker_events(parts, &bytes, &log);
    ukimaker_describe(&log, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void events_follow_the_stub_s_order_and_version(void **state)
{
    (void)state;
    struct ukimaker parts = { .stub = STUB_252,
                              .more = { { ".sbat", "s" },
                                        { ".initrd", "i" },
                                        { ".pcrpkey", "k" },
                                        { ".pcrsig", "g" },
                                        { ".cmdline", "c" },
                                        { ".uname", "u" },
                                        { ".ucode", "m" },
                                        { ".osrel", "o" } } };
    assert_events(&parts, "4 11:.linux 11:.linux 11:.osrel 11:.osrel 11:.cmdline 11:.cmdline 11:.initrd 11:.initrd "
                          "11:.pcrpkey 11:.pcrpkey 4 9 9");
    parts.stub = STUB_254;
    assert_events(&parts, "4 11:.linux 11:.linux 11:.osrel 11:.osrel 11:.cmdline 11:.cmdline 11:.initrd 11:.initrd "
                          "11:.uname 11:.uname 11:.sbat 11:.sbat 11:.pcrpkey 11:.pcrpkey 4 9 9");
    parts.stub = STUB_257;
    assert_events(&parts, "4 11:.linux 11:.linux 11:.osrel 11:.osrel 11:.cmdline 11:.cmdline 11:.initrd 11:.initrd "
                          "11:.ucode 11:.ucode 11:.uname 11:.uname 11:.sbat 11:.sbat 11:.pcrpkey 11:.pcrpkey 4 9 9");
    parts.stub = STUB_258; /* starts the kernel itself; PCR 9 is not foretold */
    assert_events(&parts, "4 11:.linux 11:.linux 11:.osrel 11:.osrel 11:.cmdline 11:.cmdline 11:.initrd 11:.initrd "
                          "11:.ucode 11:.ucode 11:.uname 11:.uname 11:.sbat 11:.sbat 11:.pcrpkey 11:.pcrpkey");
}

static void events_that_would_be_of_nothing_are_left_out(void **state)
{
    (void)state;
    assert_events(&(struct ukimaker){ .stub = STUB_252 }, "4 11:.linux 11:.linux 4");
}

static void digests_are_those_of_names_contents_and_images(void **state)
{
    (void)state;
    uint8_t expected[CRYPTO_HASH_MAX];
    struct eventlog log;
    struct eventlog_event event;
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(0);
    const struct ukimaker parts = { .stub = STUB_252, .more = { { ".cmdline", "quiet" } } };
    ukimaker_make(&parts, &image);
    ukimaker_open(&image, &uki);
    ukimaker_events(&parts, &bytes, &log);
    assert_int_equal(uki_events_mask(&log), 1u << 4 | 1u << 9 | 1u << 11);
    struct eventlog_cursor c = eventlog_first(&log);
    for (size_t i = 0; eventlog_next(&c, &event); i++)
        for (size_t b = 0; b < COUNT(banks) && i > 0; b++) {
            if (i == 1)
                assert_ok(pe_authenticode(&uki.pe, banks[b], expected));
            else if (i == 4)
                assert_ok(crypto_hash(banks[b], BS_SPAN(".cmdline", 9), expected));
            else if (i == 5)
                assert_ok(crypto_hash(banks[b], BS_SPAN("quiet", 5), expected));
            else if (i == 6)
                assert_ok(pe_authenticode(&uki.kernel, banks[b], expected));
            else if (i == 7)
                assert_ok(crypto_hash(banks[b], BS_SPAN("q\0u\0i\0e\0t\0\0", 12), expected));
            else
                continue;
            assert_true(
                bs_span_equal(eventlog_digest(&event, banks[b]), BS_SPAN(expected, crypto_hash_size(banks[b]))));
        }
}

static void banks_that_are_not_known_are_refused(void **state)
{
    (void)state;
    static const uint16_t unknown[] = { CRYPTO_SHA256, 0x0012 };
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(UKI_EVENTS_SIZE_MAX);
    ukimaker_make(&(struct ukimaker){ .stub = STUB_252 }, &image);
    ukimaker_open(&image, &uki);
    assert_err(uki_write_events(&uki, unknown, 2, &out), BS_ERR_INPUT);
    assert_err(uki_write_events(&uki, banks, 0, &out), BS_ERR_INPUT);
    uint16_t many[EVENTLOG_BANKS_MAX + 1];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = CRYPTO_SHA256;
    assert_err(uki_write_events(&uki, many, COUNT(many), &out), BS_ERR_INPUT);
    assert_err(uki_write_plain_firmware(unknown, 2, &out), BS_ERR_INPUT);
    assert_int_equal(out.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uki_is_known_by_its_stub),
        cmocka_unit_test(an_image_without_a_known_stub_is_refused),
        cmocka_unit_test(what_is_no_uki_is_called_so),
        cmocka_unit_test(parts_that_are_chosen_at_boot_are_refused),
        cmocka_unit_test(names_that_stubs_read_differently_are_refused),
        cmocka_unit_test(a_kernel_that_uefi_cannot_start_is_refused),
        cmocka_unit_test(the_command_line_is_measured_as_the_kernel_gets_it),
        cmocka_unit_test(a_command_line_ends_at_its_zero),
        cmocka_unit_test(nothing_is_measured_where_there_is_nothing),
        cmocka_unit_test(what_versions_do_differently_is_not_foretold),
        cmocka_unit_test(an_old_kernel_is_not_foretold),
        cmocka_unit_test(one_initrd_is_measured_as_it_is),
        cmocka_unit_test(signature_and_key_become_archives_behind_the_initrd),
        cmocka_unit_test(events_follow_the_stub_s_order_and_version),
        cmocka_unit_test(events_that_would_be_of_nothing_are_left_out),
        cmocka_unit_test(digests_are_those_of_names_contents_and_images),
        cmocka_unit_test(banks_that_are_not_known_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
