/* bootseald: the enrollment server. */
#include "bootseal/exit.h"
#include "core/eventlog_more.h"
#include "core/log.h"
#include "core/secret.h"
#include "server/listen/serve.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "usage: bootseald [--log=LEVEL] [--log-format=text|kv] DIR\n"
    "       bootseald --help | --version\n"
    "\n"
    "Serves the folder that `bootsealctl init DIR` made. Levels: error warning notice info debug.\n";

static int fail_usage(const char *what, const char *about)
{
    (void)fprintf(stderr, "bootseald: %s%s; see bootseald --help\n", what, about);
    return BS_EXIT_USAGE;
}

static int run(const char *dir)
{
    BS_OWN(server) server = NULL;
    enum bs_err err;

    bs_secret_keep_pages(BS_SECRET_SPARES_MAX);
    err = server_open(dir, &server);
    if (err == BS_OK)
        err = serve(server);
    return bs_err_exit(err);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "log", required_argument, NULL, 'l' },
        { "log-format", required_argument, NULL, 'f' },
        { NULL, 0, NULL, 0 },
    };
    enum bs_log_level level = BS_LOG_NOTICE;

    bs_log_setup("bootseald", stderr, BS_LOG_TEXT, level);
    eventlog_know_more();
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'h':
            (void)fputs(usage, stdout);
            return BS_EXIT_DONE;
        case 'V':
            (void)puts("bootseald " BS_VERSION);
            return BS_EXIT_DONE;
        case 'l':
            if (!bs_log_level_parse(optarg, &level))
                return fail_usage("no such level: ", optarg);
            bs_log_set_level(level);
            break;
        case 'f':
            if (strcmp(optarg, "kv") != 0 && strcmp(optarg, "text") != 0)
                return fail_usage("no such format: ", optarg);
            bs_log_set_format(strcmp(optarg, "kv") == 0 ? BS_LOG_KV : BS_LOG_TEXT);
            break;
        default:
            return fail_usage("unknown option or missing value: ", argv[optind - 1]);
        }
    }
    if (argc - optind != 1)
        return fail_usage("one folder is wanted", "");
    return run(argv[optind]);
}
