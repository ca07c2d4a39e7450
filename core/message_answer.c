/* The server's answers (docs/bootseal.cddl: answer). */
#include "core/message.h"
#include "core/shape.h"

#define FINDING struct message_finding
static const struct shape_field finding_fields[] = {
    { 1, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(FINDING, pcr), SHAPE_FLAG(FINDING, has_pcr), SHAPE_SIZE(0, 23) },
    { 2, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(FINDING, event), SHAPE_FLAG(FINDING, has_event),
      SHAPE_SIZE(0, UINT32_MAX) },
    { 3, SHAPE_TEXT, SHAPE_REQUIRED, SHAPE_MEMBER(FINDING, text), SHAPE_SIZE(1, BS_TEXT_MAX) },
    { 4, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FINDING, found), SHAPE_SIZE(1, BS_TEXT_MAX) },
    { 5, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(FINDING, expected), SHAPE_SIZE(1, BS_TEXT_MAX) },
};
static const struct shape finding_shape = SHAPE_OF(finding_fields, NULL);

/* Groups of members: an answer has exactly those that its kind says, and each whole. */
enum { CREDENTIAL = 1 << 0, BUNDLE = 1 << 1, RETRY = 1 << 2, REASON = 1 << 3, ORDER = 1 << 4 };

static unsigned groups_of_kind(enum message_kind kind)
{
    switch (kind) {
    case MESSAGE_PROVE:
        return CREDENTIAL;
    case MESSAGE_APPROVED:
        return CREDENTIAL | BUNDLE;
    case MESSAGE_PENDING:
        return REASON | RETRY;
    case MESSAGE_REFUSED:
        return REASON;
    case MESSAGE_CONFIRMED:
        return 0;
    case MESSAGE_BUSY:
        return RETRY;
    case MESSAGE_WIPE:
        return CREDENTIAL | REASON | ORDER;
    }
    return 0;
}

/* Device and findings may stand where a reason stands. */
static bool answer_is_sound(const void *from)
{
    const struct message_answer *m = from;
    const bool has_details = m->device.size > 0 || m->finding_count > 0;
    unsigned groups = 0;

    if (m->id_object.size > 0)
        groups |= CREDENTIAL;
    if (m->bundle.size > 0)
        groups |= BUNDLE;
    if (m->retry_after > 0)
        groups |= RETRY;
    if (m->reason.size > 0)
        groups |= REASON;
    if (m->order.size > 0)
        groups |= ORDER;
    return groups == groups_of_kind(m->kind) && (m->encrypted_secret.size > 0) == (m->id_object.size > 0) &&
           (m->text.size > 0) == (m->reason.size > 0) && (!has_details || (groups & REASON));
}

#define ANSWER struct message_answer
static const struct shape_field answer_fields[] = {
    { 1, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(ANSWER, kind), SHAPE_SIZE(MESSAGE_PROVE, MESSAGE_WIPE) },
    { 2, SHAPE_UINT, SHAPE_REQUIRED, SHAPE_MEMBER(ANSWER, time), SHAPE_SIZE(0, BS_TIME_MAX) },
    { 3, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, id_object), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 4, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, encrypted_secret), SHAPE_SIZE(1, BS_TPM_MAX) },
    { 5, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, bundle), SHAPE_SIZE(1, BS_BUNDLE_MAX) },
    { 6, SHAPE_UINT, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, retry_after), SHAPE_SIZE(1, BS_RETRY_MAX) },
    { 7, SHAPE_NAME, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, reason), SHAPE_SIZE(1, BS_NAME_MAX) },
    { 8, SHAPE_TEXT, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, text), SHAPE_SIZE(1, BS_TEXT_MAX) },
    { 9, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, device), SHAPE_SIZE(32, 32) },
    { 10, SHAPE_MAP, SHAPE_OPTIONAL, SHAPE_LIST(ANSWER, findings, finding_count), .shape = &finding_shape },
    { 11, SHAPE_BYTES, SHAPE_OPTIONAL, SHAPE_MEMBER(ANSWER, order), SHAPE_SIZE(1, BS_ORDER_MAX) },
};
static const struct shape answer_shape = SHAPE_OF(answer_fields, answer_is_sound);

enum bs_err message_answer_encode(const struct message_answer *m, struct bs_buf *out)
{
    struct message_answer scratch = { 0 };
    return shape_encode(&answer_shape, m, BS_ANSWER_MAX, out, &scratch);
}

enum bs_err message_answer_decode(struct bs_span in, struct message_answer *ret_m)
{
    struct message_answer m = { 0 };
    enum bs_err err = shape_decode(&answer_shape, in, BS_ANSWER_MAX, &m);
    if (err == BS_OK)
        *ret_m = m;
    return err;
}
