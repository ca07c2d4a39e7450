#include "server/ctl/predict.h"

#include "bootseal/exit.h"
#include "core/uki.h"
#include "server/ctl/streams.h"

#include <stdio.h>

#define UKI_SIZE_MAX (512u * 1024 * 1024)

static struct admin_argument *find(struct admin_request *request, const char *name)
{
    for (size_t i = 0; i < request->count; i++)
        if (bs_span_equal(request->arguments[i].name, bs_span_of_string(name)))
            return &request->arguments[i];
    return NULL;
}

/* Arguments come from the command line: each ends with a zero. */
static const char *path_of(const struct admin_argument *argument)
{
    return (const char *)argument->value.data;
}

static int fail(const char *path, const struct pe_fault *fault)
{
    (void)fprintf(stderr, "bootsealctl: %s: at byte %zu: %s\n", path, fault->offset, fault->what);
    return BS_EXIT_INPUT;
}

/* `ret_unknown`: why PCR 9 is left out, NULL where it is not. */
static int make_events(const char *path, struct bs_buf *out, const char **ret_unknown)
{
    static const uint16_t banks[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384, CRYPTO_SHA512 };
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(UKI_SIZE_MAX);
    struct pe_fault fault = { .what = "" };
    struct uki uki;
    int code = streams_read(path, &image);

    if (code != 0)
        return code;
    if (uki_open(bs_buf_span(&image), &uki, &fault) != BS_OK)
        return fail(path, &fault);
    if (uki_write_events(&uki, banks, sizeof(banks) / sizeof(banks[0]), out) != BS_OK)
        return BS_EXIT_LOCAL;
    *ret_unknown = uki_pcr9_problem(&uki);
    return 0;
}

int ctl_predict(struct admin_request *request, struct predict_files *files)
{
    struct admin_argument *uki = find(request, "uki");
    struct admin_argument *firmware = find(request, "firmware");
    const char *unknown = NULL;
    int code = 0;

    if (uki == NULL) {
        (void)fputs("bootsealctl: reference add wants --uki=FILE; see bootsealctl --help\n", stderr);
        return BS_EXIT_USAGE;
    }
    code = make_events(path_of(uki), &files->events, &unknown);
    if (code == 0 && firmware != NULL)
        code = streams_read(path_of(firmware), &files->firmware);
    if (code != 0)
        return code;
    *uki = (struct admin_argument){ bs_span_of_string("events"), bs_buf_span(&files->events) };
    if (firmware != NULL)
        firmware->value = bs_buf_span(&files->firmware);
    if (unknown != NULL)
        request->arguments[request->count++] =
            (struct admin_argument){ bs_span_of_string("unknown"), bs_span_of_string(unknown) };
    return 0;
}
