/* Words for events that few machines have, as eventlog_describe() gives them. */
#include "unit.h"

#include "core/eventlog_foreign.h"
#include "core/eventlog_more.h"
#include "logmaker.h"

#define TEXT(t) BS_SPAN(t, sizeof(t) - 1)
#define GLOBAL_GUID "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define SHIM_GUID "\x50\xab\x5d\x60\x46\xe0\x00\x43\xab\xb6\x3d\xd8\x10\xdd\x8b\x23"
#define SMBIOS_GUID "\x31\x2d\x9d\xeb\x88\x2d\xd3\x11\x9a\x16\x00\x90\x27\x3f\xc1\x4d"
#define GUID_X509 "\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72"

/* An event with the sha256 digest of `measured`. */
static void assert_said(uint32_t pcr, uint32_t type, struct bs_span measured, struct bs_span data, const char *expected)
{
    struct eventlog log;
    struct eventlog_event event;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(LOGMAKER_MAX), text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    put_sha256_header(&bytes);
    put_measured_as(&bytes, pcr, type, measured, data);
    assert_ok(eventlog_open(bs_buf_span(&bytes), &log, NULL));
    struct eventlog_cursor c = eventlog_first(&log);
    assert_true(eventlog_next(&c, &event) && eventlog_next(&c, &event));
    assert_ok(eventlog_describe(&event, &text));
    assert_span_text(bs_buf_span(&text), expected);
}

static void assert_data(uint32_t pcr, uint32_t type, struct bs_span data, const char *expected)
{
    assert_said(pcr, type, data, data, expected);
}

static void seldom_types_are_said_in_words(void **state)
{
    (void)state;
    assert_data(1, 0x09, TEXT("\x80\0\1"), "microcode of the processor: 800001 (3 bytes)");
    assert_data(4, 0x12, TEXT("BOOT ATTEMPTS OMITTED"),
                "attempts to boot are not logged one by one: \"BOOT ATTEMPTS OMITTED\"");
    assert_data(17, 0x404, TEXT("mle"), "Intel TXT: hash of the launched environment: \"mle\"");
    assert_data(17, 0x8001, BS_SPAN_NONE, "AMD Secure Launch: secure loader");
    assert_data(17, 0x503, BS_SPAN_NONE, "Secure Launch: begin of its own events");
    assert_data(2, EVENTLOG_NONHOST_INFO, TEXT("x"), "\"x\"");
    assert_data(5, 0x80001234, TEXT("x"), "\"x\"");
}

static void tables_are_named(void **state)
{
    (void)state;
    assert_data(1, EVENTLOG_HANDOFF_TABLES,
                TEXT("\2\0\0\0\0\0\0\0" SMBIOS_GUID "\0\0\0\0\0\0\0\0" GLOBAL_GUID "\0\0\0\0\0\0\0\0"),
                "tables: SMBIOS, 8be4df61-93ca-11d2-aa0d-00e098032b8c");
    assert_data(1, EVENTLOG_HANDOFF_TABLES, TEXT("\2\0\0\0\0\0\0\0" SMBIOS_GUID "\0\0\0\0\0\0\0\0"),
                "0200000000000000312d9deb882dd311... (32 bytes)");
    assert_data(1, EVENTLOG_HANDOFF_TABLES, TEXT("\0\0\0\0\0\0\0\0"), "0000000000000000 (8 bytes)");
}

static void devices_measure_themselves(void **state)
{
    (void)state;
#define SEC2(proof) "SPDM Device Sec2\2\0" proof "\0\0\0\0\0"
    assert_data(2, EVENTLOG_SPDM_FIRMWARE_BLOB, TEXT("SPDM Device Sec\0\1\0\4\0\0\0\0\0"),
                "firmware of a device by SPDM");
    assert_data(2, EVENTLOG_SPDM_FIRMWARE_CONFIG, TEXT(SEC2("\0")),
                "settings of a device by SPDM, which proved who it is");
    assert_data(2, EVENTLOG_SPDM_FIRMWARE_CONFIG, TEXT(SEC2("\xff")),
                "settings of a device by SPDM, which did not prove who it is");
    assert_data(2, EVENTLOG_SPDM_FIRMWARE_BLOB, TEXT("SPDM Device Sec2\2\0\0"),
                "5350444d204465766963652053656332... (19 bytes)");
    assert_data(0, EVENTLOG_NO_ACTION, TEXT("NvIndexInstance\0\1\0\0\0\0\0\0\0" SEC2("\0")),
                "certificates or measurements of a device by SPDM, which proved who it is, kept in an NV index");
    assert_data(0, EVENTLOG_NO_ACTION, TEXT("NvIndexInstance\0\1\0\0\0\0\0\0\0"),
                "certificates or measurements of a device, kept in an NV index");
    assert_data(0, EVENTLOG_NO_ACTION,
                TEXT("NvIndexDynamic \0\1\0\0\0\0\0\0\0"
                     "uid-----\x0e\0SPDM CHALLENGE\2\0ab"),
                "what was asked of a device, kept in an NV index: \"SPDM CHALLENGE\"");
    assert_data(0, EVENTLOG_NO_ACTION,
                TEXT("NvIndexDynamic \0\1\0\0\0\0\0\0\0"
                     "uid-----\x0f\0SPDM CHALLENGE"),
                "what was asked of a device, kept in an NV index");
}

static void devices_certificates_are_variables(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf list = BS_BUF(1000), data = BS_BUF(1000), authority = BS_BUF(1000);
    put_signature_list(&list, GUID_X509, TEXT("certificate"));
    put_variable_data(&data, GLOBAL_GUID, "devdb", bs_buf_span(&list));
    assert_data(7, EVENTLOG_SPDM_DEVICE_POLICY, bs_buf_span(&data), "variable devdb: 55 bytes");
    put_variable_data(&authority, GLOBAL_GUID, "devdb", TEXT("\x80\x81"));
    assert_data(7, EVENTLOG_SPDM_DEVICE_AUTHORITY, bs_buf_span(&authority), "variable devdb: 2 bytes");
}

static void windows_ends_its_part_and_its_log(void **state)
{
    (void)state;
    assert_data(12, EVENTLOG_SEPARATOR, TEXT("WBCL"), "separator: end of what Windows' boot manager measured");
    assert_data(0xffffffff, EVENTLOG_NO_ACTION, TEXT("\4\0\1\xc0\1\0\0\0x"), "Windows: trust point");
}

static void a_separator_says_what_failed(void **state)
{
    (void)state;
    assert_said(0, EVENTLOG_SEPARATOR, TEXT("\1\0\0\0"), TEXT("no such bank"),
                "separator: the firmware failed to measure: \"no such bank\"");
    assert_data(0, EVENTLOG_SEPARATOR, TEXT("\1\0\0\0"), "separator: the firmware failed to measure");
    assert_said(0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0"), TEXT("\0\0\0\0\0\0\0"),
                "separator: end of the firmware's own part");
    assert_data(0, EVENTLOG_SEPARATOR, TEXT("\0\0\0\0x"), "separator: 0000000078 (5 bytes)");
}

static void put_le64_path(struct bs_buf *data, struct bs_span path)
{
    put_le64(data, 0x1000);
    put_le64(data, 77);
    put_le64(data, 0);
    put_le64(data, path.size);
    put_bytes(data, path.data, path.size);
}

/* PciRoot(0)/Pci(0x2,0x0)/Pci(0x1c,0x3)/offset in an option ROM */
static void option_roms_say_whose_they_are(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf data = BS_BUF(1000);
    put_le64_path(&data, TEXT("\2\1\x0c\0\xd0\x41\3\x0a\0\0\0\0\1\1\6\0\0\2\1\1\6\0\3\x1c"
                              "\4\x08\x18\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\x7f\xff\4\0"));
    assert_data(2, EVENTLOG_BOOT_DRIVER, bs_buf_span(&data),
                "boot driver of the device at PCI 02.0/1c.3, from its option ROM, 77 bytes");
    assert_data(2, EVENTLOG_RUNTIME_DRIVER, bs_buf_span(&data),
                "runtime driver of the device at PCI 02.0/1c.3, from its option ROM, 77 bytes");
    assert_data(4, EVENTLOG_BOOT_APPLICATION, bs_buf_span(&data), "boot application, 77 bytes");
}

static void firmware_of_32_bits_names_its_applications(void **state)
{
    (void)state;
    assert_data(4, EVENTLOG_BOOT_APPLICATION,
                TEXT("\0\0\0\x70\0\0\0\0\x4d\0\0\0\0\0\0\0\x12\0\0\0\4\4\x0e\0\\\0a\0.\0e\0\0\0\x7f\xff\4\0"),
                "boot application \\a.e, 77 bytes");
    assert_data(4, EVENTLOG_BOOT_APPLICATION,
                TEXT("\0\0\0\x70\0\0\0\0\x4d\0\0\0\0\0\0\0\x13\0\0\0\4\4\x0e\0\\\0a\0.\0e\0\0\0\x7f\xff\4\0"),
                "boot application: 00000070000000004d00000000000000... (38 bytes)");
}

static void shims_odd_variables_are_named(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf longer = BS_BUF(1000), trusted = BS_BUF(1000);
    put_variable_data(&longer, SHIM_GUID, "Shim", TEXT("certificate"));
    put_bytes(&longer, "garbag", 6);
    assert_data(7, EVENTLOG_VARIABLE_AUTHORITY, bs_buf_span(&longer),
                "variable Shim: 11 bytes, and 6 behind that belong to nothing");
    assert_data(7, EVENTLOG_VARIABLE_AUTHORITY, BS_SPAN(longer.data, longer.size - 7),
                "50ab5d6046e00043abb63dd810dd8b23... (50 bytes)");
    put_variable_data(&trusted, SHIM_GUID, "MokListTrusted", TEXT("\1"));
    assert_data(7, EVENTLOG_VARIABLE_AUTHORITY, bs_buf_span(&trusted), "variable MokListTrusted = 1");
}

static void older_grub_and_newer_systemd_are_known(void **state)
{
    (void)state;
    assert_data(8, EVENTLOG_IPL, TEXT("grub_cmd set pager=1\0"), "GRUB's command \"set pager=1\"");
    assert_data(8, EVENTLOG_IPL, TEXT("grub_kernel_cmdline (hd0)/vmlinuz ro\0"),
                "GRUB: kernel command line \"(hd0)/vmlinuz ro\"");
    assert_data(9, EVENTLOG_IPL, TEXT("grub_linuxefi Initrd\0"), "GRUB: contents of the \"Initrd\"");
    assert_data(1, EVENTLOG_EVENT_TAG, TEXT("\xbc\x7c\xcb\xd5\4\0\0\0s\0\0\0"), "systemd: SMBIOS table of the system");
}

static void assert_foreign(struct bs_span bytes, const char *what)
{
    struct eventlog log;
    struct eventlog_fault fault = { .what = "it was read" };
    BS_SCOPED_BUF struct bs_buf file = BS_BUF(1000);
    put_bytes(&file, bytes.data, bytes.size);
    while (file.size < 200)
        put_bytes(&file, "z", 1);
    assert_err(eventlog_open(bs_buf_span(&file), &log, &fault), BS_ERR_INPUT);
    if (!strstr(fault.what, what))
        fail_msg("%s: %s", what, fault.what);
    /* Cut anywhere it is something else, and never read beyond. */
    for (size_t size = 0; size <= bytes.size; size++) {
        uint8_t exact[100];
        memcpy(exact + sizeof(exact) - size, bytes.data, size);
        (void)eventlog_foreign(BS_SPAN(exact + sizeof(exact) - size, size));
    }
}

static void other_files_are_called_by_their_name(void **state)
{
    (void)state;
    assert_foreign(TEXT("\x1f\x8b\x08\0"), "unpack it first");
    assert_foreign(TEXT("\xfd"
                        "7zXZ\0"),
                   "unpack it first");
    assert_foreign(TEXT("00000000: 0000 0000 0300"), "hexadecimal");
    assert_foreign(TEXT("00000000  00 00 00 00"), "hexadecimal");
    assert_foreign(TEXT("000000000300000000000000"), "hexadecimal");
    assert_foreign(TEXT("AAAAAAMAAAAAAAAAAAAAAAAA"), "base64");
    assert_foreign(TEXT("TCPA log:\n\tSpecification: 1.21\n"), "cbmem");
    assert_foreign(TEXT("TXT Event Container\0"), "Intel's TXT");
    assert_foreign(TEXT(" 0 d2be6e9a5c3d1f1c0d0b1c0f0e0d0c0b0a090807 08 [S-CRTM Version]\n"),
                   "ascii_bios_measurements");
    assert_foreign(TEXT("10 91f34b5c671d73504b274a919661cf80dab1e127 ima-ng sha256:1801"), "IMA");
    assert_foreign(TEXT("10 91f34b5c671d73504b274a919661cf80dab1e12x ima-ng sha256:1801"), "no event log of a TPM");
    assert_foreign(TEXT("TCPA\x32\0\0\0"), "the ACPI table");
}

int main(void)
{
    eventlog_know_more();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seldom_types_are_said_in_words),
        cmocka_unit_test(tables_are_named),
        cmocka_unit_test(devices_measure_themselves),
        cmocka_unit_test(devices_certificates_are_variables),
        cmocka_unit_test(windows_ends_its_part_and_its_log),
        cmocka_unit_test(a_separator_says_what_failed),
        cmocka_unit_test(option_roms_say_whose_they_are),
        cmocka_unit_test(firmware_of_32_bits_names_its_applications),
        cmocka_unit_test(shims_odd_variables_are_named),
        cmocka_unit_test(older_grub_and_newer_systemd_are_known),
        cmocka_unit_test(other_files_are_called_by_their_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
