/* A process that lives later than it is: its system calls for the time of day are answered with more. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Right after exec: from now on the process asks the kernel for the time, and not the page that it maps for that (vDSO). */
void later_hide_vdso(pid_t pid);

/* Where a call that asks for the time of day will put it (struct timespec); 0 for other calls. */
uint64_t later_place(uint64_t call, const uint64_t arguments[6]);

/* After such a call: what it put there is so many seconds later. */
void later_shift(pid_t pid, uint64_t place, int64_t seconds);
