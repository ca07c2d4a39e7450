/* Makes event logs for tests, byte by byte, right or wrong as the test wants it. */
#pragma once

#include "core/buf.h"

#include <stdint.h>

#define LOGMAKER_MAX (2 * 1024 * 1024)

void put_le16(struct bs_buf *log, uint16_t value);
void put_le32(struct bs_buf *log, uint32_t value);
void put_le64(struct bs_buf *log, uint64_t value);
void put_bytes(struct bs_buf *log, const void *data, size_t size);

/* An event of the old format, digest all `fill`. */
void put_sha1_event(struct bs_buf *log, uint32_t pcr, uint32_t type, uint8_t fill, struct bs_span data);

/* The header of a crypto-agile log: pairs of algorithm and digest size, ends with a zero. */
void put_header(struct bs_buf *log, const uint16_t *banks);

/* One whose only bank is sha256. */
void put_sha256_header(struct bs_buf *log);

/* An event with one sha256 digest, all `fill`; and one whose digest is that of the data. */
void put_event(struct bs_buf *log, uint32_t pcr, uint32_t type, uint8_t fill, struct bs_span data);
void put_measured(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span data);

/* A record of userspace's log (core/userlog.h) that says `text` and has the sha256 digest of `measured`; `pcr` below 0: of an NV index. */
void put_userspace_record(struct bs_buf *log, int pcr, struct bs_span measured, const char *text);

/* An event with the sha256 digest of other bytes than its data. */
void put_measured_as(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span measured, struct bs_span data);

/* One with a digest of its data for each of these hashes, up to a zero; of one that cannot be computed 32 bytes 0xab. */
void put_with_hashes(struct bs_buf *log, uint32_t pcr, uint32_t type, const uint16_t *hashes, struct bs_span data);

/* As put_sha1_event(), with the SHA-1 digest of the data. */
void put_sha1_measured(struct bs_buf *log, uint32_t pcr, uint32_t type, struct bs_span data);

/* UEFI_VARIABLE_DATA; the name in ASCII. EFI_SIGNATURE_LIST of one entry, owned by 16 times 'O'. */
void put_variable_data(struct bs_buf *data, const char guid[16], const char *name, struct bs_span value);
void put_signature_list(struct bs_buf *data, const char type[16], struct bs_span entry);

/* Reads a file of tests/vectors/eventlogs. */
void read_vector(const char *name, struct bs_buf *out);
