#include "core/credential.h"
#include "integration/tpm_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct tpm *lab_open(struct lab *lab, bool persist)
{
    struct tpm_options options = lab_options(lab);
    struct tpm *tpm = NULL;
    options.persist = persist;
    OK(tpm_open(&options, &tpm));
    return tpm;
}

/* TPM2_DictionaryAttackParameters with no tries at all: in lockout from now on. */
void lab_lock_out(struct lab *lab)
{
    struct tpm *admin = lab_admin(lab);
    assert_int_equal(Esys_DictionaryAttackParameters(admin->esys, ESYS_TR_RH_LOCKOUT, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                                                     ESYS_TR_NONE, 0, 1000, 1000),
                     0);
}

void lab_undefine(struct lab *lab, TPM2_HANDLE index)
{
    struct tpm *admin = lab_admin(lab);
    ESYS_TR tr;
    assert_int_equal(Esys_TR_FromTPMPublic(admin->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tr), 0);
    assert_int_equal(
        Esys_NV_UndefineSpace(admin->esys, ESYS_TR_RH_PLATFORM, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE), 0);
}

void lab_write_index(struct lab *lab, TPM2_HANDLE index, const uint8_t *bytes, uint16_t size)
{
    struct tpm *admin = lab_admin(lab);
    const TPM2B_AUTH empty = { .size = 0 };
    const TPM2B_NV_PUBLIC area = { .nvPublic = { .nvIndex = index,
                                                 .nameAlg = TPM2_ALG_SHA256,
                                                 .attributes = TPMA_NV_OWNERWRITE | TPMA_NV_OWNERREAD | TPMA_NV_NO_DA,
                                                 .dataSize = size } };
    TPM2B_MAX_NV_BUFFER data = { .size = size };
    ESYS_TR tr;
    memcpy(data.buffer, bytes, size);
    assert_int_equal(Esys_NV_DefineSpace(admin->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                         &empty, &area, &tr),
                     0);
    assert_int_equal(
        Esys_NV_Write(admin->esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0), 0);
}

void lab_set_owner_password(struct lab *lab)
{
    const TPM2B_AUTH auth = { .size = 6, .buffer = "secret" };
    struct tpm *admin = lab_admin(lab);
    assert_int_equal(
        Esys_HierarchyChangeAuth(admin->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &auth),
        0);
}

/* A primary of the owner's hierarchy, made persistent: what another tool may have left there. */
void lab_leave_there(struct lab *lab, const TPMT_PUBLIC *template, TPM2_HANDLE handle)
{
    struct tpm *admin = lab_admin(lab);
    const TPM2B_SENSITIVE_CREATE sensitive = { .size = 0 };
    const TPM2B_PUBLIC in = { .publicArea = *template };
    const TPM2B_DATA outside = { .size = 0 };
    const TPML_PCR_SELECTION pcrs = { .count = 0 };
    ESYS_TR tr, persistent;
    assert_int_equal(Esys_CreatePrimary(admin->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                        &sensitive, &in, &outside, &pcrs, &tr, NULL, NULL, NULL, NULL),
                     0);
    assert_int_equal(Esys_EvictControl(admin->esys, ESYS_TR_RH_OWNER, tr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                       handle, &persistent),
                     0);
    assert_int_equal(Esys_FlushContext(admin->esys, tr), 0);
}

void lab_define(struct lab *lab, TPM2_HANDLE index, TPMA_NV attributes, uint16_t size)
{
    struct tpm *admin = lab_admin(lab);
    const TPM2B_AUTH empty = { .size = 0 };
    const TPM2B_NV_PUBLIC area = {
        .nvPublic = { .nvIndex = index, .nameAlg = TPM2_ALG_SHA256, .attributes = attributes, .dataSize = size }
    };
    ESYS_TR tr;
    assert_int_equal(Esys_NV_DefineSpace(admin->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                                         &empty, &area, &tr),
                     0);
}

void lab_extend(struct lab *lab, unsigned pcr, const char *what)
{
    struct tpm *admin = lab_admin(lab);
    TPM_ESYS TPML_DIGEST_VALUES *digests = NULL;
    TPM2B_EVENT event = { .size = (UINT16)strlen(what) };
    memcpy(event.buffer, what, event.size);
    assert_int_equal(
        Esys_PCR_Event(admin->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &event, &digests),
        0);
}

void lab_check_activation(struct lab *lab, struct tpm *tpm)
{
    static const uint8_t answer[CREDENTIAL_SIZE] = "this must not be seen on the bus";
    BS_SCOPED_BUF struct bs_buf object = BS_BUF(1024), encrypted = BS_BUF(1024);
    BS_OWN(secret) secret = NULL;
    const struct tpm_ek *ek;
    const TPMT_PUBLIC *ak;
    const struct wire_name *name;

    OK(tpm_ek(tpm, &ek));
    OK(tpm_ak(tpm, &ak, &name));
    OK(credential_make(&ek->public_area, name, answer, &object, &encrypted));
    OK(tpm_activate(tpm, bs_buf_span(&object), bs_buf_span(&encrypted), &secret));
    assert_int_equal(bs_secret_size(secret), CREDENTIAL_SIZE);
    assert_memory_equal(bs_secret_view(secret), answer, CREDENTIAL_SIZE);
    assert_false(lab_has_recorded(lab, BS_SPAN(answer, 12)));
}

void lab_boot(struct lab *lab)
{
    lab_extend(lab, 4, "loader");
    lab_extend(lab, 7, "secure boot");
    lab_extend(lab, 9, "kernel");
}
