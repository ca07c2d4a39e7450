#include "server/admin/admin_request.h"
#include "core/log.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct admin_argument *find(const struct admin_request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (bs_span_equal(request->arguments[i].name, bs_span_of_string(name)))
            return &request->arguments[i];
    return NULL;
}

const char *admin_text(struct admin_act *act, const char *name)
{
    const struct admin_argument *argument = find(act->request, name);
    char *text;

    if (argument == NULL)
        return NULL;
    text = act->texts[argument - act->request->arguments];
    assert(argument->value.size < ADMIN_TEXT_MAX); /* check() has looked */
    memcpy(text, argument->value.data, argument->value.size);
    text[argument->value.size] = '\0';
    return text;
}

struct bs_span admin_bytes(const struct admin_act *act, const char *name)
{
    const struct admin_argument *argument = find(act->request, name);

    return argument != NULL ? argument->value : BS_SPAN_NONE;
}

bool admin_flag(const struct admin_act *act, const char *name)
{
    return find(act->request, name) != NULL;
}

enum bs_err admin_number(struct admin_act *act, const char *name, uint64_t min, uint64_t max, uint64_t missing,
                         uint64_t *ret_value)
{
    const char *text = admin_text(act, name);
    uint64_t value = missing;

    if (text != NULL && (bs_parse_u64(text, max, &value) != BS_OK || value < min)) {
        (void)snprintf(act->call.why, sizeof(act->call.why), "--%s wants a whole number from %llu to %llu", name,
                       (unsigned long long)min, (unsigned long long)max);
        return BS_ERR_INPUT;
    }
    *ret_value = value;
    return BS_OK;
}

static uint64_t unit_seconds(char unit)
{
    switch (unit) {
    case 's':
        return 1;
    case 'm':
        return 60;
    case 'h':
        return 3600;
    case 'd':
        return 86400;
    case 'w':
        return 7 * 86400;
    default:
        return 0;
    }
}

enum bs_err admin_duration(struct admin_act *act, const char *name, uint64_t missing, uint64_t *ret_seconds)
{
    const char *text = admin_text(act, name);
    char digits[16];
    size_t size = text != NULL ? strspn(text, "0123456789") : 0;
    uint64_t unit = 1;
    uint64_t value;

    if (text == NULL) {
        *ret_seconds = missing;
        return BS_OK;
    }
    if (text[size] != '\0')
        unit = text[size + 1] == '\0' ? unit_seconds(text[size]) : 0;
    if (size > 0 && size < sizeof(digits) && unit > 0) {
        memcpy(digits, text, size);
        digits[size] = '\0';
        if (bs_parse_u64(digits, UINT32_MAX, &value) == BS_OK) {
            *ret_seconds = value * unit;
            return BS_OK;
        }
    }
    (void)snprintf(act->call.why, sizeof(act->call.why), "--%s wants a time such as 90m, 24h, 7d or 2w", name);
    return BS_ERR_INPUT;
}

enum bs_err admin_since(struct admin_act *act, const char *name, int64_t *ret_time)
{
    static const char *const forms[] = { "%Y-%m-%d", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%SZ", "%Y-%m-%dT%H:%M" };
    const char *text = admin_text(act, name);
    uint64_t ago = 0;
    enum bs_err err;

    *ret_time = 0;
    if (text == NULL)
        return BS_OK;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        struct tm parts = { 0 };
        const char *end = strptime(text, forms[i], &parts);

        if (end != NULL && *end == '\0' && timegm(&parts) > 0) {
            *ret_time = timegm(&parts);
            return BS_OK;
        }
    }
    err = admin_duration(act, name, 0, &ago);
    if (err == BS_OK)
        *ret_time = act->call.server->now() - (int64_t)ago;
    else
        (void)snprintf(
            act->call.why, sizeof(act->call.why),
            "--%s wants a date such as 2026-11-22 or 2026-11-22T10:30:00Z, or a time before now such as 90m or 7d",
            name);
    return err;
}

const struct admin_entry *admin_entry_at(size_t index)
{
    const struct admin_entry *const tables[] = { admin_device_acts, admin_key_acts, admin_policy_acts, admin_judge_acts,
                                                 admin_server_acts };

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        for (const struct admin_entry *entry = tables[i]; entry->act != NULL; entry++)
            if (index-- == 0)
                return entry;
    return NULL;
}

static const struct admin_entry *find_entry(struct bs_span act)
{
    const struct admin_entry *entry = NULL;

    for (size_t i = 0; (entry = admin_entry_at(i)) != NULL; i++)
        if (bs_span_equal(act, bs_span_of_string(entry->act)))
            return entry;
    return NULL;
}

static const struct admin_parameter *find_parameter(const struct admin_entry *entry, struct bs_span name)
{
    for (size_t i = 0; i < ADMIN_PARAMETERS_MAX && entry->parameters[i].name != NULL; i++)
        if (bs_span_equal(name, bs_span_of_string(entry->parameters[i].name)))
            return &entry->parameters[i];
    return NULL;
}

/* Every argument is known and of its kind, none stands twice, none is missing. */
static enum bs_err check(struct admin_act *act, const struct admin_entry *entry)
{
    const struct admin_request *request = act->request;
    char *why = act->call.why;

    for (size_t i = 0; i < request->count; i++) {
        const struct admin_argument *argument = &request->arguments[i];
        const struct admin_parameter *parameter = find_parameter(entry, argument->name);

        if (parameter == NULL || find(request, parameter->name) != argument) {
            (void)snprintf(why, OPERATOR_WHY_SIZE, "'%s' does not take '%.*s', or not twice", entry->act,
                           (int)argument->name.size, (const char *)argument->name.data);
            return BS_ERR_INPUT;
        }
        if (parameter->kind != ADMIN_FILE &&
            (argument->value.size >= ADMIN_TEXT_MAX || memchr(argument->value.data, 0, argument->value.size) != NULL)) {
            (void)snprintf(why, OPERATOR_WHY_SIZE, "the value of '%s' is too long or no text", parameter->name);
            return BS_ERR_INPUT;
        }
    }
    for (size_t i = 0; i < ADMIN_PARAMETERS_MAX && entry->parameters[i].name != NULL; i++)
        if (entry->parameters[i].is_needed && find(request, entry->parameters[i].name) == NULL) {
            (void)snprintf(why, OPERATOR_WHY_SIZE, "'%s' wants '%s'", entry->act, entry->parameters[i].name);
            return BS_ERR_INPUT;
        }
    return BS_OK;
}

static enum bs_err run_act(struct admin_act *act)
{
    const struct admin_entry *entry = find_entry(act->request->act);
    enum bs_err err;

    if (entry == NULL) {
        (void)snprintf(act->call.why, OPERATOR_WHY_SIZE, "this bootseald does not know '%.*s'; is bootsealctl newer?",
                       (int)act->request->act.size, (const char *)act->request->act.data);
        return BS_ERR_INPUT;
    }
    err = check(act, entry);
    return err == BS_OK ? entry->run(act) : err;
}

struct admin_run {
    struct bs_span in;
    struct bs_buf *out;
    size_t begin; /* of the document in `out` */
    struct admin_request request;
    struct admin_act act;
};

void admin_run_free(struct admin_run *run)
{
    if (run == NULL)
        return;
    if (run->act.work_free != NULL)
        run->act.work_free(run->act.work);
    bs_wipe(run, sizeof(*run));
    free(run);
}

enum bs_err admin_run_begin(struct server *server, const char *actor, struct bs_span in, struct bs_buf *out,
                            struct admin_run **ret_run)
{
    struct admin_run *run = calloc(1, sizeof(*run));

    if (run == NULL)
        return BS_ERR_NOMEM;
    *run = (struct admin_run){ .in = in, .out = out, .begin = out->size };
    run->act.call.server = server;
    run->act.call.actor = actor;
    run->act.request = &run->request;
    document_begin(&run->act.document, out);
    *ret_run = run;
    return BS_OK;
}

static enum bs_err end(struct admin_run *run, enum bs_err err)
{
    struct admin_act *act = &run->act;

    if (err != BS_OK && act->call.why[0] == '\0')
        (void)snprintf(act->call.why, OPERATOR_WHY_SIZE, "it failed: %s; see the log of bootseald", bs_err_name(err));
    if (err == BS_OK && act->document.err != BS_OK) {
        /* Too much to tell: the act is done, the telling is cut off whole. */
        run->out->size = run->begin;
        document_begin(&act->document, run->out);
        (void)snprintf(act->call.why, OPERATOR_WHY_SIZE, "the answer is too long; ask for less");
        err = BS_ERR_NOMEM;
    }
    return document_end(&act->document, err == BS_OK ? 0 : bs_err_exit(err), err == BS_OK ? "" : act->call.why);
}

enum bs_err admin_run_step(struct admin_run *run, bool *ret_is_done)
{
    struct admin_act *act = &run->act;
    bool is_done = true;
    enum bs_err err;

    if (act->go_on != NULL) {
        err = act->go_on(act, &is_done);
    } else {
        err = admin_request_decode(run->in, &run->request);
        if (err == BS_OK)
            err = run_act(act);
        is_done = act->go_on == NULL;
    }
    if (err == BS_OK && !is_done) {
        *ret_is_done = false;
        return BS_OK;
    }
    *ret_is_done = true;
    return end(run, err);
}
