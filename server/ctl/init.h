/* bootsealctl init: makes a server's folder. Needs no running bootseald. */
#pragma once

/* The words after "init". Returns an exit code. */
int ctl_init(int argc, char **argv);
