#include "unit/server/snapshot.h"

#include "unit/unit.h"

#define FILE_MAX (256 * 1024)

void read_boots_file(const char *name, struct bs_buf *out)
{
    char path[512], bytes[4096];
    snprintf(path, sizeof(path), "%s/boots/%s", BS_TEST_VECTORS, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s: %s", path, strerror(errno));
    for (size_t size; (size = fread(bytes, 1, sizeof(bytes), file)) > 0;)
        assert_ok(bs_buf_append(out, bytes, size));
    fclose(file);
}

void read_example(const char *name, struct evidence_file *ret_file)
{
    char file_name[128];
    struct evidence_file_fault fault;
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(FILE_MAX);
    snprintf(file_name, sizeof(file_name), "%s.json", name);
    read_boots_file(file_name, &text);
    *ret_file = EVIDENCE_FILE_INIT;
    if (evidence_file_read(bs_buf_span(&text), ret_file, &fault) != BS_OK)
        fail_msg("%s: %s", file_name, fault.text);
}

struct policy_boot boot_of_example(const struct evidence_file *file)
{
    return (struct policy_boot){ .bank = file->boot.bank,
                                 .mask = file->boot.mask,
                                 .pcrs = file->boot.pcrs,
                                 .firmware_log = bs_buf_span(&file->boot.log),
                                 .userspace_log = bs_buf_span(&file->boot.userspace_log),
                                 .command_line = bs_buf_span(&file->boot.command_line) };
}

static void renew(const char *name, struct bs_span text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/boots/%s", BS_TEST_VECTORS, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
}

void assert_snapshot(const char *name, struct bs_span text)
{
    if (getenv("BOOTSEAL_RENEW_SNAPSHOTS")) {
        renew(name, text);
        print_error("%s is written anew: look at it, and run the test without BOOTSEAL_RENEW_SNAPSHOTS\n", name);
        fail();
    }
    BS_SCOPED_BUF struct bs_buf expected = BS_BUF(FILE_MAX);
    read_boots_file(name, &expected);
    if (bs_span_equal(text, bs_buf_span(&expected)))
        return;
    size_t at = 0;
    while (at < text.size && at < expected.size && text.data[at] == expected.data[at])
        at++;
    fail_msg("%s is not what is said; they part at byte %zu. Said:\n%.*s", name, at, (int)text.size,
             (const char *)text.data);
}
