/* handover: what the configuration names, to where it says; then the word that all is there. */
#include "agent/handover/handover.h"
#include "agent/failures.h"
#include "agent/steps/steps.h"
#include "core/file.h"

#define STATE BS_STATE_HANDOVER
#define CMDLINE_PATH "/proc/cmdline"
#define CMDLINE_MAX 8192
#define CA_MAX (64 * 1024)

/* Credentials go only to a root that the boot chain authenticates, or where the image says otherwise, aloud. */
static enum bs_err check_root(struct boot *boot)
{
    BS_SCOPED_BUF struct bs_buf cmdline = BS_BUF(CMDLINE_MAX);
    if (bs_file_read(CMDLINE_PATH, &cmdline) == BS_OK && handover_root_is_authenticated(bs_buf_span(&cmdline)))
        return BS_OK;
    if (!boot->config->handover.unauthenticated_root)
        return boot_fail(
            boot, BS_ERR_CONFIG, STATE,
            "the root file system is not authenticated (no roothash= on the kernel command line), so it gets no "
            "credentials; use dm-verity, or set handover.unauthenticated_root = true");
    report_note(&boot->report, BS_NOTE_UNAUTHENTICATED_ROOT);
    bs_warning(STATE,
               "the root file system is not authenticated: whoever can write this disk can read these credentials");
    return BS_OK;
}

static enum bs_err read_ca(struct boot *boot, struct bs_buf *pem)
{
    if (*boot->config->handover.device_key.ca == '\0')
        return BS_OK;
    BS_OWN(string) path = NULL;
    enum bs_err err = bs_path_under(boot->root, boot->config->server.ca, &path);
    return err == BS_OK ? bs_file_read(path, pem) : err;
}

static enum bs_err place(struct boot *boot, const struct handover_file *files, size_t *ret_count)
{
    const struct agent_config *config = boot->config;
    BS_SCOPED_BUF struct bs_buf ca = BS_BUF(CA_MAX);
    if (read_ca(boot, &ca) != BS_OK)
        return boot_fail(boot, BS_ERR_IO, STATE, "%s cannot be read", config->server.ca);

    const struct handover_request request = {
        .root = boot->root,
        .bundle = &boot->held.bundle,
        .keys = boot->held.contents.keys,
        .key_count = boot->held.contents.key_count,
        .device_pem = bs_buf_span(&boot->device_pem),
        .server_ca = bs_buf_span(&ca),
        .use_ramfs = config->handover.ramfs,
        .credstore = { config->handover.credstore.items, config->handover.credstore.count },
        .initrd_credentials = { config->handover.initrd_credentials.items, config->handover.initrd_credentials.count },
        .files = files,
        .file_count = config->handover.files.count,
        .key_path = config->handover.device_key.key,
        .chain_path = config->handover.device_key.chain,
        .ca_path = config->handover.device_key.ca,
        .ready_path = config->handover.ready,
    };
    struct handover_problem problem = { "" };
    enum bs_err err = handover_place(&request, ret_count, &problem);
    return err == BS_OK ? BS_OK : boot_fail(boot, err, STATE, "%s", problem.text);
}

static enum bs_err place_all(struct boot *boot, size_t *ret_count)
{
    const struct config_file *configured = boot->config->handover.files.items;
    struct handover_file files[BS_ITEMS_MAX];
    size_t count = boot->config->handover.files.count;
    if (count > BS_ITEMS_MAX)
        return boot_fail(boot, BS_ERR_CONFIG, STATE, "handover.files has more than %d entries", BS_ITEMS_MAX);
    for (size_t i = 0; i < count; i++)
        files[i] = (struct handover_file){ configured[i].item, configured[i].path, (uid_t)configured[i].owner,
                                           (gid_t)configured[i].group, configured[i].mode };
    return place(boot, files, ret_count);
}

/* After the cap, but this is not the vault: only a boot that came to its end ends the row of failures. */
static void forget_failures(struct boot *boot)
{
    BS_OWN(string) dir = NULL;
    if (bs_path_under(boot->root, boot->config->vault.dir, &dir) != BS_OK || failures_forget(dir) != BS_OK)
        bs_warning(STATE, "the count of failures in %s cannot be taken back", boot->config->vault.dir);
}

enum bs_err step_handover(struct boot *boot)
{
    if (boot->is_off) {
        bs_notice(STATE, "bootseal=0: the boot is capped and goes on without credentials");
        return BS_OK;
    }
    size_t count = 0;
    enum bs_err err = check_root(boot);
    if (err == BS_OK)
        err = place_all(boot, &count);
    if (err != BS_OK)
        return err;

    forget_failures(boot);
    boot->report.serial = boot->held.bundle.serial;
    bs_notice(STATE, "%zu files are in place for the real root", count);
    return BS_OK;
}
