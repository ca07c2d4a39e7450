/* A verdict in the making, shared by verdict.c and turn_*.c and nobody else. */
#pragma once

#include "server/verdict.h"

/* One verdict in the making. */
struct turn {
    struct server *server;
    const struct verdict_request *request;
    const struct evidence *evidence;
    int64_t now;
    bool is_known; /* there was a row */
    struct store_device before;
    struct store_device device;
    bool is_put; /* the row, but for what turn_record() adds */
    struct verdict *verdict;
};

/* The answer, with reason and sentence. */
#define TURN_SAY(turn, what, why, ...)                         \
    do {                                                       \
        (turn)->verdict->kind = (what);                        \
        refuse(&(turn)->verdict->refusal, (why), __VA_ARGS__); \
    } while (0)

/* True once the answer is known. */
static inline bool turn_is_said(const struct turn *turn)
{
    return turn->verdict->kind != 0;
}

/*
 * Fills the row with what is proven now. The AK of a record changes only by a proof, and leaves a row in the audit log.
 */
enum bs_err turn_meet(struct turn *turn) BS_MUST_USE;

/* Who approves: an import before the device came, a token that it brings, or an operator. */
enum bs_err turn_admit(struct turn *turn) BS_MUST_USE;

/* Nothing new to write: the same answer as before, a moment ago. */
bool turn_is_quiet(const struct turn *turn);

/* Writes the verdict into the device's row, and a row of the audit log if it is news. */
enum bs_err turn_record(struct turn *turn) BS_MUST_USE;

/* Keeps the boot that an operator would be asked about. */
enum bs_err turn_record_boot(struct turn *turn) BS_MUST_USE;
