/* The server as one value: configuration, store, keys, trusted TPM vendors, clock. Everything else gets a pointer to it. */
#pragma once

#include "core/cert.h"
#include "core/err.h"
#include "core/own.h"
#include "server/ca.h"
#include "server/config.h"
#include "server/limit.h"
#include "server/metrics/metrics.h"
#include "server/policy/policy_cache.h"
#include "server/store/store.h"

struct server {
    char *dir;
    int dir_fd; /* locked: one bootseald to a folder */
    struct config config;
    struct store *store;
    struct ca *ca;
    struct policy_cache *policies; /* that verdicts went by */
    struct cert_roots *ek_roots;   /* NULL: no vendor is trusted, only registered EKs get in */
    int64_t (*now)(void);          /* seconds since 1970; bs_clock_now but in tests */
    struct limit refusals;         /* lines in the log about those who have proven nothing */
    struct limit_rows strangers;   /* their rows in the audit log */
    struct limit_memory memory;    /* of bodies that are not complete and of challenges that are not answered */
    struct metrics metrics;
    struct store_backup *backup; /* one that is being made, for server/operator/backup.c */
    char *backup_path;
    int64_t backup_used;
};

/* Reads configuration and keys, opens the store (migrating it), loads the vendors' roots. Logs what is wrong, once. */
enum bs_err server_open(const char *dir, struct server **ret_server) BS_MUST_USE;
void server_close(struct server *server);
BS_DEFINE_OWN(server, struct server, server_close)

/* Gives up a backup, or takes a finished one out of the folder. */
void server_backup_end(struct server *server);

/* Path of a file in the server's folder; malloc'd. */
enum bs_err server_path(const char *dir, const char *name, char **ret_path) BS_MUST_USE;

/*
 * `bootsealctl init DIR`: the folder with keys, configuration, empty database and image/. INPUT when DIR is not empty: nothing is
 * ever replaced. `names` are those of the server certificate; the first one is what the image's bootseal.conf connects to.
 */
struct server_init {
    const char *dir;
    const char *const *names;
    size_t name_count;
    const char *listen; /* NULL: [::]:8443 */
};
enum bs_err server_init(const struct server_init *request) BS_MUST_USE;
