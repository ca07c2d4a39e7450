/*
 * Whether the server has heard that the vault is durable, kept in the vault's folder. It is said before a commit and taken back after
 * the server's answer: where the power was cut in between, the next boot asks again, and the certificate of the old bundle ends.
 *
 * It is no secret and decides nothing but whether the server is asked: who writes or removes it gains nothing.
 */
#pragma once

#include "core/err.h"

#include <stdbool.h>

#define UNCONFIRMED_NAME "unconfirmed"

/* Anything of that name counts. */
bool unconfirmed_is_set(const char *dir);

/* Durable when it returns; makes the folder where it is missing. */
enum bs_err unconfirmed_set(const char *dir) BS_MUST_USE;
enum bs_err unconfirmed_clear(const char *dir) BS_MUST_USE;
