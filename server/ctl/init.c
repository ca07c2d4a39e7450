#include "server/ctl/init.h"
#include "bootseal/exit.h"
#include "core/log.h"
#include "server/config.h"
#include "server/server.h"

#include <stdio.h>
#include <string.h>

static int fail_usage(const char *what)
{
    (void)fprintf(stderr, "bootsealctl: %s; see bootsealctl --help\n", what);
    return BS_EXIT_USAGE;
}

/* Cuts HOST,HOST,... in place. */
static bool split_names(char *text, const char *names[CONFIG_NAMES_MAX], size_t *ret_count)
{
    char *rest = NULL;

    *ret_count = 0;
    for (char *name = strtok_r(text, ",", &rest); name != NULL; name = strtok_r(NULL, ",", &rest)) {
        if (*ret_count == CONFIG_NAMES_MAX)
            return false;
        names[(*ret_count)++] = name;
    }
    return *ret_count > 0;
}

static void print_next(const char *dir)
{
    (void)printf("Made %s. Into the initramfs go the files of %s/image, as /etc/bootseal/.\n"
                 "Trusted TPM makers: put the roots of their EK certificates into %s/ek-roots/ (PEM).\n"
                 "\n"
                 "Next:\n"
                 "  bootseald %s\n"
                 "  bootsealctl --dir=%s profile apply FILE\n",
                 dir, dir, dir, dir, dir);
}

int ctl_init(int argc, char **argv)
{
    const char *names[CONFIG_NAMES_MAX];
    struct server_init request = { .names = names };
    enum bs_err err;

    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "--name=", 7) == 0) {
            if (request.name_count > 0 || !split_names(argv[i] + 7, names, &request.name_count))
                return fail_usage("--name wants one to sixteen host names or addresses, separated by commas");
        } else if (strncmp(argv[i], "--listen=", 9) == 0) {
            request.listen = argv[i] + 9;
        } else if (strncmp(argv[i], "--", 2) == 0 || request.dir != NULL) {
            return fail_usage("init takes DIR, --name= and --listen=");
        } else {
            request.dir = argv[i];
        }
    }
    if (request.dir == NULL || request.name_count == 0)
        return fail_usage("init wants DIR and --name=HOST: the name under which devices reach this server");
    err = server_init(&request);
    if (err != BS_OK)
        return bs_err_exit(err);
    print_next(request.dir);
    return BS_EXIT_DONE;
}
