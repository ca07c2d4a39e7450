/* What is learned from a boot approves that boot, and none of the others. */
#include "policy_scene.h"

#include "server/policy/policy_learn.h"

static void learn(struct scene *scene, const struct scene_boot *boot, struct bs_buf *out)
{
    char why[POLICY_WORDS_SIZE];
    scene_judge(scene, boot, "name = \"x\"; pcrs: { events = [23]; };"); /* fills in the subject */
    if (policy_learn("learned", &scene->subject, out, why) != BS_OK)
        fail_msg("%s", why);
    assert_ok(bs_buf_append(out, "", 1));
}

/* Of two vectors the events are the same; only a TPM's banks or its bus differ. */
static bool is_same_boot(const struct scene_boot *a, const struct scene_boot *b)
{
    return a->mask == b->mask && memcmp(a->pcrs, b->pcrs, sizeof(a->pcrs)) == 0;
}

static void what_is_learned_approves_this_boot_alone(void **state)
{
    (void)state;
    struct scene scene = { .verdict = { .is_good = false } };
    struct scene_boot boots[VECTORS];
    size_t others = 0;
    for (size_t i = 0; i < VECTORS; i++) {
        boots[i] = SCENE_BOOT;
        scene_read(vector_names[i], &boots[i]);
    }
    for (size_t i = 0; i < VECTORS; i++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(1000000);
        learn(&scene, &boots[i], &text);
        for (size_t k = 0; k < VECTORS; k++) {
            bool is_good = scene_judge(&scene, &boots[k], (const char *)text.data)->is_good;
            if (is_good != is_same_boot(&boots[i], &boots[k]))
                fail_msg("the policy of %s says %d of %s: %s", vector_names[i], is_good, vector_names[k],
                         scene.verdict.text);
            others += !is_good;
        }
    }
    assert_true(others > 100);
    for (size_t i = 0; i < VECTORS; i++)
        scene_boot_free(&boots[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_learned_approves_this_boot_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
