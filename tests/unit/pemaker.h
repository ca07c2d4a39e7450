/* Makes PE images for tests, right ones; the test then spoils the byte that it wants wrong. */
#pragma once

#include "core/buf.h"

#include <stdint.h>

#define PEMAKER_MAX (1024 * 1024)

/* Where things stand in every image that is made here. */
#define PEMAKER_PE 0x40            /* "PE\0\0" */
#define PEMAKER_MACHINE 0x44       /* 2 */
#define PEMAKER_COUNT 0x46         /* 2: number of sections */
#define PEMAKER_OPTIONAL_SIZE 0x54 /* 2 */
#define PEMAKER_OPTIONAL 0x58
#define PEMAKER_VERSION (PEMAKER_OPTIONAL + 44)      /* 2: MajorImageVersion */
#define PEMAKER_IMAGE_SIZE (PEMAKER_OPTIONAL + 56)   /* 4 */
#define PEMAKER_HEADERS_SIZE (PEMAKER_OPTIONAL + 60) /* 4 */
#define PEMAKER_CHECKSUM (PEMAKER_OPTIONAL + 64)     /* 4 */
#define PEMAKER_DIRECTORIES (PEMAKER_OPTIONAL + 108) /* 4: their number, then 8 bytes each */
#define PEMAKER_CERTIFICATES (PEMAKER_DIRECTORIES + 4 + 4 * 8)
#define PEMAKER_SECTION(n) (PEMAKER_OPTIONAL + 112 + 16 * 8 + 40 * (n))
#define PEMAKER_HEADERS 0x400 /* their size: room for 17 sections */

/* In a section's header. */
#define PEMAKER_MEMORY_SIZE 8
#define PEMAKER_ADDRESS 12
#define PEMAKER_FILE_SIZE 16
#define PEMAKER_OFFSET 20

struct pemaker_section {
    const char *name;
    struct bs_span data;
};

/*
 * A PE32+ image for x86-64: headers, then each section from a multiple of 512 on (in memory: 4096), filled up with 0xcc to the next one.
 * No certificates, image version 1, checksum 0x11223344.
 */
void pemaker_make(const struct pemaker_section *sections, size_t count, struct bs_buf *out);

/* Appends so many bytes 0xab, and names them as the certificate table. */
void pemaker_sign(struct bs_buf *image, size_t size);

void pemaker_poke16(struct bs_buf *image, size_t at, uint16_t value);
void pemaker_poke32(struct bs_buf *image, size_t at, uint32_t value);
uint32_t pemaker_peek32(const struct bs_buf *image, size_t at);
