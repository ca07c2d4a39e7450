/* identify: EK, AK, device key and counter; made where they are missing, found where an earlier try of this boot made them. */
#include "agent/machine.h"
#include "agent/steps/steps.h"

#include <string.h>

#define STATE BS_STATE_IDENTIFY
#define COMMON_NAME_DIGITS 16

struct signer {
    struct tpm *tpm;
    const struct tpm_key_blob *key;
};

static enum bs_err sign(void *context, const uint8_t digest[CRYPTO_SHA256_SIZE], uint8_t ret_signature[64])
{
    const struct signer *signer = context;
    return tpm_device_key_sign(signer->tpm, signer->key, digest, ret_signature);
}

/* The key exists in memory only until it is sealed: a blob on disk would sign under any system booted on this board. */
static enum bs_err make_device_key(struct boot *boot)
{
    struct boot_identity *identity = &boot->identity;
    if (identity->has_device_key)
        return BS_OK;
    enum bs_err err = tpm_device_key_make(boot->tpm, &identity->device_key);
    if (err != BS_OK)
        return err;

    char name[2 * WIRE_ID_SIZE + 1];
    bs_hex(BS_SPAN(identity->device, sizeof(identity->device)), name);
    name[COMMON_NAME_DIGITS] = '\0';
    struct signer signer = { boot->tpm, &identity->device_key };
    bs_buf_reset(&identity->csr);
    err = cert_csr_make(&identity->device_key.public_area.publicArea, name, sign, &signer, &identity->csr);
    identity->has_device_key = err == BS_OK;
    return err;
}

static enum bs_err know_device(struct boot *boot)
{
    struct boot_identity *identity = &boot->identity;
    if (identity->is_known)
        return BS_OK;

    const struct tpm_ek *ek;
    enum bs_err err = tpm_ek(boot->tpm, &ek);
    if (err == BS_OK)
        err = wire_device_id(&ek->public_area, identity->device);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the TPM's endorsement key cannot be used (%s); %s", bs_err_name(err),
                         machine_tpm_hint(err, "is the endorsement hierarchy enabled?"));
    bs_hex(BS_SPAN(identity->device, sizeof(identity->device)), boot->report.device);
    err = machine_facts(boot->config, boot->root, &identity->facts);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "device.serial_file: %s has no serial number of one short line (%s)",
                         boot->config->device.serial_file, bs_err_name(err));
    identity->is_known = true;
    bs_notice(STATE, "device %s, EK %s %s", boot->report.device, wire_ek_template(ek->kind)->name,
              ek->cert_count > 0 ? "with certificate" : "without certificate");
    return BS_OK;
}

/* A password of the owner stops us only where something is still to be made: afterwards nothing needs him. */
static bool owner_has_password(struct boot *boot)
{
    struct tpm_state state;
    return tpm_state(boot->tpm, &state) == BS_OK && state.owner_auth_set;
}

#define BEFORE_THE_PASSWORD \
    "let this device enroll before the password is set, or take it off (tpm2_changeauth -c owner)"

static enum bs_err know_srk(struct boot *boot)
{
    const TPMT_PUBLIC *public_area;
    const struct wire_name *name;
    enum bs_err err = tpm_srk(boot->tpm, &public_area, &name);
    if (err == BS_ERR_TPM && owner_has_password(boot))
        return boot_fail(
            boot, err, STATE,
            "the TPM's owner hierarchy has a password and no storage root key lies at tpm.srk_handle: " BEFORE_THE_PASSWORD);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the storage root key cannot be used (%s); %s", bs_err_name(err),
                         machine_tpm_hint(err, "is the owner hierarchy enabled, and has this TPM ECC keys on P-256?"));
    return BS_OK;
}

static enum bs_err know_counter(struct boot *boot)
{
    enum bs_err err = tpm_counter_make(boot->tpm, &boot->identity.counter);
    if (err == BS_ERR_TAMPERED)
        return boot_fail(
            boot, err, STATE,
            "something else than bootseal's counter lies at tpm.counter_index %s; remove it or choose another index",
            boot->config->tpm.counter_index_text);
    if (err == BS_ERR_TPM && owner_has_password(boot))
        return boot_fail(
            boot, err, STATE,
            "the TPM's owner hierarchy has a password and no counter lies at tpm.counter_index %s: " BEFORE_THE_PASSWORD,
            boot->config->tpm.counter_index_text);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the TPM made no counter (%s); %s", bs_err_name(err),
                         machine_tpm_hint(err, "is its NV memory full? tpm2_nvreadpublic lists what is there, "
                                               "tpm2_nvundefine removes what nobody needs"));
    return BS_OK;
}

enum bs_err step_identify(struct boot *boot)
{
    enum bs_err err = know_device(boot);
    if (err == BS_OK)
        err = know_srk(boot);
    if (err != BS_OK)
        return err;

    const TPMT_PUBLIC *public_area;
    const struct wire_name *name;
    err = tpm_ak(boot->tpm, &public_area, &name);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the attestation key cannot be used (%s); %s", bs_err_name(err),
                         machine_tpm_hint(err, "is tpm.ak_handle free?"));
    err = make_device_key(boot);
    if (err != BS_OK)
        return boot_fail(boot, err, STATE, "the TPM made no device key (%s)", bs_err_name(err));
    return know_counter(boot);
}
