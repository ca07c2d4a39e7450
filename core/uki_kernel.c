/* What systemd-stub hands to the kernel, and the kernel's EFI stub measures into PCR 9. */
#include "core/uki.h"

#include "core/text.h"

#include <string.h>

#define OSREL_SINCE 257 /* from here on .osrel goes into the initrd, too */
#define STUB_MAX 257    /* newer ones may put a secret of the machine into the initrd */
#define TRIM_SINCE 257  /* from here on blanks before the command line are left out; until 254 they were not */
#define TRIM_NOT_UNTIL 254

/* The command line in its section: up to a zero. */
static struct bs_span whole_line(const struct uki *uki)
{
    struct bs_span line = uki->sections[UKI_CMDLINE].data;
    if (!uki->has[UKI_CMDLINE])
        return BS_SPAN("", 0);
    line.size = strnlen((const char *)line.data, line.size);
    return line;
}

/* Without the blanks that the stub takes away. */
static struct bs_span command_line(const struct uki *uki)
{
    struct bs_span line = whole_line(uki);
    while (line.size > 0 && line.data[line.size - 1] <= ' ')
        line.size--;
    while (uki->stub_version >= TRIM_SINCE && line.size > 0 && line.data[0] <= ' ')
        line = BS_SPAN(line.data + 1, line.size - 1);
    return line;
}

static const char *command_line_problem(const struct uki *uki)
{
    struct bs_span line = whole_line(uki);
    struct bs_reader r = BS_READER(line);
    uint32_t character;
    bool is_valid;

    if (line.size > 0 && line.data[0] <= ' ' && uki->stub_version > TRIM_NOT_UNTIL && uki->stub_version < TRIM_SINCE)
        return "the command line begins with a blank, and it is not known what this version of systemd-stub makes of that";
    while (bs_utf8_take(&r, &character, &is_valid))
        if (!is_valid || character > 0xffff || character == 0x7f)
            return "the command line has characters of which versions of systemd-stub make different things";
    return NULL;
}

/* Up to three digits. */
static bool take_number(struct bs_reader *r, unsigned *ret_value)
{
    unsigned value = 0, digits = 0;
    for (; digits < 3 && r->left > 0 && *r->at >= '0' && *r->at <= '9'; digits++) {
        value = value * 10 + (unsigned)(*r->at - '0');
        *r = (struct bs_reader){ r->at + 1, r->left - 1 };
    }
    *ret_value = value;
    return digits > 0;
}

/* "6.1.0-56-cloud-amd64 ..." of the x86 boot protocol (Documentation/arch/x86/boot.rst, kernel_version); elsewhere nobody says. */
static bool is_kernel_too_old(const struct uki *uki)
{
    struct bs_span kernel = uki->kernel.bytes.data;
    struct bs_reader r = BS_READER(kernel);
    struct bs_span part;
    uint16_t at;
    unsigned major, minor;
    uint8_t dot;

    if (!bs_read_bytes(&r, 0x202, &part) || !bs_read_bytes(&r, 4, &part) || memcmp(part.data, "HdrS", 4) != 0 ||
        !bs_read_bytes(&r, 8, &part) || !bs_read_le16(&r, &at))
        return false;
    r = BS_READER(kernel);
    if (!bs_read_bytes(&r, (size_t)at + 0x200, &part) || !take_number(&r, &major) || !bs_read_u8(&r, &dot) ||
        dot != '.' || !take_number(&r, &minor))
        return false;
    return major < 6 || (major == 6 && minor < 1);
}

const char *uki_pcr9_problem(const struct uki *uki)
{
    if (uki->stub_version > STUB_MAX)
        return "systemd-stub from 258 on may add something of the machine to the initrd";
    if (is_kernel_too_old(uki))
        return "the kernel is older than Linux 6.1, and what it measures is not known";
    return command_line_problem(uki);
}

/* Characters as UTF-16LE, control characters as blanks, and the terminating zero. */
static enum bs_err update_utf16(struct crypto_digest *digest, struct bs_span text)
{
    struct bs_reader r = BS_READER(text);
    uint32_t character;
    bool is_valid;
    enum bs_err err = BS_OK;
    while (err == BS_OK && bs_utf8_take(&r, &character, &is_valid)) {
        if (character < ' ')
            character = ' ';
        uint8_t unit[2] = { (uint8_t)character, (uint8_t)(character >> 8) };
        err = crypto_digest_update(digest, BS_SPAN(unit, 2));
    }
    return err == BS_OK ? crypto_digest_update(digest, BS_SPAN("\0", 2)) : err;
}

enum bs_err uki_hash_options(const struct uki *uki, uint16_t alg, uint8_t *ret_digest)
{
    BS_OWN(digest) digest = NULL;
    size_t size;
    if (!uki->has[UKI_CMDLINE])
        return BS_ERR_NOT_FOUND;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    if (err == BS_OK)
        err = update_utf16(digest, command_line(uki));
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, &size) : err;
}

#define ZEROS_8 "00000000"

/* One entry of a cpio archive (kernel: driver-api/early-userspace/buffer-format): header, name with its zero, zeros up to 4. */
static enum bs_err add_entry(struct bs_buf *out, unsigned inode, unsigned mode, size_t size, const char *name)
{
    enum bs_err err = bs_buf_printf(out,
                                    "070701%08x%08x" ZEROS_8 ZEROS_8 "00000001" ZEROS_8
                                    "%08zx" ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 "%08zx" ZEROS_8 "%s",
                                    inode, mode, size, strlen(name) + 1, name);
    if (err == BS_OK)
        err = bs_buf_append(out, "\0\0\0", 1 + (4 - (out->size + 1) % 4) % 4);
    return err;
}

/* The record at an archive's end; the stub writes the length of its name in capitals. */
static const char trailer[] =
    "070701" ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 "00000001" ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8 ZEROS_8
    "0000000B" ZEROS_8 "TRAILER!!!\0\0\0";

static enum bs_err update_file(struct crypto_digest *digest, const char *name, struct pe_bytes contents)
{
    BS_SCOPED_BUF struct bs_buf head = BS_BUF(512);
    size_t size = contents.data.size + contents.zeros;
    enum bs_err err = add_entry(&head, 1, 040555, 0, ".extra");
    if (err == BS_OK)
        err = add_entry(&head, 2, 0100444, size, name);
    if (err == BS_OK)
        err = crypto_digest_update(digest, bs_buf_span(&head));
    if (err == BS_OK)
        err = pe_hash_update(digest, contents);
    if (err == BS_OK)
        err = crypto_digest_update(digest, BS_SPAN("\0\0\0", (4 - size % 4) % 4));
    return err == BS_OK ? crypto_digest_update(digest, BS_SPAN(trailer, sizeof(trailer))) : err;
}

/* Parts of the initrd in their order; those with a name become an archive of one file. */
static const struct {
    enum uki_section section;
    const char *name;
    unsigned since;
} parts[] = {
    { UKI_UCODE, NULL, 256 },
    { UKI_INITRD, NULL, 0 },
    { UKI_PCRSIG, ".extra/tpm2-pcr-signature.json", 252 },
    { UKI_PCRPKEY, ".extra/tpm2-pcr-public-key.pem", 252 },
    { UKI_OSREL, ".extra/os-release", OSREL_SINCE },
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool has_part(const struct uki *uki, size_t part)
{
    return uki->has[parts[part].section] && uki->stub_version >= parts[part].since;
}

enum bs_err uki_hash_initrd(const struct uki *uki, uint16_t alg, uint8_t *ret_digest)
{
    BS_OWN(digest) digest = NULL;
    size_t count = 0, size;
    for (size_t i = 0; i < PARTS; i++)
        count += has_part(uki, i);
    if (count == 0)
        return BS_ERR_NOT_FOUND;
    enum bs_err err = crypto_digest_hash(alg, &digest);
    for (size_t i = 0; i < PARTS && err == BS_OK; i++) {
        if (!has_part(uki, i))
            continue;
        struct pe_bytes bytes = uki->sections[parts[i].section];
        if (parts[i].name) {
            err = update_file(digest, parts[i].name, bytes);
            continue;
        }
        err = pe_hash_update(digest, bytes);
        /* One alone is handed over as it is; several are joined, each filled up to 4. */
        if (err == BS_OK && count > 1)
            err = crypto_digest_update(digest, BS_SPAN("\0\0\0", (4 - (bytes.data.size + bytes.zeros) % 4) % 4));
    }
    return err == BS_OK ? crypto_digest_final(digest, ret_digest, &size) : err;
}
