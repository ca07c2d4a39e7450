#include "fakes/fake_device.h"

#include <string.h>

struct fake_device fake_device;

void fake_device_new(void)
{
    fake_device = (struct fake_device){ 0 };
}

enum bs_err device_find_tpm(const char *wanted, bool prefer_raw, struct bs_deadline deadline, char **ret_path)
{
    (void)wanted;
    (void)deadline;
    if (fake_device.find != BS_OK)
        return fake_device.find;
    *ret_path = strdup(prefer_raw ? "/dev/tpm0" : "/dev/tpmrm0");
    return *ret_path ? BS_OK : BS_ERR_NOMEM;
}

enum bs_err device_find_partition(const char *label, struct bs_deadline deadline, char **ret_path)
{
    (void)label;
    (void)deadline;
    if (fake_device.partition != BS_OK)
        return fake_device.partition;
    *ret_path = strdup(fake_device.node);
    return *ret_path ? BS_OK : BS_ERR_NOMEM;
}

bool device_init_is_systemd(void)
{
    return false;
}

enum bs_err device_eventlog_read(const char *path, struct bs_buf *buf)
{
    (void)path;
    if (!fake_device.eventlog)
        return BS_ERR_NOT_FOUND;
    return bs_buf_append(buf, fake_device.eventlog, fake_device.eventlog_size);
}

void device_facts(struct device_facts *ret_facts)
{
    *ret_facts = (struct device_facts){ .serial = "SN-1", .product = "Board", .firmware = "1.0", .kernel = "6.1" };
}

enum bs_err device_cmdline(const char *path, struct device_cmdline *ret_cmdline)
{
    (void)path;
    *ret_cmdline = (struct device_cmdline){ .is_off = false };
    return BS_OK;
}

void device_watchdog_feed(const char *path)
{
    (void)path;
}

void device_watchdog_close(void)
{
}
