/*
 * The operator's door: a Unix socket in the server's folder. Who may enter is decided by the file's mode and by the peer credentials
 * that the kernel vouches for; every act is written down with them. Requests and answers: docs/design.md, "Admin socket".
 */
#pragma once

#include "core/err.h"
#include "server/server.h"

struct event_base;
struct admin;

/* Binds DIR/admin.sock (0600), replacing one that nobody listens on. CONFIG when another bootseald serves this folder. */
enum bs_err admin_start(struct event_base *base, struct server *server, struct admin **ret_admin) BS_MUST_USE;
/* Nobody is served any more, and the socket is removed; what was answered is still sent, as long as the loop runs. */
void admin_drain(struct admin *admin);
/* Before the loop's base: what was not sent by now is not. */
void admin_free(struct admin *admin);
