#include "server/ctl/share.h"

#include "bootseal/exit.h"
#include "core/file.h"
#include "core/share.h"
#include "server/ctl/streams.h"

#include <stdio.h>

#define FILE_SIZE_MAX (1024 * 1024)
#define KEY_SIZE_MAX 4096

static int fail(int code, const char *what, const char *about)
{
    (void)fprintf(stderr, "bootsealctl: %s%s\n", what, about);
    return code;
}

static enum bs_err open_one(struct crypto_key *key, const struct share_block *block, struct bs_buf *out)
{
    BS_OWN(secret) share = NULL;
    enum bs_err err = share_unlock(key, &block->label, block->bytes, &share);
    if (err == BS_OK)
        err = share_write(&block->label, false, BS_SPAN(bs_secret_view(share), bs_secret_size(share)), out);
    return err;
}

static int open_all(struct crypto_key *key, struct bs_span text, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf room = BS_BUF(256);
    struct bs_reader in = BS_READER(text);
    struct share_block block;
    enum bs_err err;
    while ((err = share_read(&in, true, &room, &block)) == BS_OK) {
        err = open_one(key, &block, out);
        if (err == BS_ERR_UNTRUSTED)
            return fail(BS_EXIT_UNTRUSTED, "a share is not encrypted to this key, or was changed", "");
        if (err != BS_OK)
            return fail(bs_err_exit(err), "a share cannot be opened: ", bs_err_name(err));
    }
    if (err != BS_ERR_NOT_FOUND || out->size == 0)
        return fail(BS_EXIT_INPUT, "the file holds no locked share as bootsealctl device share writes it", "");
    return BS_EXIT_DONE;
}

int ctl_share_open(const char *path, const char *key_path)
{
    BS_SCOPED_BUF struct bs_buf text = BS_BUF(FILE_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(KEY_SIZE_MAX);
    BS_SCOPED_BUF struct bs_buf out = BS_BUF(FILE_SIZE_MAX);
    BS_OWN(key) key = NULL;
    if (key_path == NULL)
        return fail(BS_EXIT_USAGE, "share open wants --key=FILE, the private key that belongs to recovery_key", "");
    enum bs_err err = bs_file_read(key_path, &pem);
    if (err == BS_OK)
        err = crypto_key_from_pem(bs_buf_span(&pem), &key);
    if (err != BS_OK)
        return fail(BS_EXIT_INPUT, "no private key on P-256 (PKCS#8 in PEM, without a passphrase) can be read from ",
                    key_path);
    int code = streams_read(path, &text);
    if (code == 0)
        code = open_all(key, bs_buf_span(&text), &out);
    return code == 0 ? streams_write(bs_buf_span(&out)) : code;
}
