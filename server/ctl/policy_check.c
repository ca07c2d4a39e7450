#include "server/ctl/policy_check.h"

#include "bootseal/exit.h"
#include "core/eventlog.h"
#include "server/admin/document.h"
#include "server/ctl/references.h"
#include "server/ctl/streams.h"
#include "server/evidence.h"
#include "server/policy/boot_judge.h"
#include "server/policy/evidence_file.h"
#include "server/policy/explain.h"
#include "server/policy/policy_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)fputs("bootsealctl: ", stderr);
    (void)vfprintf(stderr, format, args);
    (void)fputc('\n', stderr);
    va_end(args);
    return code;
}

static int read_policy(const char *path, struct policy_file *ret_policy)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CONF_SIZE_MAX);
    struct conf_problem problem = { "" };
    int code = streams_read(path, &text);
    if (code != 0)
        return code;
    enum bs_err err = policy_parse(bs_buf_span(&text), ret_policy, &problem);
    if (err == BS_OK)
        return 0;
    /* "policy:4: ...", of a text whose file the parser does not know. */
    if (strncmp(problem.text, "policy:", 7) == 0)
        return fail(BS_EXIT_INPUT, "%s%s", path, problem.text + 6);
    return fail(BS_EXIT_INPUT, "%s: %s", path, problem.text[0] ? problem.text : bs_err_name(err));
}

static int read_evidence(const char *path, struct evidence_file *file)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    struct evidence_file_fault fault = { "" };
    int code = streams_read(path, &bytes);
    if (code != 0)
        return code;
    enum bs_err err = evidence_file_read(bs_buf_span(&bytes), file, &fault);
    return err == BS_OK ? 0 : fail(BS_EXIT_INPUT, "%s: %s", path, fault.text[0] ? fault.text : bs_err_name(err));
}

/*
 * A device would quote what its server asks for; of a log by itself nobody knows: it is what the policy names. A PCR without an event has then
 * what a reset leaves there.
 */
static enum bs_err select_pcrs(const struct policy_file *policy, struct evidence_file *file)
{
    struct store_boot *boot = &file->boot;
    const uint32_t told = boot->mask;
    struct eventlog_replay nothing;
    if (file->is_quoted)
        return BS_OK;
    enum bs_err err = eventlog_replay_begin(boot->bank, 0, &nothing);
    if (err != BS_OK)
        return err;
    boot->mask = policy->events | policy->whole | (policy->ignore & told);
    for (uint32_t pcr = 0; pcr < EVENTLOG_PCRS; pcr++)
        if (!(told >> pcr & 1))
            eventlog_replay_quoted(&nothing, pcr, boot->pcrs[pcr]);
    return BS_OK;
}

static enum bs_err explain(const struct policy_file *policy, const struct policy_subject *subject,
                           const struct policy_references *references, const struct policy_verdict *verdict,
                           struct bs_buf *out)
{
    struct boot_diff diff;
    bool has_diff = false;
    enum bs_err err = explain_compare(policy, subject, references, verdict, &diff, &has_diff);
    struct explanation explanation = { verdict, has_diff ? &diff : NULL };
    if (err == BS_OK)
        err = explain_lines(&explanation, out);
    if (has_diff)
        boot_diff_free(&diff);
    return err;
}

static void show(struct document *document, const struct policy_file *policy, const struct evidence_file *file,
                 const struct policy_verdict *verdict, struct bs_span explanation)
{
    char note[POLICY_NOTE_SIZE];
    document_text(document, "policy", "Policy", policy->name);
    document_bool(document, "quoted", "", file->is_quoted);
    document_bool(document, "good", "", verdict->is_good);
    document_text(document, "", "Boot", verdict->is_good ? "good" : "not good");
    document_text(document, "rule", "", verdict->rule);
    if (!verdict->is_good)
        document_raw(document, "explanation", explanation);
    policy_note(policy, note);
    document_text(document, "note", "", note);
    if (note[0])
        document_say(document, "%s", note);
    if (!file->is_quoted)
        document_say(
            document,
            "No TPM has quoted this: the file is an event log by itself, and PCRs are what its events lead to.");
}

/* As much of a request as there is in the file. */
static void state(const struct evidence_file *file, struct evidence *evidence)
{
    struct message_statement *statement = &evidence->statement;
    const struct store_boot *boot = &file->boot;
    statement->pcrs = (struct message_pcrs){ .bank = boot->bank, .mask = boot->mask };
    for (unsigned pcr = 0; pcr < MESSAGE_PCRS; pcr++)
        if (boot->mask >> pcr & 1)
            statement->pcrs.values[pcr] = BS_SPAN(boot->pcrs[pcr], crypto_hash_size(boot->bank));
    evidence->request.firmware_log = bs_buf_span(&boot->log);
    evidence->request.userspace_log = bs_buf_span(&boot->userspace_log);
}

/*
 * What the server finds wrong with a boot before it asks any policy, in its words. Of a log by itself nothing was quoted, so that there is
 * nothing to hold it against. Whether firmware that measures nothing will do is the server's to say (measure.boot).
 */
static enum bs_err check_evidence(const struct evidence_file *file, struct policy_verdict *verdict)
{
    struct config config = { .measure_cap_pcr = file->cap_pcr };
    struct refusal refusal = { .reason = NULL };
    BS_OWN(evidence) evidence = NULL;
    *verdict = (struct policy_verdict){ .is_good = true };
    if (!file->is_quoted)
        return BS_OK;
    enum bs_err err = evidence_new(&evidence);
    if (err != BS_OK)
        return err;
    state(file, evidence);
    err = file->boot.mask >> file->cap_pcr & 1 ? verify_log(&config, evidence, &refusal)
                                               : refuse(&refusal, BS_REASON_QUOTE_SELECTION,
                                                        "the cap's PCR %u is not among the quoted ones", file->cap_pcr);
    if (err != BS_ERR_REFUSED)
        return err;
    verdict->is_good = false;
    snprintf(verdict->rule, sizeof(verdict->rule), "%s", refusal.reason);
    snprintf(verdict->text, sizeof(verdict->text), "%.*s", (int)sizeof(verdict->text) - 1, refusal.text);
    snprintf(verdict->advice, sizeof(verdict->advice), "This is refused whatever the policy says.");
    return BS_OK;
}

static enum bs_err judge(const struct policy_file *policy, struct evidence_file *file,
                         const struct policy_references *references, struct document *document, bool *ret_is_good)
{
    BS_SCOPED_BUF struct bs_buf explanation = BS_BUF(EXPLAIN_MAX);
    struct policy_verdict verdict;
    enum bs_err err = select_pcrs(policy, file);
    if (err != BS_OK)
        return err;
    const struct policy_subject subject = { .boot = boot_judge_view(&file->boot),
                                            .cap_pcr = file->cap_pcr,
                                            .tpm_manufacturer = file->manufacturer,
                                            .tpm_firmware = file->firmware_version };
    err = check_evidence(file, &verdict);
    if (err == BS_OK && verdict.is_good)
        err = policy_judge_boot(policy, &subject, references, &verdict);
    if (err == BS_OK && !verdict.is_good)
        err = explain(policy, &subject, references, &verdict, &explanation);
    if (err != BS_OK)
        return err;
    show(document, policy, file, &verdict, bs_buf_span(&explanation));
    *ret_is_good = verdict.is_good;
    return document_end(document, 0, "");
}

int ctl_policy_check(const struct policy_check *check, struct bs_buf *document)
{
    struct evidence_file file = EVIDENCE_FILE_INIT;
    struct policy_file policy = { 0 };
    struct references *references = NULL;
    struct document writer;
    bool is_good = false;
    if (check->evidence == NULL)
        return fail(BS_EXIT_USAGE, "policy check wants --evidence=FILE; see bootsealctl --help");
    if (strcmp(check->policy, "-") == 0 && strcmp(check->evidence, "-") == 0)
        return fail(BS_EXIT_USAGE, "policy and evidence cannot both be the standard input");
    int code = read_policy(check->policy, &policy);
    if (code == 0)
        code = read_evidence(check->evidence, &file);
    if (code == 0)
        code = references_load(check->references, &references);
    if (code == 0) {
        struct policy_references view = references_view(references);
        document_begin(&writer, document);
        enum bs_err err = judge(&policy, &file, &view, &writer, &is_good);
        code = err != BS_OK ? fail(bs_err_exit(err), "the boot cannot be judged: %s", bs_err_name(err))
               : is_good    ? BS_EXIT_DONE
                            : BS_EXIT_REFUSED;
    }
    references_free(references);
    evidence_file_free(&file);
    policy_free(&policy);
    return code;
}
