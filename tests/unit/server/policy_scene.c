#include "policy_scene.h"

#include "core/file.h"
#include "core/userlog.h"
#include "unit/server/policy_text.h"

const char *const vector_names[VECTORS] = {
    "arm64-aavmf-direct-kernel", "arm64-aavmf-uki",          "arm64-uboot-uki",
    "direct-kernel-cloud",       "ovmf-uki-cloud",           "ovmf2M-direct-kernel-cloud",
    "ovmf2M-uki-cloud-allbanks", "ovmf2M-uki-cloud-espcred", "ovmf2M-uki-cloud-sha256only",
    "ovmf2M-uki-cloud-tis",      "ovmf4M-uki-full",          "ovmf4Msecboot-signed-uki",
};

void scene_boot_free(struct scene_boot *boot)
{
    bs_buf_free(&boot->log);
    bs_buf_free(&boot->userspace);
}

void scene_replay(struct scene_boot *boot)
{
    struct eventlog log;
    struct eventlog_replay replay;
    assert_ok(eventlog_open(bs_buf_span(&boot->log), &log, NULL));
    assert_ok(eventlog_replay(&log, boot->bank, &replay));
    if (boot->userspace.size > 0) {
        struct userlog userlog;
        assert_ok(userlog_open(bs_buf_span(&boot->userspace), &userlog, NULL));
        assert_ok(userlog_replay(&userlog, &replay));
    }
    boot->mask = replay.mask;
    memset(boot->pcrs, 0, sizeof(boot->pcrs));
    for (unsigned pcr = 0; pcr < POLICY_PCRS; pcr++)
        if (replay.mask & (1u << pcr))
            memcpy(boot->pcrs[pcr], replay.values[pcr], replay.size);
}

void scene_read(const char *vector, struct scene_boot *boot)
{
    char path[256];
    snprintf(path, sizeof(path), "%s.bin", vector);
    bs_buf_reset(&boot->log);
    read_vector(path, &boot->log);
    scene_replay(boot);
}

static struct policy_boot view(const struct scene_boot *boot)
{
    struct policy_boot view = { .bank = boot->bank,
                                .mask = boot->mask,
                                .pcrs = boot->pcrs,
                                .firmware_log = bs_buf_span(&boot->log),
                                .userspace_log = bs_buf_span(&boot->userspace) };
    if (boot->command_line)
        view.command_line = boot->command_line_size > 0 ? BS_SPAN(boot->command_line, boot->command_line_size)
                                                        : bs_span_of_string(boot->command_line);
    return view;
}

static enum bs_err each(void *context, policy_reference_fn row, void *row_context)
{
    struct scene *scene = context;
    for (size_t i = 0; i < COUNT(scene->references) && scene->references[i]; i++) {
        struct policy_reference reference = { scene->references[i]->name, i + 1, view(scene->references[i]) };
        enum bs_err err = row(row_context, &reference);
        if (err != BS_OK)
            return err;
    }
    return BS_OK;
}

static enum bs_err find(void *context, const char *name, policy_reference_fn row, void *row_context)
{
    struct scene *scene = context;
    for (size_t i = 0; i < COUNT(scene->references) && scene->references[i]; i++) {
        if (strcmp(scene->references[i]->name, name) != 0)
            continue;
        struct policy_reference reference = { name, i + 1, view(scene->references[i]) };
        return row(row_context, &reference);
    }
    return BS_ERR_NOT_FOUND;
}

const struct policy_verdict *scene_judge(struct scene *scene, const struct scene_boot *boot, const char *policy)
{
    struct policy_references references = { scene, find, each };
    struct policy_file file;
    rules_must_parse(bs_span_of_string(policy), &file);
    scene->subject.boot = view(boot);
    if (!scene->subject.tpm_manufacturer)
        scene->subject.tpm_manufacturer = "";
    if (scene->subject.cap_pcr == 0)
        scene->subject.cap_pcr = POLICY_NO_PCR;
    assert_ok(policy_judge_boot(&file, &scene->subject, &references, &scene->verdict));
    policy_free(&file);
    return &scene->verdict;
}

void assert_good(struct scene *scene, const struct scene_boot *boot, const char *policy)
{
    const struct policy_verdict *v = scene_judge(scene, boot, policy);
    if (!v->is_good)
        fail_msg("%s: PCR %u event %zu: %s; found %s, expected %s\n%s", v->rule, v->pcr, v->event, v->text, v->found,
                 v->expected, policy);
}

void assert_not_good(struct scene *scene, const struct scene_boot *boot, const char *policy, const char *rule,
                     const char *words)
{
    char said[4096];
    const struct policy_verdict *v = scene_judge(scene, boot, policy);
    if (v->is_good)
        fail_msg("this boot is approved by: %s", policy);
    snprintf(said, sizeof(said), "PCR %d event %d | %s | %s | %s | %s", v->has_pcr ? (int)v->pcr : -1,
             v->has_event ? (int)v->event : -1, v->words, v->text, v->found, v->expected);
    if (strcmp(v->rule, rule) != 0 || !strstr(said, words))
        fail_msg("not \"%s\" by %s, but by %s: %s", words, rule, v->rule, said);
    if (v->text[0] == '\0' || v->advice[0] == '\0' || v->advice[strlen(v->advice) - 1] != '.')
        fail_msg("%s says nothing, or has no sentence of advice: %s | %s", v->rule, v->text, v->advice);
}
