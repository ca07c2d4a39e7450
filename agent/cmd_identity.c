/* bootseal identity: who this machine is. Changes nothing in the TPM and asks no server. */
#include "agent/cmd.h"
#include "agent/device/device.h"
#include "agent/machine.h"
#include "bootseal/exit.h"
#include "core/cert.h"
#include "core/json.h"

#include <stdio.h>
#include <string.h>

#define PRINT_MAX (64 * 1024)

struct identity {
    const struct tpm_ek *ek;
    struct tpm_maker maker;
    struct device_facts facts;
    char device[2 * WIRE_ID_SIZE + 1];
    char ak_name[2 * WIRE_NAME_MAX + 1];
    struct cert_info certs[TPM_CERTS_MAX];
    bool is_cert[TPM_CERTS_MAX];
};

static enum bs_err read_identity(const struct agent_config *config, const char *root, struct tpm *tpm,
                                 struct identity *ret_id)
{
    uint8_t device[WIRE_ID_SIZE];
    const TPMT_PUBLIC *ak_public;
    const struct wire_name *ak_name;
    enum bs_err err = tpm_maker(tpm, &ret_id->maker);
    if (err == BS_OK)
        err = tpm_ek(tpm, &ret_id->ek);
    if (err == BS_OK)
        err = wire_device_id(&ret_id->ek->public_area, device);
    if (err == BS_OK)
        err = tpm_ak(tpm, &ak_public, &ak_name);
    if (err == BS_OK)
        err = machine_facts(config, root, &ret_id->facts);
    if (err != BS_OK)
        return err;

    bs_hex(BS_SPAN(device, sizeof(device)), ret_id->device);
    bs_hex(wire_name_span(ak_name), ret_id->ak_name);
    for (size_t i = 0; i < ret_id->ek->cert_count; i++)
        ret_id->is_cert[i] = cert_parse(bs_buf_span(&ret_id->ek->certs[i]), &ret_id->certs[i]) == BS_OK;
    return BS_OK;
}

static void put_cert(const struct identity *id, size_t i, struct bs_json *json)
{
    bs_json_object(json, NULL);
    if (id->is_cert[i]) {
        const struct cert_info *info = &id->certs[i];
        bs_json_string(json, "subject", info->subject);
        bs_json_string(json, "issuer", info->issuer);
        bs_json_hex(json, "serial", BS_SPAN(info->serial, info->serial_size));
        bs_json_string(json, "tpm_manufacturer", info->tpm_manufacturer);
        bs_json_string(json, "tpm_model", info->tpm_model);
        bs_json_string(json, "tpm_version", info->tpm_version);
        bs_json_bool(json, "is_of_this_ek", cert_key_equals(info, &id->ek->public_area));
    } else {
        bs_json_string(json, "error", "not a certificate");
    }
    bs_json_close_object(json);
}

static enum bs_err print_json(const struct identity *id, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_string(&json, "device", id->device);
    bs_json_string(&json, "ek_sha256", id->device); /* its name in the table of `bootsealctl device import` */
    bs_json_string(&json, "serial", id->facts.serial);
    bs_json_string(&json, "product", id->facts.product);
    bs_json_string(&json, "ek_kind", wire_ek_template(id->ek->kind)->name);
    bs_json_string(&json, "ak_name", id->ak_name);
    bs_json_string(&json, "tpm_manufacturer", id->maker.manufacturer);
    bs_json_u64(&json, "tpm_firmware", id->maker.firmware_version);
    bs_json_array(&json, "ek_certificates");
    for (size_t i = 0; i < id->ek->cert_count; i++)
        put_cert(id, i, &json);
    bs_json_close_array(&json);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

static enum bs_err print_text(const struct identity *id, struct bs_buf *out)
{
    enum bs_err err = bs_buf_printf(
        out, "device     %s\nserial     %s\nEK         %s, %s\nAK         %s\nTPM        %s\n", id->device,
        id->facts.serial[0] ? id->facts.serial : "unknown", wire_ek_template(id->ek->kind)->name,
        id->ek->cert_count > 0 ? "with certificate" : "without certificate", id->ak_name, id->maker.manufacturer);
    for (size_t i = 0; err == BS_OK && i < id->ek->cert_count; i++) {
        const struct cert_info *info = &id->certs[i];
        if (!id->is_cert[i])
            err = bs_buf_printf(out, "certificate %zu: cannot be read\n", i + 1);
        else
            err = bs_buf_printf(out, "certificate %zu: subject \"%s\"\n               issuer  \"%s\"\n", i + 1,
                                info->subject, info->issuer);
    }
    return err;
}

int cmd_identity(const struct options *options)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!cmd_config(options, &config, &conf, &code))
        return code;

    BS_OWN(tpm) tpm = NULL;
    BS_OWN(string) path = NULL;
    enum bs_err err = machine_open_tpm(&config, MACHINE_LOOK, &tpm, &path);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: TPM %s: %s\n", path ? path : config.tpm.device, machine_tpm_advice(err));
        return bs_err_exit(err);
    }
    BS_OWN(memory) memory = calloc(1, sizeof(struct identity));
    struct identity *id = memory;
    if (!id)
        return BS_EXIT_LOCAL;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINT_MAX);
    err = read_identity(&config, options->root, tpm, id);
    if (err == BS_OK)
        err = options->json ? print_json(id, &text) : print_text(id, &text);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: the identity cannot be read from the TPM %s: %s\n", path, bs_err_name(err));
        return bs_err_exit(err);
    }
    return cmd_print(bs_buf_span(&text));
}
