/* The makers of TPMs by the names that people know them by. */
#pragma once

#include <stddef.h>

#define TPM_VENDOR_SIZE 32

/* "id:49465800" becomes "Infineon"; what is not in the registry stays as it is, empty stays empty. */
void tpm_vendor_name(const char *manufacturer, char *ret_name, size_t size);
