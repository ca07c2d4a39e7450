/* The messages of tests/vectors/messages as structs: the values of make_messages.py. They point at what fill() gave: see cbor_edit.h. */
#pragma once

#include "unit.h"

#include "core/message.h"

#define TIME 1790000000
#define USERSPACE_LOG                                                           \
    "\x1e{\"pcr\":11,\"digests\":[{\"hashAlg\":\"sha256\",\"digest\":\"00\"}]," \
    "\"content_type\":\"systemd\",\"content\":{\"string\":\"enter-initrd\"}}\n"

struct message_statement statement_minimal(void);
struct message_statement statement_challenge(void);
struct message_statement statement_full(void);
struct message_statement statement_keys(void);
struct message_statement statement_userspace(void);

/* Of statement_keys(); returns how many. */
size_t keys_of_the_vectors(struct generated_public ret_keys[BS_GENERATED_MAX]);

struct message_answer answer_of(enum message_kind kind);
