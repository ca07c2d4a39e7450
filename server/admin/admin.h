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
void admin_free(struct admin *admin); /* removes the socket */
