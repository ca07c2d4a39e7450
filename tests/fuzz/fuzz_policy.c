/* Policies: whatever is refused is refused with a sentence; and the words of command lines, of any bytes. */
#include "fuzz/fuzz.h"
#include "server/policy/command_line.h"
#include "server/policy/policy_file.h"

#include <stdlib.h>
#include <string.h>

/* The text as a command line: what is there as demanded is found as forbidden, too. */
static void command_line(struct bs_span input)
{
    static const char *const items[] = { "ro", "init=", "quiet", "root=/dev/sda1" };
    const struct conf_strings words = { items, 4 };
    char *line = strndup(input.size > 0 ? (const char *)input.data : "", input.size);
    FUZZ_CLAIM(line != NULL);
    const char *missing = command_line_find_missing(line, &words);
    const char *forbidden = command_line_find_forbidden(line, &words);
    FUZZ_CLAIM(missing || forbidden);
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy_file policy;
    struct conf_problem problem = { "" };
    enum bs_err err = policy_parse(BS_SPAN(data, size), &policy, &problem);
    command_line(BS_SPAN(data, size));
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_CONFIG);
        FUZZ_CLAIM(problem.text[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(problem.text));
        return 0;
    }
    policy_free(&policy);
    return 0;
}
