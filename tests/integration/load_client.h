/* A device of software for tests of the real server: plain blocking TLS 1.3, plain HTTP, evidence by tests/fakes/softtpm. */
#pragma once

#include "fakes/softtpm.h"

#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#define LOAD_ANSWER_MAX (256 * 1024)

/* Where the server is. One for all threads. */
struct load_target {
    uint16_t port; /* of 127.0.0.1 */
    WOLFSSL_CTX *context;
    struct cert_roots *roots;
    bool (*prepare)(WOLFSSL *session, void *with); /* before the handshake; NULL: nothing more */
    void *with;
};
/* `ca`: a PEM file. */
enum bs_err load_target_open(uint16_t port, const char *ca, struct load_target *ret_target) BS_MUST_USE;
void load_target_close(struct load_target *target);

/* One connection, and what was answered on it last. */
struct load_line {
    int fd;
    WOLFSSL *session;
    uint8_t channel[32];
    uint8_t server_cert[32];
    uint8_t secret[32]; /* of the last credential */
    struct bs_buf body, statement, bytes;
    int status;
    struct message_answer answer; /* points into `bytes` */
};
/* UNREACHABLE when there is nobody; each request likewise when the line breaks. PROTOCOL for an answer that is none. */
enum bs_err load_line_open(const struct load_target *target, struct load_line *ret_line) BS_MUST_USE;
void load_line_close(struct load_line *line);
#define LOAD_LINE __attribute__((cleanup(load_line_close))) struct load_line

/* Sends line->body; the answer is decoded. */
enum bs_err load_post(struct load_line *line, const char *path) BS_MUST_USE;

/* Sends a whole HTTP request; the answer is decoded. PROTOCOL with line->status when it is one of HTTP's alone. */
enum bs_err load_send(struct load_line *line, struct bs_span request) BS_MUST_USE;

/* Writes the message into line->body and sends it. */
enum bs_err load_attest(struct load_line *line, struct softtpm *tpm, const struct softtpm_request *request) BS_MUST_USE;
enum bs_err load_prove(struct load_line *line, struct softtpm *tpm) BS_MUST_USE;
enum bs_err load_confirm(struct load_line *line, struct softtpm *tpm, uint64_t serial) BS_MUST_USE;
/* attest, and prove when asked. */
enum bs_err load_enroll(struct load_line *line, struct softtpm *tpm, const struct softtpm_request *request) BS_MUST_USE;

/* Opens and verifies the bundle of an approved answer. */
struct load_bundle {
    uint64_t serial;
    uint8_t cert_serial[16];
};
enum bs_err load_open(const struct load_target *target, struct load_line *line, struct softtpm *tpm,
                      struct load_bundle *ret_bundle) BS_MUST_USE;

/* A maker of TPMs that outlives a process: DIR/vendor.pem and DIR/vendor.key. */
enum bs_err load_vendor_write(const char *dir) BS_MUST_USE;
enum bs_err load_vendor_read(const char *dir, struct softtpm_vendor *ret_vendor) BS_MUST_USE;

/* `load bad`: see load_bad.c. Returns an exit code. */
int load_bad(const struct load_target *target, const struct softtpm_vendor *vendor, struct bs_span log);
