/*
 * The steps of the flow, one file each. A step does its state's work and returns how it went; it does not know what comes after. It logs once
 * at error, with what can be done (boot_fail). "Not now" is an error of the group wait. Run again, it finds its work done.
 */
#pragma once

#include "agent/boot.h"

enum bs_err step_discover(struct boot *boot) BS_MUST_USE;
enum bs_err step_open(struct boot *boot) BS_MUST_USE;
enum bs_err step_connect(struct boot *boot) BS_MUST_USE;
enum bs_err step_identify(struct boot *boot) BS_MUST_USE;
enum bs_err step_attest(struct boot *boot) BS_MUST_USE;
enum bs_err step_receive(struct boot *boot) BS_MUST_USE;
enum bs_err step_seal(struct boot *boot) BS_MUST_USE;
enum bs_err step_cap(struct boot *boot) BS_MUST_USE;
enum bs_err step_handover(struct boot *boot) BS_MUST_USE;

/* The end of every failed flow: counts the failure, caps, forgets. */
enum bs_err step_failed(struct boot *boot) BS_MUST_USE;
