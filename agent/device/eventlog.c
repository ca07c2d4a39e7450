#include "agent/device/device.h"
#include "core/file.h"

#define SECURITYFS_LOG "/sys/kernel/security/tpm0/binary_bios_measurements"

enum bs_err device_eventlog_read(const char *path, struct bs_buf *buf)
{
    return bs_file_read(path != NULL && path[0] != '\0' ? path : SECURITYFS_LOG, buf);
}
