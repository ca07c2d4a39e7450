/*
 * The structures inside of event data (PFP 1.06 §10.2, UEFI 2.10). Every decoder takes the data of one event, reads
 * them to their end and answers INPUT when they are not of the form that the event's type promises.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EVENTLOG_GUID_SIZE 16
#define EVENTLOG_GUID_TEXT 37 /* with the terminating zero */

/* "8be4df61-93ca-11d2-aa0d-00e098032b8c": the first three fields are little endian (UEFI appendix A). */
void eventlog_guid_text(struct bs_span guid, char ret_text[EVENTLOG_GUID_TEXT]);

/* UEFI_VARIABLE_DATA, of EV_EFI_VARIABLE_*. */
struct eventlog_variable {
    struct bs_span guid;
    struct bs_span name; /* UTF-16LE, no terminator */
    struct bs_span data;
};

enum bs_err eventlog_decode_variable(struct bs_span data, struct eventlog_variable *ret_variable) BS_MUST_USE;

/* UEFI_IMAGE_LOAD_EVENT, of EV_EFI_BOOT_SERVICES_APPLICATION and drivers, as 64-bit firmware makes it. */
struct eventlog_image {
    uint64_t address;
    uint64_t size;
    struct bs_span path; /* UEFI device path; not part of the digest, so it decides nothing */
};

enum bs_err eventlog_decode_image(struct bs_span data, struct eventlog_image *ret_image) BS_MUST_USE;

/* One node of a device path (UEFI §10.3); the end node is not returned. False at the end or at what is no node. */
struct eventlog_node {
    uint8_t type;
    uint8_t subtype;
    struct bs_span data;
};

bool eventlog_take_node(struct bs_reader *r, struct eventlog_node *ret_node);

/* TCG_PCClientTaggedEvent, of EV_EVENT_TAG. */
struct eventlog_tagged {
    uint32_t id;
    struct bs_span data;
};

enum bs_err eventlog_decode_tagged(struct bs_span data, struct eventlog_tagged *ret_tagged) BS_MUST_USE;

/* UEFI_PLATFORM_FIRMWARE_BLOB and BLOB2 (with a name before), of EV_EFI_PLATFORM_FIRMWARE_BLOB* and EV_POST_CODE*. */
struct eventlog_blob {
    struct bs_span name; /* ASCII, empty in the first form */
    uint64_t address;
    uint64_t size;
};

enum bs_err eventlog_decode_blob(struct bs_span data, bool is_named, struct eventlog_blob *ret_blob) BS_MUST_USE;

/* UEFI_GPT_DATA, of EV_EFI_GPT_EVENT*. */
struct eventlog_gpt {
    struct bs_span disk_guid;
    uint64_t partition_count;
    struct bs_span partitions; /* entries of UEFI §5.3.3 */
};

enum bs_err eventlog_decode_gpt(struct bs_span data, struct eventlog_gpt *ret_gpt) BS_MUST_USE;

/* EFI_LOAD_OPTION (UEFI §3.1.3), the data of a Boot#### variable. */
struct eventlog_load_option {
    uint32_t attributes;
    struct bs_span name; /* UTF-16LE, no terminator */
    struct bs_span path;
    struct bs_span options;
};

enum bs_err eventlog_decode_load_option(struct bs_span data, struct eventlog_load_option *ret_option) BS_MUST_USE;
