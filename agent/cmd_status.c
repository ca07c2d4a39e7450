/* bootseal status: what the last boot did, what the vault's slots claim, and how the TPM is. Opens nothing. */
#include "agent/cmd.h"
#include "agent/machine.h"
#include "agent/report.h"
#include "agent/vault/vault.h"
#include "bootseal/exit.h"
#include "core/file.h"
#include "core/json.h"

#include <inttypes.h>
#include <stdio.h>

#define PRINT_MAX (64 * 1024)

struct status {
    struct bs_buf report; /* JSON as the boot wrote it; empty: none */
    struct vault_slot_info slots[VAULT_SLOTS];
    enum bs_err tpm_err;
    struct tpm_state tpm;
    struct tpm_maker maker;
    bool has_counter;
    uint64_t counter;
};

static void read_tpm(const struct agent_config *config, struct status *ret_status)
{
    BS_OWN(tpm) tpm = NULL;
    BS_OWN(string) path = NULL;
    ret_status->tpm_err = machine_open_tpm(config, MACHINE_LOOK, &tpm, &path);
    if (ret_status->tpm_err == BS_OK)
        ret_status->tpm_err = tpm_state(tpm, &ret_status->tpm);
    if (ret_status->tpm_err == BS_OK)
        ret_status->tpm_err = tpm_maker(tpm, &ret_status->maker);
    struct tpm_counter counter;
    if (ret_status->tpm_err != BS_OK || tpm_counter_read(tpm, &counter) != BS_OK)
        return;
    ret_status->has_counter = true;
    ret_status->counter = counter.value;
}

static enum bs_err read_status(const struct agent_config *config, const char *root, struct status *ret_status)
{
    BS_OWN(string) report = NULL;
    BS_OWN(string) vault = NULL;
    enum bs_err err = bs_path_under(root, REPORT_PATH, &report);
    if (err != BS_OK)
        return err;
    if (machine_vault(config, root, 0, &vault) != BS_OK)
        vault = NULL; /* a partition that is not there has no slots */
    if (bs_file_read(report, &ret_status->report) != BS_OK)
        bs_buf_reset(&ret_status->report);
    vault_look(vault ? vault : "", ret_status->slots);
    read_tpm(config, ret_status);
    return BS_OK;
}

static const char *slot_word(const struct status *status, const struct vault_slot_info *slot)
{
    if (slot->err == BS_ERR_NOT_FOUND)
        return "empty";
    if (slot->is_mark)
        return "being forgotten";
    if (slot->err == BS_ERR_INPUT)
        return "damaged";
    if (slot->err != BS_OK)
        return "unreadable";
    if (!status->has_counter)
        return "cannot be compared with the TPM";
    return slot->generation == status->counter  ? "current"
           : slot->generation < status->counter ? "old"
                                                : "not committed";
}

static enum bs_err print_json(const struct status *status, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_array(&json, "slots");
    for (size_t i = 0; i < VAULT_SLOTS; i++) {
        bs_json_object(&json, NULL);
        bs_json_string(&json, "name", status->slots[i].name);
        bs_json_string(&json, "state", slot_word(status, &status->slots[i]));
        bs_json_u64(&json, "generation", status->slots[i].generation);
        bs_json_close_object(&json);
    }
    bs_json_close_array(&json);
    bs_json_object(&json, "tpm");
    bs_json_string(&json, "error", status->tpm_err == BS_OK ? NULL : bs_err_name(status->tpm_err));
    bs_json_string(&json, "manufacturer", status->maker.manufacturer);
    bs_json_bool(&json, "in_lockout", status->tpm.in_lockout);
    bs_json_array(&json, "banks");
    for (size_t i = 0; i < status->tpm.bank_count; i++)
        bs_json_string(&json, NULL, crypto_hash_name(status->tpm.banks[i]));
    bs_json_close_array(&json);
    if (status->has_counter)
        bs_json_u64(&json, "counter", status->counter);
    else
        bs_json_null(&json, "counter");
    bs_json_close_object(&json);
    /* The report is JSON of our own; a program reads it from its file. */
    bs_json_string(&json, "report", status->report.size > 0 ? REPORT_PATH : NULL);
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

static enum bs_err print_tpm(const struct status *status, struct bs_buf *out)
{
    if (status->tpm_err != BS_OK)
        return bs_buf_printf(out, "TPM     %s\n", machine_tpm_advice(status->tpm_err));
    enum bs_err err = bs_buf_printf(out, "TPM     %s%s, banks", status->maker.manufacturer,
                                    status->tpm.in_lockout ? ", in lockout" : "");
    for (size_t i = 0; err == BS_OK && i < status->tpm.bank_count; i++) {
        const char *name = crypto_hash_name(status->tpm.banks[i]);
        err = bs_buf_printf(out, " %s", name ? name : "unknown");
    }
    if (err == BS_OK && status->has_counter)
        err = bs_buf_printf(out, ", counter at %" PRIu64, status->counter);
    return err == BS_OK ? bs_buf_append_string(out, "\n") : err;
}

static enum bs_err print_text(const struct status *status, struct bs_buf *out)
{
    enum bs_err err = BS_OK;
    for (size_t i = 0; err == BS_OK && i < VAULT_SLOTS; i++) {
        const struct vault_slot_info *slot = &status->slots[i];
        err = slot->err == BS_OK ? bs_buf_printf(out, "%-7s generation %" PRIu64 ", %s\n", slot->name, slot->generation,
                                                 slot_word(status, slot))
                                 : bs_buf_printf(out, "%-7s %s\n", slot->name, slot_word(status, slot));
    }
    if (err == BS_OK)
        err = print_tpm(status, out);
    if (err == BS_OK && status->report.size == 0)
        return bs_buf_printf(out, "report  none at %s\n", REPORT_PATH);
    if (err == BS_OK)
        err = bs_buf_printf(out, "report  %s:\n", REPORT_PATH);
    return err == BS_OK ? bs_buf_append(out, status->report.data, status->report.size) : err;
}

int cmd_status(const struct options *options)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!cmd_config(options, &config, &conf, &code))
        return code;

    struct status status = { .report = BS_BUF(REPORT_SIZE_MAX) };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINT_MAX);
    enum bs_err err = read_status(&config, options->root, &status);
    if (err == BS_OK)
        err = options->json ? print_json(&status, &text) : print_text(&status, &text);
    bs_buf_free(&status.report);
    if (err != BS_OK) {
        fprintf(stderr, "bootseal: the status cannot be shown: %s\n", bs_err_name(err));
        return bs_err_exit(err);
    }
    return cmd_print(bs_buf_span(&text));
}
