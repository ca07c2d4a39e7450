/*
 * attack [--list | --first] [FAMILY...]: plays them all, or those of the named families, and says which were refused. A good request is
 * played before and after each: what the suite refuses is refused for the one thing that was changed.
 *
 * --list prints name, family and expected reason; --first ends at the first that was not refused as named (exit code 3, its line is the
 * last); exit code 1 when there was one. A good request that is refused ends it with 4, a trace in the
 * record of the attacked device with 5.
 */
#include "attack.h"

#include "bootseal/protocol.h"
#include "core/log.h"

#include <signal.h>
#include <string.h>

enum { EXIT_SURVIVED = 1, EXIT_USAGE = 2, EXIT_FIRST = 3, EXIT_NO_GOOD = 4, EXIT_TRACE = 5 };

static const struct attack_family *const families[] = {
    &attack_certificates, &attack_keys,    &attack_quote,    &attack_log,     &attack_userspace,
    &attack_policy,       &attack_message, &attack_sequence, &attack_devices, &attack_confirmations,
    &attack_lines,        &attack_framing, &attack_races,
};

static struct {
    bool is_list, is_first;
    char **names; /* of families; none: all */
    int name_count;
} options;

static unsigned played, refused;

static bool is_wanted(const struct attack_family *family)
{
    for (int i = 0; i < options.name_count; i++)
        if (strcmp(options.names[i], family->name) == 0)
            return true;
    return options.name_count == 0;
}

static bool is_family(const char *name)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (strcmp(families[i]->name, name) == 0)
            return true;
    return false;
}

/* Names are functions here, and words there. */
static void print_name(const struct attack *attack)
{
    for (const char *c = attack->name; *c; c++)
        putchar(*c == '_' ? '-' : *c);
    if (attack->number != 0)
        printf("-%d", attack->number);
}

static void list(const struct attack_family *family)
{
    for (size_t i = 0; i < family->count; i++) {
        print_name(&family->attacks[i]);
        printf("\t%s\t%s\n", family->name, family->attacks[i].reason);
    }
}

static const char *kind_name(enum message_kind kind)
{
    static const char *const names[] = { "", "prove", "approved", "pending", "refused", "confirmed", "busy", "wipe" };
    return names[kind];
}

static void report(const struct scene *s, const struct attack_family *family)
{
    bool is_refused = scene_is_refused(s);
    played++;
    refused += is_refused;
    printf("%s\t", is_refused ? "refused" : "WRONG");
    print_name(s->attack);
    printf("\t%s\t%s", family->name, s->attack->reason);
    if (!is_refused)
        printf("\tinstead: %s %s %d", kind_name(s->outcome.kind), s->outcome.reason, s->outcome.status);
    putchar('\n');
    (void)fflush(stdout);
    if (!is_refused && options.is_first)
        exit(EXIT_FIRST);
}

static void open_line(struct scene *s, const struct attack_family *family)
{
    s->log = BS_BUF(SOFTTPM_LOG_MAX);
    if (family->is_remote)
        MUST(load_line_open(s->target, &s->line));
    else
        talk_open(s->lab, &s->talk);
}

static void close_line(struct scene *s, const struct attack_family *family)
{
    if (family->is_remote)
        load_line_close(&s->line);
    else
        talk_close(&s->talk);
    softtpm_free(&s->fresh);
    bs_buf_free(&s->log);
}

static void expect_good(const struct scene *s, const struct attack_family *family)
{
    if (s->outcome.kind == MESSAGE_APPROVED)
        return;
    (void)fprintf(stderr, "a good request of %s is refused%s%s: %s %s %d\n", family->name, s->attack ? " next to " : "",
                  s->attack ? s->attack->name : "", kind_name(s->outcome.kind), s->outcome.reason, s->outcome.status);
    exit(EXIT_NO_GOOD);
}

static void play_good(const struct scene *scene, const struct attack_family *family, void (*good)(struct scene *s))
{
    struct scene s = *scene;
    open_line(&s, family);
    if (good)
        good(&s);
    else if (family->is_remote)
        scene_enroll_line(&s, &s.tpm);
    else
        scene_enroll(&s, &s.tpm);
    expect_good(&s, family);
    close_line(&s, family);
}

static void play_one(const struct scene *scene, const struct attack_family *family)
{
    struct scene s = *scene;
    open_line(&s, family);
    s.attack->run(&s);
    close_line(&s, family);
    report(&s, family);
}

static void play_family(const struct scene *scene, const struct attack_family *family)
{
    struct scene s = *scene;
    play_good(&s, family, NULL);
    if (family->good)
        play_good(&s, family, family->good);
    for (size_t i = 0; i < family->count; i++) {
        s.attack = &family->attacks[i];
        play_one(&s, family);
        play_good(&s, family, NULL);
    }
    if (family->good)
        play_good(&s, family, family->good);
}

static void play_near(const struct scene *scene)
{
    for (size_t i = 0; i < COUNT(families); i++)
        if (!families[i]->is_remote && is_wanted(families[i]))
            play_family(scene, families[i]);
}

static bool any_remote(void)
{
    bool is_any = false;
    for (size_t i = 0; i < COUNT(families); i++)
        is_any = is_any || (families[i]->is_remote && is_wanted(families[i]));
    return is_any;
}

static void play_remote(struct scene *scene)
{
    struct load_target target;
    BS_OWN(string) ca = NULL;
    uint16_t port;
    struct lab *lab = scene->lab;
    server_close(lab->server);
    lab->server = NULL;
    struct daemon *daemon = daemon_start(lab, &port);
    MUST(server_path(lab->dir, CONFIG_IMAGE "/server-ca.pem", &ca));
    MUST(load_target_open(port, ca, &target));
    scene->target = &target;
    for (size_t i = 0; i < COUNT(families); i++)
        if (families[i]->is_remote && is_wanted(families[i]))
            play_family(scene, families[i]);
    load_target_close(&target);
    daemon_stop(daemon);
}

/* Each has enrolled, so that what it holds is known as its own. */
static void prepare(struct scene *s)
{
    struct softtpm *tpms[] = { &s->tpm, &s->other };
    for (size_t i = 0; i < COUNT(tpms); i++) {
        lab_device(s->lab, tpms[i]);
        TALK(first, s->lab);
        talk_enroll(&first, tpms[i], NULL); /* it waits, or some check is gone: an attack will say which */
        lab_approve(s->lab, tpms[i], true);
        TALK(second, s->lab);
        talk_enroll(&second, tpms[i], NULL);
        assert_kind(&second, MESSAGE_APPROVED);
    }
    lab_token(s->lab, 1000, s->token);
    lab_token(s->lab, 1, s->single_token);
    MUST(ca_tls(s->lab->server->ca, &s->server_keys));
}

/* What none of them may have done to the device whose place most of them took. */
static bool is_untouched(struct scene *s)
{
    struct store_device device;
    uint64_t rows = 0, wrong = 0;
    lab_restart(s->lab);
    MUST(operator_audit_verify(&s->lab->call, &rows, &wrong));
    return wrong == 0 && rows > 0 && lab_has_device(s->lab, &s->tpm, &device) && device.status == STORE_APPROVED &&
           wire_name_equal(&device.ak_name, &s->tpm.ak.name) && device.reset_count == s->tpm.reset_count;
}

static int play(void)
{
    void *state = NULL;
    struct scene scene = { .line = { .fd = -1 } };
    if (lab_setup(&state) != 0)
        return 70;
    scene.lab = state;
    prepare(&scene);
    play_near(&scene);
    if (any_remote())
        play_remote(&scene);
    if (!is_untouched(&scene)) {
        (void)fprintf(stderr, "the attacks changed what is on record of a device, or the audit log\n");
        return EXIT_TRACE;
    }
    printf("%u attacks, %u refused\n", played, refused);
    softtpm_free(&scene.tpm);
    softtpm_free(&scene.other);
    ca_tls_free(&scene.server_keys);
    (void)lab_teardown(&state);
    return played == refused ? 0 : EXIT_SURVIVED;
}

int main(int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '-'; at++) {
        options.is_list = options.is_list || strcmp(argv[at], "--list") == 0;
        options.is_first = options.is_first || strcmp(argv[at], "--first") == 0;
        if (strcmp(argv[at], "--list") != 0 && strcmp(argv[at], "--first") != 0) {
            (void)fprintf(stderr, "usage: attack [--list | --first] [FAMILY...]\n");
            return EXIT_USAGE;
        }
    }
    options.names = argv + at;
    options.name_count = argc - at;
    for (int i = 0; i < options.name_count; i++)
        if (!is_family(options.names[i])) {
            (void)fprintf(stderr, "attack: there is no family %s; see attack --list\n", options.names[i]);
            return EXIT_USAGE;
        }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)wolfSSL_Init();
    if (!options.is_list)
        return play();
    for (size_t i = 0; i < COUNT(families); i++)
        if (is_wanted(families[i]))
            list(families[i]);
    return 0;
}
