#include "server/ctl/share.h"

#include "bootseal/exit.h"
#include "core/file.h"
#include "core/share.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_SIZE_MAX (1024 * 1024)
#define KEY_SIZE_MAX 4096

static int fail(int code, const char *what, const char *about)
{
    (void)fprintf(stderr, "bootsealctl: %s%s\n", what, about);
    return code;
}

static enum bs_err read_all(const char *path, struct bs_buf *out)
{
    uint8_t *tail;
    ssize_t got = 1;
    enum bs_err err = BS_OK;
    if (strcmp(path, "-") != 0)
        return bs_file_read(path, out);
    while (err == BS_OK && got > 0) {
        err = bs_buf_reserve(out, 4096, &tail);
        got = err == BS_OK ? read(STDIN_FILENO, tail, 4096) : 0;
        if (got > 0)
            bs_buf_grown(out, (size_t)got);
    }
    return got < 0 ? BS_ERR_IO : err;
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
    err = read_all(path, &text);
    if (err != BS_OK)
        return fail(BS_EXIT_INPUT, "cannot read ", path);
    int code = open_all(key, bs_buf_span(&text), &out);
    if (code != BS_EXIT_DONE)
        return code;
    if (!out.data || fwrite(out.data, 1, out.size, stdout) != out.size || fflush(stdout) != 0)
        return fail(BS_EXIT_LOCAL, "the shares cannot be written", "");
    return code;
}
