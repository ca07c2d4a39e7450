/* `init`, the configuration, the keys and their renewal. */
#include "unit/server/lab.h"

#include "core/clock.h"
#include "core/log.h"
#include "unit/folder.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path_in(struct lab *lab, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof(path), "%s/%s", lab->dir, name);
    return path;
}

static void keys_and_database_are_for_their_owner_alone(void **state)
{
    struct lab *lab = *state;
    struct stat st;
    static const char *const secret[] = { "keys/server-ca.pem", "keys/device-ca.pem", "keys/server.pem",
                                          "keys/bundle.pem", "bootseal.db" };
    for (size_t i = 0; i < COUNT(secret); i++) {
        assert_int_equal(stat(path_in(lab, secret[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_int_equal(stat(path_in(lab, "keys"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static unsigned files_seen;

static int see(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    const char *name = strrchr(path, '/') + 1;
    if (type == FTW_F) {
        files_seen++;
        assert_true(strcmp(name, "bootseal.conf") == 0 || strcmp(name, "server-ca.pem") == 0);
    }
    return 0;
}

static void the_image_holds_configuration_and_server_ca_and_nothing_else(void **state)
{
    struct lab *lab = *state;
    char text[4096];
    files_seen = 0;
    assert_int_equal(nftw(path_in(lab, "image"), see, 8, FTW_PHYS), 0);
    assert_int_equal(files_seen, 2);
    FILE *file = fopen(path_in(lab, "image/server-ca.pem"), "re");
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_null(strstr(text, "PRIVATE"));
    file = fopen(path_in(lab, "image/bootseal.conf"), "re");
    size = fread(text, 1, sizeof(text) - 1, file);
    text[size] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "\"https://localhost:8443\""));
    assert_non_null(strstr(text, "pcrs = [0, 2, 4, 7, 9, 11]"));
}

static void memory_is_counted_with_all_and_with_those_from_one_address(void **state)
{
    (void)state;
    struct limit_memory all = { 0 }, here = { 0 }, there = { 0 };
    struct limit_purse a = { .all = &all, .address = &here, .most = 100, .most_address = 60 }, b = a, c = a;
    c.address = &there;
    assert_true(limit_purse_take(&a, 50));
    assert_false(limit_purse_take(&b, 20)); /* too much from here */
    assert_false(limit_purse_take(&c, 51)); /* too much of all */
    assert_int_equal(there.held, 0);
    assert_true(limit_purse_take(&c, 50));
    assert_int_equal(all.held, 100);
    limit_purse_give(&a);
    limit_purse_give(&a);
    assert_int_equal(here.held, 0);
    assert_true(limit_purse_take(&b, 20));
    limit_purse_give(&b);
    limit_purse_give(&c);
    assert_int_equal(all.held, 0);
}

static void init_replaces_nothing(void **state)
{
    struct lab *lab = *state;
    static const char *const names[] = { "localhost" };
    FILE *quiet = fopen("/dev/null", "we");
    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_err(server_init(&(struct server_init){ .dir = lab->dir, .names = names, .name_count = 1 }), BS_ERR_INPUT);
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
}

static void one_server_to_a_folder(void **state)
{
    struct lab *lab = *state;
    struct server *second = NULL;
    FILE *quiet = fopen("/dev/null", "we");
    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_err(server_open(lab->dir, &second), BS_ERR_BUSY);
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
}

static void the_two_roots_do_not_know_each_other(void **state)
{
    struct lab *lab = *state;
    struct ca *ca = lab->server->ca;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(roots) server_roots = NULL;
    BS_OWN(roots) device_roots = NULL;
    const char *why = NULL;
    assert_ok(cert_pem_encode(ca_cert(ca, CA_SERVER_ROOT), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &server_roots));
    bs_buf_reset(&pem);
    assert_ok(cert_pem_encode(ca_cert(ca, CA_DEVICE_ROOT), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &device_roots));
    struct bs_span server = ca_cert(ca, CA_SERVER), bundle = ca_cert(ca, CA_BUNDLE), policy = ca_cert(ca, CA_POLICY);
    assert_ok(cert_chain_verify(&policy, 1, server_roots, BS_OID_EKU_POLICY, &why));
    assert_err(cert_chain_verify(&policy, 1, server_roots, BS_OID_EKU_BUNDLE, &why), BS_ERR_UNTRUSTED);
    assert_err(cert_chain_verify(&bundle, 1, server_roots, BS_OID_EKU_POLICY, &why), BS_ERR_UNTRUSTED);
    assert_ok(cert_chain_verify(&server, 1, server_roots, "1.3.6.1.5.5.7.3.1", &why));
    assert_ok(cert_chain_verify(&bundle, 1, server_roots, BS_OID_EKU_BUNDLE, &why));
    assert_err(cert_chain_verify(&server, 1, device_roots, "1.3.6.1.5.5.7.3.1", &why), BS_ERR_UNTRUSTED);
    assert_err(cert_chain_verify(&bundle, 1, server_roots, "1.3.6.1.5.5.7.3.1", &why), BS_ERR_UNTRUSTED);
    assert_err(cert_chain_verify(&server, 1, server_roots, BS_OID_EKU_BUNDLE, &why), BS_ERR_UNTRUSTED);
    assert_true(cert_matches_host(server, "localhost"));
}

static void the_server_certificate_is_renewed_when_two_thirds_are_over(void **state)
{
    struct lab *lab = *state;
    struct ca_tls before, after;
    bool is_new = true;
    int64_t now = bs_clock_now();
    FILE *quiet = fopen("/dev/null", "we");
    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_ok(ca_tls(lab->server->ca, &before));
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, now + INT64_C(86400) * 50, &is_new));
    assert_false(is_new);
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, now + INT64_C(86400) * 61, &is_new));
    assert_true(is_new);
    lab_restart(lab);
    assert_ok(ca_tls(lab->server->ca, &after));
    assert_memory_not_equal(before.cert_sha256, after.cert_sha256, 32);
    ca_tls_free(&before);
    ca_tls_free(&after);
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
}

static void a_folder_without_a_policy_key_gets_one(void **state)
{
    struct lab *lab = *state;
    uint8_t hash[CRYPTO_SHA256_SIZE] = { 1 }, signature[64];
    BS_OWN(string) path = NULL;
    bool is_new = false;
    FILE *quiet = fopen("/dev/null", "we");
    assert_ok(server_path(lab->dir, "keys/policy.pem", &path));
    assert_int_equal(unlink(path), 0);
    lab_restart(lab);
    assert_int_equal(ca_cert(lab->server->ca, CA_POLICY).size, 0);
    assert_err(ca_policy_sign(lab->server->ca, hash, signature), BS_ERR_NOT_FOUND);

    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now(), &is_new));
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
    assert_true(is_new);
    assert_ok(ca_policy_sign(lab->server->ca, hash, signature));
    lab_restart(lab);
    assert_true(ca_cert(lab->server->ca, CA_POLICY).size > 0);
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now(), &is_new));
    assert_false(is_new);
}

/* Vaults are sealed to the key: a certificate that runs out must not take it along. */
static void the_policy_key_stays_when_its_certificate_is_renewed(void **state)
{
    struct lab *lab = *state;
    BS_SCOPED_BUF struct bs_buf old = BS_BUF(BS_CERT_MAX);
    struct cert_info before, after;
    bool is_new = false;
    struct bs_span cert = ca_cert(lab->server->ca, CA_POLICY);
    FILE *quiet = fopen("/dev/null", "we");
    assert_ok(bs_buf_append(&old, cert.data, cert.size));
    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now() + INT64_C(7) * 366 * 86400, &is_new));
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
    lab_restart(lab);
    assert_ok(cert_parse(bs_buf_span(&old), &before));
    assert_ok(cert_parse(ca_cert(lab->server->ca, CA_POLICY), &after));
    assert_true(after.not_after > before.not_after);
    assert_true(bs_span_equal(before.spki, after.spki));
    assert_ok(cert_parse(ca_cert(lab->server->ca, CA_BUNDLE), &before));
    assert_false(bs_span_equal(before.spki, after.spki));
}

static void the_server_certificate_is_renewed_when_the_names_change(void **state)
{
    struct lab *lab = *state;
    bool is_new = false;
    strcpy(lab->server->config.names[1], "192.0.2.7");
    lab->server->config.name_count = 2;
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now(), &is_new));
    assert_true(is_new);
    assert_true(cert_matches_host(ca_cert(lab->server->ca, CA_SERVER), "192.0.2.7"));
    assert_true(cert_matches_host(ca_cert(lab->server->ca, CA_SERVER), "localhost"));
    assert_ok(ca_renew(lab->server->ca, &lab->server->config, bs_clock_now(), &is_new));
    assert_false(is_new);
}

static void assert_config(void **state, const char *text, enum bs_err expected)
{
    struct config config;
    folder_put(state, "conf", text);
    assert_err(config_load(folder_path(state, "conf"), &config), expected);
}

static void a_configuration_that_checks_nothing_is_refused(void **state)
{
    FILE *quiet = fopen("/dev/null", "we");
    bs_log_setup("test", quiet, BS_LOG_TEXT, BS_LOG_ERROR);
    assert_config(state, "names = [\"a\"];", BS_OK);
    assert_config(state, "", BS_ERR_CONFIG);
    assert_config(state, "names = [];", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; colour = 1;", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = []; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = [0, 7]; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = [4, 12]; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = [4, 16]; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = [4, 23]; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { pcrs = [4, 15, 17, 22]; };", BS_OK);
    assert_config(state, "names = [\"a\"]; cap: { pcr = 16; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; cap: { pcr = 10; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; measure: { bank = \"sha1\"; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; limits: { colours = 2; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; limits: { threads = 2; };", BS_OK);
    assert_config(state, "names = [\"a\"]; limits: { threads = 0; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; limits: { threads = 65; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; metrics: { listen = \"127.0.0.1:9100\"; };", BS_OK);
    assert_config(state, "names = [\"a\"]; metrics: { listen = \"[::1]:9100\"; };", BS_OK);
    assert_config(state, "names = [\"a\"]; metrics: { listen = \"0.0.0.0:9100\"; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; metrics: { listen = \"[::]:9100\"; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; metrics: { listen = \"9100\"; };", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; listen = \"127.0.0.1:1\";", BS_OK);
    assert_config(state, "names = [\"a\"]; listen = \"8443\";", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\"]; listen = \"a:1\\\"; x\";", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a b\"];", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a/\"];", BS_ERR_CONFIG);
    assert_config(state, "names = [\"a\\\\\"];", BS_ERR_CONFIG);
    struct config config;
    assert_err(config_load(folder_path(state, "nothing"), &config), BS_ERR_CONFIG);
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    fclose(quiet);
}

static void what_is_printed_is_read_back(void **state)
{
    struct config config, found;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(8192);
    config_defaults(&config);
    strcpy(config.listen, "127.0.0.1:1");
    strcpy(config.names[0], "a.example");
    strcpy(config.names[1], "::1");
    config.name_count = 2;
    config.measure_cap_pcr = 14;
    config.measure_bank = CRYPTO_SHA384;
    assert_ok(config_print(&config, &text));
    assert_ok(bs_buf_append(&text, "", 1));
    folder_put(state, "conf", (const char *)text.data);
    assert_ok(config_load(folder_path(state, "conf"), &found));
    assert_memory_equal(&found, &config, sizeof(found));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(keys_and_database_are_for_their_owner_alone),
        LAB_TEST(the_image_holds_configuration_and_server_ca_and_nothing_else),
        cmocka_unit_test(memory_is_counted_with_all_and_with_those_from_one_address),
        LAB_TEST(init_replaces_nothing),
        LAB_TEST(one_server_to_a_folder),
        LAB_TEST(the_two_roots_do_not_know_each_other),
        LAB_TEST(the_server_certificate_is_renewed_when_two_thirds_are_over),
        LAB_TEST(the_server_certificate_is_renewed_when_the_names_change),
        LAB_TEST(a_folder_without_a_policy_key_gets_one),
        LAB_TEST(the_policy_key_stays_when_its_certificate_is_renewed),
        FOLDER_TEST(a_configuration_that_checks_nothing_is_refused),
        FOLDER_TEST(what_is_printed_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
