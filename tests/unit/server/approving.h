/* Devices that get approvals, for tests of what is in them. */
#pragma once

#include "unit/server/lab.h"

#define APPROVING_QUOTED UINT32_C(0x1a95)
#define APPROVING_SEALED (APPROVING_QUOTED & ~(UINT32_C(1) << 12))

/* Firmware measures itself first, then what it starts. */
void approving_boot(struct softtpm *tpm, const char *firmware, const char *release);

/* A device of which the operator takes over what it booted; the reference. */
uint64_t approving_learn(struct lab *lab, struct softtpm *tpm, const char *firmware, const char *release);
void approving_release(struct lab *lab, uint64_t id, const char *name);

/* A release that no device showed. */
void approving_add(struct lab *lab, const char *name, const struct store_boot *boot);

/* What a device is given; spans point into `plain`. */
struct given {
    struct bs_secret *plain;
    struct bundle bundle;
};

void given_free(struct given *given);
#define GIVEN(name) __attribute__((cleanup(given_free))) struct given name = { .plain = NULL }

/* What the device is given when it asks on a connection of its own. */
void approving_contact(struct lab *lab, struct softtpm *tpm, struct given *given);

/* The approval of this release; NULL: none. */
const struct approval *approving_named(const struct given *given, const char *name);

/* For this device, in the epoch that it was given, and by the key that it was given. */
void approving_assert_signed_for(const struct softtpm *tpm, const struct given *given, const struct approval *approval);
