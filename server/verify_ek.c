/* Is there a TPM, and whose is it? The EK's certificate says so; that the TPM is really there only the challenge says. */
#include "server/evidence.h"

#include "bootseal/protocol.h"
#include "core/log.h"

#include <stdio.h>

static void keep_maker(const struct cert_info *info, struct evidence *evidence)
{
    snprintf(evidence->ek_manufacturer, sizeof(evidence->ek_manufacturer), "%s", info->tpm_manufacturer);
    snprintf(evidence->ek_model, sizeof(evidence->ek_model), "%s", info->tpm_model);
    snprintf(evidence->ek_version, sizeof(evidence->ek_version), "%s", info->tpm_version);
}

/*
 * A certificate that leads nowhere is worth as much as none: the device is then known by its EK alone, and only one that an
 * operator has registered by it gets in. That is for the verdict, which knows the record (server/verdict.c).
 */
static enum bs_err verify_chain(const struct server *server, struct evidence *evidence)
{
    const char *why = "no TPM vendor is trusted here";
    enum bs_err err = BS_ERR_UNTRUSTED;
    if (server->ek_roots)
        err = cert_chain_verify(evidence->statement.ek_certs, evidence->statement.ek_cert_count, server->ek_roots,
                                BS_OID_EKU_EK, &why);
    evidence->ek_is_endorsed = err == BS_OK;
    evidence->ek_why_not = why ? why : "no chain";
    return err == BS_ERR_UNTRUSTED || err == BS_ERR_PROTOCOL ? BS_OK : err;
}

static enum bs_err verify_cert(const struct server *server, struct evidence *evidence, struct refusal *refusal)
{
    struct cert_info info;
    enum bs_err err = cert_parse(evidence->statement.ek_certs[0], &info);
    if (err != BS_OK)
        return err == BS_ERR_NOMEM ? err : refuse(refusal, BS_REASON_EK_CERT, "the EK certificate cannot be read");
    if (!cert_has_eku(&info, BS_OID_EKU_EK))
        return refuse(refusal, BS_REASON_EK_CERT,
                      "the certificate is not one for an EK: it lacks the key usage " BS_OID_EKU_EK);
    err = verify_chain(server, evidence);
    if (err != BS_OK)
        return err;
    if (!cert_key_equals(&info, &evidence->ek))
        return refuse(refusal, BS_REASON_EK_KEY_MISMATCH, "the EK certificate is for another EK");
    evidence->has_ek_cert = true;
    keep_maker(&info, evidence);
    return BS_OK;
}

enum bs_err verify_ek(const struct server *server, struct evidence *evidence, struct refusal *refusal)
{
    if (wire_public_decode(evidence->statement.ek_public, &evidence->ek) != BS_OK ||
        !wire_is_ek(&evidence->ek, &evidence->ek_kind))
        return refuse(refusal, BS_REASON_EK_TEMPLATE, "the EK is not of one of the TCG's default templates");
    enum bs_err err = wire_device_id(&evidence->ek, evidence->device);
    if (err != BS_OK)
        return err;
    return evidence->statement.ek_cert_count > 0 ? verify_cert(server, evidence, refusal) : BS_OK;
}
