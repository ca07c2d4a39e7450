#include "agent/device/device.h"
#include "core/file.h"

#include <string.h>
#include <sys/utsname.h>

#define DMI "/sys/class/dmi/id/"
#define DEVICE_TREE "/sys/firmware/devicetree/base/"
#define FACT_FILE_MAX 4096

/* Printable ASCII is kept: facts go into logs and onto an operator's terminal. */
static void copy_printable(struct bs_span from, char to[DEVICE_FACT_MAX])
{
    size_t used = 0;

    for (size_t i = 0; i < from.size && used + 1 < DEVICE_FACT_MAX; i++)
        if (from.data[i] >= 0x20 && from.data[i] < 0x7f)
            to[used++] = (char)from.data[i];
    while (used > 0 && to[used - 1] == ' ')
        used--;
    to[used] = '\0';
}

/* The first of the files that has something to say. */
static void read_fact(const char *dmi, const char *device_tree, char to[DEVICE_FACT_MAX])
{
    const char *paths[] = { dmi, device_tree };

    to[0] = '\0';
    for (size_t i = 0; i < 2 && to[0] == '\0'; i++) {
        BS_SCOPED_BUF struct bs_buf text = BS_BUF(FACT_FILE_MAX);

        if (paths[i] != NULL && bs_file_read(paths[i], &text) == BS_OK)
            copy_printable(bs_buf_span(&text), to);
    }
}

void device_facts(struct device_facts *ret_facts)
{
    struct utsname name;

    memset(ret_facts, 0, sizeof(*ret_facts));
    read_fact(DMI "product_serial", DEVICE_TREE "serial-number", ret_facts->serial);
    read_fact(DMI "product_name", DEVICE_TREE "model", ret_facts->product);
    read_fact(DMI "bios_version", NULL, ret_facts->firmware);
    if (uname(&name) == 0)
        copy_printable(BS_SPAN(name.release, strlen(name.release)), ret_facts->kernel);
}
