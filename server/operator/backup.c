/*
 * A copy of the database while the server serves. bootsealctl asks for it step by step, so that devices are answered in between, takes
 * the file out of the server's folder, and says when it is done.
 */
#include "server/audit.h"
#include "server/operator/operator.h"
#include "server/operator/operator_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

/* 2 MiB of pages of 4 KiB: a few milliseconds in which nobody else is served. */
#define STEP_PAGES 512
/* A backup that nobody asked for since is given up: its bootsealctl is gone. */
#define PATIENCE 60

void server_backup_end(struct server *server)
{
    store_backup_free(BS_TAKE(server->backup));
    if (server->backup_path)
        (void)unlink(server->backup_path);
    free(BS_TAKE(server->backup_path));
}

enum bs_err operator_backup_begin(struct operator_call *call, const char **ret_path)
{
    struct server *server = call->server;
    call->why[0] = '\0';
    if (server->backup && server->now() < server->backup_used + PATIENCE)
        return operator_fail(call, BS_ERR_BUSY, "another backup is being made; try again when it is done");
    server_backup_end(server);
    enum bs_err err = server_path(server->dir, CONFIG_BACKUP, &server->backup_path);
    if (err != BS_OK)
        return operator_store(call, err);
    assert(server->backup_path); /* written on success; gcc's analyzer reads one file at a time */
    (void)unlink(server->backup_path);
    err = store_begin(server->store);
    if (err == BS_OK)
        err = operator_end(call, OPERATOR_AUDIT(call, "backup", NULL, "the whole database, with its secrets"));
    if (err == BS_OK)
        err = store_backup_begin(server->store, server->backup_path, &server->backup);
    server->backup_used = server->now();
    if (err == BS_OK)
        *ret_path = server->backup_path;
    return operator_store(call, err);
}

enum bs_err operator_backup_step(struct operator_call *call, struct store_backup_progress *ret_progress)
{
    struct server *server = call->server;
    call->why[0] = '\0';
    if (!server->backup)
        return operator_fail(call, BS_ERR_REFUSED, "no backup is being made; begin with: bootsealctl backup FILE");
    server->backup_used = server->now();
    enum bs_err err = store_backup_step(server->backup, STEP_PAGES, ret_progress);
    if (err == BS_OK && ret_progress->is_done)
        store_backup_free(BS_TAKE(server->backup)); /* the file is whole and closed */
    if (err == BS_OK)
        return BS_OK;
    server_backup_end(server);
    return operator_fail(call, err, "the copy cannot be written into %s; it needs as much room there as the database",
                         server->dir);
}
