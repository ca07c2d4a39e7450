/* bootsealctl policy, device evidence, reference learn: which boots are good, and what devices showed. */
#include "server/admin/admin_request.h"
#include "server/policy/evidence_file.h"
#include "server/policy/policy_learn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say_note(struct document *document, const char *note)
{
    document_text(document, "note", "", note);
    if (note[0])
        document_say(document, "%s", note);
}

static enum bs_err policy_apply(struct admin_act *act)
{
    struct operator_policy policy;
    struct document *document = &act->document;
    enum bs_err err = operator_policy_apply(&act->call, admin_bytes(act, "FILE"), &policy);

    if (err != BS_OK)
        return err;
    document_text(document, "name", "Policy", policy.row.name);
    document_uint(document, "version", "Version", policy.row.version);
    document_time(document, "applied", "Applied", policy.row.applied);
    document_text(document, "applied_by", "By", policy.row.applied_by);
    document_uint(document, "rules_added", "", policy.rules_added);
    document_uint(document, "rules_removed", "", policy.rules_removed);
    document_format(document, "", "Rules", "%zu added, %zu removed", policy.rules_added, policy.rules_removed);
    document_text(document, "profiles", "Profiles", policy.profiles);
    say_note(document, policy.note);
    if (policy.profiles[0] == '\0')
        document_say(document, "No profile names it yet. It decides once one has the line: policy = \"%s\";",
                     policy.row.name);
    else if (policy.rules_added + policy.rules_removed > 0)
        document_say(
            document,
            "It decides from each device's next contact on. What an older one approved for vaults under a signed "
            "policy opens offline until then.");
    return BS_OK;
}

static enum bs_err policy_show(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_POLICY_MAX);
    struct store_policy policy;
    char profiles[256];
    enum bs_err err = operator_policy_show(&act->call, admin_text(act, "NAME"), &policy, &text);

    if (err == BS_OK)
        err = operator_policy_profiles(&act->call, policy.name, profiles);
    if (err != BS_OK)
        return err;
    document_text(&act->document, "name", "", policy.name);
    document_uint(&act->document, "version", "", policy.version);
    document_time(&act->document, "applied", "", policy.applied);
    document_text(&act->document, "applied_by", "", policy.applied_by);
    document_text(&act->document, "profiles", "", profiles);
    document_raw(&act->document, "text", bs_buf_span(&text));
    return BS_OK;
}

static enum bs_err policy_row(void *context, const struct store_policy *policy)
{
    struct admin_act *act = context;
    struct document *document = &act->document;
    char profiles[256];
    enum bs_err err = operator_policy_profiles(&act->call, policy->name, profiles);

    if (err != BS_OK)
        return err;
    document_row(document, 5);
    document_cell_text(document, policy->name);
    document_cell_uint(document, policy->version);
    document_cell_text(document, profiles);
    document_cell_time(document, policy->applied);
    document_cell_text(document, policy->applied_by);
    document_row_end(document);
    return document->err;
}

static enum bs_err policy_list(struct admin_act *act)
{
    static const struct document_column columns[] = {
        { "name", "POLICY", 0 },     { "version", "VERSION", 0 }, { "profiles", "PROFILES", 1 },
        { "applied", "APPLIED", 2 }, { "applied_by", "BY", 3 },
    };

    document_table(&act->document, "policies", columns, 5);
    return operator_policy_list(&act->call, policy_row, act);
}

/* The devices' table begins with the first of them: the rules' one is before it. */
struct changes {
    struct document *document;
    bool has_profile; /* that the operator named */
    size_t rules;
    size_t better;
    size_t worse;
};

static enum bs_err diff_rule(void *context, bool is_added, struct bs_span line)
{
    struct changes *changes = context;
    char text[1300];

    changes->rules++;
    (void)snprintf(text, sizeof(text), "%.*s", (int)line.size, (const char *)line.data);
    document_row(changes->document, 2);
    document_cell_text(changes->document, is_added ? "+" : "-");
    document_cell_text(changes->document, text);
    document_row_end(changes->document);
    return changes->document->err;
}

static void begin_devices(struct document *document)
{
    static const struct document_column columns[] = { { "id", "DEVICE", 0 },       { "serial", "SERIAL", 1 },
                                                      { "profile", "PROFILE", 2 }, { "before", "NOW", 0 },
                                                      { "after", "THEN", 0 },      { "why", "WHY", 3 } };

    document_table(document, "devices", columns, 6);
}

static enum bs_err diff_device(void *context, const struct operator_policy_device *device)
{
    struct changes *changes = context;
    struct document *document = changes->document;

    if (changes->better + changes->worse == 0)
        begin_devices(document);
    changes->better += device->is_good;
    changes->worse += !device->is_good;
    document_row(document, 6);
    document_cell_hex(document, BS_SPAN(device->device.id, WIRE_ID_SIZE));
    document_cell_text(document, store_device_serial(&device->device));
    document_cell_text(document, device->device.profile);
    document_cell_text(document, device->was_good ? "good" : "not good");
    document_cell_text(document, device->is_good ? "good" : "not good");
    document_cell_text(document, device->why);
    document_row_end(document);
    return document->err;
}

static void say_changes(struct document *document, const struct operator_policy_changes *found,
                        const struct changes *changes)
{
    document_text(document, "name", "", found->name);
    document_uint(document, "version", "", found->applied.version);
    document_text(document, "profiles", "", found->profiles);
    document_uint(document, "judged", "", found->judged);
    document_uint(document, "left_out", "", found->left_out);
    document_uint(document, "now_good", "", changes->better);
    document_uint(document, "now_not_good", "", changes->worse);
    say_note(document, found->note);
    if (found->applied.version == 0)
        document_say(document, "No policy %s is applied yet: every rule is new.", found->name);
    else if (changes->rules == 0)
        document_say(document, "It says what version %llu says, which is applied.",
                     (unsigned long long)found->applied.version);
    if (found->judged == 0 && !changes->has_profile && found->profiles[0] == '\0')
        document_say(document,
                     "No profile names it, so it was tried on no device: --profile=NAME tries it on those of one.");
    else
        document_say(document,
                     "Of %zu device%s that showed a boot, %zu would become good and %zu would not be good any more.",
                     found->judged, found->judged == 1 ? "" : "s", changes->better, changes->worse);
    if (found->left_out > 0)
        document_say(document, "%zu more devices were not looked at.", found->left_out);
}

/* What a diff keeps from one slice to the next. */
struct diffing {
    struct changes changes;
    struct operator_diff *diff;
};

static void diffing_free(void *work)
{
    struct diffing *diffing = work;

    operator_diff_free(diffing->diff);
    free(diffing);
}

static enum bs_err policy_diff_go_on(struct admin_act *act, bool *ret_is_done)
{
    struct diffing *diffing = act->work;
    const struct operator_policy_changes *found = NULL;
    enum bs_err err = operator_diff_step(diffing->diff, &found);

    *ret_is_done = found != NULL;
    if (err != BS_OK || found == NULL)
        return err;
    if (diffing->changes.better + diffing->changes.worse == 0)
        begin_devices(&act->document);
    say_changes(&act->document, found, &diffing->changes);
    return BS_OK;
}

static enum bs_err policy_diff(struct admin_act *act)
{
    static const struct document_column columns[] = { { "change", "", 0 }, { "rule", "RULE", 0 } };
    struct diffing *diffing = calloc(1, sizeof(*diffing));

    if (diffing == NULL)
        return BS_ERR_NOMEM;
    act->work = diffing;
    act->work_free = diffing_free;
    act->go_on = policy_diff_go_on;
    diffing->changes.document = &act->document;
    diffing->changes.has_profile = admin_text(act, "profile") != NULL;
    const struct operator_policy_question question = { .text = admin_bytes(act, "FILE"),
                                                       .profile = admin_text(act, "profile"),
                                                       .rule = diff_rule,
                                                       .device = diff_device,
                                                       .context = &diffing->changes };
    document_table(&act->document, "rules", columns, 2);
    return operator_diff_begin(&act->call, &question, &diffing->diff);
}

static enum bs_err device_evidence(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    enum bs_err err = operator_device_evidence(&act->call, admin_text(act, "ID"), &text);

    if (err == BS_OK)
        document_raw(&act->document, "evidence", bs_buf_span(&text));
    return err;
}

static enum bs_err reference_evidence(struct admin_act *act)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVIDENCE_FILE_SIZE_MAX);
    uint64_t id;
    enum bs_err err = admin_number(act, "ID", 1, INT64_MAX, 0, &id);

    if (err == BS_OK)
        err = operator_reference_evidence(&act->call, id, &text);
    if (err == BS_OK)
        document_raw(&act->document, "evidence", bs_buf_span(&text));
    return err;
}

static enum bs_err reference_learn(struct admin_act *act)
{
    struct operator_learn request = { .device = admin_text(act, "ID"),
                                      .name = admin_text(act, "name"),
                                      .question = admin_text(act, "question") };
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(STORE_POLICY_MAX);
    struct operator_learned learned;
    enum bs_err err = operator_reference_learn(&act->call, &request, &learned, &text);

    if (err != BS_OK)
        return err;
    document_uint(&act->document, "id", "", learned.reference);
    document_hex(&act->document, "device", "", BS_SPAN(learned.device, WIRE_ID_SIZE));
    document_text(&act->document, "profile", "", learned.profile);
    document_text(&act->document, "name", "", request.name);
    document_bool(&act->document, "has_policy", "", learned.has_policy);
    document_raw(&act->document, "policy", bs_buf_span(&text));
    return BS_OK;
}

#define NONE                        \
    {                               \
        {                           \
            NULL, ADMIN_TEXT, false \
        }                           \
    }

const struct admin_entry admin_judge_acts[] = {
    { "policy apply", policy_apply, { { "FILE", ADMIN_FILE, true } }, "policy.apply" },
    { "policy show", policy_show, { { "NAME", ADMIN_TEXT, true } }, NULL },
    { "policy list", policy_list, NONE, NULL },
    { "policy diff", policy_diff, { { "FILE", ADMIN_FILE, true }, { "profile", ADMIN_TEXT, false } }, NULL },
    { "device evidence", device_evidence, { { "ID", ADMIN_TEXT, true } }, NULL },
    { "reference evidence", reference_evidence, { { "ID", ADMIN_TEXT, true } }, NULL },
    { "reference learn",
      reference_learn,
      { { "ID", ADMIN_TEXT, true }, { "name", ADMIN_TEXT, true }, { "question", ADMIN_TEXT, false } },
      "reference.learn" },
    { NULL, NULL, NONE, NULL },
};
