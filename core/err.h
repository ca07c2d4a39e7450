/* What went wrong, grouped by whom to blame: the boot flow decides on the group. */
#pragma once

#define BS_MUST_USE __attribute__((warn_unused_result))

enum bs_err {
    BS_OK = 0,

    /* wait and retry */
    BS_ERR_UNREACHABLE, /* no answer from the network or the server */
    BS_ERR_BUSY,        /* the other side asks to come back later; pending belongs here */
    BS_ERR_TIMEOUT,     /* a deadline passed */

    /* the other side */
    BS_ERR_REFUSED,   /* it judged and said no */
    BS_ERR_WIPED,     /* it said no, and ordered to forget */
    BS_ERR_UNTRUSTED, /* it could not prove who it is, or a signature is not its own */
    BS_ERR_PROTOCOL,  /* it sent what the protocol does not allow */

    /* this machine */
    BS_ERR_TPM,         /* the TPM answered with an error, or broke off */
    BS_ERR_TPM_TIMEOUT, /* the TPM did not answer in time, or its device did not come */
    BS_ERR_NO_TPM,      /* there is no TPM */
    BS_ERR_BOOT,        /* the boot state is not the one that was sealed to */
    BS_ERR_CAPPED,      /* this boot is over: the cap was already extended */
    BS_ERR_TAMPERED,    /* something local was made by somebody else */
    BS_ERR_KEYS_LOST,   /* keys that this device made and enrolled are not in its vault any more */
    BS_ERR_INPUT,       /* a file is not what it should be */
    BS_ERR_NOT_FOUND,   /* nothing there */
    BS_ERR_CONFIG,      /* the configuration is wrong */
    BS_ERR_IO,          /* the operating system failed to read, write, mount, execute */
    BS_ERR_NOMEM,       /* no memory, or a fixed limit was reached */
    BS_ERR_CRYPTO,      /* the cryptographic library failed in what it must never fail in */
};

/* Group of an error. */
enum bs_blame { BS_BLAME_NOBODY, BS_BLAME_WAIT, BS_BLAME_PEER, BS_BLAME_LOCAL };

enum bs_blame bs_err_blame(enum bs_err err);

/* Stable lower-case name, e.g. "unreachable"; for reports and kv logs. */
const char *bs_err_name(enum bs_err err);

/* Exit code (include/bootseal/exit.h) of a program that ends with this error. */
int bs_err_exit(enum bs_err err);
