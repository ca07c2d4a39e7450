/*
 * The kernel's command line. Nothing but a digest proves it: of the text that the device claims, in a form that some boot loader measures, or
 * of a text that stands in the log. Every text that is proven must keep the rule.
 */
#include "core/text.h"
#include "server/policy/command_line.h"
#include "server/policy/judge.h"

#include <stdio.h>
#include <string.h>

#define GRUB_PCR 8
#define KERNEL_PCR 9
#define SECTION_PCR 11
#define PARAMETER_PCR 12
#define TEXT_MAX 4096
#define FORMS 8

struct proof {
    struct judge *judge;
    char text[TEXT_MAX + 1]; /* what the device claims; empty: nothing */
    struct form {
        uint32_t pcrs; /* where such a digest is one of a command line */
        uint8_t digest[CRYPTO_HASH_MAX];
    } forms[FORMS];
    size_t form_count;
    bool is_proven;
    size_t count; /* of texts that were proven, the claimed and others */
};

static bool is_wanted(const struct judge *judge, const struct judge_event *event)
{
    static const uint32_t pcrs =
        JUDGE_BIT(GRUB_PCR) | JUDGE_BIT(KERNEL_PCR) | JUDGE_BIT(SECTION_PCR) | JUDGE_BIT(PARAMETER_PCR);
    return !event->is_userspace && (pcrs & judge->policy->events & JUDGE_BIT(event->event.pcr));
}

static void add_form(struct proof *proof, uint32_t pcrs, struct bs_span bytes)
{
    struct form *form = &proof->forms[proof->form_count++];
    form->pcrs = pcrs;
    enum bs_err err = crypto_hash(proof->judge->bank, bytes, form->digest);
    if (err != BS_OK)
        proof->judge->err = err;
}

/* UTF-16LE with its zero, as the EFI stub of Linux and systemd-stub measure load options; 0 when it is not UTF-8. */
static size_t widen(const char *text, uint8_t ret_wide[2 * TEXT_MAX + 2])
{
    struct bs_reader r = BS_READER(bs_span_of_string(text));
    uint32_t character;
    bool is_valid;
    size_t size = 0;
    while (bs_utf8_take(&r, &character, &is_valid)) {
        uint32_t units[2] = { character, 0 };
        size_t count = 1;
        if (!is_valid)
            return 0;
        if (character > 0xffff) {
            units[0] = 0xd800 + ((character - 0x10000) >> 10);
            units[1] = 0xdc00 + ((character - 0x10000) & 0x3ff);
            count = 2;
        }
        for (size_t i = 0; i < count; i++) {
            ret_wide[size++] = (uint8_t)units[i];
            ret_wide[size++] = (uint8_t)(units[i] >> 8);
        }
    }
    ret_wide[size] = ret_wide[size + 1] = 0;
    return size + 2;
}

/*
 * GRUB measures what follows "BOOT_IMAGE=", which it puts in front itself; sections may end in a line feed or a zero. Each form counts only
 * where some loader measures it: PCR 9 also has the files that GRUB reads, and PCR 11 other sections, which may hold any text.
 */
static void read_claim(struct proof *proof)
{
    static const char boot_image[] = "BOOT_IMAGE=";
    struct bs_span claim = proof->judge->subject->boot.command_line;
    uint8_t wide[2 * TEXT_MAX + 2];
    char ended[TEXT_MAX + 3];
    if (claim.size == 0 || claim.size > TEXT_MAX || memchr(claim.data, 0, claim.size))
        return;
    memcpy(proof->text, claim.data, claim.size);
    size_t wide_size = widen(proof->text, wide);
    if (wide_size > 0) {
        add_form(proof, JUDGE_BIT(GRUB_PCR) | JUDGE_BIT(KERNEL_PCR) | JUDGE_BIT(PARAMETER_PCR),
                 BS_SPAN(wide, wide_size));
        add_form(proof, JUDGE_BIT(PARAMETER_PCR), BS_SPAN(wide, wide_size - 2));
    }
    snprintf(ended, sizeof(ended), "%s\n", proof->text);
    add_form(proof, JUDGE_BIT(GRUB_PCR) | JUDGE_BIT(SECTION_PCR), claim);
    add_form(proof, JUDGE_BIT(SECTION_PCR), BS_SPAN(proof->text, claim.size + 1));
    add_form(proof, JUDGE_BIT(SECTION_PCR), BS_SPAN(ended, claim.size + 1));
    add_form(proof, JUDGE_BIT(SECTION_PCR), BS_SPAN(ended, claim.size + 2));
    if (strncmp(proof->text, boot_image, strlen(boot_image)) == 0)
        add_form(proof, JUDGE_BIT(GRUB_PCR), bs_span_of_string(proof->text + strlen(boot_image)));
}

/* The name of the section ".cmdline", if this is the event next behind it. */
static struct judge_event *find_section_name(struct judge *judge, const struct judge_event *contents)
{
    struct judge_event *before = NULL;
    for (struct judge_event *e = NULL; (e = judge_next(judge, e, SECTION_PCR)) && e != contents;)
        before = e;
    return before && judge_is_digest_of(judge, before->digest, BS_SPAN(".cmdline", sizeof(".cmdline"))) ? before : NULL;
}

static bool is_claim(const struct proof *proof, const struct judge_event *event)
{
    for (size_t i = 0; i < proof->form_count; i++)
        if ((proof->forms[i].pcrs & JUDGE_BIT(event->event.pcr)) &&
            bs_span_equal(event->digest, BS_SPAN(proof->forms[i].digest, proof->judge->size)))
            return event->event.pcr != SECTION_PCR || find_section_name(proof->judge, event);
    return false;
}

static bool is_exact(const struct policy_file *policy, const char *text)
{
    for (size_t i = 0; i < policy->exact.count; i++)
        if (strcmp(policy->exact.items[i], text) == 0)
            return true;
    return policy->exact.count == 0;
}

static struct policy_verdict *refuse(struct judge *judge, const struct judge_event *event, const char *path,
                                     const char *text)
{
    struct policy_verdict *fault = judge_fault(judge, JUDGE_COMMAND_LINE, "%s", path);
    if (!fault)
        return NULL;
    if (event)
        judge_name_event(judge, fault, event);
    JUDGE_SAY(fault->text, "%s", text);
    JUDGE_SAY(
        fault->advice,
        "If the command line was changed on purpose, let command_line allow it and apply the policy; else put the "
        "approved one back into the boot loader's configuration, or the kernel image.");
    return fault;
}

static void check(struct judge *judge, const struct judge_event *event, const char *text)
{
    const struct policy_file *policy = judge->policy;
    struct policy_verdict *fault = NULL;
    const char *word;
    if (!is_exact(policy, text)) {
        fault = refuse(judge, event, "command_line.exact",
                       "the kernel's command line is none of those that the policy names");
        if (fault)
            JUDGE_SAY(fault->expected, "\"%s\"%s", policy->exact.items[0],
                      policy->exact.count > 1 ? ", or another one" : "");
    } else if ((word = command_line_find_forbidden(text, &policy->forbidden))) {
        fault = refuse(judge, event, "command_line.forbidden",
                       "the kernel's command line has a word that the policy forbids");
        if (fault)
            JUDGE_SAY(fault->expected, "no word \"%s\"%s", word,
                      word[strlen(word) - 1] == '=' ? " and what follows" : "");
    } else if ((word = command_line_find_missing(text, &policy->required))) {
        fault = refuse(judge, event, "command_line.required",
                       "the kernel's command line lacks a word that the policy demands, or contradicts it");
        if (fault)
            JUDGE_SAY(fault->expected, "the word \"%s\", and no other value for its name", word);
    }
    if (fault)
        JUDGE_SAY(fault->found, "\"%s\"", text);
}

static void take_claims(struct proof *proof)
{
    struct judge *judge = proof->judge;
    for (size_t i = 0; i < judge->count; i++) {
        struct judge_event *e = &judge->events[i];
        if (!is_wanted(judge, e) || !is_claim(proof, e))
            continue;
        if (!proof->is_proven)
            check(judge, e, proof->text);
        proof->is_proven = true;
        proof->count++;
        if (e->event.pcr == SECTION_PCR)
            judge_take(find_section_name(judge, e), JUDGE_COMMAND_LINE);
        judge_take(e, JUDGE_COMMAND_LINE);
    }
}

/* "kernel_cmdline: " is GRUB's word for it; what is measured stands behind (GRUB, commands/tpm.c), without the zero. */
static bool read_grub(const struct judge *judge, const struct judge_event *event, char ret_text[TEXT_MAX + 1])
{
    static const char head[] = "kernel_cmdline: ";
    struct bs_span data = event->event.data;
    size_t skip = strlen(head);
    if (event->event.pcr != GRUB_PCR || data.size <= skip || memcmp(data.data, head, skip) != 0)
        return false;
    struct bs_span text = BS_SPAN(data.data + skip, data.size - skip);
    if (text.data[text.size - 1] == 0)
        text.size--;
    if (text.size == 0 || text.size > TEXT_MAX || memchr(text.data, 0, text.size) ||
        !judge_is_digest_of(judge, event->digest, text))
        return false;
    memcpy(ret_text, text.data, text.size);
    ret_text[text.size] = '\0';
    return true;
}

/* Load options as systemd-stub and its elders measure them: UTF-16 with its zero, and the same bytes as data. */
static bool read_wide(const struct judge_event *event, char ret_text[TEXT_MAX + 1])
{
    struct bs_span data = event->event.data;
    uint32_t character;
    bool is_valid;
    size_t used = 0;
    if ((event->event.pcr != GRUB_PCR && event->event.pcr != PARAMETER_PCR) || !event->is_of_data || data.size < 4 ||
        data.size % 2 != 0 || data.data[1] != 0)
        return false;
    struct bs_reader r = BS_READER(data);
    while (bs_utf16_take(&r, &character, &is_valid) && is_valid && character != 0 && used + 4 < TEXT_MAX)
        used += bs_utf8_encode(character, (uint8_t *)ret_text + used);
    ret_text[used] = '\0';
    return is_valid && character == 0 && r.left == 0;
}

/*
 * The kernel measured the claimed text as a whole, and before anything that it started could run: the first event of its PCR is that. One
 * further back may be the running system's, which can measure an approved text behind the true ones, and call these parts of it.
 */
static bool is_whole(const struct proof *proof)
{
    const struct judge_event *first = judge_next(proof->judge, NULL, KERNEL_PCR);
    return first && is_wanted(proof->judge, first) && is_claim(proof, first);
}

/* What an add-on of systemd-stub adds is measured alone, too; as a part of the whole line it was judged there. */
static void take_texts(struct proof *proof)
{
    struct judge *judge = proof->judge;
    char text[TEXT_MAX + 1];
    const bool has_whole = is_whole(proof);
    for (size_t i = 0; i < judge->count; i++) {
        struct judge_event *e = &judge->events[i];
        if (!is_wanted(judge, e) || is_claim(proof, e) || (!read_grub(judge, e, text) && !read_wide(e, text)))
            continue;
        if (!has_whole || e->event.pcr != PARAMETER_PCR || !strstr(proof->text, text))
            check(judge, e, text);
        proof->count++;
        judge_take(e, JUDGE_COMMAND_LINE);
    }
}

void rule_command_line(struct judge *judge)
{
    struct proof proof = { .judge = judge };
    if (!policy_has_command_line(judge->policy))
        return;
    read_claim(&proof);
    take_claims(&proof);
    take_texts(&proof);
    if (proof.count > 0)
        return;
    struct policy_verdict *fault =
        refuse(judge, NULL, "command_line", "no measurement proves what command line the kernel got");
    if (!fault)
        return;
    JUDGE_SAY(fault->expected, "an event with the digest of the command line, in PCR 8, 9, 11 or 12");
    if (proof.text[0])
        JUDGE_SAY(fault->found, "\"%s\", as the device says, and no event with its digest", proof.text);
    else
        JUDGE_SAY(fault->found, "no command line from the device, and none in the log");
    JUDGE_SAY(
        fault->advice,
        "Boot in a way that measures the command line (GRUB, systemd-stub or the EFI stub of Linux) and let the device "
        "send it, or take command_line out of the policy.");
}
