/* A real swtpm in a folder of its own, and a proxy in front of it that counts, records the bus and goes wrong as told. */
#pragma once

#include "agent/tpm/internal.h"
#include "core/buf.h"
#include "integration/tpm_proxy.h"

struct lab;

/*
 * A TPM just made, with EK certificates (RSA-2048 and P-384) and four PCR banks; running. Fails the test when that does
 * not work.
 */
struct lab *lab_new(void);
struct lab *lab_new_other(void); /* lab_new() always gives the same TPM as it left its maker; this is another one */
void lab_free(struct lab *lab);

/* A TPM of its own for each test, for cmocka: *state is the lab. */
int lab_setup(void **state);
int lab_teardown(void **state);
#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, lab_setup, lab_teardown)

/* Power cut and reset: persistent state stays, everything else goes. */
void lab_reboot(struct lab *lab);

const char *lab_device(const struct lab *lab); /* for tpm_options.device */
const char *lab_socket(const struct lab *lab);
struct tpm_options lab_options(const struct lab *lab);

struct proxy *lab_proxy(struct lab *lab); /* see tpm_proxy.h; these are its functions in short */

/* For the next `times` commands of that code. */
void lab_fault(struct lab *lab, enum lab_fault fault, uint32_t command, uint32_t value, unsigned times);

/* For the `nth` command from now (0: the next), whatever it is. */
void lab_fault_at(struct lab *lab, enum lab_fault fault, unsigned nth, uint32_t value);

/* Commands and responses since the last lab_record(), in both directions as they were on the bus. */
void lab_record(struct lab *lab);
bool lab_has_recorded(struct lab *lab, struct bs_span bytes);
unsigned lab_commands(struct lab *lab);                   /* all */
unsigned lab_commands_of(struct lab *lab, uint32_t code); /* of one code */

/* Objects, loaded and saved sessions that the TPM holds. */
unsigned lab_loaded(struct lab *lab);

/* An administrator's connection; closed by lab_free(). */
struct tpm *lab_admin(struct lab *lab);

/* A connection as the agent has it (tpm_acts.c, as what follows). */
struct tpm *lab_open(struct lab *lab, bool persist);

/* What an administrator, the owner or the platform's firmware does to a TPM. */
void lab_lock_out(struct lab *lab);
void lab_set_owner_password(struct lab *lab);
void lab_extend(struct lab *lab, unsigned pcr, const char *what);
void lab_boot(struct lab *lab); /* extends PCRs 4, 7 and 9, as firmware and boot loader do */
void lab_define(struct lab *lab, TPM2_HANDLE index, TPMA_NV attributes, uint16_t size);
void lab_undefine(struct lab *lab, TPM2_HANDLE index);
void lab_write_index(struct lab *lab, TPM2_HANDLE index, const uint8_t *bytes, uint16_t size);
void lab_leave_there(struct lab *lab, const TPMT_PUBLIC *template, TPM2_HANDLE handle);

/* Attributes of the agent's counter, before it was written. */
#define LAB_COUNTER (TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT | TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA)

/* A challenge goes through: the EK of this TPM with our AK; and the answer is not on the bus. */
void lab_check_activation(struct lab *lab, struct tpm *tpm);

/* Of the errors, their names: so a failed test says which one it was. */
#define OK(e) assert_string_equal(bs_err_name(e), bs_err_name(BS_OK))
#define FAILS(e, with) assert_string_equal(bs_err_name(e), bs_err_name(with))
#define NOTHING_LOADED(lab) assert_int_equal(lab_loaded(lab), 0)
