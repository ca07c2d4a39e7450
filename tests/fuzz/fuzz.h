/*
 * What the fuzz targets share. A target is one function that takes any bytes; what must hold whatever they are, is claimed in it, so
 * that more is found than crashes. With clang the preset fuzz makes fuzzers of them, otherwise they replay tests/fuzz/corpus.
 */
#pragma once

#include "core/buf.h"
#include "core/err.h"

#include <stddef.h>
#include <stdint.h>

/* The target. Always returns 0. `data` is of exactly `size` bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says which claim does not hold, and aborts. */
void fuzz_broken(const char *claim, const char *file, int line) __attribute__((noreturn));
#define FUZZ_CLAIM(claim) ((claim) ? (void)0 : fuzz_broken(#claim, __FILE__, __LINE__))

/* Decoders may say that input is wrong, or that it needs more than they give: never that something is wrong with us. */
void fuzz_claim_refusal(enum bs_err err, const char *file, int line);
#define FUZZ_CLAIM_REFUSAL(err) fuzz_claim_refusal((err), __FILE__, __LINE__)

/* Text for a person: UTF-8 without control characters but line feeds. */
void fuzz_claim_text(struct bs_span text, const char *file, int line);
#define FUZZ_CLAIM_TEXT(text) fuzz_claim_text((text), __FILE__, __LINE__)
