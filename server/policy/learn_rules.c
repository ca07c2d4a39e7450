/* Each event of a boot as the rule that demands it. */
#include "core/eventlog_secureboot.h"
#include "core/text.h"
#include "server/policy/digest_list.h"
#include "server/policy/learn.h"

#include <stdio.h>
#include <string.h>

#define NAME_SIZE 65
#define SECTION_NAME_MAX 8 /* of a PE image's (PE/COFF, section table) */
#define DIGEST_SIZE (2 * CRYPTO_HASH_MAX + 16)

static const char *digest_of(const struct learn *learn, const struct judge_event *event, char text[DIGEST_SIZE])
{
    digest_text(learn->judge.bank, event->digest, text, DIGEST_SIZE);
    return text;
}

static void describe(const struct judge_event *event, char ret_words[POLICY_WORDS_SIZE])
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(EVENTLOG_DESCRIPTION_MAX);
    ret_words[0] = '\0';
    if (eventlog_describe(&event->event, &text) == BS_OK && text.size > 0)
        judge_say(ret_words, POLICY_WORDS_SIZE, "%.*s", (int)text.size, (const char *)text.data);
}

/* "# event 23: boot application ..." on a line of its own; what the log says, which need not be true. */
static void say_comment(struct learn *learn, const char *indent, const struct judge_event *event)
{
    char words[POLICY_WORDS_SIZE];
    describe(event, words);
    learn_say(learn, "%s# %sevent %zu, PCR %u: %s\n", indent, event->is_userspace ? "userspace " : "",
              event->event.index, event->event.pcr, words);
}

/* Printable ASCII without what a string would have to escape, from UTF-16; false for anything else. */
static bool read_name(struct bs_span wide, char ret_name[NAME_SIZE])
{
    if (wide.size == 0 || wide.size % 2 != 0 || wide.size / 2 >= NAME_SIZE)
        return false;
    for (size_t i = 0; i < wide.size / 2; i++) {
        uint8_t c = wide.data[2 * i];
        if (wide.data[2 * i + 1] != 0 || c <= ' ' || c >= 0x7f || c == '"' || c == '\\')
            return false;
        ret_name[i] = (char)c;
    }
    ret_name[wide.size / 2] = '\0';
    return true;
}

/* A list in parentheses that is only there when it has elements. */
struct list {
    struct learn *learn;
    const char *head;
    size_t count;
};

static void list_next(struct list *list, const struct judge_event *event)
{
    learn_say(list->learn, "%s", list->count++ == 0 ? list->head : ",\n");
    say_comment(list->learn, "    ", event);
}

static void list_end(const struct list *list)
{
    if (list->count > 0)
        learn_say(list->learn, "\n);\n");
}

static void write_secure_boot(struct learn *learn)
{
    struct judge *judge = &learn->judge;
    struct judge_event *found = NULL;
    uint8_t value = 0;
    size_t count = 0;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, 7));)
        if (rule_secure_boot_read(judge, e, &value)) {
            found = e;
            count++;
        }
    if (count != 1 || !found->is_before || !rule_secure_boot_read(judge, found, &value))
        return;
    judge_take(found, JUDGE_SECURE_BOOT);
    learn_say(learn, "\nsecure_boot = \"%s\";\n", value == 1 ? "on" : "off");
}

static void say_signers(struct learn *learn, const struct eventlog_variable *variable)
{
    struct eventlog_entry entry;
    struct eventlog_signer signer;
    char hex[2 * CRYPTO_SHA256_SIZE + 1], subject[CERT_TEXT_MAX];
    for (struct eventlog_entries e = eventlog_entries_first(variable->data); eventlog_entries_next(&e, &entry);) {
        if (eventlog_entry_signer(&entry, &signer) != BS_OK)
            continue;
        bs_hex(BS_SPAN(signer.fingerprint, CRYPTO_SHA256_SIZE), hex);
        JUDGE_SAY(subject, "%s", signer.subject);
        learn_say(learn, "    # holds \"%s\", fingerprint %s\n", subject, hex);
    }
}

/* Has another event of the PCR the same name, or the same digest? Then the rule for variables is none for it. */
static bool is_single(struct judge *judge, const struct judge_event *event, struct bs_span name)
{
    struct eventlog_variable other;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, event->event.pcr));)
        if (e != event && (bs_span_equal(e->digest, event->digest) ||
                           (e->is_before && eventlog_decode_variable(e->event.data, &other) == BS_OK &&
                            bs_span_equal(other.name, name))))
            return false;
    return true;
}

static void write_variables(struct learn *learn)
{
    struct list list = { learn, "\nvariables = (\n", 0 };
    struct judge *judge = &learn->judge;
    for (size_t i = 0; i < judge->count; i++) {
        struct judge_event *e = &judge->events[i];
        struct eventlog_variable variable;
        char name[NAME_SIZE], digest[DIGEST_SIZE];
        if (e->is_taken || !e->is_before || eventlog_decode_variable(e->event.data, &variable) != BS_OK ||
            !read_name(variable.name, name) || !is_single(judge, e, variable.name))
            continue;
        judge_take(e, JUDGE_VARIABLES);
        list_next(&list, e);
        say_signers(learn, &variable);
        learn_say(learn, "    { name = \"%s\"; pcr = %u; digests = [\"%s\"]; }", name, e->event.pcr,
                  digest_of(learn, e, digest));
    }
    list_end(&list);
}

/* Of the same PCR and digest, further back: one demand is enough for both. */
static bool is_repeated(const struct judge *judge, const struct judge_event *event)
{
    for (const struct judge_event *e = judge->events; e < event; e++)
        if (e->event.pcr == event->event.pcr && e->is_taken && e->taken_by == event->taken_by &&
            bs_span_equal(e->digest, event->digest))
            return true;
    return false;
}

static void write_applications(struct learn *learn)
{
    struct list list = { learn, "\napplications = (\n", 0 };
    char digest[DIGEST_SIZE];
    for (struct judge_event *e = NULL; (e = judge_next(&learn->judge, e, 4));) {
        if (e->is_taken)
            continue;
        judge_take(e, JUDGE_APPLICATIONS);
        if (is_repeated(&learn->judge, e))
            continue;
        list_next(&list, e);
        learn_say(learn, "    { name = \"started %zu\"; digests = [\"%s\"]; }", list.count,
                  digest_of(learn, e, digest));
    }
    list_end(&list);
}

/* The digest is that of the section's name, which the data say too. */
static bool read_section(const struct judge *judge, const struct judge_event *event, char ret_name[NAME_SIZE])
{
    struct bs_span wide = event->event.data;
    if (wide.size < 4 || wide.size > 2 * (SECTION_NAME_MAX + 1) ||
        !read_name(BS_SPAN(wide.data, wide.size - 2), ret_name) || ret_name[0] != '.')
        return false;
    return judge_is_digest_of(judge, event->digest, BS_SPAN(ret_name, strlen(ret_name) + 1));
}

static void write_sections(struct learn *learn)
{
    struct list list = { learn, "\nsections = (\n", 0 };
    struct judge *judge = &learn->judge;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, 11));) {
        struct judge_event *contents = judge_next(judge, e, 11);
        char name[NAME_SIZE], other[NAME_SIZE], digest[DIGEST_SIZE];
        bool is_pair = contents && !e->is_taken && !contents->is_taken && read_section(judge, e, name);
        for (struct judge_event *k = NULL; is_pair && (k = judge_next(judge, k, 11));)
            is_pair = k == e || !read_section(judge, k, other) || strcmp(name, other) != 0;
        if (!is_pair)
            continue;
        judge_take(e, JUDGE_SECTIONS);
        judge_take(contents, JUDGE_SECTIONS);
        list_next(&list, contents);
        learn_say(learn, "    { name = \"%s\"; digests = [\"%s\"]; }", name, digest_of(learn, contents, digest));
    }
    list_end(&list);
}

static void write_initrd(struct learn *learn)
{
    struct judge_event *found = NULL;
    char digest[DIGEST_SIZE];
    for (struct judge_event *e = NULL; (e = judge_next(&learn->judge, e, 9));) {
        if (e->is_taken || judge_rule_of(&learn->judge, e) != JUDGE_INITRD)
            continue;
        if (found)
            return; /* the rule wants one of a list, and both are demanded here */
        found = e;
    }
    if (!found)
        return;
    judge_take(found, JUDGE_INITRD);
    learn_say(learn, "\n");
    say_comment(learn, "", found);
    learn_say(learn, "initrd = [\"%s\"];\n", digest_of(learn, found, digest));
}

static void write_measured(struct learn *learn)
{
    struct list list = { learn, "\nmeasured = (\n", 0 };
    struct judge *judge = &learn->judge;
    char digest[DIGEST_SIZE], words[POLICY_WORDS_SIZE];
    for (size_t i = 0; i < judge->count; i++) {
        struct judge_event *e = &judge->events[i];
        if (e->is_taken)
            continue;
        judge_take(e, JUDGE_MEASURED);
        if (is_repeated(judge, e))
            continue;
        list_next(&list, e);
        describe(e, words);
        learn_say(learn, "    { pcr = %u; digests = [\"%s\"]; note = ", e->event.pcr, digest_of(learn, e, digest));
        learn_say_string(learn, words);
        learn_say(learn, "; }");
    }
    list_end(&list);
}

void learn_write_rules(struct learn *learn)
{
    write_secure_boot(learn);
    write_variables(learn);
    write_applications(learn);
    write_sections(learn);
    write_initrd(learn);
    write_measured(learn);
}
