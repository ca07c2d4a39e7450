/* What a policy says of the machine: PCRs taken whole, the version of its firmware, its TPM. */
#include "policy_stage.h"

static const char *whole(const char *values)
{
    static char text[4096];
    snprintf(text, sizeof(text),
             "name = \"p\"; pcrs: { whole = [2]; ignore = [0, 1, 3, 4, 5, 6, 7, 9, 11]; }; values = ( %s );", values);
    return text;
}

static void a_whole_pcr_has_a_given_value_or_a_references(void **state)
{
    (void)state;
    char value[1024], hex[65];
    bs_hex(BS_SPAN(boot.pcrs[2], 32), hex);
    snprintf(value, sizeof(value), "{ pcr = 2; digests = [\"" FILL66 "\", \"sha256:%s\"]; }", hex);
    assert_good(&scene, &boot, whole(value));
    assert_not_good(&scene, &boot, whole("{ pcr = 2; digests = [\"" FILL66 "\"]; }"), "values", hex);
    assert_not_good(&scene, &boot, whole("{ pcr = 2; reference = \"gw-1.4\"; }"), "values", "reference gw-1.4");
    log_boot(&table, &reference);
    scene.references[0] = &reference;
    assert_good(&scene, &boot, whole("{ pcr = 2; reference = \"gw-1.4\"; }"));
    assert_good(&scene, &boot, whole("{ pcr = 2; digests = [\"" FILL66 "\"]; }, { pcr = 2; reference = \"gw-1.4\"; }"));
    assert_not_good(&scene, &boot, whole("{ pcr = 2; reference = \"other\"; }"), "values", "reference other");
    reference.pcrs[2][0] ^= 1;
    assert_not_good(&scene, &boot, whole("{ pcr = 2; reference = \"gw-1.4\"; }"), "values", "PCR 2");
    reference.pcrs[2][0] ^= 1;
    reference.mask &= ~P(2);
    assert_not_good(&scene, &boot, whole("{ pcr = 2; reference = \"gw-1.4\"; }"), "values", "PCR 2");
    reference.mask |= P(2);
    reference.bank = CRYPTO_SHA384;
    assert_not_good(&scene, &boot, whole("{ pcr = 2; reference = \"gw-1.4\"; }"), "values", "PCR 2");
}

#define BLOB "measured = ( { pcr = 0; digests = [\"" FILL50 "\"]; } );"

static void a_measured_version_is_in_a_range(void **state)
{
    (void)state;
    good(P(0), BLOB "firmware: { allow = ( { minimum = \"1.4\"; maximum = \"1.5\"; } ); };");
    good(P(0), BLOB "firmware: { allow = ( { minimum = \"2.0\"; }, { maximum = \"1.4.2\"; } ); };");
    refused(P(0), BLOB "firmware: { allow = ( { minimum = \"1.4.3\"; } ); };", "firmware.allow", "version 1.4.2");
    refused(P(0), BLOB "firmware: { allow = ( { maximum = \"1.4.1\"; } ); };", "firmware.allow", "up to 1.4.1");
    refused(P(0), BLOB "firmware: { allow = ( { maximum = \"1.4.1\"; }, { minimum = \"1.5\"; maximum = \"2\"; } ); };",
            "firmware.allow", "version up to 1.4.1; or version from 1.5 up to 2");
    refused(P(0), BLOB "firmware: { allow = ( { minimum = \"v1\"; } ); };", "firmware.allow", "version 1.4.2");
    refused(P(0), BLOB "firmware: { allow = ( { maximum = \"v9\"; } ); };", "firmware.allow", "version 1.4.2");
    refused(
        P(0),
        BLOB
        "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { minimum = \"1.4.2\"; maximum = \"1.4.2\"; } ); };",
        "firmware.deny", "version 1.4.2");
    good(
        P(0), BLOB
        "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { maximum = \"1.4.1\"; }, { minimum = \"1.4.3\"; } ); };");
    /* what cannot be compared, or may be this maker's, is denied */
    refused(P(0), BLOB "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { maximum = \"v1\"; } ); };",
            "firmware.deny", "1.4.2");
    refused(P(0), BLOB "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { minimum = \"v1\"; } ); };",
            "firmware.deny", "1.4.2");
    refused(P(0),
            BLOB "firmware: { allow = ( { minimum = \"1\"; } ); deny = ( { vendor = \"V\"; minimum = \"1.4\"; } ); };",
            "firmware.deny", "1.4.2");
    refused(P(0), BLOB, "measured", "firmware version");
}

static void a_version_is_believed_only_when_it_was_measured(void **state)
{
    (void)state;
    const char *policy = BLOB "firmware: { allow = ( { minimum = \"1.4\"; } ); };";
    struct log_event *version = log_find(&table, "version");
    version->digest[0] ^= 1;
    refused(P(0), policy, "firmware", "no version that can be read");
    reset();
    /* the true one is old and hidden, another measured text is shown as the version */
    assert_ok(crypto_hash(CRYPTO_SHA256, log_wide(&table, "1.0"), version->digest));
    version->type = EVENTLOG_POST_CODE;
    log_measured(&table, "shown", 0, EVENTLOG_CRTM_VERSION, bs_span_of_string("9.9"));
    log_move_before(&table, "sep0");
    refused(P(0), policy, "measured", "event 1");
    reset();
    log_measured(&table, "second", 0, EVENTLOG_CRTM_VERSION, bs_span_of_string("9.9"));
    log_move_before(&table, "sep0");
    refused(P(0), policy, "firmware", "no version that can be read");
    reset();
    log_remove(&table, "version");
    log_measured(&table, "late", 0, EVENTLOG_CRTM_VERSION, bs_span_of_string("9.9"));
    refused(P(0), policy, "firmware", "no version that can be read");
    static const char *const texts[] = { "", "1.4\x01", "1.4\xff" };
    for (size_t i = 0; i < COUNT(texts); i++) {
        log_remove(&table, i == 0 ? "late" : "text");
        log_measured(&table, "text", 0, EVENTLOG_CRTM_VERSION, bs_span_of_string(texts[i]));
        log_move_before(&table, "sep0");
        refused(P(0), policy, "firmware", "no version that can be read");
    }
    log_remove(&table, "text");
    log_measured(&table, "text", 0, EVENTLOG_CRTM_VERSION,
                 BS_SPAN("1.4\0"
                         "1.0",
                         7));
    log_move_before(&table, "sep0");
    refused(P(0), policy, "firmware", "no version that can be read");
}

static void known(const char *rest, char text[2048])
{
    char hex[65];
    bs_hex(BS_SPAN(boot.pcrs[0], 32), hex);
    snprintf(text, 2048,
             "firmware: { known = ( { vendor = \"W\"; version = \"1\"; values = [\"" FILL66 "\"]; },"
             "{ vendor = \"V\"; version = \"2.1\"; values = [\"sha256:%s\"]; } ); %s };",
             hex, rest);
}

static void a_known_build_has_a_vendor_and_a_version(void **state)
{
    (void)state;
    char text[2048], policy[4096];
    known("", text);
    good(P(0), text);
    known("allow = ( { vendor = \"V\"; minimum = \"2\"; } );", text);
    good(P(0), text);
    known("allow = ( { vendor = \"W\"; minimum = \"1\"; } );", text);
    refused(P(0), text, "firmware.allow", "V, version 2.1");
    known("allow = ( { minimum = \"2.2\"; } );", text);
    refused(P(0), text, "firmware.allow", "V, version 2.1");
    known("deny = ( { vendor = \"V\"; maximum = \"2.1\"; } );", text);
    refused(P(0), text, "firmware.deny", "V, version 2.1");
    known("deny = ( { vendor = \"W\"; maximum = \"2.1\"; } );", text);
    good(P(0), text);
    known("", text);
    snprintf(policy, sizeof(policy), "name = \"p\"; pcrs: { whole = [0]; ignore = [1, 2, 3, 4, 5, 6, 7, 9, 11]; }; %s",
             text);
    assert_good(&scene, &boot, policy);
    log_find(&table, "blob")->digest[0] ^= 1;
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, policy, "firmware", "PCR 0");
    refused(P(0), text, "measured", "event 2");
}

static void a_whole_pcr_0_is_no_version(void **state)
{
    (void)state;
    assert_not_good(&scene, &boot,
                    "name = \"p\"; pcrs: { whole = [0]; ignore = [1, 2, 3, 4, 5, 6, 7, 9, 11]; };"
                    "firmware: { known = ( { version = \"1\"; values = [\"" FILL66
                    "\"]; } ); allow = ( { minimum = \"1\"; } ); };",
                    "firmware", "no known build");
}

/* Without an `allow` no text is a version, however good it looks. */
static void only_a_known_build_is_good_without_a_range(void **state)
{
    (void)state;
    refused(P(0), BLOB "firmware: { known = ( { version = \"1.4.2\"; values = [\"" FILL66 "\"]; } ); };", "firmware",
            "no known build");
    char version[400], rules[] = BLOB "firmware: { allow = ( { minimum = \"1\"; } ); };";
    memset(version, '1', sizeof(version));
    log_remove(&table, "version");
    log_measured(&table, "long", 0, EVENTLOG_CRTM_VERSION, BS_SPAN(version, sizeof(version)));
    log_move_before(&table, "blob");
    refused(P(0), rules, "firmware", "no version that can be read");
}

/* PCRs 2 and 3 have the same value here, a separator's. */
static void the_value_of_one_pcr_is_none_of_another(void **state)
{
    (void)state;
    char text[2048], zero[65], two[65];
    bs_hex(BS_SPAN(boot.pcrs[2], 32), two);
    bs_hex(BS_SPAN(boot.pcrs[0], 32), zero);
    snprintf(text, sizeof(text),
             "name = \"p\"; pcrs: { whole = [2, 3]; ignore = [0, 1, 4, 5, 6, 7, 9, 11]; };"
             "values = ( { pcr = 2; digests = [\"sha256:%s\"]; }, { pcr = 3; digests = [\"" FILL66 "\"]; } );",
             two);
    assert_not_good(&scene, &boot, text, "values", "PCR 3");
    assert_non_null(strstr(scene.verdict.expected, FILL66));
    snprintf(text, sizeof(text),
             "name = \"p\"; pcrs: { whole = [0, 2]; ignore = [1, 3, 4, 5, 6, 7, 9, 11]; };"
             "values = ( { pcr = 2; digests = [\"" FILL66 "\"]; } );"
             "firmware: { known = ( { version = \"1\"; values = [\"sha256:%s\", \"sha256:%s\"]; } ); };",
             zero, two);
    assert_not_good(&scene, &boot, text, "values", "PCR 2");
}

static void a_tpm_is_of_a_maker_and_has_a_version(void **state)
{
    (void)state;
    scene.subject.tpm_manufacturer = "id:49465800";
    scene.subject.tpm_firmware = UINT64_C(7) << 48 | UINT64_C(85) << 32 | 4555u << 16;
    good(P(2), "tpm = ( { manufacturer = \"IFX\"; minimum = \"7.85.4555.0\"; } );");
    good(P(2), "tpm = ( { manufacturer = \"id:49465800\"; maximum = \"7.85.4555.0\"; } );");
    good(P(2), "tpm = ( { manufacturer = \"STM\"; }, { minimum = \"1.0.0.0\"; } );");
    refused(P(2), "tpm = ( { manufacturer = \"STM\"; } );", "tpm", "manufacturer id:49465800, firmware 7.85.4555.0");
    refused(P(2), "tpm = ( { manufacturer = \"IF\"; } );", "tpm", "none that the policy allows");
    refused(P(2), "tpm = ( { minimum = \"7.85.4555.1\"; } );", "tpm", "from 7.85.4555.1");
    refused(P(2), "tpm = ( { manufacturer = \"IFX\"; maximum = \"7.85.4554.65535\"; } );", "tpm",
            "up to 7.85.4554.65535");
    assert_non_null(strstr(scene.verdict.advice, "Update the firmware of the TPM"));
    refused(P(2), "tpm = ( { manufacturer = \"IFX\"; minimum = \"8.0.0.0\"; }, { manufacturer = \"NTC\"; } );", "tpm",
            "manufacturer IFX, firmware from 8.0.0.0; or manufacturer NTC, firmware any");
    assert_non_null(strstr(scene.verdict.advice, "Update the firmware of the TPM"));
    refused(P(2), "tpm = ( { manufacturer = \"STM\"; }, { manufacturer = \"NTC\"; } );", "tpm", "NTC");
    assert_non_null(strstr(scene.verdict.advice, "If TPMs of this maker are to be trusted"));
    scene.subject.tpm_manufacturer = "id:53544D20";
    good(P(2), "tpm = ( { manufacturer = \"STM\"; } );");
    scene.subject.tpm_manufacturer = "id:4946";
    refused(P(2), "tpm = ( { manufacturer = \"IF\"; } );", "tpm", "id:4946");
    scene.subject.tpm_manufacturer = "xx:49465800";
    refused(P(2), "tpm = ( { manufacturer = \"IFX\"; } );", "tpm", "xx:49465800");
    scene.subject.tpm_manufacturer = "";
    refused(P(2), "tpm = ( { manufacturer = \"IFX\"; } );", "tpm", "no EK certificate");
    assert_non_null(strstr(scene.verdict.advice, "nobody vouches for this TPM"));
}

/* As many as a policy may have: what does not fit is cut, and nothing is written behind the end. */
static void many_ranges_are_cut(void **state)
{
    (void)state;
    for (size_t length = 1; length <= 8; length++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(65536);
        assert_ok(bs_buf_append_string(&text, BLOB "firmware: { allow = ("));
        for (size_t i = 0; i < 40; i++)
            assert_ok(bs_buf_printf(&text, "%s { minimum = \"9%.*s\"; }", i > 0 ? "," : "", (int)length, ".1.1.1.1"));
        assert_ok(bs_buf_append(&text, " ); };", 7));
        refused(P(0), (const char *)text.data, "firmware.allow", "version from 9");
        size_t end = strlen(scene.verdict.expected);
        assert_true(end < sizeof(scene.verdict.expected) && end > sizeof(scene.verdict.expected) - 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(a_whole_pcr_has_a_given_value_or_a_references),
        STAGE_TEST(a_measured_version_is_in_a_range),
        STAGE_TEST(a_version_is_believed_only_when_it_was_measured),
        STAGE_TEST(a_known_build_has_a_vendor_and_a_version),
        STAGE_TEST(a_whole_pcr_0_is_no_version),
        STAGE_TEST(only_a_known_build_is_good_without_a_range),
        STAGE_TEST(the_value_of_one_pcr_is_none_of_another),
        STAGE_TEST(a_tpm_is_of_a_maker_and_has_a_version),
        STAGE_TEST(many_ranges_are_cut),
    };
    return STAGE_RUN(tests);
}
