/* bootsealctl share open: a recovery share that is encrypted to an operator's key, decrypted where that key is. No bootseald is asked. */
#pragma once

/* Reads PEM blocks from `path` ("-": standard input) and writes them open to the standard output. Returns an exit code. */
int ctl_share_open(const char *path, const char *key_path);
