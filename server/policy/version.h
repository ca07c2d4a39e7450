/* Versions as makers of firmware write them: "1.14.0", "F12a", "U-Boot 2023.01+dfsg-2", "N2CET69W (1.52)". */
#pragma once

enum version_order { VERSION_LESS, VERSION_EQUAL, VERSION_GREATER, VERSION_INCOMPARABLE };

/*
 * Number by number (of any length), letters by the alphabet, everything between them must be the same. What is the beginning of the other
 * is less. Where a number stands against letters, or "." against "-", nobody can tell.
 */
enum version_order version_compare(const char *a, const char *b);
