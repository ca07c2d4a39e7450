#include "server/server.h"

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define EK_ROOTS_MAX (4 * 1024 * 1024)

enum bs_err server_path(const char *dir, const char *name, char **ret_path)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, name) < 0)
        return BS_ERR_NOMEM;
    *ret_path = path;
    return BS_OK;
}

/* Two servers on one folder would both believe that they are the only writer. */
static enum bs_err take_folder(struct server *server)
{
    enum bs_err err = bs_dir_open(server->dir, &server->dir_fd);
    if (err != BS_OK) {
        bs_error("server", "%s cannot be opened (%s); make it with: bootsealctl init %s --name=HOST", server->dir,
                 bs_err_name(err), server->dir);
        return err == BS_ERR_NOT_FOUND ? BS_ERR_CONFIG : err;
    }
    if (flock(server->dir_fd, LOCK_EX | LOCK_NB) == 0)
        return BS_OK;
    bs_error("server", "%s is in use by another bootseald; stop it first", server->dir);
    return BS_ERR_BUSY;
}

static int is_pem(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return entry->d_name[0] != '.' && dot && (strcmp(dot, ".pem") == 0 || strcmp(dot, ".crt") == 0);
}

static enum bs_err append_roots(const char *folder, const char *name, struct bs_buf *pem)
{
    BS_OWN(string) path = NULL;
    BS_OWN(roots) roots = NULL;
    BS_SCOPED_BUF struct bs_buf one = BS_BUF(EK_ROOTS_MAX);
    enum bs_err err = server_path(folder, name, &path);
    if (err == BS_OK)
        err = bs_file_read(path, &one);
    /* Tried alone, so that a wrong file is named. */
    if (err == BS_OK)
        err = cert_roots_from_pem(bs_buf_span(&one), &roots);
    if (err != BS_OK) {
        bs_error("server", "%s holds no CA certificates in PEM (%s); mend it or take it away", path, bs_err_name(err));
        return BS_ERR_CONFIG;
    }
    err = bs_buf_append(pem, one.data, one.size);
    return err == BS_OK ? bs_buf_append_string(pem, "\n") : err;
}

static enum bs_err load_ek_roots(struct server *server)
{
    BS_OWN(string) folder = NULL;
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(EK_ROOTS_MAX);
    enum bs_err err = server_path(server->dir, CONFIG_EK_ROOTS, &folder);
    if (err != BS_OK)
        return err;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_pem, alphasort);
    for (int i = 0; i < count; i++) {
        if (err == BS_OK)
            err = append_roots(folder, entries[i]->d_name, &pem);
        free(entries[i]);
    }
    free(entries);
    if (err != BS_OK)
        return err;
    if (pem.size == 0) {
        bs_warning("server", "%s holds no TPM vendor's roots: only devices imported by the hash of their EK can enroll",
                   folder);
        return BS_OK;
    }
    return cert_roots_from_pem(bs_buf_span(&pem), &server->ek_roots);
}

/* A copy with all secrets that a killed bootseald left half-made. */
static void remove_old_backup(const struct server *server)
{
    (void)unlinkat(server->dir_fd, CONFIG_BACKUP, 0);
    (void)unlinkat(server->dir_fd, CONFIG_BACKUP "-journal", 0);
}

static enum bs_err open_store(struct server *server)
{
    BS_OWN(string) path = NULL;
    remove_old_backup(server);
    enum bs_err err = server_path(server->dir, CONFIG_DATABASE, &path);
    if (err == BS_OK)
        err = store_open(path, &server->store);
    if (err != BS_OK && err != BS_ERR_CONFIG) /* a newer schema has told its own story */
        bs_error("server", "the database %s cannot be opened (%s); check disk and permissions, or restore a backup",
                 path, bs_err_name(err));
    return err;
}

enum bs_err server_open(const char *dir, struct server **ret_server)
{
    BS_OWN(server) server = calloc(1, sizeof(*server));
    if (!server)
        return BS_ERR_NOMEM;
    server->dir_fd = -1;
    server->now = bs_clock_now;
    limit_rows_init(&server->strangers);
    metrics_init(&server->metrics);
    server->dir = strdup(dir);
    BS_OWN(string) config = NULL;
    server->policies = policy_cache_new();
    enum bs_err err = server->dir && server->policies ? take_folder(server) : BS_ERR_NOMEM;
    if (err == BS_OK)
        err = server_path(dir, CONFIG_FILE, &config);
    if (err == BS_OK)
        err = config_load(config, &server->config);
    if (err == BS_OK)
        err = ca_open(dir, &server->ca);
    if (err == BS_OK)
        err = load_ek_roots(server);
    if (err == BS_OK)
        err = open_store(server);
    if (err == BS_OK)
        store_observe(server->store, metrics_commit, &server->metrics);
    if (err == BS_OK)
        *ret_server = BS_TAKE(server);
    return err;
}

void server_close(struct server *server)
{
    if (!server)
        return;
    server_backup_end(server);
    store_close(server->store);
    ca_close(server->ca);
    cert_roots_free(server->ek_roots);
    policy_cache_free(server->policies);
    bs_own_release_fd(&server->dir_fd);
    free(server->dir);
    free(server);
}
