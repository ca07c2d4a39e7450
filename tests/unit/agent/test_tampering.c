/* Boots whose vault somebody or something has had its hands on. */
#include "scene.h"

#include "unit/unit.h"

#include "agent/vault/slot.h"
#include "core/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t other_name[34] = { 0, 0x0b, 9 };
static void spoil_srk(struct bundle *bundle)
{
    bundle->srk_name = BS_SPAN(other_name, sizeof(other_name));
}

static void spoil_leaf(struct bundle *bundle)
{
    bundle->chain[0] = bundle->chain[1];
}

static void an_opened_generation_never_opens_again(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf old = BS_BUF(SLOT_MAX);
    assert_ok(scene_boot());
    assert_ok(bs_file_read(scene_path("/var/lib/bootseal/slot-a"), &old));
    scene_reboot(1);
    assert_ok(scene_boot());
    scene_reboot(0);
    assert_ok(bs_file_write(scene_path("/var/lib/bootseal/slot-a"), bs_buf_span(&old), NULL));
    assert_ok(bs_file_write(scene_path("/var/lib/bootseal/slot-b"), bs_buf_span(&old), NULL));
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_int_equal(fake_tpm.unseals, 1); /* the TPM says that its counter has gone on; the copy is not asked */
    assert_true(scene_has_note(BS_NOTE_VAULT_BOOT_CHANGED));
}

static void flip_byte(const char *path, off_t at)
{
    uint8_t byte;
    BS_OWN_FD int fd = open(scene_path(path), O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void assert_slots_are_equal(void)
{
    BS_SCOPED_BUF struct bs_buf a = BS_BUF(SLOT_MAX);
    BS_SCOPED_BUF struct bs_buf b = BS_BUF(SLOT_MAX);
    assert_ok(bs_file_read(scene_path("/var/lib/bootseal/slot-a"), &a));
    assert_ok(bs_file_read(scene_path("/var/lib/bootseal/slot-b"), &b));
    assert_true(bs_span_equal(bs_buf_span(&a), bs_buf_span(&b)));
}

static void one_damaged_slot_costs_nothing_and_is_restored(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    static const char *const slots[] = { "/var/lib/bootseal/slot-a", "/var/lib/bootseal/slot-b" };
    struct stat st;
    for (size_t i = 0; i < COUNT(slots); i++) {
        assert_int_equal(stat(scene_path(slots[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        flip_byte(slots[i], st.st_size - 1);
        scene_reboot(0);
        assert_ok(scene_boot());
        assert_string_equal(scene.boot.report.source, "vault");
        assert_slots_are_equal();
    }
    flip_byte(slots[0], st.st_size - 1);
    flip_byte(slots[1], st.st_size - 1);
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
    assert_true(scene_has_note(BS_NOTE_VAULT_CORRUPT));
}

/* Under the right key and header, but nothing that a vault ever holds. */
static bool forges_garbage;
static void fill_with_garbage(const struct bs_secret *key, struct bs_buf *bytes)
{
    static const uint8_t garbage[SLOT_MAX] = { 0xff };
    struct slot slot;
    assert_ok(slot_decode(bs_buf_span(bytes), &slot));
    size_t size = slot.sealed.size - CRYPTO_AEAD_TAG;
    struct bs_span head = slot.header_bytes;
    bytes->size = head.size;
    assert_ok(crypto_aead_seal(bs_secret_view(key), slot.header.nonce, head, BS_SPAN(garbage, size), bytes));
}

/* Root in the running system seals what it likes to the public PCR values of an approved boot. */
static void forge(uint64_t ahead, struct crypto_key *key, struct bs_span cert)
{
    fake_tpm.is_open = true;
    BS_OWN(secret) secret = NULL;
    uint8_t nonce[12] = { 1 };
    struct tpm_counter counter;
    struct tpm_policy policy;
    struct tpm_key_blob device;
    struct vault_policy want = { VAULT_PCR, CRYPTO_SHA256, (1u << 4) | (1u << 7) | (1u << 9), 12 };
    const TPMT_PUBLIC *srk;
    const struct wire_name *srk_name;
    assert_ok(tpm_counter_read(NULL, &counter));
    assert_ok(tpm_policy_now(NULL, want.bank, want.boot_mask, want.cap_pcr, &counter, counter.value + ahead, &policy));
    assert_ok(bs_secret_new(32, &secret));
    assert_ok(tpm_device_key_make(NULL, &device));

    struct slot_header header = { .generation = counter.value + ahead,
                                  .policy = want,
                                  .counter_index = counter.public_area.nvIndex,
                                  .counter_name = counter.name };
    memcpy(header.nonce, nonce, sizeof(nonce));
    assert_ok(tpm_srk(NULL, &srk, &srk_name));
    header.srk = *srk;
    assert_ok(tpm_seal(NULL, &policy, secret, &header.sealed));
    BS_SCOPED_BUF struct bs_buf sign1 = BS_BUF(BS_BUNDLE_MAX);
    BS_SCOPED_BUF struct bs_buf public_area = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf private_area = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf slot = BS_BUF(SLOT_MAX);
    scene_sign_bundle(key, cert, &sign1);
    assert_ok(wire_public2b_encode(&device.public_area, &public_area));
    assert_ok(wire_private_encode(&device.private_area, &private_area));
    struct vault_contents contents = { .sign1 = bs_buf_span(&sign1),
                                       .device_public = bs_buf_span(&public_area),
                                       .device_private = bs_buf_span(&private_area) };
    assert_ok(slot_encode(&header, &(struct slot_keys){ secret, NULL }, &contents, &slot));
    if (forges_garbage)
        fill_with_garbage(secret, &slot);
    assert_ok(bs_file_write(scene_path("/var/lib/bootseal/slot-a"), bs_buf_span(&slot), NULL));
    assert_ok(bs_file_write(scene_path("/var/lib/bootseal/slot-b"), bs_buf_span(&slot), NULL));
    fake_tpm.counter += ahead;
    fake_tpm.is_open = false;
}

static void a_forged_slot_is_reported_as_tampering_and_not_used(void **state)
{
    (void)state;
    BS_OWN(key) own = NULL;
    BS_SCOPED_BUF struct bs_buf own_cert = BS_BUF(BS_CERT_MAX);
    scene_other_signer(&own, &own_cert);
    for (uint64_t ahead = 0; ahead < 2; ahead++) {
        fake_tpm_new();
        scene.refuses = false;
        assert_ok(scene_boot());
        scene_reboot(0);
        forge(ahead, own, bs_buf_span(&own_cert));
        scene.refuses = true;
        assert_err(scene_boot(), BS_ERR_REFUSED);
        assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));
    }
}

static void a_slot_with_the_servers_bundle_for_another_key_is_tampering(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    scene.spoil = spoil_leaf;
    forge(0, scene.bundle_key, bs_buf_span(&scene.bundle_cert));
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));

    scene_reboot(0);
    scene.spoil = spoil_srk;
    forge(0, scene.bundle_key, bs_buf_span(&scene.bundle_cert));
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));
}

static void a_slot_that_is_whole_and_holds_garbage_is_tampering_not_damage(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    forges_garbage = true;
    forge(0, scene.bundle_key, bs_buf_span(&scene.bundle_cert));
    forges_garbage = false;
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_true(scene_has_note(BS_NOTE_VAULT_TAMPERED));
    assert_false(scene_has_note(BS_NOTE_VAULT_CORRUPT));
}

static void an_answer_that_was_changed_on_the_bus_is_told_and_the_vault_stays(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    fake_tpm.changes_answers = true;
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    assert_true(scene_has_note(BS_NOTE_TPM_ANSWER_CHANGED));
    assert_false(scene_has_note(BS_NOTE_VAULT_CORRUPT));
    assert_false(scene_has_note(BS_NOTE_VAULT_TAMPERED));
    scene_reboot(0);
    fake_tpm.changes_answers = false;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");
}

static void a_cleared_tpm_asks_the_server_again(void **state)
{
    (void)state;
    assert_ok(scene_boot());
    scene_reboot(0);
    fake_tpm.has_counter = false;
    fake_tpm.srk_seed = 1;
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "server");
    assert_true(scene_has_note(BS_NOTE_VAULT_BOOT_CHANGED));
}

/* What was sealed to the next value of the counter would never open, so it is sealed again; a second time is no accident. */
static void a_foreign_increment_during_the_commit_costs_one_more_round(void **state)
{
    (void)state;
    fake_tpm.foreign_increments = 1;
    assert_ok(scene_boot());
    assert_int_equal(fake_tpm.sealed_count, 2);
    scene_reboot(0);
    assert_ok(scene_boot());
    assert_string_equal(scene.boot.report.source, "vault");

    scene_reboot(1);
    fake_tpm.foreign_increments = 2;
    assert_err(scene_boot(), BS_ERR_TAMPERED);
    assert_string_equal(scene.boot.report.source, "none");
    assert_int_equal(fake_tpm.caps, 1);
}

/* The last one: it moves the clock of this process. */
static void only_the_time_of_an_authentic_answer_raises_the_floor(void **state)
{
    (void)state;
    scene.time = (uint64_t)bs_clock_now() + 86400;
    scene.signs_wrongly = true;
    assert_err(scene_boot(), BS_ERR_UNTRUSTED);
    assert_true((uint64_t)bs_clock_floor() < scene.time);
    scene_reboot(0);
    scene.signs_wrongly = false;
    assert_ok(scene_boot());
    assert_true((uint64_t)bs_clock_floor() == scene.time);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scene_test(one_damaged_slot_costs_nothing_and_is_restored),
        scene_test(a_forged_slot_is_reported_as_tampering_and_not_used),
        scene_test(a_slot_with_the_servers_bundle_for_another_key_is_tampering),
        scene_test(a_slot_that_is_whole_and_holds_garbage_is_tampering_not_damage),
        scene_test(an_answer_that_was_changed_on_the_bus_is_told_and_the_vault_stays),
        scene_test(a_cleared_tpm_asks_the_server_again),
        scene_test(an_opened_generation_never_opens_again),
        scene_test(a_foreign_increment_during_the_commit_costs_one_more_round),
        scene_test(only_the_time_of_an_authentic_answer_raises_the_floor),
    };
    bs_log_setup("test", stderr, BS_LOG_TEXT, BS_LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
