/* bootseal forget: whatever was sealed opens nothing any more. For an emergency: it asks nobody and needs no server. */
#include "agent/cmd.h"
#include "agent/machine.h"
#include "agent/signals.h"
#include "agent/vault/vault.h"
#include "bootseal/exit.h"
#include "core/json.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#define PRINT_MAX 4096

static enum bs_err print_json(const struct vault_forgotten *forgotten, enum bs_err why, struct bs_buf *out)
{
    struct bs_json json;
    bs_json_begin(&json, out);
    bs_json_object(&json, NULL);
    bs_json_bool(&json, "shut", forgotten->is_shut);
    bs_json_bool(&json, "erased", forgotten->is_erased);
    bs_json_u64(&json, "counter", forgotten->counter);
    bs_json_string(&json, "error", why == BS_OK ? NULL : bs_err_name(why));
    bs_json_close_object(&json);
    return bs_json_end(&json);
}

static enum bs_err print_text(const struct agent_config *config, const struct vault_forgotten *forgotten,
                              struct bs_buf *out)
{
    enum bs_err err = BS_OK;
    if (forgotten->is_shut)
        err =
            bs_buf_printf(out, "shut: the counter %s is at %" PRIu64 "; no slot, and no copy of one, opens any more\n",
                          config->tpm.counter_index_text, forgotten->counter);
    if (err == BS_OK && forgotten->is_erased)
        err = bs_buf_printf(out, "erased: no slot is left in %s\n", machine_vault_name(config));
    return err;
}

/* What could not be done, and what that means. */
static void complain(const struct agent_config *config, const struct vault_forgotten *forgotten, enum bs_err err,
                     enum bs_err tpm_err)
{
    if (err == BS_ERR_NOT_FOUND && !forgotten->is_shut)
        fprintf(stderr,
                "bootseal: there is neither a slot in %s nor a counter at %s, so nothing was forgotten; is this the "
                "configuration of this machine?\n",
                machine_vault_name(config), config->tpm.counter_index_text);
    else if (tpm_err != BS_OK)
        fprintf(stderr, "bootseal: %s; copies of the slots still open on this machine until it was asked again\n",
                machine_tpm_advice(tpm_err));
    else if (err == BS_ERR_TAMPERED && !forgotten->is_shut)
        fprintf(stderr, "bootseal: something else than bootseal's counter lies at %s; remove it and forget again\n",
                config->tpm.counter_index_text);
    else if (!forgotten->is_shut)
        fprintf(stderr,
                "bootseal: the TPM does not count at %s (%s): copies of the slots still open; forget again, or clear "
                "the TPM\n",
                config->tpm.counter_index_text, bs_err_name(err));
    else
        fprintf(
            stderr,
            "bootseal: the slots in %s could not be erased (%s), though they open no more; is it there and writable?\n",
            machine_vault_name(config), bs_err_name(err));
}

static enum bs_err forget(const struct agent_config *config, const char *root, struct vault_forgotten *ret_forgotten,
                          enum bs_err *ret_tpm_err)
{
    BS_OWN(tpm) tpm = NULL;
    BS_OWN(string) path = NULL;
    *ret_tpm_err = machine_open_tpm(config, MACHINE_FORGET, &tpm, &path);
    enum bs_err err = machine_forget(config, root, tpm, ret_forgotten);
    return *ret_tpm_err == BS_OK ? err : *ret_tpm_err;
}

int cmd_forget(const struct options *options)
{
    struct agent_config config;
    BS_OWN(conf) conf = NULL;
    int code;
    if (!cmd_config(options, &config, &conf, &code))
        return code;

    /* Half of it is no good to anybody: neither a closed terminal nor ^C ends it. */
    signals_setup();
    (void)signal(SIGHUP, SIG_IGN);
    struct vault_forgotten forgotten = { 0 };
    enum bs_err tpm_err = BS_OK;
    enum bs_err err = forget(&config, options->root, &forgotten, &tpm_err);
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(PRINT_MAX);
    enum bs_err print_err = options->json ? print_json(&forgotten, err, &text) : print_text(&config, &forgotten, &text);
    if (err != BS_OK)
        complain(&config, &forgotten, err, tpm_err);
    code = cmd_print(bs_buf_span(&text));
    if (err != BS_OK)
        return bs_err_exit(err);
    return print_err == BS_OK ? code : bs_err_exit(print_err);
}
