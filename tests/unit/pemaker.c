#include "pemaker.h"

#include "unit.h"

#define FILE_ALIGNMENT 512u
#define MEMORY_ALIGNMENT 4096u

static void poke(struct bs_buf *image, size_t at, uint32_t value, size_t size)
{
    assert_true(at + size <= image->size);
    for (size_t i = 0; i < size; i++)
        image->data[at + i] = (uint8_t)(value >> 8 * i);
}

void pemaker_poke16(struct bs_buf *image, size_t at, uint16_t value)
{
    poke(image, at, value, 2);
}

void pemaker_poke32(struct bs_buf *image, size_t at, uint32_t value)
{
    poke(image, at, value, 4);
}

uint32_t pemaker_peek32(const struct bs_buf *image, size_t at)
{
    uint32_t value = 0;
    assert_true(at + 4 <= image->size);
    for (size_t i = 4; i-- > 0;)
        value = value << 8 | image->data[at + i];
    return value;
}

static void fill(struct bs_buf *image, uint8_t byte, size_t to)
{
    while (image->size < to)
        assert_ok(bs_buf_append(image, &byte, 1));
}

static size_t align(size_t value, size_t to)
{
    return (value + to - 1) / to * to;
}

static void put_headers(struct bs_buf *image, size_t count)
{
    fill(image, 0, PEMAKER_HEADERS);
    memcpy(image->data, "MZ", 2);
    pemaker_poke32(image, 60, PEMAKER_PE);
    memcpy(image->data + PEMAKER_PE, "PE\0\0", 4);
    pemaker_poke16(image, PEMAKER_MACHINE, 0x8664);
    pemaker_poke16(image, PEMAKER_COUNT, (uint16_t)count);
    pemaker_poke16(image, PEMAKER_OPTIONAL_SIZE, 112 + 16 * 8);
    pemaker_poke16(image, PEMAKER_OPTIONAL, 0x20b);
    pemaker_poke16(image, PEMAKER_VERSION, 1);
    pemaker_poke32(image, PEMAKER_HEADERS_SIZE, PEMAKER_HEADERS);
    pemaker_poke32(image, PEMAKER_CHECKSUM, 0x11223344);
    pemaker_poke32(image, PEMAKER_DIRECTORIES, 16);
}

void pemaker_make(const struct pemaker_section *sections, size_t count, struct bs_buf *out)
{
    uint32_t address = MEMORY_ALIGNMENT;
    assert_int_equal(out->size, 0);
    assert_true(PEMAKER_SECTION(count) <= PEMAKER_HEADERS);
    put_headers(out, count);
    for (size_t i = 0; i < count; i++) {
        size_t offset = out->size, header = PEMAKER_SECTION(i);
        assert_ok(bs_buf_append(out, sections[i].data.data, sections[i].data.size));
        fill(out, 0xcc, align(out->size, FILE_ALIGNMENT));
        memcpy(out->data + header, sections[i].name, strnlen(sections[i].name, 8));
        pemaker_poke32(out, header + PEMAKER_MEMORY_SIZE, (uint32_t)sections[i].data.size);
        pemaker_poke32(out, header + PEMAKER_ADDRESS, address);
        pemaker_poke32(out, header + PEMAKER_FILE_SIZE, (uint32_t)(out->size - offset));
        pemaker_poke32(out, header + PEMAKER_OFFSET, (uint32_t)offset);
        address += (uint32_t)align(sections[i].data.size + 1, MEMORY_ALIGNMENT);
    }
    pemaker_poke32(out, PEMAKER_IMAGE_SIZE, address);
}

void pemaker_sign(struct bs_buf *image, size_t size)
{
    pemaker_poke32(image, PEMAKER_CERTIFICATES, (uint32_t)image->size);
    pemaker_poke32(image, PEMAKER_CERTIFICATES + 4, (uint32_t)size);
    fill(image, 0xab, image->size + size);
}
