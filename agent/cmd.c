#include "agent/cmd.h"

#include "bootseal/exit.h"

#include <stdio.h>

bool cmd_config(const struct options *options, struct agent_config *ret_config, struct conf **ret_conf, int *ret_exit)
{
    struct conf_problem problem = { "" };
    enum bs_err err = config_load(options->config, options->root, ret_config, ret_conf, &problem);
    if (err == BS_ERR_NOT_FOUND && !options->config) {
        config_defaults(ret_config);
        return true;
    }
    if (err == BS_OK)
        return true;
    fprintf(stderr, "bootseal: %s\n", problem.text[0] ? problem.text : bs_err_name(err));
    *ret_exit = BS_EXIT_CONFIG;
    return false;
}

int cmd_print(struct bs_span text)
{
    if (text.size == 0 || (fwrite(text.data, 1, text.size, stdout) == text.size && fflush(stdout) == 0))
        return BS_EXIT_DONE;
    fprintf(stderr, "bootseal: cannot write to the standard output\n");
    return BS_EXIT_LOCAL;
}
