#include "unit.h"

#include "core/pe.h"
#include "pemaker.h"

static const struct pemaker_section two[] = {
    { ".text", { (const uint8_t *)"code of the first section", 25 } },
    { ".data", { (const uint8_t *)"data of the second", 18 } },
};

static void make_two(struct bs_buf *image)
{
    pemaker_make(two, 2, image);
}

static void open_pe(const struct bs_buf *image, struct pe *ret_pe)
{
    struct pe_fault fault = { .what = "" };
    enum bs_err err = pe_open((struct pe_bytes){ bs_buf_span(image), 0 }, ret_pe, &fault);
    assert_string_equal(fault.what, "");
    assert_ok(err);
}

static void assert_fault_of(struct pe_bytes bytes, const char *what)
{
    struct pe pe = { .machine = 77 };
    struct pe_fault fault = { .what = "" };
    assert_err(pe_open(bytes, &pe, &fault), BS_ERR_INPUT);
    assert_string_equal(fault.what, what);
    assert_int_equal(pe.machine, 77); /* written only when it is right */
    assert_err(pe_open(bytes, &pe, NULL), BS_ERR_INPUT);
}

static void assert_fault(const struct bs_buf *image, const char *what)
{
    assert_fault_of((struct pe_bytes){ bs_buf_span(image), 0 }, what);
}

/* The digest of all bytes of the image from each `from` to its `to`. */
static void assert_digest(const struct bs_buf *image, const size_t (*pieces)[2], size_t count)
{
    uint8_t is[CRYPTO_HASH_MAX], expected[CRYPTO_HASH_MAX];
    struct pe pe;
    BS_SCOPED_BUF struct bs_buf joined = BS_BUF(PEMAKER_MAX);
    for (size_t i = 0; i < count; i++)
        assert_ok(bs_buf_append(&joined, image->data + pieces[i][0], pieces[i][1] - pieces[i][0]));
    open_pe(image, &pe);
    static const uint16_t algs[] = { CRYPTO_SHA1, CRYPTO_SHA256, CRYPTO_SHA384 };
    for (size_t i = 0; i < COUNT(algs); i++) {
        assert_ok(crypto_hash(algs[i], bs_buf_span(&joined), expected));
        assert_ok(pe_authenticode(&pe, algs[i], is));
        assert_memory_equal(is, expected, crypto_hash_size(algs[i]));
    }
    assert_err(pe_authenticode(&pe, 0x0012, is), BS_ERR_CRYPTO);
}

static void an_image_is_read_with_its_sections(void **state)
{
    (void)state;
    struct pe pe;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    open_pe(&image, &pe);
    assert_int_equal(pe.machine, 0x8664);
    assert_int_equal(pe.image_version, 1);
    assert_int_equal(pe.section_count, 2);
    assert_null(pe_find(&pe, ".dat"));
    assert_null(pe_find(&pe, ".dataa"));
    const struct pe_section *data = pe_find(&pe, ".data");
    assert_ptr_equal(data, &pe.sections[1]);
    assert_int_equal(data->address, 0x2000);
    assert_span_text(pe_section_bytes(&pe, data).data, "data of the second");
    assert_int_equal(pe_section_bytes(&pe, data).zeros, 0);
}

static void a_section_longer_in_memory_ends_with_zeros(void **state)
{
    (void)state;
    struct pe pe;
    uint8_t is[32], expected[32], memory[600] = "code of the first section";
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    memset(memory + 25, 0xcc, 512 - 25);
    pemaker_poke32(&image, PEMAKER_SECTION(0) + PEMAKER_MEMORY_SIZE, 600);
    open_pe(&image, &pe);
    struct pe_bytes bytes = pe_section_bytes(&pe, &pe.sections[0]);
    assert_int_equal(bytes.data.size, 512);
    assert_int_equal(bytes.zeros, 88);
    assert_ok(crypto_hash(CRYPTO_SHA256, BS_SPAN(memory, 600), expected));
    assert_ok(pe_hash_bytes(CRYPTO_SHA256, bytes, is));
    assert_memory_equal(is, expected, 32);
}

static void zeros_are_hashed_however_many(void **state)
{
    (void)state;
    uint8_t is[32], expected[32];
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(PEMAKER_MAX);
    assert_ok(bs_buf_append(&bytes, "x", 1));
    for (size_t i = 0; i < 10000; i++)
        assert_ok(bs_buf_append(&bytes, "", 1));
    assert_ok(crypto_hash(CRYPTO_SHA256, bs_buf_span(&bytes), expected));
    assert_ok(pe_hash_bytes(CRYPTO_SHA256, (struct pe_bytes){ BS_SPAN("x", 1), 10000 }, is));
    assert_memory_equal(is, expected, 32);
}

static void a_section_without_bytes_may_say_anything_of_where_they_are(void **state)
{
    (void)state;
    struct pe pe;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_FILE_SIZE, 0);
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_OFFSET, 0xfffffff0);
    open_pe(&image, &pe);
    struct pe_bytes bytes = pe_section_bytes(&pe, &pe.sections[1]);
    assert_int_equal(bytes.data.size, 0);
    assert_int_equal(bytes.zeros, 18);
    assert_ptr_equal(bytes.data.data, image.data);
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_OFFSET, PEMAKER_HEADERS + 1);
    open_pe(&image, &pe); /* where another one is, too */
}

static void the_digest_leaves_out_checksum_and_signature(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    const size_t pieces[][2] = { { 0, PEMAKER_CHECKSUM },
                                 { PEMAKER_CHECKSUM + 4, PEMAKER_CERTIFICATES },
                                 { PEMAKER_CERTIFICATES + 8, image.size } };
    assert_digest(&image, pieces, 3);
    pemaker_sign(&image, 64);
    assert_digest(&image, pieces, 3); /* the same as before it was signed */
}

static void an_image_without_an_entry_for_certificates_is_hashed_whole(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_poke32(&image, PEMAKER_DIRECTORIES, 4);
    const size_t pieces[][2] = { { 0, PEMAKER_CHECKSUM }, { PEMAKER_CHECKSUM + 4, image.size } };
    assert_digest(&image, pieces, 2);
}

static void what_stands_behind_the_sections_is_hashed(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    assert_ok(bs_buf_append(&image, "more", 4));
    const size_t pieces[][2] = { { 0, PEMAKER_CHECKSUM },
                                 { PEMAKER_CHECKSUM + 4, PEMAKER_CERTIFICATES },
                                 { PEMAKER_CERTIFICATES + 8, image.size } };
    pemaker_sign(&image, 16);
    assert_digest(&image, pieces, 3);
}

/* Sections swapped in the table: the order in the file counts. */
static void sections_are_hashed_by_their_place_in_the_file(void **state)
{
    (void)state;
    uint8_t header[40];
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    memcpy(header, image.data + PEMAKER_SECTION(0), 40);
    memcpy(image.data + PEMAKER_SECTION(0), image.data + PEMAKER_SECTION(1), 40);
    memcpy(image.data + PEMAKER_SECTION(1), header, 40);
    const size_t pieces[][2] = { { 0, PEMAKER_CHECKSUM },
                                 { PEMAKER_CHECKSUM + 4, PEMAKER_CERTIFICATES },
                                 { PEMAKER_CERTIFICATES + 8, image.size } };
    assert_digest(&image, pieces, 3);
}

/* With a gap of 512 bytes the rest begins 512 bytes early, as EDK II has it. */
static void a_gap_between_sections_moves_the_rest(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    struct pemaker_section three[] = { two[0], { ".gap", { (const uint8_t *)"gap", 3 } }, two[1] };
    pemaker_make(three, 3, &image);
    pemaker_poke16(&image, PEMAKER_COUNT, 2);
    memcpy(image.data + PEMAKER_SECTION(1), image.data + PEMAKER_SECTION(2), 40);
    const size_t pieces[][2] = { { 0, PEMAKER_CHECKSUM },
                                 { PEMAKER_CHECKSUM + 4, PEMAKER_CERTIFICATES },
                                 { PEMAKER_CERTIFICATES + 8, PEMAKER_HEADERS + 512 },
                                 { PEMAKER_HEADERS + 1024, image.size },
                                 { PEMAKER_HEADERS + 1024, image.size } };
    assert_digest(&image, pieces, 5);
}

static void headers_in_32_bits_are_read(void **state)
{
    (void)state;
    struct pe pe;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_poke16(&image, PEMAKER_OPTIONAL, 0x10b);
    pemaker_poke32(&image, PEMAKER_DIRECTORIES, 0);
    pemaker_poke32(&image, PEMAKER_DIRECTORIES - 16, 16); /* where their number stands in this form */
    pemaker_poke32(&image, PEMAKER_CERTIFICATES - 16, (uint32_t)image.size);
    pemaker_poke32(&image, PEMAKER_CERTIFICATES - 12, 8);
    assert_ok(bs_buf_append(&image, "signed!!", 8));
    open_pe(&image, &pe);
    assert_int_equal(pe.certificates_at, PEMAKER_CERTIFICATES - 16);
    assert_int_equal(pe.certificates_size, 8);
}

static void what_is_no_image_is_called_so(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    assert_fault_of((struct pe_bytes){ BS_SPAN_NONE, 0 }, "this is no PE image");
    make_two(&image);
    image.data[0] = 'm';
    assert_fault(&image, "this is no PE image");
    image.data[0] = 'M';
    image.data[PEMAKER_PE + 2] = 1;
    assert_fault(&image, "this is no PE image");
    image.data[PEMAKER_PE + 2] = 0;
    static const uint32_t places[] = { 0, 0x44, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff };
    for (size_t i = 0; i < COUNT(places); i++) {
        pemaker_poke32(&image, 60, places[i]);
        assert_fault(&image, "this is no PE image");
    }
}

struct wrong {
    size_t at;
    uint32_t value;
    const char *what;
};

static void assert_each_is_refused(const struct wrong *wrong, size_t count, size_t width)
{
    for (size_t i = 0; i < count; i++) {
        BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
        make_two(&image);
        if (width == 2)
            pemaker_poke16(&image, wrong[i].at, (uint16_t)wrong[i].value);
        else
            pemaker_poke32(&image, wrong[i].at, wrong[i].value);
        assert_fault(&image, wrong[i].what);
    }
}

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    static const struct wrong shorts[] = {
        { PEMAKER_MACHINE, 0x1234, "the image is for a machine that UEFI does not know" },
        { PEMAKER_COUNT, 0, "the image has no section, or too many" },
        { PEMAKER_COUNT, 97, "the image has no section, or too many" },
        { PEMAKER_COUNT, 0xffff, "the image has no section, or too many" },
        { PEMAKER_COUNT, 96, "the section table is not within the headers" },
        { PEMAKER_COUNT, 18, "the section table is not within the headers" },
        { PEMAKER_OPTIONAL_SIZE, 0xffff, "the file ends within its headers" },
        { PEMAKER_OPTIONAL_SIZE, 0, "the image is neither PE32 nor PE32+" },
        { PEMAKER_OPTIONAL_SIZE, 50, "the optional header is too short" },
        { PEMAKER_OPTIONAL_SIZE, 108, "the optional header is too short" },
        { PEMAKER_OPTIONAL_SIZE, 111, "the optional header is too short" },
        { PEMAKER_OPTIONAL_SIZE, 112 + 16 * 8 - 1, "the optional header has no room for its data directories" },
        { PEMAKER_OPTIONAL, 0x107, "the image is neither PE32 nor PE32+" },
    };
    static const struct wrong longs[] = {
        { PEMAKER_IMAGE_SIZE, PE_MEMORY_MAX + 1, "the image is larger than 1 GiB in memory" },
        { PEMAKER_IMAGE_SIZE, 0xffffffff, "the image is larger than 1 GiB in memory" },
        { PEMAKER_IMAGE_SIZE, PEMAKER_HEADERS - 1, "the headers are said to be longer than the image" },
        { PEMAKER_HEADERS_SIZE, PEMAKER_HEADERS + 1025, "the headers are said to be longer than the image" },
        { PEMAKER_HEADERS_SIZE, 0xffffffff, "the headers are said to be longer than the image" },
        { PEMAKER_HEADERS_SIZE, PEMAKER_SECTION(2) - 1, "the section table is not within the headers" },
        { PEMAKER_DIRECTORIES, 17, "the optional header has no room for its data directories" },
        { PEMAKER_DIRECTORIES, 0xffffffff, "the optional header has no room for its data directories" },
    };
    assert_each_is_refused(shorts, COUNT(shorts), 2);
    assert_each_is_refused(longs, COUNT(longs), 4);
}

/* Room for more than 16 would do, if anybody asked. */
static void more_than_16_directories_are_refused_though_there_is_room(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_poke16(&image, PEMAKER_OPTIONAL_SIZE, 112 + 17 * 8);
    pemaker_poke32(&image, PEMAKER_DIRECTORIES, 17);
    assert_fault(&image, "the optional header has no room for its data directories");
}

static void hostile_sections_are_refused(void **state)
{
    (void)state;
    static const struct wrong wrong[] = {
        { PEMAKER_SECTION(0), 0x1b002e00, "a section's name is not printable" },
        { PEMAKER_SECTION(0), 0x1b65742e, "a section's name is not printable" },
        { PEMAKER_SECTION(0), 0x7f65742e, "a section's name is not printable" },
        { PEMAKER_SECTION(0), 0x8065742e, "a section's name is not printable" },
        { PEMAKER_SECTION(0), 0x2065742e, "a section's name is not printable" },
        { PEMAKER_SECTION(0), 0x0065742e, "a section's name is not printable" },
        { PEMAKER_SECTION(0) + PEMAKER_OFFSET, PEMAKER_HEADERS - 1, "a section lies in the headers" },
        { PEMAKER_SECTION(0) + PEMAKER_OFFSET, 0, "a section lies in the headers" },
        { PEMAKER_SECTION(1) + PEMAKER_OFFSET, PEMAKER_HEADERS + 513, "a section ends behind the file" },
        { PEMAKER_SECTION(1) + PEMAKER_OFFSET, 0xffffffff, "a section ends behind the file" },
        { PEMAKER_SECTION(1) + PEMAKER_FILE_SIZE, 513, "a section ends behind the file" },
        { PEMAKER_SECTION(1) + PEMAKER_FILE_SIZE, 0xffffffff, "a section ends behind the file" },
        { PEMAKER_SECTION(0) + PEMAKER_ADDRESS, PEMAKER_HEADERS - 1, "a section lies in the headers" },
        { PEMAKER_SECTION(0) + PEMAKER_ADDRESS, 0, "a section lies in the headers" },
        { PEMAKER_SECTION(1) + PEMAKER_ADDRESS, 0x3000 - 17, "a section ends behind the image's memory" },
        { PEMAKER_SECTION(1) + PEMAKER_ADDRESS, 0xffffffff, "a section ends behind the image's memory" },
        { PEMAKER_SECTION(1) + PEMAKER_MEMORY_SIZE, 0x1001, "a section ends behind the image's memory" },
        { PEMAKER_SECTION(1) + PEMAKER_MEMORY_SIZE, 0xffffffff, "a section ends behind the image's memory" },
        { PEMAKER_SECTION(1) + PEMAKER_OFFSET, PEMAKER_HEADERS + 511, "two sections overlap in the file" },
        { PEMAKER_SECTION(1) + PEMAKER_OFFSET, PEMAKER_HEADERS, "two sections overlap in the file" },
        { PEMAKER_SECTION(0) + PEMAKER_FILE_SIZE, 513, "two sections overlap in the file" },
        { PEMAKER_SECTION(1) + PEMAKER_ADDRESS, 0x1000 + 24, "two sections overlap in memory" },
        { PEMAKER_SECTION(0) + PEMAKER_MEMORY_SIZE, 0x1001, "two sections overlap in memory" },
    };
    assert_each_is_refused(wrong, COUNT(wrong), 4);
}

/* A section whose memory size is 0 has the size in the file. */
static void a_section_without_memory_size_overlaps_too(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_poke32(&image, PEMAKER_SECTION(0) + PEMAKER_MEMORY_SIZE, 0);
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_ADDRESS, 0x1000 + 511);
    assert_fault(&image, "two sections overlap in memory");
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_ADDRESS, 0x3000);
    pemaker_poke32(&image, PEMAKER_SECTION(1) + PEMAKER_MEMORY_SIZE, 0);
    assert_fault(&image, "a section ends behind the image's memory");
}

static void hostile_certificate_tables_are_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    uint32_t end = (uint32_t)image.size;
    const struct {
        uint32_t offset, size;
        const char *what;
    } wrong[] = {
        { PEMAKER_HEADERS - 1, 1, "the certificate table is not within the file" },
        { end, 65, "the certificate table is not within the file" },
        { 0xffffffff, 0xffffffff, "the certificate table is not within the file" },
        { end, 0xffffffff, "the certificate table is not within the file" },
        { 0xfffffff8, 72, "the certificate table is not within the file" },
        { end, 63, "something stands behind the certificate table" },
        { end - 1, 65, "a section and the certificate table overlap" },
        { PEMAKER_HEADERS, end + 64 - PEMAKER_HEADERS, "a section and the certificate table overlap" },
    };
    pemaker_sign(&image, 64);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        pemaker_poke32(&image, PEMAKER_CERTIFICATES, wrong[i].offset);
        pemaker_poke32(&image, PEMAKER_CERTIFICATES + 4, wrong[i].size);
        assert_fault(&image, wrong[i].what);
    }
}

/* Each piece is a copy of exactly its size on the heap, so that the sanitizer sees a read beyond it. */
static bool try_bytes(const uint8_t *data, size_t size, size_t zeros)
{
    struct pe pe;
    uint8_t digest[CRYPTO_HASH_MAX];
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    memcpy(copy, data, size);
    bool is_image = pe_open((struct pe_bytes){ BS_SPAN(copy, size), zeros }, &pe, NULL) == BS_OK;
    if (is_image) {
        assert_ok(pe_authenticode(&pe, CRYPTO_SHA256, digest));
        for (size_t i = 0; i < pe.section_count; i++) {
            struct pe_bytes bytes = pe_section_bytes(&pe, &pe.sections[i]);
            assert_ok(pe_hash_bytes(CRYPTO_SHA256, (struct pe_bytes){ bytes.data, 0 }, digest));
        }
    }
    free(copy);
    return is_image;
}

static void an_image_cut_anywhere_is_refused(void **state)
{
    (void)state;
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    for (size_t size = 0; size < image.size; size++)
        assert_false(try_bytes(image.data, size, 0));
    assert_true(try_bytes(image.data, image.size, 0));
    assert_true(try_bytes(image.data, image.size, 100000));
}

static void an_image_with_any_byte_changed_does_no_harm(void **state)
{
    (void)state;
    static const uint8_t values[] = { 0x00, 0x7f, 0x80, 0xff };
    BS_SCOPED_BUF struct bs_buf image = BS_BUF(PEMAKER_MAX);
    make_two(&image);
    pemaker_sign(&image, 64);
    for (size_t i = 0; i < PEMAKER_HEADERS; i++) {
        uint8_t before = image.data[i];
        for (size_t v = 0; v < COUNT(values); v++) {
            image.data[i] = values[v];
            (void)try_bytes(image.data, image.size, v == 0 ? 5000 : 0);
        }
        image.data[i] = before;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_read_with_its_sections),
        cmocka_unit_test(a_section_longer_in_memory_ends_with_zeros),
        cmocka_unit_test(zeros_are_hashed_however_many),
        cmocka_unit_test(a_section_without_bytes_may_say_anything_of_where_they_are),
        cmocka_unit_test(the_digest_leaves_out_checksum_and_signature),
        cmocka_unit_test(an_image_without_an_entry_for_certificates_is_hashed_whole),
        cmocka_unit_test(what_stands_behind_the_sections_is_hashed),
        cmocka_unit_test(sections_are_hashed_by_their_place_in_the_file),
        cmocka_unit_test(a_gap_between_sections_moves_the_rest),
        cmocka_unit_test(headers_in_32_bits_are_read),
        cmocka_unit_test(what_is_no_image_is_called_so),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(more_than_16_directories_are_refused_though_there_is_room),
        cmocka_unit_test(hostile_sections_are_refused),
        cmocka_unit_test(a_section_without_memory_size_overlaps_too),
        cmocka_unit_test(hostile_certificate_tables_are_refused),
        cmocka_unit_test(an_image_cut_anywhere_is_refused),
        cmocka_unit_test(an_image_with_any_byte_changed_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
