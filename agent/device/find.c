#include "agent/device/device.h"
#include "core/file.h"
#include "core/log.h"
#include "core/own.h"

#include <dirent.h>
#include <fcntl.h>
#include <libudev.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACPI_TABLE "/sys/firmware/acpi/tables/TPM2"
#define DEVICE_TREE "/sys/firmware/devicetree/base"
#define TREE_DEPTH_MAX 8
#define TREE_NODES_MAX 65536
#define COMPATIBLE_MAX 1024
/* A device node may come a moment after the event that announces it. */
#define RECHECK_MS 100

BS_DEFINE_OWN(udev, struct udev, (void)udev_unref)
BS_DEFINE_OWN(monitor, struct udev_monitor, (void)udev_monitor_unref)
BS_DEFINE_OWN(enumerate, struct udev_enumerate, (void)udev_enumerate_unref)

/*
 * What the kernel's TPM drivers bind to: the TCG's generic names, firmware TPMs, and the chips (Documentation/devicetree/
 * bindings/tpm). The names of nodes are anybody's choice.
 */
static bool is_tpm(struct bs_span compatible)
{
    static const char *const words[] = { "tcg,", "tpm", "slb96", "st33", "npct", "cr50", "ti50" };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (memmem(compatible.data, compatible.size, words[i], strlen(words[i])) != NULL)
            return true;
    return false;
}

static bool node_is_tpm(int fd)
{
    BS_SCOPED_BUF struct bs_buf compatible = BS_BUF(COMPATIBLE_MAX);

    return bs_file_read_at(fd, "compatible", &compatible) == BS_OK && is_tpm(bs_buf_span(&compatible));
}

/* Depth and number of nodes are bounded; symlinks (there are none in a device tree) are not followed. */
static bool tree_has_tpm(int parent, const char *name, unsigned depth, unsigned *nodes)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    bool is_found;

    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    is_found = node_is_tpm(fd);
    for (struct dirent *entry = readdir(dir); entry != NULL && !is_found; entry = readdir(dir))
        if (entry->d_name[0] != '.' && ++*nodes <= TREE_NODES_MAX && depth < TREE_DEPTH_MAX)
            is_found = tree_has_tpm(fd, entry->d_name, depth + 1, nodes);
    (void)closedir(dir);
    return is_found;
}

bool device_tree_has_tpm(const char *base)
{
    unsigned nodes = 0;

    return tree_has_tpm(AT_FDCWD, base, 0, &nodes);
}

static bool is_announced(void)
{
    return access(ACPI_TABLE, F_OK) == 0 || device_tree_has_tpm(DEVICE_TREE);
}

/* The kernel has a driver for it, or there is a node at once. */
static bool is_enumerated(struct udev *udev, const char *subsystem)
{
    BS_OWN(enumerate) list = udev_enumerate_new(udev);

    return list != NULL && udev_enumerate_add_match_subsystem(list, subsystem) >= 0 &&
           udev_enumerate_scan_devices(list) >= 0 && udev_enumerate_get_list_entry(list) != NULL;
}

static bool is_there(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISCHR(status.st_mode);
}

static enum bs_err watch(struct udev *udev, struct udev_monitor **ret_monitor)
{
    /* "kernel": the events as the kernel sends them; "udev" would need a udevd to pass them on. */
    BS_OWN(monitor) monitor = udev_monitor_new_from_netlink(udev, "kernel");

    if (monitor == NULL || udev_monitor_filter_add_match_subsystem_devtype(monitor, "tpm", NULL) < 0 ||
        udev_monitor_filter_add_match_subsystem_devtype(monitor, "tpmrm", NULL) < 0 ||
        udev_monitor_enable_receiving(monitor) < 0)
        return BS_ERR_IO;
    *ret_monitor = BS_TAKE(monitor);
    return BS_OK;
}

static void wait_for_event(struct udev_monitor *monitor, struct bs_deadline deadline, bool is_known)
{
    struct pollfd waiter = { .fd = udev_monitor_get_fd(monitor), .events = POLLIN };
    int left = bs_deadline_left_ms(deadline);

    if (poll(&waiter, 1, is_known && left > RECHECK_MS ? RECHECK_MS : left) > 0)
        (void)udev_device_unref(udev_monitor_receive_device(monitor));
}

static enum bs_err wait_for_node(const char *path, struct bs_deadline deadline)
{
    BS_OWN(udev) udev = udev_new();
    BS_OWN(monitor) monitor = NULL;
    const char *subsystem = strstr(path, "tpmrm") != NULL ? "tpmrm" : "tpm";
    enum bs_err err;

    if (udev == NULL)
        return BS_ERR_NOMEM;
    /* Watch before looking, or an event in between is lost. */
    err = watch(udev, &monitor);
    if (err != BS_OK)
        return err;
    if (!is_there(path) && !is_enumerated(udev, "tpm") && !is_announced())
        return BS_ERR_NO_TPM;
    while (!is_there(path)) {
        if (bs_deadline_passed(deadline))
            return BS_ERR_TPM_TIMEOUT;
        wait_for_event(monitor, deadline, is_enumerated(udev, subsystem));
    }
    return BS_OK;
}

enum bs_err device_find_tpm(const char *wanted, bool prefer_raw, struct bs_deadline deadline, char **ret_path)
{
    BS_OWN(string) path = NULL;
    enum bs_err err;

    if (strcmp(wanted, "auto") == 0)
        wanted = prefer_raw ? "/dev/tpm0" : "/dev/tpmrm0";
    path = strdup(wanted);
    if (path == NULL)
        return BS_ERR_NOMEM;
    if (strncmp(wanted, "swtpm:", 6) != 0) {
        err = wait_for_node(path, deadline);
        if (err != BS_OK)
            return err;
        bs_debug("discover", "TPM device %s", path);
    }
    *ret_path = BS_TAKE(path);
    return BS_OK;
}

bool device_init_is_systemd(void)
{
    /* sd_booted(3). */
    return access("/run/systemd/system", F_OK) == 0;
}
