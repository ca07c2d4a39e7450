/* Boots under seal.policy = "signed": what the server approved opens without it, and nothing else does. */
#include "scene.h"

#include "unit/unit.h"

#include "agent/vault/slot.h"
#include "core/file.h"

#define YEAR (365 * 24 * 3600)
#define TIME 1795000000
#define MASK (1u << 4 | 1u << 7 | 1u << 9)
#define FILE_PATH "/boot/approvals.cbor"
#define VARIANTS 4

/* What the server approves from now on. Kernels have numbers; each has a PCR 9 of its own. */
static struct {
    struct crypto_key *key;
    struct bs_buf cert;
    uint64_t epoch;
    unsigned count;
    uint8_t variants[APPROVALS_MAX];
    bool signs_wrongly;
} policy;

static uint8_t pcrs_of[VARIANTS][TPM_PCRS][CRYPTO_SHA256_SIZE];

/* Storage of one list of approvals. */
struct made {
    uint8_t ref[APPROVAL_REF_SIZE];
    uint8_t signatures[APPROVALS_MAX][APPROVAL_SIGNATURE_SIZE];
    struct approvals list;
};

static void approve(struct bs_span device, uint64_t epoch, struct crypto_key *key, struct made *ret_made)
{
    assert_ok(approval_ref(device, epoch, ret_made->ref));
    ret_made->list.count = policy.count;
    for (unsigned i = 0; i < policy.count; i++) {
        struct approval *approval = &ret_made->list.list[i];
        uint8_t digest[CRYPTO_SHA256_SIZE], hash[CRYPTO_SHA256_SIZE];
        *approval = (struct approval){ .release = bs_span_of_string("release"),
                                       .pcrs = { .bank = CRYPTO_SHA256, .mask = MASK },
                                       .policy_ref = BS_SPAN(ret_made->ref, APPROVAL_REF_SIZE),
                                       .signature = BS_SPAN(ret_made->signatures[i], APPROVAL_SIGNATURE_SIZE) };
        for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
            if (MASK >> pcr & 1)
                approval->pcrs.values[pcr] = BS_SPAN(pcrs_of[policy.variants[i]][pcr], CRYPTO_SHA256_SIZE);
        assert_ok(approval_policy(&approval->pcrs, digest));
        assert_ok(approval_hash(digest, approval->policy_ref, hash));
        assert_ok(crypto_key_sign(key, hash, ret_made->signatures[i]));
        ret_made->signatures[i][9] ^= policy.signs_wrongly;
    }
}

static void add_policy(struct bundle *bundle)
{
    static struct made made;
    approve(bundle->device, policy.epoch, policy.key, &made);
    bundle->has_policy = true;
    bundle->policy = (struct bundle_policy){ .cert = bs_buf_span(&policy.cert),
                                             .epoch = policy.epoch,
                                             .approval_count = made.list.count };
    memcpy(bundle->policy.approvals, made.list.list, sizeof(made.list.list));
}

static void approve_variants(uint64_t epoch, const char *variants)
{
    policy.epoch = epoch;
    policy.count = (unsigned)strlen(variants);
    for (unsigned i = 0; i < policy.count; i++)
        policy.variants[i] = (uint8_t)(variants[i] - '0');
}

static int setup(void **state)
{
    if (scene_setup(state) != 0)
        return -1;
    struct crypto_point point;
    struct cert_request request = { .common_name = "boots",
                                    .path_length = -1,
                                    .eku = BS_OID_EKU_POLICY,
                                    .serial = { 1 },
                                    .not_before = TIME - YEAR,
                                    .not_after = TIME + 50 * (int64_t)YEAR };
    policy.cert = BS_BUF(BS_CERT_MAX);
    policy.signs_wrongly = false;
    assert_ok(crypto_key_make(&policy.key));
    assert_ok(crypto_key_public(policy.key, &point));
    assert_ok(cert_make(&request, &point, scene.ca_key, bs_buf_span(&scene.ca), &policy.cert));
    for (uint8_t i = VARIANTS; i-- > 0;) {
        fake_tpm_reboot(i);
        memcpy(pcrs_of[i], fake_tpm.pcrs, sizeof(pcrs_of[i]));
    }
    scene_configure("seal = { policy = \"signed\"; approvals = \"" FILE_PATH "\"; };\n");
    scene.spoil = add_policy;
    return 0;
}

static int teardown(void **state)
{
    crypto_key_free(policy.key);
    bs_buf_free(&policy.cert);
    return scene_teardown(state);
}

static void opens_from_vault(uint8_t variant)
{
    scene_reboot(variant);
    scene.refuses = true;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.attests, 0);
}

static void stays_shut(uint8_t variant)
{
    scene_reboot(variant);
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_true(scene_has_note(BS_NOTE_VAULT_BOOT_CHANGED));
    assert_false(scene_has_note(BS_NOTE_VAULT_TAMPERED));
}

static void enroll(uint8_t variant)
{
    scene_reboot(variant);
    scene.refuses = false;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
}

static void an_approved_kernel_opens_the_vault_without_the_server(void **state)
{
    (void)state;
    approve_variants(1, "01");
    enroll(0);
    opens_from_vault(0);
    opens_from_vault(1);
    stays_shut(2);
    opens_from_vault(1);
}

static void what_was_approved_in_an_older_epoch_opens_nothing_new(void **state)
{
    (void)state;
    approve_variants(1, "012");
    enroll(0);
    opens_from_vault(2);
    approve_variants(2, "30"); /* 2 was revoked */
    enroll(3);
    opens_from_vault(0);
    stays_shut(2);
    stays_shut(1);
}

static void put_file(uint64_t epoch, const char *device, struct crypto_key *key)
{
    static struct made made;
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(APPROVALS_SIZE_MAX);
    uint8_t id[WIRE_ID_SIZE];
    const struct tpm_ek *ek;
    fake_tpm.is_open = true;
    assert_ok(tpm_ek(NULL, &ek));
    fake_tpm.is_open = false;
    assert_ok(wire_device_id(&ek->public_area, id));
    approve(device ? bs_span_of_string(device) : BS_SPAN(id, sizeof(id)), epoch, key, &made);
    assert_ok(approvals_encode(&made.list, &bytes));
    assert_ok(bs_dir_make(scene_path("/boot"), 0755));
    assert_ok(bs_file_write(scene_path(FILE_PATH), bs_buf_span(&bytes), NULL));
}

static void approvals_may_lie_beside_the_image(void **state)
{
    (void)state;
    BS_OWN(key) stranger = NULL;
    assert_ok(crypto_key_make(&stranger));
    approve_variants(7, "0");
    enroll(0);
    stays_shut(1);
    approve_variants(7, "21");
    put_file(7, NULL, policy.key);
    opens_from_vault(1);
    opens_from_vault(0);
    put_file(6, NULL, policy.key);
    stays_shut(1);
    put_file(7, "another device, 32 bytes of name.", policy.key);
    stays_shut(1);
    put_file(7, NULL, stranger);
    stays_shut(1);
    assert_ok(bs_file_write(scene_path(FILE_PATH), bs_span_of_string("no approvals"), NULL));
    stays_shut(1);
    opens_from_vault(0); /* what is wrong there costs nothing */
    put_file(7, NULL, policy.key);
    opens_from_vault(1);
}

/* Who can write the file does not choose how much is asked of the TPM, nor how much room it takes. */
static void many_approvals_that_nobody_signed_are_too_many(void **state)
{
    (void)state;
    approve_variants(7, "0");
    enroll(0);
    approve_variants(7, "1111111111111111");
    policy.signs_wrongly = true;
    put_file(7, NULL, policy.key);
    stays_shut(1);
    policy.signs_wrongly = false;
    opens_from_vault(0);
}

/* Sealed to what would not open it would be worse than not sealed at all. */
static void nothing_is_sealed_that_would_not_open_in_this_boot(void **state)
{
    (void)state;
    approve_variants(1, "12");
    assert_err(scene_boot(), BS_ERR_PROTOCOL);
    approve_variants(1, "0");
    policy.signs_wrongly = true;
    scene_reboot(0);
    assert_err(scene_boot(), BS_ERR_UNTRUSTED);
    policy.signs_wrongly = false;
    scene.spoil = NULL; /* a server that knows of no approvals */
    scene_reboot(0);
    assert_err(scene_boot(), BS_ERR_PROTOCOL);
    assert_false(scene_has("/var/lib/bootseal/slot-a"));
    assert_int_equal(scene.confirms, 0);
}

/* And a renewal goes on with what was opened, with the key that belongs to it. */
static void a_renewal_whose_approvals_do_not_fit_changes_nothing(void **state)
{
    (void)state;
    scene.renew_after = 1;
    approve_variants(1, "0");
    enroll(0);
    const TPMT_PUBLIC key = fake_tpm.pem_of;
    approve_variants(1, "12");
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_int_equal(scene.attests, 1);
    assert_string_equal(scene.boot.report.source, "vault");
    assert_int_equal(scene.boot.report.serial, 1);
    assert_memory_equal(&fake_tpm.pem_of.unique.ecc, &key.unique.ecc, sizeof(key.unique.ecc));
}

static void a_policy_key_of_somebody_else_is_not_sealed_to(void **state)
{
    (void)state;
    approve_variants(1, "0");
    bs_buf_reset(&policy.cert);
    assert_ok(
        bs_buf_append(&policy.cert, scene.bundle_cert.data, scene.bundle_cert.size)); /* ours, for something else */
    assert_err(scene_boot(), BS_ERR_UNTRUSTED);
    assert_false(scene_has("/var/lib/bootseal/slot-a"));
}

/* Somebody who can seal, with a bundle that the server signed, gives himself the key that approves boots. */
static void seal_to(struct crypto_key *key, uint64_t epoch)
{
    static struct made made;
    struct crypto_point point;
    struct tpm_key_blob device;
    uint64_t generation;
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf public_area = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf private_area = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf spki = BS_BUF(256);
    BS_SCOPED_BUF struct bs_buf approvals = BS_BUF(APPROVALS_SIZE_MAX);
    scene_reboot(0);
    fake_tpm.is_open = true;
    assert_ok(tpm_device_key_make(NULL, &device));
    scene_sign_bundle(scene.bundle_key, bs_buf_span(&scene.bundle_cert), &sign1);
    assert_ok(wire_public2b_encode(&device.public_area, &public_area));
    assert_ok(wire_private_encode(&device.private_area, &private_area));
    const struct tpm_ek *ek;
    uint8_t id[WIRE_ID_SIZE];
    assert_ok(tpm_ek(NULL, &ek));
    assert_ok(wire_device_id(&ek->public_area, id));
    approve(BS_SPAN(id, sizeof(id)), epoch, key, &made);
    assert_ok(approvals_encode(&made.list, &approvals));
    struct vault_signer signer = { .policy_ref = BS_SPAN(made.ref, sizeof(made.ref)),
                                   .approvals = bs_buf_span(&approvals) };
    assert_ok(crypto_key_public(key, &point));
    assert_ok(wire_point_spki(&point, &spki));
    assert_ok(cert_policy_key(bs_buf_span(&spki), &signer.key));
    const struct vault_policy want = { VAULT_SIGNED, CRYPTO_SHA256, MASK, 12 };
    const struct vault_contents contents = { .sign1 = bs_buf_span(&sign1),
                                             .device_public = bs_buf_span(&public_area),
                                             .device_private = bs_buf_span(&private_area) };
    const struct vault_request request = { scene_path("/var/lib/bootseal"), &want, &contents, NULL, &signer };
    assert_ok(vault_commit(NULL, &request, &generation));
    fake_tpm.is_open = false;
}

static void a_vault_under_another_key_or_epoch_than_its_bundle_says_is_tampering(void **state)
{
    (void)state;
    BS_OWN(key) own = NULL;
    assert_ok(crypto_key_make(&own));
    approve_variants(5, "0");
    enroll(0);
    seal_to(policy.key, 5);
    opens_from_vault(0);
    struct {
        struct crypto_key *key;
        uint64_t epoch;
    } wrong[] = { { own, 5 }, { policy.key, 4 } };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        seal_to(wrong[i].key, wrong[i].epoch);
        scene.refuses = true;
        assert_err(scene_boot(), BS_ERR_REFUSED);
        assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));
    }
}

/* What discover read is old when something is measured in between: what counts is what the TPM says. */
static void pcrs_that_were_read_before_are_a_guess_alone(void **state)
{
    (void)state;
    approve_variants(1, "01");
    enroll(0);
    scene_reboot(1);
    fake_tpm.is_open = true;
    struct tpm_pcrs old = { .bank = CRYPTO_SHA256, .mask = MASK, .digest_size = CRYPTO_SHA256_SIZE };
    for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
        memcpy(old.values[pcr], pcrs_of[0][pcr], CRYPTO_SHA256_SIZE);
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    BS_OWN(roots) roots = NULL;
    assert_ok(cert_pem_encode(bs_buf_span(&scene.ca), "CERTIFICATE", &pem));
    assert_ok(cert_roots_from_pem(bs_buf_span(&pem), &roots));
    const struct vault_policy want = { VAULT_SIGNED, CRYPTO_SHA256, MASK, 12 };
    struct vault_open_request request = { scene_path("/var/lib/bootseal"), &want, roots, &old, BS_SPAN_NONE };
    struct vault_opened opened = { 0 };
    struct vault_findings findings;
    assert_ok(vault_open(NULL, &request, &opened, &findings));
    vault_opened_clear(&opened);
    request.pcrs = NULL;
    assert_ok(vault_open(NULL, &request, &opened, &findings));
    vault_opened_clear(&opened);
    fake_tpm.is_open = false;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_approved_kernel_opens_the_vault_without_the_server),
        TEST(what_was_approved_in_an_older_epoch_opens_nothing_new),
        TEST(approvals_may_lie_beside_the_image),
        TEST(many_approvals_that_nobody_signed_are_too_many),
        TEST(nothing_is_sealed_that_would_not_open_in_this_boot),
        TEST(a_renewal_whose_approvals_do_not_fit_changes_nothing),
        TEST(a_policy_key_of_somebody_else_is_not_sealed_to),
        TEST(a_vault_under_another_key_or_epoch_than_its_bundle_says_is_tampering),
        TEST(pcrs_that_were_read_before_are_a_guess_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
