/* Devices about which something was decided or nothing is known, and tokens that let nobody in. */
#include "attack.h"

#include <string.h>

#define TWO_DAYS (INT64_C(2) * 86400)

/* Of a newcomer with a token: enrolled, and what an operator does then is the attack's. */
static void enroll_newcomer(struct scene *s)
{
    scene_newcomer(s);
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
    s->request.token = NULL;
    scene_again(s);
}

static void a_device_that_was_refused(struct scene *s)
{
    enroll_newcomer(s);
    MUST(operator_device_refuse(&s->lab->call, lab_id(&s->fresh), "lost"));
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

static void a_device_that_was_revoked(struct scene *s)
{
    uint64_t certs;
    enroll_newcomer(s);
    MUST(operator_device_revoke(&s->lab->call, lab_id(&s->fresh), "stolen", &certs));
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

static void order_wipe(struct scene *s)
{
    uint64_t certs;
    enroll_newcomer(s);
    MUST(operator_device_wipe(&s->lab->call, lab_id(&s->fresh), "stolen", &certs));
}

static void put_device(struct scene *s, const struct store_device *device)
{
    MUST(store_begin(s->lab->server->store));
    MUST(store_device_put(s->lab->server->store, device));
    MUST(store_commit(s->lab->server->store));
}

static void a_device_that_is_to_forget(struct scene *s)
{
    order_wipe(s);
    scene_enroll(s, &s->fresh);
}

static void a_device_that_has_forgotten(struct scene *s)
{
    struct store_device device;
    order_wipe(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.wipe = STORE_WIPE_DONE;
    put_device(s, &device);
    scene_enroll(s, &s->fresh);
}

static void an_order_to_forget_confirmed_with_another_key(struct scene *s)
{
    order_wipe(s);
    scene_enroll(s, &s->fresh);
    if (s->outcome.kind != MESSAGE_WIPE)
        return;
    struct store_device device;
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    talk_confirm(&s->talk, &s->fresh, device.bundle_serial);
    scene_note(s);
}

static void a_device_that_nobody_approved(struct scene *s)
{
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
}

static const char other_profile[] = "name = \"other\";\n"
                                    "items = ( { name = \"a\"; kind = \"file\"; text = \"a\\n\"; } );\n";

/* Approved, but nobody has said what it gets. */
static void a_device_without_a_profile(struct scene *s)
{
    struct store_device device;
    enroll_newcomer(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.profile[0] = '\0';
    put_device(s, &device);
    scene_enroll(s, &s->fresh);
}

/* Nor has anybody approved this boot: of the two it is told the first. */
static void a_device_without_a_profile_in_another_boot(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf log = BS_BUF(SOFTTPM_LOG_MAX);
    struct store_device device;
    enroll_newcomer(s);
    MUST(store_device_get(s->lab->server->store, s->fresh.id, &device));
    device.profile[0] = '\0';
    put_device(s, &device);
    lab_log(&log, "another", false);
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&log)));
    scene_enroll(s, &s->fresh);
}

static void a_boot_of_a_profile_without_references(struct scene *s)
{
    struct store_profile applied;
    struct operator_moved moved;
    MUST(operator_profile_apply(&s->lab->call, bs_span_of_string(other_profile), &applied));
    enroll_newcomer(s);
    MUST(operator_device_move(&s->lab->call, lab_id(&s->fresh), "other", &moved));
    scene_enroll(s, &s->fresh);
}

/* One that waits already fills the room that there is for those who wait. */
static void a_device_more_than_may_wait(struct scene *s)
{
    uint32_t *most = &s->lab->server->config.pending_max;
    uint32_t kept = *most;
    *most = 0;
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
    *most = kept;
}

/* A newcomer with a profile of its own, whose only reference its boot is. */
static void enroll_with_profile(struct scene *s, const char *name, const char *text)
{
    struct store_profile applied;
    struct operator_approved approved;
    struct operator_approve request = { .profile = name, .learn = true };
    MUST(operator_profile_apply(&s->lab->call, bs_span_of_string(text), &applied));
    scene_newcomer(s);
    scene_enroll(s, &s->fresh);
    request.device = lab_id(&s->fresh);
    MUST(operator_device_approve(&s->lab->call, &request, &approved));
    scene_again(s);
    scene_enroll(s, &s->fresh);
}

static void a_device_without_the_label_of_its_profile(struct scene *s)
{
    enroll_with_profile(s, "labelled",
                        "name = \"labelled\";\n"
                        "items = ( { name = \"a\"; kind = \"file\"; text = \"${device.label.site}\\n\"; } );\n");
}

/* What the device says that it holds: all of these bytes. */
static uint8_t key_half[32];

static void say_key(struct message_statement *st)
{
    st->keys[st->key_count++] = (struct generated_public){ bs_span_of_string("disk"), BS_GENERATED_RANDOM, 1,
                                                           BS_SPAN(key_half, sizeof(key_half)) };
}

/* Enrolled by one statement, and another key in the next. */
static void a_key_in_the_place_of_the_enrolled_one(struct scene *s)
{
    enroll_with_profile(s, "keyed",
                        "name = \"keyed\";\n"
                        "items = ( { name = \"disk\"; kind = \"generate\"; type = \"random\"; size = 48; } );\n");
    s->request.bend.statement = say_key;
    for (uint8_t i = 1; i <= 2 && s->outcome.kind == MESSAGE_APPROVED; i++) {
        memset(key_half, i, sizeof(key_half));
        scene_again(s);
        scene_enroll(s, &s->fresh);
    }
}

/* Tokens */

static void with_token(struct scene *s, const char *token)
{
    scene_newcomer(s);
    s->request.token = token;
    scene_enroll(s, &s->fresh);
}

static void a_token_that_there_is_not(struct scene *s)
{
    with_token(s, "nonsense");
}

static void make_token(struct scene *s, uint64_t *ret_id, char text[OPERATOR_TOKEN_SIZE])
{
    struct operator_token request = { .profile = "sensor", .uses = 1, .valid_for = 3600 };
    int64_t expires;
    MUST(operator_token_create(&s->lab->call, &request, ret_id, &expires, text));
}

static void a_token_that_was_revoked(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    MUST(operator_token_revoke(&s->lab->call, id));
    with_token(s, text);
}

static void a_token_that_expired(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    lab_set_clock(TWO_DAYS);
    with_token(s, text);
    lab_set_clock(0);
}

static void a_token_that_another_device_has_spent(struct scene *s)
{
    char text[OPERATOR_TOKEN_SIZE];
    uint64_t id;
    make_token(s, &id, text);
    with_token(s, text);
    scene_again(s);
    with_token(s, text);
}

static const struct attack attacks[] = {
    ATTACK(a_device_that_was_refused, BS_REASON_BLOCKED),
    ATTACK(a_device_that_was_revoked, BS_REASON_BLOCKED),
    ATTACK(a_device_that_is_to_forget, BS_REASON_WIPED, .kind = MESSAGE_WIPE),
    ATTACK(a_device_that_has_forgotten, BS_REASON_WIPED),
    ATTACK(an_order_to_forget_confirmed_with_another_key, BS_REASON_CONFIRM_MAC),
    ATTACK(a_device_that_nobody_approved, BS_REASON_UNKNOWN_DEVICE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_without_a_profile, BS_REASON_NO_PROFILE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_without_a_profile_in_another_boot, BS_REASON_NO_PROFILE, .kind = MESSAGE_PENDING),
    ATTACK(a_boot_of_a_profile_without_references, BS_REASON_NO_REFERENCE, .kind = MESSAGE_PENDING),
    ATTACK(a_device_more_than_may_wait, "busy", .kind = MESSAGE_BUSY),
    ATTACK(a_device_without_the_label_of_its_profile, BS_REASON_AWAITING_OPERATOR, .kind = MESSAGE_PENDING),
    ATTACK(a_key_in_the_place_of_the_enrolled_one, BS_REASON_KEYS_LOST),
    ATTACK(a_token_that_there_is_not, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_was_revoked, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_expired, BS_REASON_TOKEN_INVALID),
    ATTACK(a_token_that_another_device_has_spent, BS_REASON_TOKEN_INVALID),
};

const struct attack_family attack_devices = ATTACK_FAMILY("devices", attacks);
