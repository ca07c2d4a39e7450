/*
 * Unified kernel images (UAPI.5): systemd-stub with a kernel, its command line and initrd as sections of one PE image; and what their
 * boot extends PCRs 4, 9 and 11 with, before it happens. The stub decides that, so its version does: see the tables in uki.c and
 * uki_kernel.c, and docs/operations.md.
 *
 * Events are foretold as an event log, so that everything that reads logs reads them too: uki_write_events() makes the part that is
 * the image's own, uki_splice() puts it behind the firmware's part of a real log.
 */
#pragma once

#include "core/eventlog.h"
#include "core/pe.h"

#include <stdbool.h>

/* In the order in which the stub measures them (systemd, src/fundamental: the canonical order). */
enum uki_section {
    UKI_LINUX,
    UKI_OSREL,
    UKI_CMDLINE,
    UKI_INITRD,
    UKI_UCODE,
    UKI_SPLASH,
    UKI_DTB,
    UKI_UNAME,
    UKI_SBAT,
    UKI_PCRSIG,
    UKI_PCRPKEY,
    UKI_SECTIONS
};

#define UKI_STUB_SIZE 64
#define UKI_STUB_MIN 252       /* the first one with .pcrpkey; older ones are not known here */
#define UKI_LOAD_IMAGE_MAX 257 /* the last one that has the firmware load the kernel; newer ones do it themselves */

struct uki {
    struct pe pe;
    struct pe kernel;         /* the image in .linux */
    char stub[UKI_STUB_SIZE]; /* "252.39-1~deb12u2" */
    unsigned stub_version;    /* 252 */
    struct pe_bytes sections[UKI_SECTIONS];
    bool has[UKI_SECTIONS];
};

/* INPUT when the file is no UKI, or one whose measurements cannot be foretold; the fault says why. */
enum bs_err uki_open(struct bs_span bytes, struct uki *ret_uki, struct pe_fault *ret_fault) BS_MUST_USE;

/* ".linux" */
const char *uki_section_name(enum uki_section section);

/* The image has the section, and its stub measures it into PCR 11. */
bool uki_measures(const struct uki *uki, enum uki_section section);

/* Why PCR 9 of this image cannot be foretold, as a sentence; NULL when it can. */
const char *uki_pcr9_problem(const struct uki *uki);

/*
 * Digests of what the EFI stub of Linux measures into PCR 9: its load options (UTF-16LE with the terminating zero), and the initrd: the
 * section and behind it what systemd-stub makes of others. NOT_FOUND when the kernel gets none; only where uki_pcr9_problem() is NULL.
 */
enum bs_err uki_hash_options(const struct uki *uki, uint16_t alg, uint8_t *ret_digest) BS_MUST_USE;
enum bs_err uki_hash_initrd(const struct uki *uki, uint16_t alg, uint8_t *ret_digest) BS_MUST_USE;

#define UKI_EVENTS_SIZE_MAX (32 * 1024)

/*
 * Appends a crypto-agile log with `count` banks: PCR 4 the image; PCR 11 names and contents of the sections; PCR 4 the kernel, where
 * the stub has the firmware load it (without Secure Boot only); PCR 9 command line and initrd, unless uki_pcr9_problem(). A PCR without
 * an event is not foretold.
 */
enum bs_err uki_write_events(const struct uki *uki, const uint16_t *banks, size_t count,
                             struct bs_buf *out) BS_MUST_USE;

/* PCRs that have an event, bit n for PCR n. */
uint32_t uki_events_mask(const struct eventlog *events);

/*
 * Appends the log of a machine that boots another image: `firmware` is any log of that machine, `events` what uki_write_events() wrote.
 * Taken from `firmware`: everything before the image that was booted then, boot loaders included, and what came later in other PCRs than
 * 4, 9 and 11. Banks are those of `firmware`; one that `events` lacks gets no digests. INPUT when it cannot be done; *ret_why is a
 * sentence.
 */
enum bs_err uki_splice(const struct eventlog *firmware, const struct eventlog *events, struct bs_buf *out,
                       const char **ret_why) BS_MUST_USE;

/*
 * Appends the least that firmware measures: "Calling EFI Application from Boot Option" and a separator in PCR 4 (PFP 1.06 §3.3.4.5),
 * Secure Boot off in PCR 7. With it uki_splice() gives PCR 4 of a machine that adds nothing, like OVMF.
 */
enum bs_err uki_write_plain_firmware(const uint16_t *banks, size_t count, struct bs_buf *out) BS_MUST_USE;
