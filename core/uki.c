#include "core/uki.h"

#include <string.h>

/* From which version on the stub looks for a section; in all of these it measures what it looks for, but .pcrsig. */
static const struct {
    const char *name;
    unsigned since;
} sections[UKI_SECTIONS] = {
    [UKI_LINUX] = { ".linux", 251 },   [UKI_OSREL] = { ".osrel", 251 },     [UKI_CMDLINE] = { ".cmdline", 251 },
    [UKI_INITRD] = { ".initrd", 251 }, [UKI_UCODE] = { ".ucode", 256 },     [UKI_SPLASH] = { ".splash", 251 },
    [UKI_DTB] = { ".dtb", 251 },       [UKI_UNAME] = { ".uname", 254 },     [UKI_SBAT] = { ".sbat", 254 },
    [UKI_PCRSIG] = { ".pcrsig", 252 }, [UKI_PCRPKEY] = { ".pcrpkey", 252 },
};

/* What the stub takes of these is decided when it runs: by a choice in the boot menu, or by the hardware. */
static const char *const undecided[] = { ".profile", ".dtbauto", ".hwids", ".efifw" };

const char *uki_section_name(enum uki_section section)
{
    return sections[section].name;
}

bool uki_measures(const struct uki *uki, enum uki_section section)
{
    return uki->has[section] && section != UKI_PCRSIG && uki->stub_version >= sections[section].since;
}

/* "#### LoaderInfo: systemd-stub 252.39-1~deb12u2 ####" in .sdmagic: how others tell the stub, too. */
static bool read_stub(struct bs_span magic, struct uki *uki)
{
    static const char before[] = "#### LoaderInfo: systemd-stub ";
    static const char after[] = " ####";
    char text[sizeof(before) + UKI_STUB_SIZE + sizeof(after)] = "";
    size_t size = strnlen((const char *)magic.data, magic.size);

    if (size >= sizeof(text) || size <= strlen(before) + strlen(after))
        return false;
    memcpy(text, magic.data, size);
    if (strncmp(text, before, strlen(before)) != 0 || strcmp(text + size - strlen(after), after) != 0)
        return false;
    text[size - strlen(after)] = '\0';
    const char *version = text + strlen(before);
    if (strlen(version) >= UKI_STUB_SIZE)
        return false;
    for (const char *at = version; *at; at++)
        if (*at < 0x21 || *at > 0x7e)
            return false;
    strcpy(uki->stub, version);
    while (*version >= '0' && *version <= '9' && uki->stub_version < 100000)
        uki->stub_version = uki->stub_version * 10 + (unsigned)(*version++ - '0');
    return uki->stub_version > 0;
}

/* Stubs before 255 compare only as many characters as their own name of a section has, and take the last that fits. */
static const char *note_section(struct uki *uki, const struct pe_section *section)
{
    for (size_t i = 0; i < sizeof(undecided) / sizeof(undecided[0]); i++)
        if (strcmp(section->name, undecided[i]) == 0)
            return "the image has profiles, or parts that are chosen by the hardware (.profile, .dtbauto, .hwids, .efifw): what is "
                   "measured is only decided when it boots";
    for (size_t i = 0; i < UKI_SECTIONS; i++) {
        const char *name = sections[i].name;
        if (strncmp(section->name, name, strlen(name)) != 0)
            continue;
        if (section->name[strlen(name)] != '\0')
            return "a section's name begins like that of a part of a UKI, and some stubs take it for that";
        if (uki->has[i])
            return "a part of the UKI is there twice";
        uki->sections[i] = pe_section_bytes(&uki->pe, section);
        uki->has[i] = section->memory_size > 0;
    }
    return NULL;
}

static const char *read_uki(struct uki *uki, size_t *at)
{
    struct pe_fault fault;
    const struct pe_section *magic = pe_find(&uki->pe, ".sdmagic");

    *at = 0;
    for (size_t i = 0; i < uki->pe.section_count; i++) {
        const char *what = note_section(uki, &uki->pe.sections[i]);
        *at = uki->pe.sections[i].offset;
        if (what)
            return what;
    }
    *at = 0;
    if (!uki->has[UKI_LINUX])
        return "this is no unified kernel image: it has no section .linux";
    if (!magic || !read_stub(pe_section_bytes(&uki->pe, magic).data, uki))
        return "the image's stub is not systemd's (there is no version in its section .sdmagic), and what it measures is not known";
    if (uki->stub_version < UKI_STUB_MIN)
        return "the image's stub is older than systemd 252, and what it measures is not known";
    if (pe_open(uki->sections[UKI_LINUX], &uki->kernel, &fault) != BS_OK) {
        *at = pe_find(&uki->pe, ".linux")->offset + fault.offset;
        return "what is in .linux is no kernel that UEFI could start";
    }
    /* Of an image version below 1 the kernel does not fetch its initrd, and the stub starts it in an old way that is not known here. */
    if (uki->kernel.image_version < 1)
        return "the kernel is older than Linux 5.8, and how it is started is not known";
    return NULL;
}

enum bs_err uki_open(struct bs_span bytes, struct uki *ret_uki, struct pe_fault *ret_fault)
{
    struct uki uki = { .stub_version = 0 };
    size_t at;
    enum bs_err err = pe_open((struct pe_bytes){ bytes, 0 }, &uki.pe, ret_fault);
    if (err != BS_OK)
        return err;
    const char *fault = read_uki(&uki, &at);
    if (fault) {
        /* A section in memory may go on behind the file. */
        if (ret_fault)
            *ret_fault = (struct pe_fault){ fault, at < bytes.size ? at : bytes.size };
        return BS_ERR_INPUT;
    }
    *ret_uki = uki;
    return BS_OK;
}
