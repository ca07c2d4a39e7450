/* The running server: one loop for the listener, the operator's socket, signals and the hourly look at the certificates. */
#pragma once

#include "core/err.h"
#include "server/server.h"

/* Returns after SIGTERM or SIGINT, when what was begun is finished. */
enum bs_err serve(struct server *server) BS_MUST_USE;
