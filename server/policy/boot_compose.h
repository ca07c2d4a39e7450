/*
 * The boot that a device would show if it booted another image: what its firmware measures stays, and what the image measures is that of a
 * boot of the image, on whatever machine that was. With logs, so that a policy can judge it before it happens.
 */
#pragma once

#include "server/store/store.h"

/*
 * PCRs of `image_pcrs` are those of `image`, all others those of `device`; so are the events of both logs. The command line is the image's.
 * `ret_boot` is STORE_BOOT_INIT, and is the caller's to free. INPUT when the two cannot be put together.
 */
enum bs_err boot_compose(const struct store_boot *device, const struct store_boot *image, uint32_t image_pcrs,
                         struct store_boot *ret_boot) BS_MUST_USE;
