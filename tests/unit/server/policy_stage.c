#include "policy_stage.h"

struct log_cert db_cert, kek_cert, other_cert;
struct log_table base, table;
struct scene_boot boot, reference;
struct scene scene;

int stage_open(void **state)
{
    (void)state;
    log_cert_read("leaf.pem", &db_cert);
    log_cert_read("root.pem", &kek_cert);
    log_cert_read("issuer.pem", &other_cert);
    return 0;
}

int stage_close(void **state)
{
    (void)state;
    bs_buf_free(&db_cert.der);
    bs_buf_free(&kek_cert.der);
    bs_buf_free(&other_cert.der);
    return 0;
}

int stage_setup(void **state)
{
    (void)state;
    log_base(&base, &db_cert, &kek_cert);
    memset(&scene, 0, sizeof(scene));
    boot = SCENE_BOOT;
    boot.command_line = LOG_COMMAND_LINE;
    reference = SCENE_BOOT;
    reference.name = "gw-1.4";
    reset();
    return 0;
}

int stage_teardown(void **state)
{
    (void)state;
    scene_boot_free(&boot);
    scene_boot_free(&reference);
    return 0;
}

void reset(void)
{
    log_copy(&base, &table);
    log_boot(&table, &boot);
}

void good_as_it_stands(uint32_t events, const char *rules)
{
    assert_good(&scene, &boot, log_policy(&boot, events, "%s", rules));
}

void refused_as_it_stands(uint32_t events, const char *rules, const char *rule, const char *words)
{
    assert_not_good(&scene, &boot, log_policy(&boot, events, "%s", rules), rule, words);
}

void good(uint32_t events, const char *rules)
{
    log_boot(&table, &boot);
    good_as_it_stands(events, rules);
}

void refused(uint32_t events, const char *rules, const char *rule, const char *words)
{
    log_boot(&table, &boot);
    refused_as_it_stands(events, rules, rule, words);
}

const char *base_sections(void)
{
    static char text[512];
    snprintf(text, sizeof(text),
             "sections = ( { name = \".linux\"; digests = [\"%s\"]; }, { name = \".cmdline\"; digests = [\"%s\"]; } );",
             log_digest(&base, "linux"), log_digest(&base, "cmdline"));
    return text;
}

void extend_words(struct scene_boot *b, const char *words)
{
    uint8_t both[64];
    memcpy(both, b->pcrs[11], 32);
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_span_of_string(words), both + 32));
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(both, 64), b->pcrs[11]));
}
