/*
 * PE/COFF images as UEFI loads and measures them (Microsoft PE format, revision of 2024; Windows Authenticode Portable Executable
 * Signature Format §"Calculating the PE Image Hash"; UEFI 2.10 §2.1.1). Read in place: nothing is allocated, every offset is checked
 * against the file, and sections may overlap neither in the file nor in memory.
 */
#pragma once

#include "core/buf.h"
#include "core/crypto.h"
#include "core/err.h"

#include <stdint.h>

#define PE_SECTIONS_MAX 96
#define PE_MEMORY_MAX UINT32_C(0x40000000) /* 1 GiB: SizeOfImage */
#define PE_NAME_SIZE 9                     /* with the terminating zero */

/* Bytes and the zeros behind them: a section in memory may be longer than it is in the file. */
struct pe_bytes {
    struct bs_span data;
    size_t zeros;
};

struct pe_section {
    char name[PE_NAME_SIZE]; /* printable ASCII */
    uint32_t address;        /* in memory, from the image's base */
    uint32_t memory_size;    /* VirtualSize */
    uint32_t offset;         /* in the file */
    uint32_t file_size;      /* SizeOfRawData */
};

/* An image whose headers were read and fit. It points into the caller's bytes. */
struct pe {
    struct pe_bytes bytes;
    uint16_t machine;
    uint16_t image_version; /* MajorImageVersion */
    uint32_t headers_size;
    uint32_t image_size;
    size_t checksum_at;
    size_t certificates_at; /* of the directory entry of the certificate table; 0: the image has none */
    uint32_t certificates_size;
    size_t section_count;
    struct pe_section sections[PE_SECTIONS_MAX]; /* as in the section table */
    uint8_t by_offset[PE_SECTIONS_MAX];          /* their numbers by place in the file */
};

/* Why a file was refused, for one sentence: "at byte 843: ...". */
struct pe_fault {
    const char *what;
    size_t offset;
};

/* INPUT when this is no image that 64- or 32-bit UEFI loads; *ret_fault (if not NULL) then says why. */
enum bs_err pe_open(struct pe_bytes bytes, struct pe *ret_pe, struct pe_fault *ret_fault) BS_MUST_USE;

/* The first section of this name, NULL when there is none. */
const struct pe_section *pe_find(const struct pe *pe, const char *name);

/* A section as it is in memory after loading: at most memory_size bytes of the file, then zeros. */
struct pe_bytes pe_section_bytes(const struct pe *pe, const struct pe_section *section);

enum bs_err pe_hash_bytes(uint16_t alg, struct pe_bytes bytes, uint8_t *ret_digest) BS_MUST_USE;
enum bs_err pe_hash_update(struct crypto_digest *digest, struct pe_bytes bytes) BS_MUST_USE;

/*
 * What EDK2 extends PCR 4 with for a boot application: the Authenticode digest, that is all of the file but the checksum, the directory
 * entry of the certificate table, and as many bytes at the end as the certificate table has. CRYPTO when the hash is unknown.
 */
enum bs_err pe_authenticode(const struct pe *pe, uint16_t alg, uint8_t *ret_digest) BS_MUST_USE;
