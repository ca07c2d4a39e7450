#include "agent/machine.h"

#include "agent/device/device.h"
#include "agent/vault/forget.h"
#include "agent/vault/vault.h"
#include "core/file.h"
#include "core/log.h"
#include "core/text.h"

#include <assert.h>
#include <string.h>

#define RAW_DEVICE "/dev/tpm0"

enum bs_err machine_open_tpm(const struct agent_config *config, enum machine_use use, struct tpm **ret_tpm,
                             char **ret_path)
{
    /* With systemd as init others may want the TPM at the same time; the kernel's resource manager then keeps us apart. */
    bool is_alone = use == MACHINE_BOOT && (config->tpm.exclusive || !device_init_is_systemd());
    int64_t wait_ms = use != MACHINE_LOOK ? config->tpm.deadline_s * 1000 : 0;
    enum bs_err err = device_find_tpm(config->tpm.device, is_alone, bs_deadline_in(wait_ms), ret_path);
    if (err != BS_OK)
        return err;

    const struct tpm_options options = {
        .device = *ret_path,
        .exclusive = is_alone && strcmp(*ret_path, RAW_DEVICE) == 0,
        .srk_handle = config->tpm.srk_handle,
        .ak_handle = config->tpm.ak_handle,
        .counter_index = config->tpm.counter_index,
        .persist = use == MACHINE_BOOT && config->tpm.persist,
        .timeout_ms = config->tpm.timeout_s * 1000,
    };
    return tpm_open(&options, ret_tpm);
}

enum bs_err machine_vault(const struct agent_config *config, const char *root, int64_t wait_ms, char **ret_path)
{
    if (*config->vault.partition == '\0')
        return bs_path_under(root, config->vault.dir, ret_path);
    return device_find_partition(config->vault.partition, bs_deadline_in(wait_ms), ret_path);
}

enum bs_err machine_forget(const struct agent_config *config, const char *root, struct tpm *tpm,
                           struct vault_forgotten *ret_forgotten)
{
    BS_OWN(string) place = NULL;
    BS_OWN(string) dir = NULL;
    enum bs_err place_err = machine_vault(config, root, config->vault.deadline_s * 1000, &place);
    if (place_err == BS_OK)
        return vault_forget(place, tpm, ret_forgotten);
    enum bs_err err = bs_path_under(root, config->vault.dir, &dir);
    if (err == BS_OK && bs_dir_make(dir, 0700) != BS_OK) /* without a place for the mark it is counted all the same */
        bs_debug("vault", "%s cannot be made", config->vault.dir);
    if (err == BS_OK)
        err = vault_forget(dir, tpm, ret_forgotten);
    ret_forgotten->is_erased = false;
    return err == BS_OK ? place_err : err;
}

enum bs_err machine_forget_finish(const struct agent_config *config, const char *root, struct tpm *tpm,
                                  bool *ret_was_marked)
{
    BS_OWN(string) dir = NULL;
    *ret_was_marked = false;
    if (*config->vault.partition == '\0') /* vault_open() and vault_commit() look there themselves */
        return BS_OK;
    enum bs_err err = bs_path_under(root, config->vault.dir, &dir);
    return err == BS_OK ? forget_finish(dir, tpm, ret_was_marked) : err;
}

const char *machine_vault_name(const struct agent_config *config)
{
    return *config->vault.partition == '\0' ? config->vault.dir : config->vault.partition;
}

enum bs_err machine_eventlog(const struct agent_config *config, const char *root, struct bs_buf *buf)
{
    if (*config->tpm.eventlog == '\0')
        return device_eventlog_read(NULL, buf);
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(root, config->tpm.eventlog, &path);
    return err == BS_OK ? device_eventlog_read(path, buf) : err;
}

enum bs_err machine_read_line(const char *root, const char *path, struct bs_buf *buf)
{
    BS_OWN(string) whole = NULL;
    enum bs_err err = bs_path_under(root, path, &whole);
    if (err == BS_OK)
        err = bs_file_read(whole, buf);
    if (err != BS_OK)
        return err;

    if (buf->size > 0 && buf->data[buf->size - 1] == '\n')
        buf->size--;
    struct bs_reader r = BS_READER(bs_buf_span(buf));
    uint32_t character;
    bool is_valid;
    while (bs_utf8_take(&r, &character, &is_valid)) {
        if (!is_valid || bs_is_control(character))
            return BS_ERR_INPUT;
    }
    return buf->size > 0 ? BS_OK : BS_ERR_INPUT;
}

enum bs_err machine_facts(const struct agent_config *config, const char *root, struct device_facts *ret_facts)
{
    device_facts(ret_facts);
    if (*config->device.serial_file == '\0')
        return BS_OK;

    BS_SCOPED_BUF struct bs_buf line = BS_BUF(DEVICE_FACT_MAX);
    enum bs_err err = machine_read_line(root, config->device.serial_file, &line);
    if (err == BS_OK && line.size >= sizeof(ret_facts->serial))
        err = BS_ERR_INPUT;
    if (err != BS_OK)
        return err;
    memcpy(ret_facts->serial, line.data, line.size);
    ret_facts->serial[line.size] = '\0';
    return BS_OK;
}

const char *machine_tpm_advice(enum bs_err err)
{
    if (err == BS_ERR_NO_TPM)
        return "this machine has no TPM 2.0; enable it in the firmware setup";
    if (err == BS_ERR_TPM_TIMEOUT)
        return "the TPM does not answer, or its device did not come; load its driver, raise tpm.deadline, "
               "or switch the machine off and on";
    return "the TPM could not be opened; is another program using it? see log.level = \"debug\" for the TPM's answer";
}

const char *machine_tpm_hint(enum bs_err err, const char *otherwise)
{
    return err == BS_ERR_TPM_TIMEOUT ? "switch the machine off and on, or raise tpm.timeout" : otherwise;
}
