/*
 * The same enrollment on 16 connections at the same moment. Each race says how many may win; the outcome is that of those who must not,
 * once all of them were answered alike.
 */
#include "attack.h"

#include <pthread.h>
#include <string.h>

struct runner {
    struct scene scene; /* its own device, request and line */
    void (*run)(struct scene *s);
    pthread_barrier_t *start;
    pthread_t thread;
};

static void *run(void *context)
{
    struct runner *runner = context;
    (void)pthread_barrier_wait(runner->start);
    runner->run(&runner->scene);
    return NULL;
}

/* Plays `run` on each line at once. */
static void race(struct runner *runners, void (*play)(struct scene *s))
{
    pthread_barrier_t start;
    if (pthread_barrier_init(&start, NULL, ATTACK_LINES) != 0)
        MUST(BS_ERR_NOMEM);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        runners[i].run = play;
        runners[i].start = &start;
        if (pthread_create(&runners[i].thread, NULL, run, &runners[i]) != 0)
            MUST(BS_ERR_NOMEM);
    }
    for (size_t i = 0; i < ATTACK_LINES; i++)
        (void)pthread_join(runners[i].thread, NULL);
    (void)pthread_barrier_destroy(&start);
}

static bool is_success(const struct scene *s)
{
    return s->outcome.kind == MESSAGE_APPROVED || s->outcome.kind == MESSAGE_CONFIRMED;
}

static void judge(struct scene *s, struct runner *runners, unsigned winners)
{
    unsigned won = 0;
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        const struct scene *one = &runners[i].scene;
        if (is_success(one)) {
            won++;
        } else if (!scene_is_refused(one)) {
            s->outcome = one->outcome;
            return;
        } else {
            s->outcome = one->outcome;
        }
    }
    if (won != winners)
        scene_say(s, "%u of %d came through, not %u", won, ATTACK_LINES, winners);
}

static struct runner *gather(struct scene *s)
{
    struct runner *runners = calloc(ATTACK_LINES, sizeof(*runners));
    if (!runners)
        MUST(BS_ERR_NOMEM);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        runners[i].scene = *s;
        MUST(load_line_open(s->target, &runners[i].scene.line));
    }
    return runners;
}

/* Each with a TPM of its own. */
static void give_tpms(struct runner *runners)
{
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        runners[i].scene.fresh = (struct softtpm){ 0 };
        scene_newcomer(&runners[i].scene);
    }
}

static void scatter(struct runner *runners)
{
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        load_line_close(&runners[i].scene.line);
        softtpm_free(&runners[i].scene.fresh);
    }
    free(runners);
}

static void enroll_fresh(struct scene *s)
{
    scene_enroll_line(s, &s->fresh);
}

static void post_attest(struct scene *s)
{
    scene_note_line(s, &s->line, load_post(&s->line, BS_PATH_ATTEST));
}

static void post_prove(struct scene *s)
{
    scene_note_line(s, &s->line, load_post(&s->line, BS_PATH_PROVE));
}

static void post_confirm(struct scene *s)
{
    scene_note_line(s, &s->line, load_post(&s->line, BS_PATH_CONFIRM));
}

/* Made for the first connection, which alone may use it. */
static void one_request_on_all_connections(struct scene *s)
{
    struct runner *runners = gather(s);
    const struct load_line *line = &runners[0].scene.line;
    struct softtpm_request full = { .channel = line->channel, .server_cert = line->server_cert };
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        struct load_line *to = &runners[i].scene.line;
        if (i == 0)
            MUST(softtpm_attest(&s->tpm, &full, &to->body, &to->statement));
        else
            MUST(bs_buf_append(&to->body, line->body.data, line->body.size));
    }
    race(runners, post_attest);
    judge(s, runners, 1);
    scatter(runners);
}

static void one_token_and_many_devices(struct scene *s)
{
    struct runner *runners = gather(s);
    give_tpms(runners);
    for (size_t i = 0; i < ATTACK_LINES; i++)
        runners[i].scene.request.token = s->single_token;
    race(runners, enroll_fresh);
    judge(s, runners, 1);
    scatter(runners);
}

/* All have a bundle; the newest is the one that counts. */
static void confirmations_of_all_bundles_of_a_device(struct scene *s)
{
    struct runner *runners = gather(s);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        struct scene *one = &runners[i].scene;
        struct load_bundle bundle;
        MUST(load_enroll(&one->line, &one->tpm, &one->request));
        MUST(load_open(s->target, &one->line, &one->tpm, &bundle));
        bs_buf_reset(&one->line.body);
        MUST(softtpm_confirm(&one->tpm, one->line.secret, one->line.channel, bundle.serial, &one->line.body));
    }
    race(runners, post_confirm);
    judge(s, runners, 1);
    scatter(runners);
}

/* The same device key behind all of these TPMs, each of which has certified it. */
static void one_device_key_and_many_devices(struct scene *s)
{
    struct runner *runners = gather(s);
    struct softtpm_key own[ATTACK_LINES];
    give_tpms(runners);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        struct softtpm *tpm = &runners[i].scene.fresh;
        own[i] = tpm->device;
        tpm->device = runners[0].scene.fresh.device;
        MUST(softtpm_key_rename(&tpm->device, wire_name_span(&tpm->srk.qualified)));
        runners[i].scene.request.token = s->token;
    }
    race(runners, enroll_fresh);
    judge(s, runners, 1);
    for (size_t i = 0; i < ATTACK_LINES; i++)
        runners[i].scene.fresh.device = own[i];
    scatter(runners);
}

/* One AK behind many EKs, and all of them are challenged before the first has answered. */
static void one_ak_and_many_eks(struct scene *s)
{
    struct runner *runners = gather(s);
    struct softtpm_key own[ATTACK_LINES];
    give_tpms(runners);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        struct scene *one = &runners[i].scene;
        own[i] = one->fresh.ak;
        one->fresh.ak = runners[0].scene.fresh.ak;
        one->request.token = s->token;
        MUST(load_attest(&one->line, &one->fresh, &one->request));
        MUST(softtpm_activate(&one->fresh, one->line.answer.id_object, one->line.answer.encrypted_secret,
                              one->line.secret));
        bs_buf_reset(&one->line.body);
        MUST(softtpm_prove(one->line.secret, one->line.channel, bs_buf_span(&one->line.statement), &one->line.body));
    }
    race(runners, post_prove);
    judge(s, runners, 1);
    for (size_t i = 0; i < ATTACK_LINES; i++)
        runners[i].scene.fresh.ak = own[i];
    scatter(runners);
}

static void enroll_tpm_twice(struct scene *s)
{
    scene_enroll_line(s, &s->tpm);
    if (s->outcome.kind == MESSAGE_APPROVED)
        scene_note_line(s, &s->line, load_attest(&s->line, &s->tpm, &s->request));
}

/* Every one of them is let in, and none of them twice. */
static void one_device_on_all_connections_twice(struct scene *s)
{
    struct runner *runners = gather(s);
    race(runners, enroll_tpm_twice);
    judge(s, runners, 0);
    scatter(runners);
}

/* Forged in software, all for the EK of a device that is approved. */
static void many_software_aks_and_one_ek(struct scene *s)
{
    struct runner *runners = gather(s);
    give_tpms(runners);
    for (size_t i = 0; i < ATTACK_LINES; i++) {
        struct softtpm *forger = &runners[i].scene.fresh;
        forger->ek_public = s->tpm.ek_public;
        bs_buf_reset(&forger->ek_cert);
        MUST(bs_buf_append(&forger->ek_cert, s->tpm.ek_cert.data, s->tpm.ek_cert.size));
    }
    race(runners, enroll_fresh);
    judge(s, runners, 0);
    scatter(runners);
}

static const struct attack attacks[] = {
    ATTACK(one_request_on_all_connections, BS_REASON_BAD_CHANNEL),
    ATTACK(one_token_and_many_devices, BS_REASON_TOKEN_INVALID),
    ATTACK(confirmations_of_all_bundles_of_a_device, BS_REASON_CONFIRM_UNKNOWN),
    ATTACK(one_device_key_and_many_devices, BS_REASON_KEY_REUSED),
    ATTACK(one_ak_and_many_eks, BS_REASON_PAIR_MISMATCH),
    ATTACK(one_device_on_all_connections_twice, BS_REASON_OUT_OF_ORDER),
    ATTACK(many_software_aks_and_one_ek, BS_REASON_PROOF_FAILED),
};

const struct attack_family attack_races = ATTACK_FAMILY("races", attacks, .is_remote = true);
