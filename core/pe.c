#include "core/pe.h"

#include <string.h>

#define DOS_HEADER_SIZE 64
#define FILE_HEADER_SIZE 20
#define SECTION_HEADER_SIZE 40
#define DIRECTORY_SIZE 8
#define CERTIFICATE_DIRECTORY 4
#define DIRECTORIES_MAX 16
#define MAGIC_PE32 0x10b
#define MAGIC_PE32_PLUS 0x20b
#define CHECKSUM_OFFSET 64 /* in both optional headers */

/* Where the headers stand, until they are read to their end. */
struct layout {
    size_t optional_at;
    size_t optional_size;
    size_t sections_at;
};

static bool is_known_machine(uint16_t machine)
{
    static const uint16_t known[] = {
        0x014c,                 /* i386 */
        0x8664,                 /* x86-64 */
        0x01c0, 0x01c2, 0x01c4, /* 32-bit ARM, Thumb, Thumb-2 */
        0xaa64,                 /* AArch64 */
        0x5032, 0x5064,         /* RISC-V */
        0x6232, 0x6264,         /* LoongArch */
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (machine == known[i])
            return true;
    return false;
}

/* The reader is over the file, and stands where `at` says; false when that is beyond its end. */
static bool seek(const struct pe *pe, size_t at, struct bs_reader *ret_reader)
{
    struct bs_span skipped;
    *ret_reader = BS_READER(pe->bytes.data);
    return bs_read_bytes(ret_reader, at, &skipped);
}

static const char *read_file_header(struct pe *pe, struct layout *ret_layout)
{
    struct bs_reader r;
    struct bs_span signature, skipped;
    uint32_t at;
    uint16_t count, optional_size;

    if (!seek(pe, 0, &r) || !bs_read_bytes(&r, DOS_HEADER_SIZE - 4, &signature) ||
        memcmp(signature.data, "MZ", 2) != 0 || !bs_read_le32(&r, &at))
        return "this is no PE image";
    if (!seek(pe, at, &r) || !bs_read_bytes(&r, 4, &signature) || memcmp(signature.data, "PE\0\0", 4) != 0)
        return "this is no PE image";
    if (!bs_read_le16(&r, &pe->machine) || !bs_read_le16(&r, &count) || !bs_read_bytes(&r, 12, &skipped) ||
        !bs_read_le16(&r, &optional_size) || !bs_read_bytes(&r, 2, &skipped))
        return "the file ends within its headers";
    if (!is_known_machine(pe->machine))
        return "the image is for a machine that UEFI does not know";
    if (count == 0 || count > PE_SECTIONS_MAX)
        return "the image has no section, or too many";
    pe->section_count = count;
    ret_layout->optional_at = (size_t)at + 4 + FILE_HEADER_SIZE;
    ret_layout->optional_size = optional_size;
    ret_layout->sections_at = ret_layout->optional_at + optional_size;
    return NULL;
}

/* The part of the optional header before the data directories; the two forms differ in the width of five numbers. */
static const char *read_optional_header(struct pe *pe, const struct layout *layout, size_t *ret_directories_at)
{
    struct bs_reader r;
    struct bs_span skipped;
    uint16_t magic;

    if (!seek(pe, layout->optional_at, &r) || r.left < layout->optional_size)
        return "the file ends within its headers";
    r.left = layout->optional_size;
    if (!bs_read_le16(&r, &magic) || (magic != MAGIC_PE32 && magic != MAGIC_PE32_PLUS))
        return "the image is neither PE32 nor PE32+";
    if (!bs_read_bytes(&r, 42, &skipped) || !bs_read_le16(&r, &pe->image_version) || !bs_read_bytes(&r, 10, &skipped) ||
        !bs_read_le32(&r, &pe->image_size) || !bs_read_le32(&r, &pe->headers_size) ||
        !bs_read_bytes(&r, magic == MAGIC_PE32 ? 28 : 44, &skipped))
        return "the optional header is too short";
    if (pe->image_size > PE_MEMORY_MAX)
        return "the image is larger than 1 GiB in memory";
    if (pe->headers_size > pe->bytes.data.size || pe->headers_size > pe->image_size)
        return "the headers are said to be longer than the image";
    pe->checksum_at = layout->optional_at + CHECKSUM_OFFSET;
    *ret_directories_at = layout->sections_at - r.left;
    return NULL;
}

static const char *read_directories(struct pe *pe, const struct layout *layout, size_t at)
{
    struct bs_reader r;
    struct bs_span skipped;
    uint32_t count, offset, size;

    if (!seek(pe, at, &r))
        return "the file ends within its headers";
    r.left = layout->sections_at - at;
    if (!bs_read_le32(&r, &count))
        return "the optional header is too short";
    if (count > DIRECTORIES_MAX || r.left < (size_t)count * DIRECTORY_SIZE)
        return "the optional header has no room for its data directories";
    if (count <= CERTIFICATE_DIRECTORY)
        return NULL;
    if (!bs_read_bytes(&r, (size_t)CERTIFICATE_DIRECTORY * DIRECTORY_SIZE, &skipped) || !bs_read_le32(&r, &offset) ||
        !bs_read_le32(&r, &size))
        return "the optional header is too short";
    pe->certificates_at = at + 4 + (size_t)CERTIFICATE_DIRECTORY * DIRECTORY_SIZE;
    pe->certificates_size = size;
    if (size == 0)
        return NULL;
    if (offset < pe->headers_size || (uint64_t)offset + size > pe->bytes.data.size)
        return "the certificate table is not within the file";
    /* Firmware leaves out the last bytes, wherever the table stands; so it has to stand there. */
    if (pe->bytes.zeros == 0 && (uint64_t)offset + size != pe->bytes.data.size)
        return "something stands behind the certificate table";
    return NULL;
}

static bool take_name(struct bs_reader *r, char ret_name[PE_NAME_SIZE])
{
    struct bs_span raw;
    if (!bs_read_bytes(r, PE_NAME_SIZE - 1, &raw))
        return false;
    memcpy(ret_name, raw.data, raw.size);
    ret_name[raw.size] = '\0';
    size_t length = strlen(ret_name);
    for (size_t i = 0; i < raw.size; i++)
        if (i < length ? ret_name[i] < 0x21 || ret_name[i] > 0x7e : raw.data[i] != 0)
            return false;
    return true;
}

static const char *read_section(struct pe *pe, struct bs_reader *r, struct pe_section *section)
{
    struct bs_span skipped;
    if (!take_name(r, section->name))
        return "a section's name is not printable";
    if (!bs_read_le32(r, &section->memory_size) || !bs_read_le32(r, &section->address) ||
        !bs_read_le32(r, &section->file_size) || !bs_read_le32(r, &section->offset) || !bs_read_bytes(r, 16, &skipped))
        return "the file ends within its section table";
    if (section->file_size > 0 && section->offset < pe->headers_size)
        return "a section lies in the headers";
    if (section->file_size > 0 && (uint64_t)section->offset + section->file_size > pe->bytes.data.size)
        return "a section ends behind the file";
    uint32_t loaded = section->memory_size > 0 ? section->memory_size : section->file_size;
    if (loaded > 0 && section->address < pe->headers_size)
        return "a section lies in the headers";
    if ((uint64_t)section->address + loaded > pe->image_size)
        return "a section ends behind the image's memory";
    return NULL;
}

static uint32_t place(const struct pe_section *section, bool is_memory)
{
    return is_memory ? section->address : section->offset;
}

static uint32_t length(const struct pe_section *section, bool is_memory)
{
    if (!is_memory)
        return section->file_size;
    return section->memory_size > 0 ? section->memory_size : section->file_size;
}

/* Numbers of the sections by their place; equal places stay in the table's order, as firmware sorts them. */
static void sort(const struct pe *pe, bool is_memory, uint8_t ret_order[PE_SECTIONS_MAX])
{
    for (size_t i = 0; i < pe->section_count; i++) {
        size_t at = i;
        for (; at > 0 && place(&pe->sections[ret_order[at - 1]], is_memory) > place(&pe->sections[i], is_memory); at--)
            ret_order[at] = ret_order[at - 1];
        ret_order[at] = (uint8_t)i;
    }
}

static bool overlap(const struct pe *pe, const uint8_t order[PE_SECTIONS_MAX], bool is_memory)
{
    uint64_t end = 0;
    for (size_t i = 0; i < pe->section_count; i++) {
        const struct pe_section *section = &pe->sections[order[i]];
        if (length(section, is_memory) == 0)
            continue;
        if (place(section, is_memory) < end)
            return true;
        end = (uint64_t)place(section, is_memory) + length(section, is_memory);
    }
    return false;
}

static const char *read_sections(struct pe *pe, const struct layout *layout, size_t *at)
{
    struct bs_reader r;
    uint8_t by_address[PE_SECTIONS_MAX];

    *at = layout->sections_at;
    if (layout->sections_at + pe->section_count * SECTION_HEADER_SIZE > pe->headers_size)
        return "the section table is not within the headers";
    if (!seek(pe, layout->sections_at, &r))
        return "the file ends within its section table";
    for (size_t i = 0; i < pe->section_count; i++, *at += SECTION_HEADER_SIZE) {
        const char *fault = read_section(pe, &r, &pe->sections[i]);
        if (fault)
            return fault;
    }
    sort(pe, false, pe->by_offset);
    sort(pe, true, by_address);
    if (overlap(pe, pe->by_offset, false))
        return "two sections overlap in the file";
    if (overlap(pe, by_address, true))
        return "two sections overlap in memory";
    return NULL;
}

/* The sum of all that pe_authenticode() takes, but what stands behind the sections. */
static uint64_t hashed_size(const struct pe *pe)
{
    uint64_t sum = pe->headers_size;
    for (size_t i = 0; i < pe->section_count; i++)
        sum += pe->sections[i].file_size;
    return sum;
}

static const char *read_image(struct pe *pe, size_t *at)
{
    struct layout layout = { .optional_at = 0 };
    size_t directories_at = 0;
    const char *fault = read_file_header(pe, &layout);

    *at = layout.optional_at;
    if (!fault)
        fault = read_optional_header(pe, &layout, &directories_at);
    if (!fault)
        fault = read_directories(pe, &layout, directories_at);
    if (!fault)
        fault = read_sections(pe, &layout, at);
    if (!fault && hashed_size(pe) + pe->certificates_size > pe->bytes.data.size + (uint64_t)pe->bytes.zeros)
        fault = "a section and the certificate table overlap";
    return fault;
}

enum bs_err pe_open(struct pe_bytes bytes, struct pe *ret_pe, struct pe_fault *ret_fault)
{
    struct pe pe = { .bytes = bytes };
    size_t at = 0;
    const char *fault = read_image(&pe, &at);
    if (fault) {
        if (ret_fault)
            *ret_fault = (struct pe_fault){ fault, at };
        return BS_ERR_INPUT;
    }
    *ret_pe = pe;
    return BS_OK;
}

const struct pe_section *pe_find(const struct pe *pe, const char *name)
{
    for (size_t i = 0; i < pe->section_count; i++)
        if (strcmp(pe->sections[i].name, name) == 0)
            return &pe->sections[i];
    return NULL;
}

struct pe_bytes pe_section_bytes(const struct pe *pe, const struct pe_section *section)
{
    size_t size = section->memory_size < section->file_size ? section->memory_size : section->file_size;
    size_t offset = size > 0 ? section->offset : 0; /* of an empty one nobody checked it */
    return (struct pe_bytes){ BS_SPAN(pe->bytes.data.data + offset, size), section->memory_size - size };
}

/* Bytes `from` to `to` of the file, zeros behind it included. */
static enum bs_err update(struct crypto_digest *digest, struct pe_bytes bytes, uint64_t from, uint64_t to)
{
    enum bs_err err = BS_OK;
    if (from < bytes.data.size && from < to) {
        size_t end = to < bytes.data.size ? (size_t)to : bytes.data.size;
        err = crypto_digest_update(digest, BS_SPAN(bytes.data.data + from, end - (size_t)from));
        from = end;
    }
    while (err == BS_OK && from < to) {
        size_t size = to - from < BS_ZEROS_SIZE ? (size_t)(to - from) : BS_ZEROS_SIZE;
        err = crypto_digest_update(digest, BS_SPAN(bs_zeros, size));
        from += size;
    }
    return err;
}

enum bs_err pe_hash_update(struct crypto_digest *digest, struct pe_bytes bytes)
{
    return update(digest, bytes, 0, bytes.data.size + (uint64_t)bytes.zeros);
}

enum bs_err pe_hash_bytes(uint16_t alg, struct pe_bytes bytes, uint8_t *ret_digest)
{
    BS_OWN(digest) digest = NULL;
    size_t size;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    if (err == BS_OK)
        err = pe_hash_update(digest, bytes);
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, &size) : err;
}

static enum bs_err hash_headers(const struct pe *pe, struct crypto_digest *digest)
{
    uint64_t from = pe->checksum_at + 4;
    enum bs_err err = update(digest, pe->bytes, 0, pe->checksum_at);
    if (err == BS_OK && pe->certificates_at != 0) {
        err = update(digest, pe->bytes, from, pe->certificates_at);
        from = pe->certificates_at + DIRECTORY_SIZE;
    }
    return err == BS_OK ? update(digest, pe->bytes, from, pe->headers_size) : err;
}

enum bs_err pe_authenticode(const struct pe *pe, uint16_t alg, uint8_t *ret_digest)
{
    BS_OWN(digest) digest = NULL;
    size_t size;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    if (err == BS_OK)
        err = hash_headers(pe, digest);
    for (size_t i = 0; i < pe->section_count && err == BS_OK; i++) {
        const struct pe_section *section = &pe->sections[pe->by_offset[i]];
        err = update(digest, pe->bytes, section->offset, (uint64_t)section->offset + section->file_size);
    }
    /* What is behind the sections is found by the sum of their sizes, though there may be gaps between them: so does EDK2. */
    if (err == BS_OK)
        err = update(digest, pe->bytes, hashed_size(pe),
                     pe->bytes.data.size + (uint64_t)pe->bytes.zeros - pe->certificates_size);
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, &size) : err;
}
