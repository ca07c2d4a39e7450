/* Between the parts of the log's reader. */
#pragma once

#include "core/eventlog.h"

/* A file that is no TPM's log, by its first bytes: what it is, as a clause; NULL when that is not known. */
const char *eventlog_foreign(struct bs_span bytes, enum eventlog_fault_kind *ret_kind);

/*
 * The data behind the ACPI table CCEL have the form of a TPM's log to the byte (UEFI 2.10 §38.4.1), with the number of a
 * measurement register in the place of the PCR. Told by what no TPM's log has: Secure Boot's variables are in register 1, where a
 * TPM's log has them in PCR 7 (PFP §3.3.4.8), the one hash is SHA-384, and no register is above 4.
 */
bool eventlog_is_ccel(const struct eventlog *log);
