#include "unit.h"

#include "core/text.h"
#include "core/uki.h"
#include "logmaker.h"
#include "pemaker.h"

#define STUB_252 "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####"
#define STUB_254 "#### LoaderInfo: systemd-stub 254.26-1 ####"
#define STUB_256 "#### LoaderInfo: systemd-stub 256 ####"
#define STUB_257 "#### LoaderInfo: systemd-stub 257.13-1~deb13u1 ####"
#define STUB_258 "#### LoaderInfo: systemd-stub 258 ####"
#define PROFILES                                                                                                      \
    "the image has profiles, or parts that are chosen by the hardware (.profile, .dtbauto, .hwids, .efifw): what is " \
    "measured is only decided when it boots"

static const uint16_t banks[] = { CRYPTO_SHA256, CRYPTO_SHA384 };

/* A UKI in the making: stub, kernel, and what else a test wants. */
struct parts {
    const char *stub;
    const char *more[8][2]; /* names and contents */
    const char *linux_release;
};

static void make_kernel(const struct parts *parts, struct bs_buf *out)
{
    uint8_t setup[64] = { 0 };
    static const char text[] = "the kernel's code";
    struct pemaker_section section = { ".text", BS_SPAN(text, sizeof(text)) };
    pemaker_make(&section, 1, out);
    if (!parts->linux_release)
        return;
    /* The x86 boot protocol stands in the headers' room. */
    memcpy(setup, "HdrS\x0f\x02\0\0\0\0\0\0", 12);
    memcpy(out->data + 0x202, setup, 12);
    pemaker_poke16(out, 0x202 + 12, 0x300 - 0x200);
    strcpy((char *)out->data + 0x300, parts->linux_release);
}

static void make_uki(const struct parts *parts, struct bs_buf *out)
{
    struct pemaker_section sections[11];
    size_t count = 0;
    BS_SCOPED_BUF struct bs_buf kernel = BS_BUF(PEMAKER_MAX);
    make_kernel(parts, &kernel);
    sections[count++] = (struct pemaker_section){ ".text", bs_span_of_string("the stub's code") };
    if (parts->stub)
        sections[count++] = (struct pemaker_section){ ".sdmagic", bs_span_of_string(parts->stub) };
    for (size_t i = 0; i < COUNT(parts->more) && parts->more[i][0]; i++)
        sections[count++] = (struct pemaker_section){ parts->more[i][0], bs_span_of_string(parts->more[i][1]) };
    sections[count++] = (struct pemaker_section){ ".linux", bs_buf_span(&kernel) };
    pemaker_make(sections, count, out);
}

static void open_uki(const struct bs_buf *image, struct uki *ret_uki)
{
    struct pe_fault fault = { .what = "" };
    enum bs_err err = uki_open(bs_buf_span(image), ret_uki, &fault);
    assert_string_equal(fault.what, "");
    assert_ok(err);
}

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

static void assert_parts_fault(const struct parts *parts, const char *what)
{
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(parts, &image);
    assert_fault(&image, what);
}

static void a_uki_is_known_by_its_stub(void **state)
{
    (void)state;
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(&(struct parts){ .stub = STUB_252, .more = { { ".cmdline", "quiet" } } }, &image);
    open_uki(&image, &uki);
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
        assert_parts_fault(&(struct parts){ .stub = wrong[i] }, unknown);
    /* 64 characters are too many, 63 are not. */
    assert_parts_fault(&(struct parts){ .stub =
                                            "#### LoaderInfo: systemd-stub "
                                            "252.012345678901234567890123456789012345678901234567890123456789 ####" },
                       unknown);
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    struct uki uki;
    make_uki(&(struct parts){ .stub = wrong[COUNT(wrong) - 1] }, &image);
    open_uki(&image, &uki);
    assert_parts_fault(&(struct parts){ .stub = "#### LoaderInfo: systemd-stub 251.4 ####" },
                       "the image's stub is older than systemd 252, and what it measures is not known");
}

static void what_is_no_uki_is_called_so(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf kernel = BS_BUF(PEMAKER_MAX);
    assert_fault(&kernel, "this is no PE image");
    make_kernel(&(struct parts){ .stub = NULL }, &kernel);
    assert_fault(&kernel, "this is no unified kernel image: it has no section .linux");
}

static void parts_that_are_chosen_at_boot_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { ".profile", ".dtbauto", ".hwids", ".efifw" };
    for (size_t i = 0; i < COUNT(names); i++)
        assert_parts_fault(&(struct parts){ .stub = STUB_257, .more = { { names[i], "x" } } }, PROFILES);
}

static void names_that_stubs_read_differently_are_refused(void **state)
{
    (void)state;
    assert_parts_fault(&(struct parts){ .stub = STUB_252, .more = { { ".cmdline", "a" }, { ".cmdline", "b" } } },
                       "a part of the UKI is there twice");
    assert_parts_fault(&(struct parts){ .stub = STUB_252, .more = { { ".linux2", "a" } } },
                       "a section's name begins like that of a part of a UKI, and some stubs take it for that");
}

static void a_kernel_that_uefi_cannot_start_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(&(struct parts){ .stub = STUB_252 }, &image);
    size_t kernel = pemaker_peek32(&image, PEMAKER_SECTION(2) + PEMAKER_OFFSET);
    pemaker_poke16(&image, kernel + PEMAKER_VERSION, 0);
    assert_fault(&image, "the kernel is older than Linux 5.8, and how it is started is not known");
    image.data[kernel] = 0;
    assert_fault(&image, "what is in .linux is no kernel that UEFI could start");
}

/* ---- what the kernel measures ---- */

static void assert_hash(enum bs_err (*hash)(const struct uki *, uint16_t, uint8_t *), const struct parts *parts,
                        struct bs_span expected)
{
    uint8_t is[CRYPTO_HASH_MAX], digest[CRYPTO_HASH_MAX];
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(parts, &image);
    open_uki(&image, &uki);
    assert_null(uki_pcr9_problem(&uki));
    assert_ok(hash(&uki, CRYPTO_SHA256, is));
    assert_ok(crypto_hash(CRYPTO_SHA256, expected, digest));
    assert_memory_equal(is, digest, 32);
}

static void the_command_line_is_measured_as_the_kernel_gets_it(void **state)
{
    (void)state;
    const struct parts plain = { .stub = STUB_252, .more = { { ".cmdline", " a\tb\n\n " } } };
    const struct parts trimmed = { .stub = STUB_257, .more = { { ".cmdline", " a\tb\n\n " } } };
    const struct parts umlaut = { .stub = STUB_257, .more = { { ".cmdline", "\xc3\xbc\xe2\x82\xac" } } };
    const struct parts empty = { .stub = STUB_252, .more = { { ".cmdline", "\n" } } };
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
    make_uki(&(struct parts){ .stub = STUB_252, .more = { { ".cmdline", "abcdef" } } }, &image);
    image.data[pemaker_peek32(&image, PEMAKER_SECTION(2) + PEMAKER_OFFSET) + 1] = 0;
    open_uki(&image, &uki);
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
    make_uki(&(struct parts){ .stub = STUB_252 }, &image);
    open_uki(&image, &uki);
    assert_err(uki_hash_options(&uki, CRYPTO_SHA256, is), BS_ERR_NOT_FOUND);
    assert_err(uki_hash_initrd(&uki, CRYPTO_SHA256, is), BS_ERR_NOT_FOUND);
}

static const char *pcr9_problem(const struct parts *parts)
{
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(parts, &image);
    open_uki(&image, &uki);
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
        assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .more = { { ".cmdline", lines[i] } } }),
                            characters);
    struct parts begins = { .stub = STUB_256, .more = { { ".cmdline", " a" } } };
    assert_string_equal(pcr9_problem(&begins), blank);
    begins.stub = STUB_254;
    assert_string_equal(pcr9_problem(&begins), "");
    begins.stub = STUB_257;
    assert_string_equal(pcr9_problem(&begins), "");
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_258 }),
                        "systemd-stub from 258 on may add something of the machine to the initrd");
}

static void an_old_kernel_is_not_foretold(void **state)
{
    (void)state;
    static const char old[] = "the kernel is older than Linux 6.1, and what it measures is not known";
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .linux_release = "5.10.0 (x)" }), old);
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .linux_release = "6.0.12" }), old);
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .linux_release = "6.1.0-56" }), "");
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .linux_release = "10.0.0" }), "");
    assert_string_equal(pcr9_problem(&(struct parts){ .stub = STUB_252, .linux_release = "who knows" }), "");
}

static void one_initrd_is_measured_as_it_is(void **state)
{
    (void)state;
    assert_hash(uki_hash_initrd, &(struct parts){ .stub = STUB_252, .more = { { ".initrd", "12345" } } },
                bs_span_of_string("12345"));
    assert_hash(uki_hash_initrd,
                &(struct parts){ .stub = STUB_252, .more = { { ".ucode", "u" }, { ".initrd", "12345" } } },
                bs_span_of_string("12345"));
    assert_hash(uki_hash_initrd,
                &(struct parts){ .stub = STUB_257, .more = { { ".initrd", "i" }, { ".ucode", "12345" } } },
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
    struct parts parts = {
        .stub = STUB_252,
        .more = { { ".pcrpkey", "pkey" }, { ".pcrsig", "sig" }, { ".initrd", "12345" }, { ".osrel", "ID=x\n" } }
    };
    assert_hash(uki_hash_initrd, &parts, BS_SPAN(expected, sizeof(expected) - 1));
    static const char release[] =
        FOLDER ENTRY("00000002", "00008124", "00000001", "00000005", "00000012") ".extra/os-release\0"
                                                                                 "ID=x\n\0\0\0" TRAILER;
    assert_hash(uki_hash_initrd, &(struct parts){ .stub = STUB_257, .more = { { ".osrel", "ID=x\n" } } },
                BS_SPAN(release, sizeof(release) - 1));
}

/* ---- events ---- */

static void write_events(const struct parts *parts, struct bs_buf *out, struct eventlog *ret_log)
{
    struct uki uki;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_uki(parts, &image);
    open_uki(&image, &uki);
    *out = BS_BUF(UKI_EVENTS_SIZE_MAX);
    assert_ok(uki_write_events(&uki, banks, COUNT(banks), out));
    assert_ok(eventlog_open(bs_buf_span(out), ret_log, NULL));
}

/* "4 11:.linux 11:.linux 4 9 9": PCRs, and what EV_IPL events name. */
static void describe(const struct eventlog *log, char *ret_text, size_t size)
{
    struct eventlog_event event;
    size_t used = 0;
    ret_text[0] = '\0';
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        if (!eventlog_extends(&event))
            continue;
        used += (size_t)snprintf(ret_text + used, size - used, "%s%u", used ? " " : "", event.pcr);
        for (size_t i = 0; event.type == EVENTLOG_IPL && i < event.data.size; i += 2)
            if (event.data.data[i])
                used += (size_t)snprintf(ret_text + used, size - used, "%s%c", i ? "" : ":", event.data.data[i]);
    }
}

static void assert_events(const struct parts *parts, const char *expected)
{
    char text[1000];
    struct eventlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(0);
    write_events(parts, &bytes, &log);
    describe(&log, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void events_follow_the_stub_s_order_and_version(void **state)
{
    (void)state;
    struct parts parts = { .stub = STUB_252,
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
    assert_events(&(struct parts){ .stub = STUB_252 }, "4 11:.linux 11:.linux 4");
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
    const struct parts parts = { .stub = STUB_252, .more = { { ".cmdline", "quiet" } } };
    make_uki(&parts, &image);
    open_uki(&image, &uki);
    write_events(&parts, &bytes, &log);
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
    make_uki(&(struct parts){ .stub = STUB_252 }, &image);
    open_uki(&image, &uki);
    assert_err(uki_write_events(&uki, unknown, 2, &out), BS_ERR_INPUT);
    assert_err(uki_write_events(&uki, banks, 0, &out), BS_ERR_INPUT);
    uint16_t many[EVENTLOG_BANKS_MAX + 1];
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = CRYPTO_SHA256;
    assert_err(uki_write_events(&uki, many, COUNT(many), &out), BS_ERR_INPUT);
    assert_err(uki_write_plain_firmware(unknown, 2, &out), BS_ERR_INPUT);
    assert_int_equal(out.size, 0);
}

/* ---- behind a firmware's events ---- */

/* From a real log the events that came of the UKI, as a log of its own. */
static void cut_uki(const struct eventlog *log, struct bs_buf *out)
{
    struct eventlog_event event;
    uint16_t header[2 * EVENTLOG_BANKS_MAX + 1] = { 0 };
    bool is_over = false;
    for (size_t i = 0; i < log->bank_count; i++) {
        header[2 * i] = log->banks[i].alg;
        header[2 * i + 1] = log->banks[i].size;
    }
    put_header(out, header);
    for (struct eventlog_cursor c = eventlog_first(log); eventlog_next(&c, &event);) {
        is_over = is_over || (event.pcr == 4 && event.type == EVENTLOG_BOOT_APPLICATION);
        if (!is_over || (event.pcr != 4 && event.pcr != 9 && event.pcr != 11))
            continue;
        put_le32(out, event.pcr);
        put_le32(out, event.type);
        put_le32(out, (uint32_t)event.digest_count);
        for (size_t i = 0; i < event.digest_count; i++) {
            put_le16(out, event.digests[i].alg);
            put_bytes(out, event.digests[i].value.data, event.digests[i].value.size);
        }
        put_le32(out, (uint32_t)event.data.size);
        put_bytes(out, event.data.data, event.data.size);
    }
}

static void splice(const struct eventlog *firmware, const struct eventlog *events, struct bs_buf *out,
                   struct eventlog *ret_log)
{
    const char *why = "";
    enum bs_err err = uki_splice(firmware, events, out, &why);
    assert_string_equal(why, "");
    assert_ok(err);
    assert_ok(eventlog_open(bs_buf_span(out), ret_log, NULL));
}

static void assert_same_pcrs(const struct eventlog *a, const struct eventlog *b, uint16_t alg, uint32_t mask)
{
    struct eventlog_replay of_a, of_b;
    assert_ok(eventlog_replay(a, alg, &of_a));
    assert_ok(eventlog_replay(b, alg, &of_b));
    assert_int_equal(of_a.mask & mask, of_b.mask & mask);
    for (size_t i = 0; i < EVENTLOG_PCRS; i++)
        if (mask >> i & 1)
            assert_memory_equal(of_a.values[i], of_b.values[i], of_a.size);
}

static const char *const with_uki[] = { "arm64-aavmf-uki",           "ovmf-uki-cloud",
                                        "ovmf2M-uki-cloud-allbanks", "ovmf2M-uki-cloud-sha256only",
                                        "ovmf2M-uki-cloud-tis",      "ovmf4M-uki-full",
                                        "ovmf4Msecboot-signed-uki" };

static void a_real_log_taken_apart_and_joined_leads_to_the_same_pcrs(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(with_uki); i++) {
        char file[100];
        struct eventlog log, events, joined;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf cut = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
        snprintf(file, sizeof(file), "%s.bin", with_uki[i]);
        read_vector(file, &bytes);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        cut_uki(&log, &cut);
        assert_ok(eventlog_open(bs_buf_span(&cut), &events, NULL));
        splice(&log, &events, &out, &joined);
        assert_int_equal(joined.event_count, log.event_count);
        for (size_t b = 0; b < log.bank_count; b++)
            assert_same_pcrs(&joined, &log, log.banks[b].alg, 0xffffff);
    }
}

/* The same, in a log that has seen another boot; and OVMF is a machine that adds nothing. */
static void a_uki_behind_other_logs_leads_to_its_pcrs(void **state)
{
    (void)state;
    struct eventlog log, other, events, joined, plain;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf other_bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf least = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf simple = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf2M-uki-cloud-allbanks.bin", &bytes);
    read_vector("ovmf4M-uki-full.bin", &other_bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    assert_ok(eventlog_open(bs_buf_span(&other_bytes), &other, NULL));
    cut_uki(&log, &cut);
    assert_ok(eventlog_open(bs_buf_span(&cut), &events, NULL));
    splice(&other, &events, &out, &joined);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA256, 1u << 4 | 1u << 9 | 1u << 11);
    assert_same_pcrs(&joined, &other, CRYPTO_SHA256, ~(1u << 4 | 1u << 9 | 1u << 11));

    static const uint16_t sha384[] = { CRYPTO_SHA256, CRYPTO_SHA384 };
    assert_ok(uki_write_plain_firmware(sha384, 2, &least));
    assert_ok(eventlog_open(bs_buf_span(&least), &plain, NULL));
    splice(&plain, &events, &simple, &joined);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA256, 1u << 4 | 1u << 9 | 1u << 11);
    assert_same_pcrs(&joined, &log, CRYPTO_SHA384, 1u << 4 | 1u << 9 | 1u << 11);
}

static void with_secure_boot_the_kernel_is_not_measured_into_pcr_4(void **state)
{
    (void)state;
    char text[1000];
    struct eventlog log, events, joined;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    const struct parts parts = { .stub = STUB_252, .more = { { ".initrd", "i" } } };
    read_vector("ovmf4Msecboot-signed-uki.bin", &bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    write_events(&parts, &cut, &events);
    splice(&log, &events, &out, &joined);
    describe(&joined, text, sizeof(text));
    assert_string_equal(strstr(text, "4 11:"), "4 11:.linux 11:.linux 11:.initrd 11:.initrd 9 5 5");
}

/* Two applications one after the other, and what the second one starts. */
static void put_boot(struct bs_buf *log, bool is_uki)
{
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xb1, BS_SPAN_NONE);
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xb2, BS_SPAN_NONE);
    if (is_uki)
        put_event(log, 11, EVENTLOG_IPL, 0xcc, BS_SPAN("x", 1));
    put_event(log, 9, EVENTLOG_IPL, 0xcc, BS_SPAN("x", 1));
    put_event(log, 4, EVENTLOG_BOOT_APPLICATION, 0xcc, BS_SPAN_NONE);
    put_event(log, 5, EVENTLOG_EFI_ACTION, 0xcc, BS_SPAN("x", 1));
}

static void a_boot_loader_before_the_stub_stays(void **state)
{
    (void)state;
    char text[1000];
    struct eventlog events;
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    write_events(&(struct parts){ .stub = STUB_252 }, &cut, &events);
    for (int is_uki = 0; is_uki < 2; is_uki++) {
        static const uint16_t sha256[] = { CRYPTO_SHA256 };
        struct eventlog log, joined;
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
        assert_ok(uki_write_plain_firmware(sha256, 1, &bytes));
        put_boot(&bytes, is_uki);
        assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
        splice(&log, &events, &out, &joined);
        describe(&joined, text, sizeof(text));
        assert_string_equal(text, is_uki ? "7 4 4 4 4 11:.linux 11:.linux 4 5" : "7 4 4 4 11:.linux 11:.linux 4 5");
    }
}

static void assert_no_splice(struct bs_span firmware, const char *why)
{
    const char *said = "";
    struct eventlog log, events;
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    write_events(&(struct parts){ .stub = STUB_252 }, &cut, &events);
    assert_ok(eventlog_open(firmware, &log, NULL));
    assert_err(uki_splice(&log, &events, &out, &said), BS_ERR_INPUT);
    assert_string_equal(said, why);
    assert_int_equal(out.size, 0);
}

static void logs_that_do_not_tell_enough_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *file, *why;
    } wrong[] = {
        { "ovmf2M-uki-cloud-espcred.bin",
          "that boot had a command line, credentials or extensions from outside of the image (PCR 12 or 13), and what "
          "they do to PCR 9 cannot be foretold" },
        { "arm64-uboot-uki.bin", "that firmware measured an application before its own part was over, and what it does "
                                 "with another image is not known" },
        { "ovmf2M-direct-kernel-cloud.bin", "that firmware measured an application before its own part was over, and "
                                            "what it does with another image is not known" },
        { "direct-kernel-cloud.bin", "the firmware's event log does not say whether Secure Boot is on" },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        read_vector(wrong[i].file, &bytes);
        assert_no_splice(bs_buf_span(&bytes), wrong[i].why);
    }
    BS_SCOPED_BUF struct bs_buf old = BS_BUF(LOGMAKER_MAX);
    put_sha1_event(&old, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
    assert_no_splice(bs_buf_span(&old), "the firmware's event log is of the old format, for SHA-1 alone");
    BS_SCOPED_BUF struct bs_buf endless = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&endless);
    assert_no_splice(bs_buf_span(&endless),
                     "the firmware's event log does not tell where its own part ends: PCR 4 has no separator");
}

/* The event says "SecureBoot = 0", and its digest is of something else: nobody knows what was measured. */
static void a_variable_whose_digest_is_another_one_says_nothing(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf4M-uki-full.bin", &bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);)
        if (event.index == 4)
            bytes.data[event.digests[0].value.data - bytes.data] ^= 1;
    assert_no_splice(bs_buf_span(&bytes), "the firmware's event log does not say whether Secure Boot is on");
}

/* UEFI_VARIABLE_DATA of a variable with a name of 10 characters. */
static void put_variable(struct bs_buf *log, uint32_t pcr, uint32_t type, const char *name, struct bs_span value)
{
    static const uint8_t guid[16] = { 0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11,
                                      0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c };
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(100);
    put_bytes(&data, guid, sizeof(guid));
    put_le64(&data, 10);
    put_le64(&data, value.size);
    for (size_t i = 0; i < 10; i++)
        put_le16(&data, (uint8_t)name[i]);
    put_bytes(&data, value.data, value.size);
    put_measured(log, pcr, type, bs_buf_span(&data));
}

static void only_the_measured_variable_says_whether_secure_boot_is_on(void **state)
{
    (void)state;
    static const char unknown[] = "the firmware's event log does not say whether Secure Boot is on";
    static const struct {
        uint32_t pcr, type;
        const char *name;
        struct bs_span value;
    } wrong[] = {
        { 6, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_AUTHORITY, "SecureBoot", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBook", { (const uint8_t *)"", 1 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"", 0 } },
        { 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, "SecureBoot", { (const uint8_t *)"\0", 2 } },
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
        put_sha256_header(&bytes);
        put_variable(&bytes, wrong[i].pcr, wrong[i].type, wrong[i].name, wrong[i].value);
        put_event(&bytes, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
        assert_no_splice(bs_buf_span(&bytes), unknown);
    }
    BS_SCOPED_BUF struct bs_buf short_data = BS_BUF(LOGMAKER_MAX);
    put_sha256_header(&short_data);
    put_measured(&short_data, 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, BS_SPAN("short", 5));
    put_event(&short_data, 4, EVENTLOG_SEPARATOR, 1, BS_SPAN("\0\0\0", 4));
    assert_no_splice(bs_buf_span(&short_data), unknown);
}

/* EV_NO_ACTION may name any PCR and was never measured: here one pretends to be the separator, and one the stub. */
static void events_that_were_not_measured_decide_nothing(void **state)
{
    (void)state;
    static const uint16_t sha256[] = { CRYPTO_SHA256 };
    char text[1000];
    struct eventlog log, events, joined;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    BS_SCOPED_BUF struct bs_buf cut = BS_BUF(0);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(LOGMAKER_MAX);
    write_events(&(struct parts){ .stub = STUB_252 }, &cut, &events);
    assert_ok(uki_write_plain_firmware(sha256, 1, &bytes));
    put_event(&bytes, 11, EVENTLOG_NO_ACTION, 0, BS_SPAN_NONE);
    put_event(&bytes, 4, EVENTLOG_BOOT_APPLICATION, 0xb1, BS_SPAN_NONE);
    put_event(&bytes, 12, EVENTLOG_NO_ACTION, 0, BS_SPAN_NONE);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    splice(&log, &events, &out, &joined);
    describe(&joined, text, sizeof(text));
    assert_string_equal(text, "7 4 4 4 11:.linux 11:.linux 4");
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
        cmocka_unit_test(a_real_log_taken_apart_and_joined_leads_to_the_same_pcrs),
        cmocka_unit_test(a_uki_behind_other_logs_leads_to_its_pcrs),
        cmocka_unit_test(with_secure_boot_the_kernel_is_not_measured_into_pcr_4),
        cmocka_unit_test(a_boot_loader_before_the_stub_stays),
        cmocka_unit_test(logs_that_do_not_tell_enough_are_refused),
        cmocka_unit_test(a_variable_whose_digest_is_another_one_says_nothing),
        cmocka_unit_test(only_the_measured_variable_says_whether_secure_boot_is_on),
        cmocka_unit_test(events_that_were_not_measured_decide_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
