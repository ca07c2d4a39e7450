#include "agent/device/device.h"
#include "core/log.h"
#include "core/own.h"

#include <libudev.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

/* A node may come a moment after the event that announces it. */
#define RECHECK_MS 100
#define LABEL_PROPERTY "PARTNAME" /* of the kernel's own event: no udevd need have looked at it */

BS_DEFINE_OWN(udev, struct udev, (void)udev_unref)
BS_DEFINE_OWN(monitor, struct udev_monitor, (void)udev_monitor_unref)
BS_DEFINE_OWN(enumerate, struct udev_enumerate, (void)udev_enumerate_unref)
BS_DEFINE_OWN(device, struct udev_device, (void)udev_device_unref)

static enum bs_err watch(struct udev *udev, struct udev_monitor **ret_monitor)
{
    BS_OWN(monitor) monitor = udev_monitor_new_from_netlink(udev, "kernel");
    if (!monitor || udev_monitor_filter_add_match_subsystem_devtype(monitor, "block", "partition") < 0 ||
        udev_monitor_enable_receiving(monitor) < 0)
        return BS_ERR_IO;
    *ret_monitor = BS_TAKE(monitor);
    return BS_OK;
}

static bool is_block_device(const char *path)
{
    struct stat st;
    return path && lstat(path, &st) == 0 && S_ISBLK(st.st_mode);
}

/* Counts those with the label; *ret_path is the node of the first that has one. */
static enum bs_err look(struct udev *udev, const char *label, unsigned *ret_count, char **ret_path)
{
    BS_OWN(enumerate) list = udev_enumerate_new(udev);
    BS_OWN(string) path = NULL;
    unsigned count = 0;
    struct udev_list_entry *entry;
    if (!list || udev_enumerate_add_match_subsystem(list, "block") < 0 || udev_enumerate_scan_devices(list) < 0)
        return BS_ERR_IO;
    udev_list_entry_foreach(entry, udev_enumerate_get_list_entry(list))
    {
        BS_OWN(device) device = udev_device_new_from_syspath(udev, udev_list_entry_get_name(entry));
        const char *name = device ? udev_device_get_property_value(device, LABEL_PROPERTY) : NULL;
        if (!name || strcmp(name, label) != 0)
            continue;
        count++;
        const char *node = udev_device_get_devnode(device);
        if (!path && is_block_device(node) && !(path = strdup(node)))
            return BS_ERR_NOMEM;
    }
    *ret_count = count;
    *ret_path = BS_TAKE(path);
    return BS_OK;
}

static void wait_for_event(struct udev_monitor *monitor, struct bs_deadline deadline, bool is_known)
{
    struct pollfd waiter = { .fd = udev_monitor_get_fd(monitor), .events = POLLIN };
    int left = bs_deadline_left_ms(deadline);
    if (poll(&waiter, 1, is_known && left > RECHECK_MS ? RECHECK_MS : left) > 0)
        (void)udev_device_unref(udev_monitor_receive_device(monitor));
}

enum bs_err device_find_partition(const char *label, struct bs_deadline deadline, char **ret_path)
{
    BS_OWN(udev) udev = udev_new();
    BS_OWN(monitor) monitor = NULL;
    if (!udev)
        return BS_ERR_NOMEM;
    /* Watch before looking, or an event in between is lost. */
    enum bs_err err = watch(udev, &monitor);
    while (err == BS_OK) {
        BS_OWN(string) path = NULL;
        unsigned count = 0;
        err = look(udev, label, &count, &path);
        if (err == BS_OK && count > 1)
            return BS_ERR_INPUT;
        if (err == BS_OK && path) {
            bs_debug("discover", "partition %s is %s", label, path);
            *ret_path = BS_TAKE(path);
            return BS_OK;
        }
        if (bs_deadline_passed(deadline))
            return err == BS_OK ? BS_ERR_NOT_FOUND : err;
        wait_for_event(monitor, deadline, count > 0);
    }
    return err;
}
