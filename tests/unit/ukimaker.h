/* Makes unified kernel images for tests, and says what their events are. */
#pragma once

#include "core/eventlog.h"
#include "core/uki.h"

#define STUB_252 "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####"
#define STUB_254 "#### LoaderInfo: systemd-stub 254.26-1 ####"
#define STUB_256 "#### LoaderInfo: systemd-stub 256 ####"
#define STUB_257 "#### LoaderInfo: systemd-stub 257.13-1~deb13u1 ####"
#define STUB_258 "#### LoaderInfo: systemd-stub 258 ####"

/* A UKI in the making: stub, kernel, and what else a test wants. */
struct ukimaker {
    const char *stub;
    const char *more[8][2]; /* names and contents */
    const char *linux_release;
};

void ukimaker_kernel(const struct ukimaker *parts, struct bs_buf *out);
void ukimaker_make(const struct ukimaker *parts, struct bs_buf *out);

/* Asserts that it is one. */
void ukimaker_open(const struct bs_buf *image, struct uki *ret_uki);

/* Its events with SHA-256 and SHA-384. `out` is begun here and freed by the caller. */
void ukimaker_events(const struct ukimaker *parts, struct bs_buf *out, struct eventlog *ret_log);

/* "4 11:.linux 11:.linux 4 9 9": PCRs, and what EV_IPL events name. */
void ukimaker_describe(const struct eventlog *log, char *ret_text, size_t size);
