#include "agent/tpm/internal.h"

#include "core/log.h"

#include <malloc.h>
#include <string.h>

/* Part 2 §6.6.2: bit 7 set means that the code names a handle, parameter or session. */
#define RC_FORMAT_ONE 0x080u
#define RC_PARAMETER 0x040u
#define RC_SESSION 0x800u /* where RC_PARAMETER is not set */

uint32_t tpm_rc_base(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;
    if (layer != TSS2_TPM_RC_LAYER && layer != TSS2_RESMGR_TPM_RC_LAYER)
        return 0;
    rc &= ~TSS2_RC_LAYER_MASK;
    return rc & RC_FORMAT_ONE ? rc & 0xBFu : rc;
}

bool tpm_rc_is_parameter(TSS2_RC rc)
{
    return tpm_rc_base(rc) != 0 && (rc & RC_FORMAT_ONE) && (rc & RC_PARAMETER);
}

/*
 * Whether an error tells something of what was asked for, that it is not there or not ours to use: a handle or parameter that is
 * wrong, an authorization that was not enough (Part 2 §6.6.2, §6.6.3). All others say that the TPM could not just then: warnings, one that is
 * broken, not started or in an upgrade, and what makes no sense for the command.
 */
static bool is_about_the_thing(TSS2_RC rc)
{
    switch (tpm_rc_base(rc)) {
    case TPM2_RC_COMMAND_CODE:
    case TPM2_RC_DISABLED:
    case TPM2_RC_NV_AUTHORIZATION:
    case TPM2_RC_NV_LOCKED:
    case TPM2_RC_NV_RANGE:
    case TPM2_RC_AUTH_FAIL:
    case TPM2_RC_BAD_AUTH:
        return true;
    default:
        return (rc & RC_FORMAT_ONE) && ((rc & RC_PARAMETER) || !(rc & RC_SESSION));
    }
}

/*
 * Through a resource manager we see only our own objects; alone on the raw device, whatever is loaded was left by
 * somebody who is gone.
 */
static bool may_flush_orphans(const struct tpm *tpm)
{
    return tpm->options.exclusive && !strstr(tpm->device, "tpmrm");
}

/* There is no room for one more object or session. */
static bool is_full(TSS2_RC rc)
{
    uint32_t base = tpm_rc_base(rc);
    return base >= TPM2_RC_OBJECT_MEMORY && base <= TPM2_RC_OBJECT_HANDLES;
}

enum bs_err tpm_check(struct tpm *tpm, TSS2_RC rc, const char *command)
{
    tpm->could_not = tpm_rc_base(rc) != 0 && !is_about_the_thing(rc);
    if (rc == TSS2_RC_SUCCESS)
        return BS_OK;

    bs_debug("tpm", "%s: 0x%08x", command, rc);
    if (is_full(rc) && may_flush_orphans(tpm))
        tpm->is_stale = true;
    if (tpm_rc_base(rc) != 0)
        return BS_ERR_TPM;

    /* Not the TPM's word but ESYS's or the connection's: ESYS takes no command any more. */
    tpm->is_stale = true;
    if (tpm->tcti && tcti_timed_out(tpm->tcti))
        return BS_ERR_TPM_TIMEOUT;
    if (rc == TSS2_ESYS_RC_RSP_AUTH_FAILED)
        return BS_ERR_TAMPERED;
    return rc == TSS2_ESYS_RC_MEMORY ? BS_ERR_NOMEM : BS_ERR_TPM;
}

void tpm_esys_release(void *p)
{
    void **pointer = p;
    Esys_Free(*pointer);
    *pointer = NULL;
}

/* Deeper than ESYS goes below Esys_Unseal(); it decrypts in a local array that it leaves behind. */
static void __attribute__((noinline)) scrub_stack(void)
{
    uint8_t below[16 * 1024];
    bs_wipe(below, sizeof(below));
}

static void wipe_copies(void *block, const void *secret, size_t size)
{
    uint8_t *at = block, *end = at + malloc_usable_size(block);
    while ((at = memmem(at, (size_t)(end - at), secret, size)) != NULL) {
        bs_wipe(at, size);
        at += size; /* who chose the secret may have chosen zeros */
    }
}

/*
 * ESYS keeps the input of Create in its context, and its command buffer keeps the last response decrypted; both are
 * freed as they are. It has no function to wipe them, so the secret is looked for.
 */
void tpm_scrub(struct tpm *tpm, const struct bs_secret *secret)
{
    scrub_stack();
    wipe_copies(tpm->esys, bs_secret_view(secret), bs_secret_size(secret));
    wipe_copies(tpm->sys, bs_secret_view(secret), bs_secret_size(secret));
}

static void disconnect(struct tpm *tpm)
{
    Esys_Finalize(&tpm->esys);
    if (tpm->tcti)
        tpm->sent_before += tcti_sent(tpm->tcti);
    tcti_close(tpm->tcti);
    tpm->tcti = NULL;
}

/* ESYS sends nothing when it begins: the kernel, or swtpm's startup-clear, has started the TPM. */
static enum bs_err begin_esys(struct tpm *tpm)
{
    Esys_Finalize(&tpm->esys);
    TSS2_RC rc = Esys_Initialize(&tpm->esys, tcti_context(tpm->tcti), NULL);
    if (rc == TSS2_RC_SUCCESS)
        rc = crypto_callbacks_set(tpm->esys);
    if (rc == TSS2_RC_SUCCESS)
        rc = Esys_GetSysContext(tpm->esys, &tpm->sys);
    if (rc != TSS2_RC_SUCCESS) {
        bs_debug("tpm", "ESYS does not begin: 0x%08x", rc);
        Esys_Finalize(&tpm->esys);
        return BS_ERR_NOMEM;
    }
    tpm->is_stale = false;
    return BS_OK;
}

/* Loaded sessions and transient objects; saved sessions belong to somebody who will load them again. */
static enum bs_err flush_orphans(struct tpm *tpm)
{
    static const TPM2_HANDLE kinds[] = { TPM2_TRANSIENT_FIRST, TPM2_LOADED_SESSION_FIRST };

    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        TPM_ESYS TPMS_CAPABILITY_DATA *data = NULL;
        TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_CAP_HANDLES, kinds[k],
                                        TPM2_MAX_CAP_HANDLES, NULL, &data);
        enum bs_err err = tpm_check(tpm, rc, "TPM2_GetCapability");
        if (err != BS_OK)
            return err;
        if (data->capability != TPM2_CAP_HANDLES)
            return BS_ERR_TPM;
        for (uint32_t i = 0; i < data->data.handles.count; i++) {
            TPM2_HANDLE handle = data->data.handles.handle[i];
            bs_debug("tpm", "flushing 0x%08x, left by somebody", handle);
            err = tpm_check(tpm, Tss2_Sys_FlushContext(tpm->sys, handle), "TPM2_FlushContext");
            if (err != BS_OK)
                return err;
        }
    }
    return BS_OK;
}

static enum bs_err connect_tpm(struct tpm *tpm)
{
    enum bs_err err = tcti_open(tpm->device, tpm->options.exclusive, tpm->options.timeout_ms, &tpm->tcti);
    if (err == BS_OK)
        err = begin_esys(tpm);
    if (err != BS_OK)
        disconnect(tpm);
    return err;
}

/*
 * Orphans are looked for when they are in the way, when ESYS took for no good answer what may have loaded something all the
 * same, and when the device was somebody else's for a while. Not at the start: a boot from the vault does without.
 */
enum bs_err tpm_begin(struct tpm *tpm)
{
    if (tpm->tcti && tcti_is_broken(tpm->tcti))
        disconnect(tpm);
    if (tpm->tcti && !tpm->is_stale)
        return BS_OK;
    enum bs_err err = tpm->tcti ? begin_esys(tpm) : connect_tpm(tpm);
    if (err == BS_OK && may_flush_orphans(tpm))
        err = flush_orphans(tpm);
    if (err != BS_OK)
        disconnect(tpm);
    return err;
}

/* Nothing of ours stays behind. */
static void leave(struct tpm *tpm)
{
    if (tpm->tcti && tpm->is_stale && !tcti_is_broken(tpm->tcti) && tpm_begin(tpm) != BS_OK)
        bs_debug("tpm", "something may be left loaded");
    disconnect(tpm);
}

enum bs_err tpm_open(const struct tpm_options *options, struct tpm **ret_tpm)
{
    BS_OWN(tpm) tpm = calloc(1, sizeof(*tpm));
    if (!tpm)
        return BS_ERR_NOMEM;
    tpm->options = *options;
    tpm->device = strdup(options->device);
    if (!tpm->device)
        return BS_ERR_NOMEM;
    tpm->options.device = tpm->device;
    tpm->srk = (struct tpm_key){ .handle = options->srk_handle, .hierarchy = TPM2_RH_OWNER };
    tpm->ak = (struct tpm_key){ .handle = options->ak_handle, .hierarchy = TPM2_RH_ENDORSEMENT };

    enum bs_err err = connect_tpm(tpm);
    if (err != BS_OK)
        return err;
    *ret_tpm = BS_TAKE(tpm);
    return BS_OK;
}

void tpm_close(struct tpm *tpm)
{
    if (!tpm)
        return;
    leave(tpm);
    for (size_t i = 0; i < tpm->ek.cert_count; i++)
        bs_buf_free(&tpm->ek.certs[i]);
    free(tpm->device);
    free(tpm);
}

void tpm_release(struct tpm *tpm)
{
    leave(tpm);
}

enum bs_err tpm_reacquire(struct tpm *tpm)
{
    return tpm_begin(tpm);
}

unsigned tpm_command_count(const struct tpm *tpm)
{
    return tpm->sent_before + (tpm->tcti ? tcti_sent(tpm->tcti) : 0);
}
