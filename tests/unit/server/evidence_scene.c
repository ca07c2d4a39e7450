#include "evidence_scene.h"

#include <string.h>

struct softtpm tpm, other;
struct softtpm_request request;

int evidence_setup(void **state)
{
    if (lab_setup(state) != 0)
        return -1;
    lab_approved_device(*state, &tpm);
    lab_device(*state, &other);
    request = (struct softtpm_request){ .token = NULL };
    return 0;
}

int evidence_teardown(void **state)
{
    softtpm_free(&tpm);
    softtpm_free(&other);
    return lab_teardown(state);
}

static bool says(const struct message_answer *answer, const char *words)
{
    bool has = memmem(answer->text.data, answer->text.size, words, strlen(words)) != NULL;
    for (size_t i = 0; i < answer->finding_count; i++)
        has |= memmem(answer->findings[i].text.data, answer->findings[i].text.size, words, strlen(words)) != NULL;
    return has;
}

void expect_words(void **state, const char *reason, const char *words)
{
    TALK(talk, *state);
    talk_enroll(&talk, &tpm, &request);
    assert_reason(&talk, MESSAGE_REFUSED, reason);
    assert_int_equal(talk.result.status, strcmp(reason, BS_REASON_MALFORMED) == 0 ? 400 : 403);
    assert_true(talk.result.close);
    assert_true(lab_has_row(*state, reason));
    if (!says(&talk.answer, words))
        fail_msg("\"%.*s\" does not say \"%s\"", (int)talk.answer.text.size, (const char *)talk.answer.text.data,
                 words);
}

void expect(void **state, const char *reason)
{
    expect_words(state, reason, "");
}
