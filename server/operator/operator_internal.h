/* What the operator's files share. */
#pragma once

#include "server/operator/operator.h"
#include "server/policy/policy_lines.h"

#define OPERATOR_NAME_RULE "a release's name is up to %d letters, digits, '.', '_' and '-', and begins with no dot"

/* Writes the sentence into call->why and returns `err`. */
enum bs_err operator_fail(struct operator_call *call, enum bs_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For trouble of the store, where nothing better is known to say; BS_OK passes. */
enum bs_err operator_store(struct operator_call *call, enum bs_err err);

/* Commits when `err` is BS_OK, else rolls back; returns what became of it. */
enum bs_err operator_end(struct operator_call *call, enum bs_err err);

/* The one device whose id begins so; says in call->why why there is none. */
enum bs_err operator_find(struct operator_call *call, const char *device, struct store_device *ret_device);

/*
 * The profile that is meant: `wanted`, else (NULL) `own`, else (empty) the configured default, else the only one there is. Says in
 * call->why why there is none.
 */
enum bs_err operator_choose_profile(struct operator_call *call, const char *wanted, const char *own,
                                    char ret_name[STORE_NAME_SIZE]);

/*
 * What a reference of the profile is called stays so, for a policy may mean its boot by it: REFUSED when the one with this digest has
 * another name.
 */
enum bs_err operator_check_renamed(struct operator_call *call, const struct store_reference *reference);

/* Whether the digest that an operator gave, or its beginning, is that of the boot that the device showed last. */
enum bs_err operator_check_question(struct operator_call *call, const char *wanted,
                                    const uint8_t question[STORE_DIGEST]);

/* The policy of a text, where boots of this server's devices can keep it: INPUT with a sentence otherwise. */
enum bs_err operator_policy_parse(struct operator_call *call, struct bs_span text,
                                  struct policy_file *ret_policy) BS_MUST_USE;

/* The lines in which it differs from the applied one of its name; version 0: there is none. */
enum bs_err operator_policy_compare(struct operator_call *call, const struct policy_file *policy,
                                    struct store_policy *ret_row, policy_lines_fn row, void *context) BS_MUST_USE;

/* A row of the audit log for an act. */
#define OPERATOR_AUDIT(call, act, device, ...) \
    audit_add((call)->server, &(struct audit_entry){ (call)->actor, (act), (device), NULL }, __VA_ARGS__)
