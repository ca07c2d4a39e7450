#include "server/policy/boot_events.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 256

struct comparison {
    struct boot_events found;
    struct boot_events expected;
    struct align_result *aligned;
};

static bool is_like(void *context, size_t found, size_t expected)
{
    const struct comparison *comparison = context;
    return boot_event_is_like(&comparison->found.events[found], &comparison->expected.events[expected]);
}

static struct boot_diff_row *next_row(struct boot_diff *diff)
{
    diff->total++;
    return diff->count < BOOT_DIFF_ROWS_MAX ? &diff->rows[diff->count++] : NULL;
}

static enum bs_err compare_events(struct comparison *comparison, uint32_t pcr, struct boot_diff *diff)
{
    struct boot_events *found = &comparison->found, *expected = &comparison->expected;
    struct align_lists lists = { .found = found->digests,
                                 .found_count = found->count,
                                 .expected = expected->digests,
                                 .expected_count = expected->count,
                                 .is_like = is_like,
                                 .context = comparison };
    size_t total, before = diff->total;
    enum bs_err err = align_all(&lists, comparison->aligned, BOOT_DIFF_PCR_ROWS_MAX, &total);
    if (err != BS_OK)
        return err;
    for (size_t i = 0; i < total && i < BOOT_DIFF_PCR_ROWS_MAX; i++) {
        const struct align_result *aligned = &comparison->aligned[i];
        struct boot_diff_row *row = next_row(diff);
        if (!row)
            break;
        *row = (struct boot_diff_row){ .change = aligned->change, .pcr = pcr };
        if (aligned->change != ALIGN_REMOVED)
            boot_events_describe(found, aligned->found, &row->found);
        if (aligned->change != ALIGN_ADDED)
            boot_events_describe(expected, aligned->expected, &row->expected);
    }
    diff->total = before + total;
    return BS_OK;
}

static bool has_pcr(const struct policy_boot *boot, uint32_t pcr)
{
    return boot->mask & (UINT32_C(1) << pcr);
}

static void show_value(const struct policy_boot *boot, uint32_t pcr, char ret_text[BOOT_DIFF_DIGEST])
{
    if (has_pcr(boot, pcr))
        boot_events_digest(boot->bank, BS_SPAN(boot->pcrs[pcr], crypto_hash_size(boot->bank)), ret_text);
    else
        snprintf(ret_text, BOOT_DIFF_DIGEST, "not quoted");
}

static bool value_is_equal(const struct comparison *comparison, uint32_t pcr)
{
    const struct policy_boot *a = comparison->found.boot, *b = comparison->expected.boot;
    if (has_pcr(a, pcr) != has_pcr(b, pcr))
        return false;
    return !has_pcr(a, pcr) || memcmp(a->pcrs[pcr], b->pcrs[pcr], crypto_hash_size(a->bank)) == 0;
}

static enum bs_err compare_pcr(struct comparison *comparison, uint32_t pcr, struct boot_diff *diff)
{
    if (value_is_equal(comparison, pcr))
        return BS_OK;
    size_t before = diff->total;
    enum bs_err err = BS_OK;
    if (boot_events_are_known(&comparison->found) && boot_events_are_known(&comparison->expected)) {
        boot_events_turn_to(&comparison->found, pcr);
        boot_events_turn_to(&comparison->expected, pcr);
        err = compare_events(comparison, pcr, diff);
    }
    struct boot_diff_row *row = err == BS_OK && diff->total == before ? next_row(diff) : NULL;
    if (row) {
        *row = (struct boot_diff_row){ .change = ALIGN_CHANGED, .pcr = pcr };
        show_value(comparison->found.boot, pcr, row->found.digest);
        show_value(comparison->expected.boot, pcr, row->expected.digest);
    }
    return err;
}

static enum bs_err compare_boots(struct comparison *comparison, uint32_t mask, struct boot_diff *diff)
{
    enum bs_err err = BS_OK;
    if (comparison->found.boot->bank != comparison->expected.boot->bank)
        return BS_OK;
    for (uint32_t pcr = 0; pcr < POLICY_PCRS && err == BS_OK; pcr++)
        if (mask & (UINT32_C(1) << pcr))
            err = compare_pcr(comparison, pcr, diff);
    return err;
}

/* Blanks part words; quotes are left to whoever reads them. */
static size_t split(struct bs_span line, struct bs_span words[WORDS_MAX])
{
    size_t count = 0, start = 0;
    for (size_t i = 0; i <= line.size; i++) {
        if (i < line.size && line.data[i] != ' ')
            continue;
        if (i > start && count < WORDS_MAX)
            words[count++] = BS_SPAN(line.data + start, i - start);
        start = i + 1;
    }
    return count;
}

static void say_word(struct bs_buf *out, const char *how, struct bs_span word)
{
    (void)!bs_buf_printf(out, "%s%s %.*s", out->size > 0 ? ", " : "", how, (int)word.size, (const char *)word.data);
}

static enum bs_err compare_command_lines(struct bs_span found, struct bs_span expected, struct boot_diff *diff)
{
    struct bs_span a[WORDS_MAX], b[WORDS_MAX];
    struct align_result rows[16];
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(2 * BOOT_DIFF_TEXT);
    size_t total;
    if (found.size == 0 || expected.size == 0)
        return BS_OK;
    struct align_lists lists = {
        .found = a, .found_count = split(found, a), .expected = b, .expected_count = split(expected, b)
    };
    enum bs_err err = align_all(&lists, rows, 16, &total);
    for (size_t i = 0; err == BS_OK && i < total && i < 16; i++) {
        if (rows[i].change != ALIGN_REMOVED)
            say_word(&text, "with", a[rows[i].found]);
        if (rows[i].change != ALIGN_ADDED)
            say_word(&text, "without", b[rows[i].expected]);
    }
    if (err == BS_OK)
        boot_events_clean(bs_buf_span(&text), diff->command_line);
    return err;
}

void boot_diff_free(struct boot_diff *diff)
{
    free(diff->rows);
    diff->rows = NULL;
}

enum bs_err boot_diff(const struct policy_boot *found, const struct policy_boot *expected, uint32_t mask,
                      struct boot_diff *ret_diff)
{
    struct comparison comparison = { .found = { .count = 0 } };
    struct boot_diff diff = { .rows = calloc(BOOT_DIFF_ROWS_MAX, sizeof(*diff.rows)) };
    comparison.aligned = calloc(BOOT_DIFF_PCR_ROWS_MAX, sizeof(*comparison.aligned));
    enum bs_err err = diff.rows && comparison.aligned ? BS_OK : BS_ERR_NOMEM;
    if (err == BS_OK)
        err = boot_events_open(&comparison.found, found);
    if (err == BS_OK)
        err = boot_events_open(&comparison.expected, expected);
    if (err == BS_OK)
        err = compare_boots(&comparison, mask, &diff);
    if (err == BS_OK)
        err = compare_command_lines(found->command_line, expected->command_line, &diff);
    boot_events_free(&comparison.found);
    boot_events_free(&comparison.expected);
    free(comparison.aligned);
    if (err == BS_OK)
        *ret_diff = diff;
    else
        boot_diff_free(&diff);
    return err;
}
