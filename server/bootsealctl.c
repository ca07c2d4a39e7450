/* bootsealctl: the operator's program. Everything but `init` is an act of bootseald, asked for over its admin socket. */
#include "bootseal/exit.h"
#include "core/eventlog_hash.h"
#include "core/eventlog_more.h"
#include "core/log.h"
#include "core/uki.h"
#include "server/ctl/backup.h"
#include "server/ctl/client.h"
#include "server/ctl/commands.h"
#include "server/ctl/completion.h"
#include "server/ctl/eventlog.h"
#include "server/ctl/init.h"
#include "server/ctl/policy_check.h"
#include "server/ctl/predict.h"
#include "server/ctl/render.h"
#include "server/ctl/share.h"
#include "server/ctl/sm3.h"
#include "server/ctl/streams.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEFAULT_DIR "/var/lib/bootseald"

struct call {
    const char *dir;
    bool is_json;
    struct render_options options;
    const char *argument; /* as it was typed */
    const struct command *command;
    struct admin_request request;
    struct bs_buf file;
    struct bs_buf labels;
    struct predict_files predicted;
};

/* Of one noun, or of all for NULL. */
static void print_usage(const char *noun)
{
    (void)puts(
        "usage: bootsealctl init DIR --name=HOST[,HOST...] [--listen=ADDRESS:PORT]\n"
        "       bootsealctl [--dir=DIR] [--json] [--color=auto|always|never] NOUN VERB [ARGUMENT] [--OPTION[=VALUE]...]\n");
    for (size_t i = 0; i < command_count; i++) {
        const struct command *command = &commands[i];
        if (noun != NULL && strcmp(command->noun, noun) != 0)
            continue;
        char line[128];
        int used = snprintf(line, sizeof(line), "%s%s%s%s%s%s%s%s", command->noun, command->verb != NULL ? " " : "",
                            command->verb != NULL ? command->verb : "", command->argument != NULL ? " " : "",
                            command->argument != NULL ? command->argument : "", command->rest != NULL ? " " : "",
                            command->rest != NULL ? command->rest : "", command->rest != NULL ? "..." : "");

        for (size_t k = 0; k < COMMAND_OPTIONS_MAX && command->options[k].name != NULL; k++)
            used += snprintf(line + used, sizeof(line) - (size_t)used, " [--%s%s%s]", command->options[k].name,
                             command->options[k].value != NULL ? "=" : "",
                             command->options[k].value != NULL ? command->options[k].value : "");
        (void)printf("  %s\n        %s\n", line, command->help);
    }
    (void)puts("\nDIR is " DEFAULT_DIR " unless named. See bootsealctl(8).");
}

static int fail_usage(const char *what, const char *about)
{
    (void)fprintf(stderr, "bootsealctl: %s%s; see bootsealctl --help\n", what, about);
    return BS_EXIT_USAGE;
}

static void add(struct call *call, const char *name, struct bs_span value)
{
    call->request.arguments[call->request.count++] = (struct admin_argument){ bs_span_of_string(name), value };
}

static const struct command_option *find_option(const struct command *command, const char *text, size_t size)
{
    for (size_t i = 0; i < COMMAND_OPTIONS_MAX && command->options[i].name != NULL; i++)
        if (strlen(command->options[i].name) == size && strncmp(command->options[i].name, text, size) == 0)
            return &command->options[i];
    return NULL;
}

/* Colours and cut columns are for people who look at a terminal. */
static int take_color(struct call *call, const char *when)
{
    bool is_terminal = isatty(STDOUT_FILENO) == 1;

    if (strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
        return fail_usage("--color wants auto, always or never, not ", when);
    call->options.is_color = strcmp(when, "always") == 0 || (strcmp(when, "auto") == 0 && is_terminal);
    return 0;
}

static size_t terminal_width(void)
{
    struct winsize size;

    return isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* --dir=, --json and what the command takes, in any order. Returns an exit code, 0 to go on. */
static int take_option(struct call *call, const char *text)
{
    size_t size = strcspn(text, "=");
    const char *value = text[size] == '=' ? text + size + 1 : NULL;
    const struct command_option *option;

    if (strcmp(text, "json") == 0) {
        call->is_json = true;
        return 0;
    }
    if (strncmp(text, "color=", 6) == 0)
        return take_color(call, text + 6);
    if (strncmp(text, "dir=", 4) == 0) {
        call->dir = text + 4;
        return 0;
    }
    option = call->command != NULL ? find_option(call->command, text, size) : NULL;
    if (option == NULL)
        return fail_usage("unknown option --", text);
    if ((option->value != NULL) != (value != NULL))
        return fail_usage(option->value != NULL ? "a value is wanted: --" : "no value is wanted: --", option->name);
    for (size_t i = 0; i < call->request.count; i++)
        if (bs_span_equal(call->request.arguments[i].name, bs_span_of_string(option->name)))
            return fail_usage("named twice: --", option->name);
    add(call, option->name, value != NULL ? bs_span_of_string(value) : BS_SPAN("1", 1));
    return 0;
}

/* Words behind the argument: all of them are one argument to bootseald. */
static int take_rest(struct call *call, const char *text)
{
    bool is_first = call->labels.size == 0;

    if (strchr(text, ';') != NULL || (!is_first && bs_buf_append_string(&call->labels, ";") != BS_OK) ||
        bs_buf_append_string(&call->labels, text) != BS_OK)
        return fail_usage("not a label: ", text);
    return 0;
}

static int take_argument(struct call *call, const char *text, bool *is_taken)
{
    const char *name = call->command->argument;

    if (*is_taken && call->command->rest != NULL)
        return take_rest(call, text);
    if (name == NULL || *is_taken)
        return fail_usage("one word too many: ", text);
    *is_taken = true;
    call->argument = text;
    if (call->command->kind != COMMAND_ACT && call->command->kind != COMMAND_PREDICT)
        return 0;
    if (strcmp(name, "FILE") != 0) {
        add(call, name, bs_span_of_string(text));
        return 0;
    }
    int code = streams_read(text, &call->file);
    if (code == 0)
        add(call, name, bs_buf_span(&call->file));
    return code;
}

/* Of a file bootseald knows the kind alone, "policy:4: ...": here it has a name, and editors find "FILE:4:". */
static void complain(const struct call *call, const char *why)
{
    const char *noun = call->command->noun;
    size_t length = strlen(noun);
    bool is_about_file = call->command->argument != NULL && strcmp(call->command->argument, "FILE") == 0 &&
                         strncmp(why, noun, length) == 0 && why[length] == ':';

    (void)fprintf(stderr, "bootsealctl: %s%s\n", is_about_file ? call->argument : "",
                  is_about_file ? why + length : why);
}

static int show(const struct call *call, struct bs_span document)
{
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(2 * DOCUMENT_MAX);
    struct render_end end = { 0 };
    enum bs_err err =
        call->is_json ? render_json(document, &out, &end) : render_text(document, &call->options, &out, &end);

    if (err != BS_OK) {
        bs_error("admin", "bootseald's answer makes no sense to this bootsealctl: %s", bs_err_name(err));
        return bs_err_exit(err);
    }
    if (end.exit_code != 0) {
        complain(call, end.why);
        return end.exit_code;
    }
    return streams_write(bs_buf_span(&out));
}

/* The value of an option as it was typed; NULL when it was not. */
static const char *option_text(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->request.count; i++)
        if (bs_span_equal(call->request.arguments[i].name, bs_span_of_string(name)))
            return (const char *)call->request.arguments[i].value.data;
    return NULL;
}

static int run_eventlog(const struct call *call)
{
    const struct ctl_eventlog request = { .path = call->argument,
                                          .userspace_path = option_text(call, "userspace"),
                                          .bank = option_text(call, "bank"),
                                          .is_json = call->is_json };
    return strcmp(call->command->verb, "show") == 0 ? ctl_eventlog_show(&request) : ctl_eventlog_replay(&request);
}

static int check_policy(struct call *call)
{
    BS_SCOPED_BUF struct bs_buf document = BS_BUF(DOCUMENT_MAX);
    struct policy_check check = { call->argument, option_text(call, "evidence"), option_text(call, "references") };
    int code = ctl_policy_check(&check, &document);
    int shown = document.size > 0 && (code == BS_EXIT_DONE || code == BS_EXIT_REFUSED)
                    ? show(call, bs_buf_span(&document))
                    : code;

    return shown != 0 ? shown : code;
}

static int run(struct call *call)
{
    BS_SCOPED_BUF struct bs_buf document = BS_BUF(DOCUMENT_MAX);
    enum bs_err err;
    int code = 0;

    switch (call->command->kind) {
    case COMMAND_BACKUP:
        return ctl_backup(call->dir, call->argument);
    case COMMAND_COMPLETION:
        return ctl_completion(call->argument);
    case COMMAND_PREDICT:
        code = ctl_predict(&call->request, &call->predicted);
        break;
    case COMMAND_SHARE:
        return ctl_share_open(call->argument, option_text(call, "key"));
    case COMMAND_EVENTLOG:
        return run_eventlog(call);
    case COMMAND_CHECK:
        return check_policy(call);
    case COMMAND_ACT:
        break;
    }
    if (code != 0)
        return code;
    call->request.act = bs_span_of_string(call->command->act);
    err = client_call(call->dir, &call->request, &document);
    return err == BS_OK ? show(call, bs_buf_span(&document)) : bs_err_exit(err);
}

static bool is_noun(const char *word)
{
    bool is_known = false;

    for (size_t i = 0; i < command_count; i++)
        is_known = is_known || strcmp(commands[i].noun, word) == 0;
    return is_known;
}

/* A noun that is there is told what can be done with it. */
static int fail_command(const char *noun)
{
    const char *comma = "";

    if (!is_noun(noun))
        return fail_usage("no such command: ", noun);
    (void)fprintf(stderr, "bootsealctl: %s what? There is: ", noun);
    for (size_t i = 0; i < command_count; i++)
        if (strcmp(commands[i].noun, noun) == 0 && commands[i].verb != NULL) {
            (void)fprintf(stderr, "%s%s %s", comma, noun, commands[i].verb);
            comma = ", ";
        }
    (void)fputs("; see bootsealctl --help\n", stderr);
    return BS_EXIT_USAGE;
}

static int parse_and_run(struct call *call, int argc, char **argv)
{
    bool is_taken = false;
    int words = 0;
    int code = 0;
    int at = 0;

    while (at < argc && strncmp(argv[at], "--", 2) == 0 && code == 0)
        code = take_option(call, argv[at++] + 2);
    if (code != 0)
        return code;
    if (at == argc)
        return fail_usage("a command is wanted", "");
    call->command = command_find(argc - at, argv + at, &words);
    if (call->command == NULL)
        return fail_command(argv[at]);
    for (at += words; at < argc && code == 0; at++)
        code = strncmp(argv[at], "--", 2) == 0 ? take_option(call, argv[at] + 2)
                                               : take_argument(call, argv[at], &is_taken);
    if (code == 0 && call->command->argument != NULL && !is_taken)
        return fail_usage("something is missing: ", call->command->argument);
    if (code == 0 && call->command->rest != NULL)
        add(call, "LABELS", bs_buf_span(&call->labels));
    return code == 0 ? run(call) : code;
}

int main(int argc, char **argv)
{
    struct call call = { .dir = DEFAULT_DIR,
                         .options = { .width = terminal_width() },
                         .file = BS_BUF(ADMIN_REQUEST_MAX),
                         .labels = BS_BUF(ADMIN_REQUEST_MAX),
                         .predicted = { BS_BUF(UKI_EVENTS_SIZE_MAX), BS_BUF(ADMIN_REQUEST_MAX) } };
    int code;

    bs_log_setup("bootsealctl", stderr, BS_LOG_TEXT, BS_LOG_NOTICE);
    eventlog_know_more();
    eventlog_hash_know_sm3(sm3);
    /* Wherever it stands: whoever asks for help does not know yet how to ask. */
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0) {
            print_usage(argc > 2 && i > 1 && is_noun(argv[1]) ? argv[1] : NULL);
            return streams_end();
        }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        (void)puts("bootsealctl " BS_VERSION);
        return streams_end();
    }
    if (argc >= 2 && strcmp(argv[1], "init") == 0)
        return ctl_init(argc - 2, argv + 2);
    (void)take_color(&call, "auto");
    code = parse_and_run(&call, argc - 1, argv + 1);
    bs_buf_free(&call.file);
    bs_buf_free(&call.labels);
    bs_buf_free(&call.predicted.events);
    bs_buf_free(&call.predicted.firmware);
    return code;
}
