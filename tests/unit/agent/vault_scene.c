#include "vault_scene.h"

#include "agent/vault/forget.h"
#include "core/file.h"

void vault_put(const char *path, struct bs_span bytes)
{
    assert_ok(bs_dir_make(scene_path(VAULT), 0700));
    assert_ok(bs_file_write(scene_path(path), bytes, NULL));
}

void vault_keep(const char *path, struct bs_buf *out)
{
    bs_buf_reset(out);
    assert_ok(bs_file_read(scene_path(path), out));
}

bool vault_is_marked(const char *path)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(300000);
    return bs_file_read(scene_path(path), &bytes) == BS_OK && forget_is_mark(bs_buf_span(&bytes));
}

void vault_assert_opens_nothing(void)
{
    scene_reboot(0);
    scene.refuses = true;
    assert_err(scene_boot(), BS_ERR_REFUSED);
    scene.refuses = false;
}
