/* The rules of PCR 7, secure_boot, signers and variables, against whoever can write the log, change keys, or measure on his own. */
#include "policy_stage.h"

/* The other variables, as they were measured. */
/* dbx first: the beginning of its name is another variable's. */
#define KEYS                                                                                         \
    "variables = ( { name = \"dbx\"; digests = [\"%s\"]; }, { name = \"PK\"; digests = [\"%s\"]; }," \
    "{ name = \"KEK\"; digests = [\"%s\"]; }, { name = \"db\"; digests = [\"%s\"]; } );"             \
    "measured = ( { pcr = 7; digests = [\"%s\"]; optional = true; } );"
#define KEY_DIGESTS                                                                                       \
    log_digest(&base, "dbx"), log_digest(&base, "PK"), log_digest(&base, "KEK"), log_digest(&base, "db"), \
        log_digest(&base, "authority")

static const char *on_policy(void)
{
    return log_policy(&boot, P(7), "secure_boot = \"on\"; " KEYS, KEY_DIGESTS);
}

static struct bs_span secure_boot(uint8_t value)
{
    return log_variable(&table, "SecureBoot", BS_SPAN(&value, 1));
}

static void on_refused(const char *rule, const char *words)
{
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, on_policy(), rule, words);
}

static void secure_boot_is_what_the_policy_says(void **state)
{
    (void)state;
    assert_good(&scene, &boot, on_policy());
    assert_not_good(&scene, &boot, log_policy(&boot, P(7), "secure_boot = \"off\"; " KEYS, KEY_DIGESTS), "secure_boot",
                    "Secure Boot is on");
    struct log_event *event = log_find(&table, "SecureBoot");
    event->data = secure_boot(0);
    assert_ok(crypto_hash(CRYPTO_SHA256, event->data, event->digest));
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, on_policy(), "secure_boot", "Secure Boot is off");
    assert_good(&scene, &boot, log_policy(&boot, P(7), "secure_boot = \"off\"; " KEYS, KEY_DIGESTS));
    event->data = log_variable(&table, "SecureBoot", BS_SPAN_NONE);
    assert_ok(crypto_hash(CRYPTO_SHA256, event->data, event->digest));
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, on_policy(), "secure_boot", "not set");
    assert_good(&scene, &boot, log_policy(&boot, P(7), "secure_boot = \"off\"; " KEYS, KEY_DIGESTS));
}

static void an_event_without_a_rule_is_refused(void **state)
{
    (void)state;
    assert_not_good(&scene, &boot, log_policy(&boot, P(7), KEYS, KEY_DIGESTS), "variables", "SecureBoot = 1");
    log_filled(&table, "x", 7, EVENTLOG_EFI_ACTION, 0x77);
    on_refused("measured", "PCR 7");
}

static void a_lying_log_does_not_switch_secure_boot_on(void **state)
{
    (void)state;
    struct log_event *event = log_find(&table, "SecureBoot");
    struct bs_span off = secure_boot(0);
    /* the digest of "off", the data of "on" */
    assert_ok(crypto_hash(CRYPTO_SHA256, off, event->digest));
    on_refused("secure_boot", "event 3");
    /* retyped, with other data: it is still what it is by its digest */
    event->type = EVENTLOG_EFI_ACTION;
    event->data = BS_SPAN(table.arena, 0);
    on_refused("secure_boot", "Secure Boot off");
}

static void a_retyped_variable_is_the_same_variable(void **state)
{
    (void)state;
    for (size_t i = 0; i < table.count; i++)
        if (table.events[i].pcr == 7)
            table.events[i].type = EVENTLOG_IPL;
    log_boot(&table, &boot);
    assert_good(&scene, &boot, on_policy());
}

static void secure_boot_counts_once_and_before_the_separator(void **state)
{
    (void)state;
    log_measured(&table, "again", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(1));
    log_move_before(&table, "PK");
    on_refused("secure_boot", "measured twice");
    log_remove(&table, "again");
    log_measured(&table, "again", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(0));
    log_move_before(&table, "SecureBoot");
    on_refused("secure_boot", "Secure Boot off");
    log_remove(&table, "again");
    log_measured(&table, "again", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(0));
    on_refused("secure_boot", "measured twice");
    log_remove(&table, "again");
    log_remove(&table, "SecureBoot");
    on_refused("secure_boot", "measured no variable SecureBoot");
    log_measured(&table, "late", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(1));
    on_refused("secure_boot", "behind the firmware's own part");
}

static const char *signer_policy(const char *signers)
{
    return log_policy(&boot, P(7),
                      "secure_boot = \"on\"; signers = ( %s ); variables = ( { name = \"PK\"; digests = [\"%s\"]; },"
                      "{ name = \"dbx\"; digests = [\"%s\"]; } );",
                      signers, log_digest(&base, "PK"), log_digest(&base, "dbx"));
}

static const char *db_and_kek(const struct log_cert *db)
{
    static char signers[1024];
    snprintf(signers, sizeof(signers),
             "{ variable = \"db\"; fingerprint = \"%s\"; }, { variable = \"KEK\"; subject = \"%s\"; }", db->fingerprint,
             kek_cert.subject);
    return signer_policy(signers);
}

static void signer_refused(const char *words)
{
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, db_and_kek(&db_cert), "signers", words);
}

static void change(const char *label, struct bs_span data)
{
    struct log_event *event = log_find(&table, label);
    event->data = data;
    assert_ok(crypto_hash(CRYPTO_SHA256, data, event->digest));
}

static void signers_are_named_by_fingerprint_or_subject(void **state)
{
    (void)state;
    char signers[1024];
    assert_good(&scene, &boot, db_and_kek(&db_cert));
    assert_not_good(&scene, &boot, db_and_kek(&other_cert), "signers", db_cert.subject);
    snprintf(signers, sizeof(signers),
             "{ variable = \"db\"; subject = \"%s\"; }, { variable = \"KEK\"; fingerprint = \"%s\"; }", db_cert.subject,
             kek_cert.fingerprint);
    assert_good(&scene, &boot, signer_policy(signers));
    snprintf(signers, sizeof(signers),
             "{ variable = \"db\"; subject = \"%s \"; }, { variable = \"KEK\"; fingerprint = \"%s\"; }",
             db_cert.subject, kek_cert.fingerprint);
    assert_not_good(&scene, &boot, signer_policy(signers), "signers", "db");
    /* a signer of one variable is none of another */
    snprintf(signers, sizeof(signers),
             "{ variable = \"db\"; fingerprint = \"%s\"; }, { variable = \"KEK\"; fingerprint = \"%s\"; }",
             kek_cert.fingerprint, db_cert.fingerprint);
    assert_not_good(&scene, &boot, signer_policy(signers), "signers", "KEK");
}

static void a_key_more_in_db_is_refused(void **state)
{
    (void)state;
    struct bs_span certs[] = { bs_buf_span(&db_cert.der), bs_buf_span(&other_cert.der) };
    change("db", log_variable(&table, "db", log_lists(&table, certs, 2)));
    signer_refused(other_cert.fingerprint);
    change("db", log_variable(&table, "db", log_lists(&table, certs, 1)));
    log_boot(&table, &boot);
    assert_good(&scene, &boot, db_and_kek(&db_cert));
}

static void a_variable_that_nobody_can_read_is_refused(void **state)
{
    (void)state;
    struct bs_span cert = bs_buf_span(&db_cert.der);
    struct bs_span lists = log_lists(&table, &cert, 1);
    change("db", log_variable(&table, "db", BS_SPAN_NONE));
    signer_refused("no certificate at all");
    change("db", log_variable(&table, "db", BS_SPAN(lists.data, lists.size - 1)));
    signer_refused("cannot be read");
    uint8_t longer[8192] = { 0 }; /* a good list, and what could hide another one */
    memcpy(longer, lists.data, lists.size);
    change("db", log_variable(&table, "db", BS_SPAN(longer, lists.size + 1)));
    signer_refused("cannot be read");
    /* a digest of an image among the certificates: EFI_CERT_SHA256_GUID */
    static const uint8_t hash_list[28] = { 0x26, 0x16, 0xc4, 0xc1, 0x4c, 0x50, 0x92,    0x40, 0xac, 0xa9,
                                           0x41, 0xf9, 0x36, 0x93, 0x43, 0x28, 28 + 48, 0,    0,    0,
                                           0,    0,    0,    0,    48,   0,    0,       0 };
    uint8_t joined[8192] = { 0 };
    memcpy(joined, lists.data, lists.size);
    memcpy(joined + lists.size, hash_list, sizeof(hash_list));
    change("db", log_variable(&table, "db", BS_SPAN(joined, lists.size + 28 + 48)));
    signer_refused("digest of an image");
}

static void data_that_were_not_measured_name_no_signer(void **state)
{
    (void)state;
    struct bs_span cert = bs_buf_span(&other_cert.der);
    struct bs_span bad = log_variable(&table, "db", log_lists(&table, &cert, 1));
    assert_ok(crypto_hash(CRYPTO_SHA256, bad, log_find(&table, "db")->digest)); /* the data stay the good ones */
    signer_refused("not what was");
    change("db", bad);
    signer_refused(other_cert.fingerprint);
    log_find(&table, "db")->type = EVENTLOG_EFI_ACTION;
    signer_refused(other_cert.fingerprint);
}

static void db_counts_once_and_before_the_separator(void **state)
{
    (void)state;
    struct bs_span cert = bs_buf_span(&other_cert.der);
    struct bs_span bad = log_variable(&table, "db", log_lists(&table, &cert, 1));
    log_measured(&table, "bad", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, bad);
    log_move_behind(&table, "db");
    signer_refused("measured twice");
    log_remove(&table, "bad");
    log_measured(&table, "bad", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, bad);
    log_move_before(&table, "db");
    signer_refused(other_cert.fingerprint);
    log_remove(&table, "bad");
    /* the true one is hidden, and a good one is measured later by whoever was started */
    struct log_event late = *log_find(&table, "db");
    change("db", bad);
    log_find(&table, "db")->type = EVENTLOG_IPL;
    log_measured(&table, "late", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, late.data);
    signer_refused(other_cert.fingerprint);
    log_remove(&table, "db");
    signer_refused("db");
}

static void another_variable_is_not_db(void **state)
{
    (void)state;
    struct bs_span cert = bs_buf_span(&db_cert.der);
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = { { 0, 0 }, { 32, 'e' }, { 33, 1 }, { 34, 'x' } }; /* its GUID, its name */
    for (size_t i = 0; i < COUNT(changes); i++) {
        struct bs_span data = log_variable(&table, "db", log_lists(&table, &cert, 1));
        table.arena[data.data - table.arena + (ptrdiff_t)changes[i].at] = changes[i].value;
        change("db", data);
        signer_refused("was not measured");
    }
}

static void an_image_admitted_by_another_key_is_refused(void **state)
{
    (void)state;
    struct bs_span cert = bs_buf_span(&other_cert.der);
    log_measured(&table, "other", 7, EVENTLOG_VARIABLE_AUTHORITY, log_variable(&table, "db", log_entry(&table, cert)));
    signer_refused(other_cert.fingerprint);
    log_find(&table, "other")->type = EVENTLOG_EFI_ACTION;
    signer_refused(other_cert.fingerprint);
    change("other", log_variable(&table, "MokList", log_entry(&table, cert)));
    log_find(&table, "other")->type = EVENTLOG_VARIABLE_AUTHORITY;
    signer_refused("MokList"); /* no signer of it at all: left over */
    change("other", log_variable(&table, "db", BS_SPAN(cert.data, 40)));
    signer_refused("signers do not name");
    /* keys of KEK admit no image, and none of them is a way to measure more behind the separator */
    change("other", log_variable(&table, "KEK", log_entry(&table, bs_buf_span(&kek_cert.der))));
    signer_refused("event 27");
    log_remove(&table, "other");
    log_remove(&table, "authority");
    signer_refused("no key that admitted");
}

/* A missing admission counts only where Secure Boot is demanded, and keys that admit are named. */
static void what_admits_nothing_demands_no_admission(void **state)
{
    (void)state;
    log_remove(&table, "authority");
    log_boot(&table, &boot);
    assert_good(
        &scene, &boot,
        log_policy(
            &boot, P(7),
            "secure_boot = \"on\"; signers = ( { variable = \"KEK\"; fingerprint = \"%s\"; }, { variable = \"PK\"; fingerprint = "
            "\"%s\"; } ); variables = ( { name = \"db\"; digests = [\"%s\"]; }, { name = \"dbx\"; digests = [\"%s\"]; } );",
            kek_cert.fingerprint, kek_cert.fingerprint, log_digest(&base, "db"), log_digest(&base, "dbx")));
    assert_good(
        &scene, &boot,
        log_policy(
            &boot, P(7),
            "signers = ( { variable = \"db\"; fingerprint = \"%s\"; } ); variables = ( { name = \"PK\"; digests = [\"%s\"]; },"
            "{ name = \"KEK\"; digests = [\"%s\"]; }, { name = \"dbx\"; digests = [\"%s\"]; },"
            "{ name = \"SecureBoot\"; digests = [\"%s\"]; } );",
            db_cert.fingerprint, log_digest(&base, "PK"), log_digest(&base, "KEK"), log_digest(&base, "dbx"),
            log_digest(&base, "SecureBoot")));
}

static void mok_admits_where_it_is_named(void **state)
{
    (void)state;
    char signers[1024];
    struct bs_span cert = bs_buf_span(&other_cert.der);
    log_measured(&table, "mok", 7, EVENTLOG_VARIABLE_AUTHORITY,
                 log_variable(&table, "MokList", log_entry(&table, cert)));
    log_boot(&table, &boot);
    snprintf(signers, sizeof(signers),
             "{ variable = \"db\"; fingerprint = \"%s\"; }, { variable = \"KEK\"; subject = \"%s\"; },"
             "{ variable = \"MokList\"; fingerprint = \"%s\"; }",
             db_cert.fingerprint, kek_cert.subject, other_cert.fingerprint);
    assert_good(&scene, &boot, signer_policy(signers));
}

static void a_variable_has_a_named_digest_once(void **state)
{
    (void)state;
    uint8_t two[1] = { 2 };
    change("dbx", log_variable(&table, "dbx", BS_SPAN(two, 1)));
    on_refused("variables.[0]", "the variable dbx has another value");
    assert_true(scene.verdict.has_event);
    assert_int_equal(scene.verdict.event, 7);
    log_copy(&base, &table);
    log_measured(&table, "again", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, log_find(&table, "dbx")->data);
    log_move_behind(&table, "dbx");
    on_refused("variables.[0]", "twice");
    log_remove(&table, "again");
    log_measured(&table, "again", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, log_variable(&table, "dbx", BS_SPAN(two, 1)));
    log_move_behind(&table, "dbx");
    on_refused("variables.[0]", "twice");
    log_remove(&table, "again");
    struct bs_span dbx = log_find(&table, "dbx")->data;
    log_remove(&table, "dbx");
    on_refused("variables.[0]", "was not measured");
    log_measured(&table, "late", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, dbx);
    on_refused("variables.[0]", "behind the firmware's own part");
}

/* What the log only says to be the variable is none; its digest needs a rule of its own. */
static void a_claim_is_no_second_variable(void **state)
{
    (void)state;
    log_filled(&table, "claim", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, 0x66);
    log_find(&table, "claim")->data = log_find(&table, "dbx")->data;
    log_move_before(&table, "dbx");
    on_refused("variables", "event 7");
    char rules[2048];
    snprintf(rules, sizeof(rules), "secure_boot = \"on\"; " KEYS, KEY_DIGESTS);
    *strrchr(rules, ')') = '\0';
    assert_good(&scene, &boot,
                log_policy(&boot, P(7), "%s, { pcr = 7; digests = [\"%s\"]; } );", rules, log_digest(&table, "claim")));
}

static void a_pcr_without_a_separator_has_variables_all_the_same(void **state)
{
    (void)state;
    log_filled(&table, "mok", 14, EVENTLOG_IPL, 0x66);
    log_boot(&table, &boot);
    const char *policy = log_policy(&boot, P(14), "variables = ( { name = \"MokListRT\"; digests = [\"%s\"]; } );",
                                    log_digest(&table, "mok"));
    assert_good(&scene, &boot, policy);
    log_filled(&table, "again", 14, EVENTLOG_IPL, 0x66);
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, policy, "variables.[0]", "twice");
}

static void a_variable_may_be_optional(void **state)
{
    (void)state;
    uint32_t mask = P(1);
#define ORDER_RULE "variables = ( { name = \"BootOrder\"; digests = [\"%s\"]; optional = %s; } );"
    assert_good(&scene, &boot, log_policy(&boot, mask, ORDER_RULE, log_digest(&base, "order"), "false"));
    log_remove(&table, "order");
    log_boot(&table, &boot);
    assert_good(&scene, &boot, log_policy(&boot, mask, ORDER_RULE, log_digest(&base, "order"), "true"));
    assert_not_good(&scene, &boot, log_policy(&boot, mask, ORDER_RULE, log_digest(&base, "order"), "false"),
                    "variables.[0]", "was not measured");
}

/* Older firmware measures the contents of boot variables without the name, so that the name is a claim: the digest decides. */
static void a_boot_variable_is_known_by_its_contents(void **state)
{
    (void)state;
    static const uint8_t order[] = { 2, 0 };
    struct bs_span data = log_variable(&table, "BootOrder", BS_SPAN(order, 2));
    struct log_event *event = log_find(&table, "order");
    event->data = data;
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(order, 2), event->digest));
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot,
                    log_policy(&boot, P(1), "variables = ( { name = \"BootOrder\"; digests = [\"%s\"]; } );",
                               log_digest(&base, "order")),
                    "variables.[0]", "has another value");
}

/* The value of PCR 7 is the boot's own, whatever was measured: `more` has what else the policy says. */
static const char *whole_policy(const char *pcrs, const char *more)
{
    static char text[1024];
    char hex[2 * CRYPTO_SHA256_SIZE + 1];
    bs_hex(BS_SPAN(boot.pcrs[7], CRYPTO_SHA256_SIZE), hex);
    snprintf(text, sizeof(text), "name = \"p\"; pcrs: { %s }; values = ( { pcr = 7; digests = [\"sha256:%s\"]; }%s;",
             pcrs, hex, more);
    return text;
}

#define WHOLE_7 "whole = [7]; ignore = [0, 1, 2, 3, 4, 5, 6, 9, 11, 14];"

static void whole_refused(const char *words)
{
    log_boot(&table, &boot);
    assert_not_good(&scene, &boot, whole_policy(WHOLE_7, " )"), "pcrs.whole", words);
}

static void set_secure_boot(const char *label, struct bs_span data)
{
    struct log_event *event = log_find(&table, label);
    event->data = data;
    assert_ok(crypto_hash(CRYPTO_SHA256, event->data, event->digest));
}

static void a_whole_pcr_7_says_what_may_be_started_with_secure_boot_on_alone(void **state)
{
    (void)state;
    char more[256], hex[2 * CRYPTO_SHA256_SIZE + 1];
    assert_good(&scene, &boot, whole_policy(WHOLE_7, " )"));
    set_secure_boot("SecureBoot", secure_boot(0));
    whole_refused("Secure Boot off");
    /* PCR 4 says it: then Secure Boot may be off, for that is the value which is good. */
    bs_hex(BS_SPAN(boot.pcrs[4], CRYPTO_SHA256_SIZE), hex);
    snprintf(more, sizeof(more), ", { pcr = 4; digests = [\"sha256:%s\"]; } )", hex);
    assert_good(&scene, &boot, whole_policy("whole = [4, 7]; ignore = [0, 1, 2, 3, 5, 6, 9, 11, 14];", more));
    snprintf(more, sizeof(more), " ); applications = ( { name = \"shim\"; digests = [\"%s\"]; optional = true; }, ",
             log_digest(&base, "shim"));
    snprintf(more + strlen(more), sizeof(more) - strlen(more), "{ name = \"uki\"; digests = [\"%s\"]; } )",
             log_digest(&base, "uki"));
    assert_good(&scene, &boot,
                whole_policy("events = [4]; whole = [7]; ignore = [0, 1, 2, 3, 5, 6, 9, 11, 14];", more));
    set_secure_boot("SecureBoot", log_variable(&table, "SecureBoot", BS_SPAN_NONE));
    whole_refused("not set");
    /* what was started may measure what it likes behind the separator, and claim that it is the firmware's */
    log_measured(&table, "on", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(1));
    whole_refused("not set");
    log_remove(&table, "SecureBoot");
    whole_refused("nothing");
    log_move_before(&table, "sep7");
    log_boot(&table, &boot);
    assert_good(&scene, &boot, whole_policy(WHOLE_7, " )"));
    log_measured(&table, "off", 7, EVENTLOG_VARIABLE_DRIVER_CONFIG, secure_boot(0));
    log_move_behind(&table, "on");
    whole_refused("Secure Boot off");
    log_remove(&table, "off");
    log_remove(&table, "sep7");
    whole_refused("no end of the firmware's own part");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGE_TEST(secure_boot_is_what_the_policy_says),
        STAGE_TEST(an_event_without_a_rule_is_refused),
        STAGE_TEST(a_lying_log_does_not_switch_secure_boot_on),
        STAGE_TEST(a_retyped_variable_is_the_same_variable),
        STAGE_TEST(secure_boot_counts_once_and_before_the_separator),
        STAGE_TEST(signers_are_named_by_fingerprint_or_subject),
        STAGE_TEST(a_key_more_in_db_is_refused),
        STAGE_TEST(a_variable_that_nobody_can_read_is_refused),
        STAGE_TEST(data_that_were_not_measured_name_no_signer),
        STAGE_TEST(db_counts_once_and_before_the_separator),
        STAGE_TEST(another_variable_is_not_db),
        STAGE_TEST(an_image_admitted_by_another_key_is_refused),
        STAGE_TEST(what_admits_nothing_demands_no_admission),
        STAGE_TEST(mok_admits_where_it_is_named),
        STAGE_TEST(a_variable_has_a_named_digest_once),
        STAGE_TEST(a_claim_is_no_second_variable),
        STAGE_TEST(a_pcr_without_a_separator_has_variables_all_the_same),
        STAGE_TEST(a_variable_may_be_optional),
        STAGE_TEST(a_boot_variable_is_known_by_its_contents),
        STAGE_TEST(a_whole_pcr_7_says_what_may_be_started_with_secure_boot_on_alone),
    };
    return STAGE_RUN(tests);
}
