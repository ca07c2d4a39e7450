/* What a table of keys cannot say about a policy: rules that contradict each other, that can never match, or that would match all. */
#pragma once

#include "server/policy/policy_file.h"

/* CONFIG with *problem, which names the key. */
enum bs_err policy_check(const struct conf *conf, const struct policy_file *policy,
                         struct conf_problem *problem) BS_MUST_USE;

/* Nothing in it says what may be started, so that whoever starts something else can measure what the rules want to see. */
enum bs_err policy_check_started(const struct conf *conf, const struct policy_file *policy,
                                 struct conf_problem *problem) BS_MUST_USE;

/* The value of PCR 7 is all that says what may be started: then it has to be one of Secure Boot on, or it says nothing. */
bool policy_rests_on_secure_boot(const struct policy_file *policy);

/* What is no fault, but may not be what was meant: in a sentence or two for who applies or tries it. Empty: nothing. */
#define POLICY_NOTE_SIZE 320
void policy_note(const struct policy_file *policy, char ret_text[POLICY_NOTE_SIZE]);
