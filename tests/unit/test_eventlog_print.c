#include "unit.h"

#include "core/bootlog.h"
#include "core/eventlog_decode.h"
#include "logmaker.h"

#define TEXT(t) BS_SPAN(t, sizeof(t) - 1)
#define GUID_X509 "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"
#define GUID_SHA256 "\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28"
#define GLOBAL_GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"

/* What a sha256 log of one event, with a digest of its data, says about that event. */
static void assert_described(uint32_t pcr, uint32_t type, struct bs_span data, const char *expected)
{
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    put_sha256_header(&bytes);
    put_measured(&bytes, pcr, type, data);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    struct eventlog_cursor c = eventlog_first(&log);
    assert_true(eventlog_next(&c, &event) && eventlog_next(&c, &event));
    assert_ok(eventlog_describe(&event, &text));
    put_bytes(&text, "", text.size < text.limit);
    assert_string_equal((const char *)text.data, expected);
}

static void put_utf16(struct bs_buf *buf, const char *ascii)
{
    for (; *ascii; ascii++)
        put_le16(buf, (uint8_t)*ascii);
}

static void assert_variable(uint32_t type, const char *guid, const char *name, struct bs_span value,
                            const char *expected)
{
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    put_bytes(&data, guid, 16);
    put_le64(&data, strlen(name));
    put_le64(&data, value.size);
    put_utf16(&data, name);
    put_bytes(&data, value.data, value.size);
    assert_described(7, type, bs_buf_span(&data), expected);
}

static void variables_are_named_and_short_ones_shown(void **state)
{
    (void)state;
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, GLOBAL_GUID, "SecureBoot", BS_SPAN("\1", 1),
                    "variable SecureBoot = 1");
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, GLOBAL_GUID, "PK", BS_SPAN_NONE, "variable PK: not set");
    assert_variable(EVENTLOG_VARIABLE_BOOT, GLOBAL_GUID, "BootOrder", BS_SPAN("\x01\x00\x0f\x00", 4),
                    "variable BootOrder: 0001 000F");
    assert_variable(EVENTLOG_VARIABLE_BOOT, GLOBAL_GUID, "Boot00AF", BS_SPAN("\1\0\0\0\2\0L\0x\0\0\0pp", 14),
                    "variable Boot00AF: \"Lx\"");
    static const char loader[] = "\1\0\0\0\x0c\0L\0\0\0\4\4\x08\0x\0\0\0\x7f\xff\4\0q\0u\0";
    assert_variable(EVENTLOG_VARIABLE_BOOT, GLOBAL_GUID, "Boot0001", BS_SPAN(loader, sizeof(loader) - 1),
                    "variable Boot0001: \"L\" x, options \"qu\"");
    assert_variable(EVENTLOG_VARIABLE_AUTHORITY, GLOBAL_GUID, "db",
                    BS_SPAN("\x80"
                            "23456",
                            6),
                    "entry of variable db that admitted an image (6 bytes)");
}

static void a_variable_of_an_unknown_vendor_shows_whose_it_is(void **state)
{
    (void)state;
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, "0123456789abcdef", "SecureBoot", BS_SPAN("\1", 1),
                    "variable SecureBoot of 33323130-3534-3736-3839-616263646566 = 1");
}

static void a_variable_with_lengths_that_do_not_fit_is_shown_as_bytes(void **state)
{
    (void)state;
    static const uint64_t lengths[] = { 3, 1, 0, 0x8000000000000002, UINT64_MAX };
    for (size_t i = 0; i < COUNT(lengths); i++) {
        BS_SCOPED_BUF struct bs_buf data = BS_BUF(100);
        put_bytes(&data, GLOBAL_GUID, 16);
        put_le64(&data, lengths[i]);
        put_le64(&data, 1);
        put_bytes(&data, "P\0K\0\1", 5);
        assert_described(7, EVENTLOG_VARIABLE_DRIVER_CONFIG, bs_buf_span(&data),
                         "61dfe48bca93d211aa0d00e098032b8c... (37 bytes)");
    }
}

static void put_image(struct bs_buf *data, uint64_t size, struct bs_span path)
{
    put_le64(data, 0x1000);
    put_le64(data, size);
    put_le64(data, 0);
    put_le64(data, path.size);
    put_bytes(data, path.data, path.size);
}

static void boot_applications_are_named_by_their_file_and_place(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf path = BS_BUF(1000), data = BS_BUF(1000);
    put_bytes(&path, "\x02\x01\x0c\0\xd0\x41\x03\x0a\0\0\0\0", 12); /* ACPI: of no interest */
    put_bytes(&path, "\x04\x01\x2a\0\x02\0\0\0", 8);
    put_le64(&path, 2048);
    put_le64(&path, 4096);
    put_bytes(&path, GLOBAL_GUID "\2\2", 18);
    put_bytes(&path, "\x04\x04\x10\0", 4);
    put_utf16(&path, "\\a.efi");
    put_bytes(&path, "\x7f\xff\x04\0", 4);
    put_image(&data, 12345, bs_buf_span(&path));
    assert_described(4, EVENTLOG_BOOT_APPLICATION, bs_buf_span(&data),
                     "boot application on partition 2 8be4df61-93ca-11d2-aa0d-00e098032b8c \\a.efi, 12345 bytes");
    assert_described(2, EVENTLOG_BOOT_DRIVER, bs_buf_span(&data),
                     "boot driver on partition 2 8be4df61-93ca-11d2-aa0d-00e098032b8c \\a.efi, 12345 bytes");
}

static void a_broken_device_path_ends_the_path_and_nothing_else(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t size;
    } paths[] = { { "\x04\x04\x03\0", 4 }, { "\x04\x04\0\0", 4 },       { "\x04\x04\xff\xff", 4 },
                  { "\x04\x04", 2 },       { "\x04\x01\x08\0abcd", 8 }, { "\x04\x03\x05\0x", 5 } };
    for (size_t i = 0; i < COUNT(paths); i++) {
        BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
        put_image(&data, 7, BS_SPAN(paths[i].path, paths[i].size));
        assert_described(4, EVENTLOG_BOOT_APPLICATION, bs_buf_span(&data), "boot application, 7 bytes");
    }
}

static void names_of_sections_are_told_from_their_contents(void **state)
{
    (void)state;
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    read_vector("ovmf-uki-cloud.bin", &bytes);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    for (struct eventlog_cursor c = eventlog_first(&log); eventlog_next(&c, &event);) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
        assert_ok(eventlog_describe(&event, &text));
        if (event.index == 27)
            assert_span_text(bs_buf_span(&text), "name of UKI section .cmdline");
        if (event.index == 28)
            assert_span_text(bs_buf_span(&text), "contents of UKI section .cmdline");
    }
}

static void boot_loaders_and_kernels_are_quoted(void **state)
{
    (void)state;
    assert_described(8, EVENTLOG_IPL, BS_SPAN("grub_cmd: linux /vmlinuz", 25), "GRUB's command \"linux /vmlinuz\"");
    assert_described(12, EVENTLOG_IPL, BS_SPAN("q\0u\0i\0e\0t\0\0\0", 12), "\"quiet\"");
    assert_described(9, EVENTLOG_EVENT_TAG, BS_SPAN("\xed\x22\x3b\x8f\1\0\0\0x", 9),
                     "kernel command line, as the kernel got it");
    assert_described(9, EVENTLOG_EVENT_TAG, BS_SPAN("\xec\x22\x3b\x8f\1\0\0\0x", 9), "initrd, as the kernel got it");
    assert_described(12, EVENTLOG_EVENT_TAG, BS_SPAN("\1\2\3\4\6\0\0\0a\0b\0c\0", 14), "\"abc\"");
    assert_described(9, EVENTLOG_EVENT_TAG, BS_SPAN("\xed\x22\x3b\x8f\2\0\0\0x", 9), "ed223b8f0200000078 (9 bytes)");
    assert_described(5, EVENTLOG_EFI_ACTION, bs_span_of_string("Exit Boot Services Invocation"),
                     "\"Exit Boot Services Invocation\"");
}

static void firmware_speaks_of_itself(void **state)
{
    (void)state;
    assert_described(0, EVENTLOG_CRTM_VERSION,
                     BS_SPAN("1\0.\0"
                             "2\0\0\0",
                             8),
                     "firmware version \"1.2\"");
    assert_described(0, EVENTLOG_CRTM_VERSION, BS_SPAN("\0\0", 2), "firmware version not given");
    assert_described(0, EVENTLOG_FIRMWARE_BLOB, BS_SPAN("\0\0\x82\0\0\0\0\0\x10\0\0\0\0\0\0\0", 16),
                     "firmware at 0x820000, 16 bytes");
    assert_described(0, EVENTLOG_FIRMWARE_BLOB2, BS_SPAN("\2FV\0\0\x82\0\0\0\0\0\x10\0\0\0\0\0\0\0", 19),
                     "firmware \"FV\" at 0x820000, 16 bytes");
    assert_described(0, EVENTLOG_FIRMWARE_BLOB2,
                     BS_SPAN("\xff"
                             "FV",
                             3),
                     "ff4656 (3 bytes)");
    assert_described(0, EVENTLOG_POST_CODE, bs_span_of_string("POST CODE"), "\"POST CODE\"");
    assert_described(1, EVENTLOG_HANDOFF_TABLES2, BS_SPAN("\3abcxx", 6), "tables \"abc\", 2 bytes");
    assert_described(0, EVENTLOG_NO_ACTION, BS_SPAN("StartupLocality\0\4", 17), "the TPM was started at locality 4");
}

static void separators_say_whether_all_went_well(void **state)
{
    (void)state;
    assert_described(0, EVENTLOG_SEPARATOR, BS_SPAN("\0\0\0\0", 4), "separator: end of the firmware's own part");
    assert_described(0, EVENTLOG_SEPARATOR, BS_SPAN("\xff\xff\xff\xff", 4),
                     "separator: end of the firmware's own part");
    assert_described(0, EVENTLOG_SEPARATOR, BS_SPAN("\1\0\0\0", 4), "separator: the firmware failed to measure");
    assert_described(0, EVENTLOG_SEPARATOR, BS_SPAN("what?", 5), "separator: \"what?\"");
}

static void partition_tables_are_counted(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    uint8_t rest[48] = { 0 }, entry[128] = { 0 };
    put_bytes(&data, "EFI PART", 8);
    put_bytes(&data, rest, 48);
    put_bytes(&data, GLOBAL_GUID, 16);
    put_bytes(&data, rest, 20);
    put_le64(&data, 1);
    put_bytes(&data, entry, 128);
    assert_described(5, EVENTLOG_GPT, bs_buf_span(&data),
                     "partition table of disk 8be4df61-93ca-11d2-aa0d-00e098032b8c, 1 partitions");
    assert_described(5, EVENTLOG_GPT, BS_SPAN(data.data, data.size - 1), "\"EFI PART\"");
}

static void nothing_in_a_log_moves_the_cursor_of_a_terminal(void **state)
{
    (void)state;
    assert_described(5, EVENTLOG_ACTION, bs_span_of_string("a\033[2J"), "611b5b324a (5 bytes)");
    assert_described(5, EVENTLOG_ACTION, bs_span_of_string("a\nb\tc"), "\"a?b?c\"");
    assert_variable(EVENTLOG_VARIABLE_BOOT, GLOBAL_GUID, "\033[2J", BS_SPAN_NONE, "variable ?[2J: not set");
}

static void boot_loaders_files_and_lists_are_named(void **state)
{
    (void)state;
    assert_described(8, EVENTLOG_IPL, TEXT("kernel_cmdline: /vmlinuz ro\0"),
                     "GRUB: kernel command line \"/vmlinuz ro\"");
    assert_described(8, EVENTLOG_IPL, TEXT("module_cmdline: x"), "GRUB: command line of a module \"x\"");
    assert_described(9, EVENTLOG_IPL, TEXT("(hd0,gpt2)/grub.cfg\0"), "contents of the file \"(hd0,gpt2)/grub.cfg\"");
    assert_described(9, EVENTLOG_IPL, TEXT("/boot/initrd"), "contents of the file \"/boot/initrd\"");
    assert_described(14, EVENTLOG_IPL, TEXT("MokListX\0"), "shim: contents of \"MokListX\"");
    assert_described(12, EVENTLOG_IPL, TEXT("/something else"), "\"/something else\"");
    assert_described(5, EVENTLOG_EVENT_TAG, TEXT("\x2a\x58\xbc\xf5\1\0\0\0x"), "systemd-boot: contents of loader.conf");
    assert_described(12, EVENTLOG_EVENT_TAG, TEXT("\x51\xf7\x46\x6c\4\0\0\0a\0b\0"),
                     "systemd-stub: devicetree addon \"ab\"");
    assert_described(13, EVENTLOG_EVENT_TAG, TEXT("\3\0\1\x40\2\0\0\0\x80x"), "Windows: loaded module");
}

static void kinds_of_no_action_are_told(void **state)
{
    (void)state;
    assert_described(0, EVENTLOG_NO_ACTION, TEXT("SP800-155 Event\0\x37\1\0\0" GLOBAL_GUID),
                     "reference manifest 8be4df61-93ca-11d2-aa0d-00e098032b8c of vendor 311");
    assert_described(
        0, EVENTLOG_NO_ACTION, TEXT("SP800-155 Event2\x37\1\0\0" GLOBAL_GUID "\5Acme\0\3M1\0\2\x32\0\xff"),
        "reference manifest 8be4df61-93ca-11d2-aa0d-00e098032b8c of vendor 311, platform of \"Acme\", model \"M1\", "
        "version \"2\"");
    assert_described(0, EVENTLOG_NO_ACTION, TEXT("SP800-155 Event\0\x37"), "\"SP800-155 Event\"");
    assert_described(0, EVENTLOG_NO_ACTION, TEXT("H-CRTM CompMeas\0\4uCode"),
                     "component of the hardware's root of trust \"uCod\"");
    assert_described(0, EVENTLOG_NO_ACTION, TEXT("Spec ID Event02\0"), "header of a SHA-1 log");
    assert_described(0, EVENTLOG_HCRTM, TEXT("HCRTM"),
                     "the hardware's root of trust, measured before the TPM was started");
}

static void clouds_say_what_keeps_their_memory(void **state)
{
    (void)state;
    assert_described(0, EVENTLOG_NONHOST_INFO, TEXT("GCE NonHostInfo\0\3\0\0\0"),
                     "Google Compute Engine: confidential computing Intel TDX");
    assert_described(0, EVENTLOG_NONHOST_INFO, TEXT("GCE NonHostInfo\0\x63"),
                     "Google Compute Engine: confidential computing 99");
    assert_described(0, EVENTLOG_NONHOST_INFO, TEXT("GCE NonHostInfo\0"), "\"GCE NonHostInfo\"");
}

static void lists_are_counted_and_other_authorities_named(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf lists = BS_BUF(1000);
    put_signature_list(&lists, GUID_X509, TEXT("certificate"));
    put_signature_list(&lists, GUID_SHA256, TEXT("0123456789abcdef0123456789abcdef"));
    put_signature_list(&lists, GUID_SHA256, TEXT("0123456789abcdef0123456789abcdeg"));
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, GLOBAL_GUID, "db", bs_buf_span(&lists),
                    "variable db: 1 certificate, 2 hashes");
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, GLOBAL_GUID, "db", BS_SPAN(lists.data, lists.size - 1),
                    "variable db: 206 bytes");
    put_signature_list(&lists, "another GUID....", TEXT("x"));
    assert_variable(EVENTLOG_VARIABLE_DRIVER_CONFIG, GLOBAL_GUID, "dbx", bs_buf_span(&lists),
                    "variable dbx: 1 certificate, 2 hashes, 1 other entry");
    assert_variable(EVENTLOG_VARIABLE_AUTHORITY, GLOBAL_GUID, "SbatLevel", TEXT("sbat,1,2022052400"),
                    "variable SbatLevel: \"sbat,1,2022052400\"");
    assert_variable(EVENTLOG_VARIABLE_AUTHORITY, GLOBAL_GUID, "db",
                    TEXT("OOOOOOOOOOOOOOOO\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f"
                         "0123456789abcdef"),
                    "entry of variable db that admitted an image: hash "
                    "808182838485868788898a8b8c8d8e8f30313233343536373839616263646566");
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    char text[1000], expected[300];
    memset(text, 'a', sizeof(text));
    snprintf(expected, sizeof(expected), "\"%.200s...\"", text);
    assert_described(8, EVENTLOG_IPL, BS_SPAN(text, sizeof(text)), expected);
}

static void a_description_never_exceeds_its_maximum(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf path = BS_BUF(10000), data = BS_BUF(10000), text = BS_BUF(10000);
    for (int i = 0; i < 20; i++)
        put_bytes(&path, "\x04\x04\x40\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 64);
    put_image(&data, 7, bs_buf_span(&path));
    struct eventlog_event event = { .type = EVENTLOG_BOOT_APPLICATION, .data = bs_buf_span(&data) };
    assert_ok(eventlog_describe(&event, &text));
    assert_true(text.size > 400 && text.size <= EVENTLOG_DESCRIPTION_MAX);
}

#define LEGEND                                                                                            \
    "\n= these data are what was measured   ? the digest is one of something else, and the words a claim" \
    "\n! these data should be what was measured, and are not\n"

static void put_small_log(struct bs_buf *bytes)
{
    static const uint16_t banks[] = { CRYPTO_SHA256, 32, 0x0012, 32, 0 };
    put_header(bytes, banks);
    put_event(bytes, 4, EVENTLOG_EFI_ACTION, 0x11, bs_span_of_string("say \"x\""));
    put_event(bytes, 5, 0x80001234, 0x22, BS_SPAN("\x80", 1));
}

static void open_small_log(struct bs_buf *bytes, struct bootlog *ret_log)
{
    char why[BOOTLOG_WHY_MAX];
    put_small_log(bytes);
    assert_ok(bootlog_open(bs_buf_span(bytes), NULL, ret_log, why));
}

#define BELOW "                                              sha256 "

static void the_table_is_for_a_person(void **state)
{
    (void)state;
    struct bootlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), out = BS_BUF(100000);
    open_small_log(&bytes, &log);
    assert_ok(bootlog_show(&log, &out));
    assert_span_text(bs_buf_span(&out), "event PCR  type                                what\n"
                                        "    0   -  EV_NO_ACTION                        header of a crypto-agile log\n"
                                        "    1   4  EV_EFI_ACTION                     ! \"say \"x\"\"\n" BELOW
                                        "1111111111111111111111111111111111111111111111111111111111111111\n"
                                        "    2   5  0x80001234                        ? 80 (1 bytes)\n" BELOW
                                        "2222222222222222222222222222222222222222222222222222222222222222\n" LEGEND "\n"
                                        "PCRs of bank sha256, by these events\n"
                                        "        4  8878b15a7d6a3a4f464e8f9f42591dbc0cf4bedea0ec309003d2b2ee53655ef8\n"
                                        "        5  ee4b0e933b56cdf12a42b1e3f3b9ed1aa70cf9f3cf37325693255c8bfbcb8ba8\n"
                                        "\n"
                                        "PCRs of bank sm3_256: this hash is not computed here\n");
}

static void the_json_is_for_a_program(void **state)
{
    (void)state;
    struct bootlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), out = BS_BUF(100000);
    open_small_log(&bytes, &log);
    assert_ok(bootlog_show_json(&log, &out));
    assert_span_text(
        bs_buf_span(&out),
        "{\"format\":\"crypto-agile\",\"startup_locality\":0,\"banks\":[\"sha256\",\"sm3_256\"],\"events\":["
        "{\"index\":0,\"pcr\":0,\"type\":3,\"type_name\":\"EV_NO_ACTION\",\"digests\":"
        "{\"sha1\":\"0000000000000000000000000000000000000000\"},\"size\":37,"
        "\"description\":\"header of a crypto-agile log\"},"
        "{\"index\":1,\"pcr\":4,\"type\":2147483655,\"type_name\":\"EV_EFI_ACTION\",\"digests\":"
        "{\"sha256\":\"1111111111111111111111111111111111111111111111111111111111111111\"},\"size\":7,"
        "\"data\":\"wrong\",\"description\":\"\\\"say \\\"x\\\"\\\"\"},"
        "{\"index\":2,\"pcr\":5,\"type\":2147488308,\"type_name\":null,\"digests\":"
        "{\"sha256\":\"2222222222222222222222222222222222222222222222222222222222222222\"},\"size\":1,"
        "\"data\":\"claim\",\"description\":\"80 (1 bytes)\"}],\"pcrs\":{\"sha256\":{\"4\":\"8878b15a7d6a3a4f464e8f9f42591dbc0cf4bedea0ec309003d2b2ee53655ef8\",\"5\":\"ee4b0e933b56cdf12a42b1e3f3b9ed1aa70cf9f3cf37325693255c8bfbcb8ba8\"},\"sm3_256\":null}}\n");
}

static void the_full_table_says_what_words_are_worth(void **state)
{
    (void)state;
    char why[BOOTLOG_WHY_MAX] = "";
    struct bootlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), image = BS_BUF(1000), out = BS_BUF(100000);
    const struct bs_span records =
        bs_span_of_string("\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":"
                          "\"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\"}],"
                          "\"content_type\":\"systemd\",\"content\":{\"string\":\"x\",\"eventType\":\"phase\"}}\n"
                          "\x1e{\"nv_index\":1,\"digests\":[],\"content_type\":\"systemd\"}\n");
    put_sha256_header(&bytes);
    put_measured(&bytes, 4, EVENTLOG_EFI_ACTION, TEXT("go"));
    put_event(&bytes, 4, EVENTLOG_EFI_ACTION, 0x11, TEXT("stop"));
    put_image(&image, 7, BS_SPAN_NONE);
    put_event(&bytes, 4, EVENTLOG_BOOT_APPLICATION, 0x22, bs_buf_span(&image));
    assert_ok(bootlog_open(bs_buf_span(&bytes), &records, &log, why));
    assert_ok(bootlog_show(&log, &out));
    put_bytes(&out, "", 1);
    const char *text = (const char *)out.data;
    const char *end = strstr(text, "\nPCRs of bank");
    assert_non_null(end);
    assert_span_text(BS_SPAN(text, (size_t)(end - text)),
                     "event PCR  type                                what\n"
                     "    0   -  EV_NO_ACTION                        header of a crypto-agile log\n"
                     "    1   4  EV_EFI_ACTION                     = \"go\"\n"
                     "    2   4  EV_EFI_ACTION                     ! \"stop\"\n" BELOW
                     "1111111111111111111111111111111111111111111111111111111111111111\n"
                     "    3   4  EV_EFI_BOOT_SERVICES_APPLICATION  ? boot application, 7 bytes\n"
                     "                                              Authenticode sha256 "
                     "2222222222222222222222222222222222222222222222222222222222222222\n"
                     "after the firmware, by the userspace\n"
                     "    0  11  phase                             = \"x\"\n"
                     "    1   -  systemd                             \n" LEGEND);
    assert_non_null(strstr(end, "       11  "));
}

static void both_logs_say_which_of_them_is_wrong(void **state)
{
    (void)state;
    char why[BOOTLOG_WHY_MAX];
    struct bootlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    put_small_log(&bytes);
    assert_err(bootlog_open(bs_buf_span(&bytes), &TEXT("{}"), &log, why), BS_ERR_INPUT);
    assert_string_equal(why, "the userspace's log: the record does not say what it extended, and with which digests");
    assert_err(bootlog_open(TEXT("[]"), &TEXT("[]"), &log, why), BS_ERR_INPUT);
    assert_string_equal(why, "this is JSON, and not the firmware's event log");
    assert_ok(bootlog_open(bs_buf_span(&bytes), &BS_SPAN_NONE, &log, why));
    assert_true(log.has_userspace && log.userspace.record_count == 0);
    put_bytes(&bytes, "x", 1);
    assert_err(bootlog_open(bs_buf_span(&bytes), NULL, &log, why), BS_ERR_INPUT);
    assert_non_null(strstr(why, "event 3 at byte"));
    assert_ok(bootlog_open(TEXT("[]"), NULL, &log, why));
    assert_true(log.has_userspace && !log.has_firmware);
    assert_int_equal(bootlog_main_bank(&log), 0);
}

static void running_out_of_room_is_an_error(void **state)
{
    (void)state;
    struct bootlog log;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX);
    open_small_log(&bytes, &log);
    for (size_t limit = 0; limit < 400; limit += 7) {
        BS_SCOPED_BUF struct bs_buf out = BS_BUF(limit);
        assert_err(bootlog_show(&log, &out), BS_ERR_NOMEM);
        bs_buf_reset(&out);
        assert_err(bootlog_show_json(&log, &out), BS_ERR_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_named_and_short_ones_shown),
        cmocka_unit_test(a_variable_of_an_unknown_vendor_shows_whose_it_is),
        cmocka_unit_test(a_variable_with_lengths_that_do_not_fit_is_shown_as_bytes),
        cmocka_unit_test(boot_applications_are_named_by_their_file_and_place),
        cmocka_unit_test(a_broken_device_path_ends_the_path_and_nothing_else),
        cmocka_unit_test(names_of_sections_are_told_from_their_contents),
        cmocka_unit_test(boot_loaders_and_kernels_are_quoted),
        cmocka_unit_test(firmware_speaks_of_itself),
        cmocka_unit_test(separators_say_whether_all_went_well),
        cmocka_unit_test(partition_tables_are_counted),
        cmocka_unit_test(nothing_in_a_log_moves_the_cursor_of_a_terminal),
        cmocka_unit_test(boot_loaders_files_and_lists_are_named),
        cmocka_unit_test(kinds_of_no_action_are_told),
        cmocka_unit_test(clouds_say_what_keeps_their_memory),
        cmocka_unit_test(lists_are_counted_and_other_authorities_named),
        cmocka_unit_test(the_full_table_says_what_words_are_worth),
        cmocka_unit_test(both_logs_say_which_of_them_is_wrong),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_description_never_exceeds_its_maximum),
        cmocka_unit_test(the_table_is_for_a_person),
        cmocka_unit_test(the_json_is_for_a_program),
        cmocka_unit_test(running_out_of_room_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
