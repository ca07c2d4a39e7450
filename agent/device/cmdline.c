#include "agent/device/device.h"
#include "core/file.h"

#include <stdio.h>
#include <string.h>

#define CMDLINE_MAX 8192
#define PREFIX "bootseal"

/* Copies a value whole or not at all: half a server name is another server. */
static bool take(const char *value, char *to, size_t size)
{
    if (strlen(value) >= size)
        return false;
    (void)strcpy(to, value);
    return true;
}

static void take_word(const char *word, struct device_cmdline *cmdline)
{
    bool is_known = false;

    if (strncmp(word, PREFIX, strlen(PREFIX)) != 0)
        return;
    if (strncmp(word, PREFIX ".server=", 16) == 0)
        is_known = take(word + 16, cmdline->server, sizeof(cmdline->server));
    else if (strncmp(word, PREFIX ".log=", 13) == 0)
        is_known = take(word + 13, cmdline->log, sizeof(cmdline->log));
    else if (strcmp(word, PREFIX "=0") == 0)
        is_known = cmdline->is_off = true;
    if (!is_known && cmdline->unknown[0] == '\0')
        (void)snprintf(cmdline->unknown, sizeof(cmdline->unknown), "%.*s", (int)strcspn(word, "="), word);
}

enum bs_err device_cmdline(const char *path, struct device_cmdline *ret_cmdline)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(CMDLINE_MAX);
    char *rest = NULL;
    enum bs_err err = bs_file_read(path, &text);

    if (err == BS_OK)
        err = bs_buf_append(&text, "", 1);
    if (err != BS_OK)
        return err;
    memset(ret_cmdline, 0, sizeof(*ret_cmdline));
    for (char *word = strtok_r((char *)text.data, " \t\n", &rest); word != NULL;
         word = strtok_r(NULL, " \t\n", &rest)) {
        /* What follows belongs to init (Documentation/admin-guide/kernel-parameters). */
        if (strcmp(word, "--") == 0)
            break;
        take_word(word, ret_cmdline);
    }
    return BS_OK;
}
