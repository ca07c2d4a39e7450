#include "server/align.h"

#include <stdint.h>
#include <stdlib.h>

/* Above this the table would cost more than the answer is worth; then the first position that differs is named. */
#define ALIGN_MAX 512

struct lists {
    const struct bs_span *found;
    size_t found_count;
    const struct bs_span *expected;
    size_t expected_count;
};

static bool equal(const struct lists *lists, size_t i, size_t k)
{
    return bs_span_equal(lists->found[i], lists->expected[k]);
}

/* table[i][k]: length of the longest common subsequence of what follows i and k. */
static void fill(const struct lists *lists, uint16_t *table)
{
    size_t width = lists->expected_count + 1;
    for (size_t i = lists->found_count; i-- > 0;)
        for (size_t k = lists->expected_count; k-- > 0;) {
            uint16_t down = table[(i + 1) * width + k], right = table[i * width + k + 1];
            table[i * width + k] =
                equal(lists, i, k) ? (uint16_t)(table[(i + 1) * width + k + 1] + 1) : (down > right ? down : right);
        }
}

/*
 * Both lists begin with something different. Added: the other's first is still to come; removed: ours is; when neither loses
 * anything against the other, or nothing in common is left, one stands in the other's place.
 */
static enum align_change first_change(const struct lists *lists, const uint16_t *table)
{
    size_t width = lists->expected_count + 1;
    uint16_t skip_found = table[width], skip_expected = table[1], skip_both = table[width + 1];
    if (skip_both == table[0])
        return ALIGN_CHANGED;
    return skip_found >= skip_expected ? ALIGN_ADDED : ALIGN_REMOVED;
}

enum bs_err align_first(const struct bs_span *found, size_t found_count, const struct bs_span *expected,
                        size_t expected_count, struct align_result *ret_result)
{
    struct lists lists = { found, found_count, expected, expected_count };
    size_t start = 0;
    while (start < found_count && start < expected_count && equal(&lists, start, start))
        start++;
    struct lists rest = { found + start, found_count - start, expected + start, expected_count - start };
    struct align_result result = { ALIGN_CHANGED, start, start };
    while (rest.found_count > 0 && rest.expected_count > 0 &&
           equal(&rest, rest.found_count - 1, rest.expected_count - 1)) {
        rest.found_count--;
        rest.expected_count--;
    }
    if (rest.found_count == 0 && rest.expected_count == 0) {
        result.change = ALIGN_SAME;
    } else if (rest.found_count == 0) {
        result.change = ALIGN_REMOVED;
    } else if (rest.expected_count == 0) {
        result.change = ALIGN_ADDED;
    } else if (rest.found_count <= ALIGN_MAX && rest.expected_count <= ALIGN_MAX) {
        BS_OWN(memory) table = calloc((rest.found_count + 1) * (rest.expected_count + 1), sizeof(uint16_t));
        if (!table)
            return BS_ERR_NOMEM;
        fill(&rest, table);
        result.change = first_change(&rest, table);
    }
    *ret_result = result;
    return BS_OK;
}
