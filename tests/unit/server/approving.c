#include "unit/server/approving.h"

#include "server/policy/policy_reference.h"
#include "unit/logmaker.h"

#include <stdio.h>

void approving_boot(struct softtpm *tpm, const char *firmware, const char *release)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    lab_log(&log, release, false);
    put_measured(&log, 0, EVENTLOG_POST_CODE, bs_span_of_string(firmware));
    assert_ok(softtpm_boot(tpm, bs_buf_span(&log)));
}

uint64_t approving_learn(struct lab *lab, struct softtpm *tpm, const char *firmware, const char *release)
{
    struct operator_approved approved;
    assert_ok(softtpm_make(&lab->vendor, NULL, tpm));
    approving_boot(tpm, firmware, release);
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    assert_kind(&talk, MESSAGE_PENDING);
    const struct operator_approve request = { .device = lab_id(tpm), .profile = "sensor", .learn = true };
    assert_ok(operator_device_approve(&lab->call, &request, &approved));
    return approved.reference;
}

void approving_release(struct lab *lab, uint64_t id, const char *name)
{
    struct store_reference reference;
    enum bs_err err = operator_reference_release(&lab->call, id, name, &reference);
    if (err != BS_OK)
        fail_msg("%s", lab->call.why);
}

void approving_add(struct lab *lab, const char *name, const struct store_boot *boot)
{
    struct store_reference reference = { .profile = "sensor", .created_by = "test", .is_release = true };
    uint64_t id;
    snprintf(reference.name, sizeof(reference.name), "%s", name);
    assert_ok(policy_boot_digest(boot, reference.digest));
    assert_ok(store_begin(lab->server->store));
    assert_ok(store_reference_add(lab->server->store, &reference, boot, &id));
    assert_ok(store_commit(lab->server->store));
}

void given_free(struct given *given)
{
    bs_secret_free(given->plain);
}

void approving_contact(struct lab *lab, struct softtpm *tpm, struct given *given)
{
    TALK(talk, lab);
    talk_enroll(&talk, tpm, NULL);
    given_free(given);
    given->plain = NULL;
    talk_bundle(&talk, tpm, &given->plain, &given->bundle);
    assert_true(given->bundle.has_policy);
}

const struct approval *approving_named(const struct given *given, const char *name)
{
    for (size_t i = 0; i < given->bundle.policy.approval_count; i++)
        if (bs_span_equal(given->bundle.policy.approvals[i].release, bs_span_of_string(name)))
            return &given->bundle.policy.approvals[i];
    return NULL;
}

void approving_assert_signed_for(const struct softtpm *tpm, const struct given *given, const struct approval *approval)
{
    uint8_t ref[APPROVAL_REF_SIZE], policy[CRYPTO_SHA256_SIZE], hash[CRYPTO_SHA256_SIZE];
    struct cert_info info;
    TPMT_PUBLIC key;
    struct crypto_point point;
    assert_ok(approval_ref(BS_SPAN(tpm->id, WIRE_ID_SIZE), given->bundle.policy.epoch, ref));
    assert_true(bs_span_equal(approval->policy_ref, BS_SPAN(ref, sizeof(ref))));
    assert_ok(approval_policy(&approval->pcrs, policy));
    assert_ok(approval_hash(policy, approval->policy_ref, hash));
    assert_ok(cert_parse(given->bundle.policy.cert, &info));
    assert_ok(cert_policy_key(info.spki, &key));
    assert_ok(wire_public_point(&key, &point));
    assert_ok(crypto_ecdsa_verify(&point, BS_SPAN(hash, sizeof(hash)), BS_SPAN(approval->signature.data, 32),
                                  BS_SPAN(approval->signature.data + 32, 32)));
}
