#include "server/policy/align.h"

#include <stdint.h>
#include <stdlib.h>

/* Above this the table would cost more than the answer is worth. */
#define ALIGN_MAX 512
/* So far ahead is looked for what something was changed into; who may show a log must not buy much time with it. */
#define ALIGN_AHEAD 32

/* The stretch between what both lists begin and end with, and where its rows go. */
struct stretch {
    const struct align_lists *lists;
    size_t start;
    size_t found_end;
    size_t expected_end;
    struct align_result *rows;
    size_t max;
    size_t total;
};

/* A part of both lists that has nothing in common. */
struct gap {
    size_t found;
    size_t found_end;
    size_t expected;
    size_t expected_end;
};

static bool equal(const struct align_lists *lists, size_t i, size_t k)
{
    return bs_span_equal(lists->found[i], lists->expected[k]);
}

static bool like(const struct align_lists *lists, size_t i, size_t k)
{
    return !lists->is_like || lists->is_like(lists->context, i, k);
}

static void add(struct stretch *stretch, enum align_change change, size_t found, size_t expected)
{
    if (stretch->total < stretch->max)
        stretch->rows[stretch->total] = (struct align_result){ change, found, expected };
    stretch->total++;
}

static bool is_like_a_later_one(const struct align_lists *lists, const struct gap *gap)
{
    for (size_t k = gap->expected; k < gap->expected_end && k - gap->expected < ALIGN_AHEAD; k++)
        if (like(lists, gap->found, k))
            return true;
    return false;
}

/* What is like its neighbour was changed; what is like nothing that follows was added; else something was removed before it. */
static void close_gap(struct stretch *stretch, struct gap gap)
{
    while (gap.found < gap.found_end || gap.expected < gap.expected_end) {
        bool has_found = gap.found < gap.found_end, has_expected = gap.expected < gap.expected_end;
        if (has_found && has_expected && like(stretch->lists, gap.found, gap.expected))
            add(stretch, ALIGN_CHANGED, gap.found++, gap.expected++);
        else if (has_found && !is_like_a_later_one(stretch->lists, &gap))
            add(stretch, ALIGN_ADDED, gap.found++, gap.expected);
        else
            add(stretch, ALIGN_REMOVED, gap.found, gap.expected++);
    }
}

/* table[i][k]: length of the longest common subsequence of what follows i and k, both counted from the stretch's start. */
static void fill(const struct stretch *stretch, uint16_t *table)
{
    size_t width = stretch->expected_end - stretch->start + 1;
    for (size_t i = stretch->found_end - stretch->start; i-- > 0;)
        for (size_t k = width - 1; k-- > 0;) {
            uint16_t down = table[(i + 1) * width + k], right = table[i * width + k + 1];
            table[i * width + k] = equal(stretch->lists, stretch->start + i, stretch->start + k)
                                       ? (uint16_t)(table[(i + 1) * width + k + 1] + 1)
                                       : (down > right ? down : right);
        }
}

static void walk(struct stretch *stretch, const uint16_t *table)
{
    size_t start = stretch->start, width = stretch->expected_end - start + 1;
    struct gap gap = { .found = start, .found_end = start, .expected = start, .expected_end = start };
    while (gap.found_end < stretch->found_end && gap.expected_end < stretch->expected_end) {
        size_t i = gap.found_end - start, k = gap.expected_end - start;
        if (equal(stretch->lists, gap.found_end, gap.expected_end)) {
            close_gap(stretch, gap);
            gap.found = ++gap.found_end;
            gap.expected = ++gap.expected_end;
        } else if (table[(i + 1) * width + k] >= table[i * width + k + 1]) {
            gap.found_end++;
        } else {
            gap.expected_end++;
        }
    }
    gap.found_end = stretch->found_end;
    gap.expected_end = stretch->expected_end;
    close_gap(stretch, gap);
}

/* Without the table: one against one as they stand, and what is left over. */
static void walk_by_position(struct stretch *stretch)
{
    size_t i = stretch->start, k = stretch->start;
    while (i < stretch->found_end && k < stretch->expected_end) {
        if (!equal(stretch->lists, i, k))
            add(stretch, ALIGN_CHANGED, i, k);
        i++;
        k++;
    }
    while (i < stretch->found_end)
        add(stretch, ALIGN_ADDED, i++, k);
    while (k < stretch->expected_end)
        add(stretch, ALIGN_REMOVED, i, k++);
}

enum bs_err align_all(const struct align_lists *lists, struct align_result *ret_rows, size_t max, size_t *ret_total)
{
    struct stretch stretch = { .lists = lists,
                               .found_end = lists->found_count,
                               .expected_end = lists->expected_count,
                               .rows = ret_rows,
                               .max = max };
    while (stretch.start < stretch.found_end && stretch.start < stretch.expected_end &&
           equal(lists, stretch.start, stretch.start))
        stretch.start++;
    while (stretch.found_end > stretch.start && stretch.expected_end > stretch.start &&
           equal(lists, stretch.found_end - 1, stretch.expected_end - 1)) {
        stretch.found_end--;
        stretch.expected_end--;
    }
    size_t found_count = stretch.found_end - stretch.start, expected_count = stretch.expected_end - stretch.start;
    if (found_count <= ALIGN_MAX && expected_count <= ALIGN_MAX) {
        BS_OWN(memory) table = calloc((found_count + 1) * (expected_count + 1), sizeof(uint16_t));
        if (!table)
            return BS_ERR_NOMEM;
        fill(&stretch, table);
        walk(&stretch, table);
    } else {
        walk_by_position(&stretch);
    }
    *ret_total = stretch.total;
    return BS_OK;
}
