/* The server's configuration and profiles. A configuration that is read and printed is read again as it was. */
#include "fuzz/fuzz.h"
#include "server/config.h"
#include "server/profile.h"

#include <string.h>

static struct bs_span text;

/* In place of the file. */
enum bs_err __wrap_conf_load(const char *path, const struct conf_schema *schema, void *ret_target,
                             struct conf **ret_conf, struct conf_problem *problem);
enum bs_err __wrap_conf_load(const char *path, const struct conf_schema *schema, void *ret_target,
                             struct conf **ret_conf, struct conf_problem *problem)
{
    enum bs_err err = conf_parse(path, text, schema, ret_target, ret_conf, problem);
    if (err != BS_OK) {
        FUZZ_CLAIM(problem->text[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(problem->text));
    }
    return err;
}

static void config(struct bs_span input)
{
    static struct config first, second;
    BS_SCOPED_BUF struct bs_buf printed = BS_BUF(CONF_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf again = BS_BUF(CONF_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(CONF_SIZE_MAX);
    text = input;
    enum bs_err err = config_load("bootseald.conf", &first);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_CONFIG);
        return;
    }
    FUZZ_CLAIM(first.name_count > 0 && first.name_count <= CONFIG_NAMES_MAX);
    FUZZ_CLAIM(config_print(&first, &printed) == BS_OK);
    FUZZ_CLAIM(config_print_image(&first, &image) == BS_OK);
    text = bs_buf_span(&printed);
    FUZZ_CLAIM(config_load("printed", &second) == BS_OK);
    FUZZ_CLAIM(config_print(&second, &again) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&printed), bs_buf_span(&again)));
    FUZZ_CLAIM(config_quote_mask(&first) == config_quote_mask(&second));
}

static void profile(struct bs_span input)
{
    struct profile profile;
    struct conf_problem problem = { "" };
    enum bs_err err = profile_parse(input, &profile, &problem);
    if (err != BS_OK) {
        FUZZ_CLAIM(err == BS_ERR_CONFIG);
        FUZZ_CLAIM(problem.text[0] != '\0');
        FUZZ_CLAIM_TEXT(bs_span_of_string(problem.text));
        return;
    }
    FUZZ_CLAIM(profile_name_is_valid(profile.name));
    for (size_t i = 0; i < profile.item_count; i++) {
        BS_SCOPED_BUF struct bs_buf expanded = BS_BUF(256 * 1024);
        char why[256];
        if (profile.items[i].kind == PROFILE_FILE && profile.items[i].text)
            (void)!profile_expand(profile.items[i].text, NULL, &expanded, why);
    }
    profile_free(&profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    config(BS_SPAN(data, size));
    profile(BS_SPAN(data, size));
    return 0;
}
