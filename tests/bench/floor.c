/*
 * The least that opening a vault can cost: sends the commands that a boot of the agent was seen to send, with the same cryptography of the
 * same library, and does nothing else. No configuration, no log, no vault: what it needs is on a tape that the benchmark made.
 *
 *   floor SOCKET TAPE    →  the unsealed secret in hexadecimal
 *
 * The tape is the SRK's point (x, y: 32 bytes each), then the commands as they were on the bus. All go out as they are but two: a
 * session is salted to the SRK anew (TPM 2.0 Library Part 1 §19.6.13), and what it authorizes gets its HMAC (§19.6.5); the answer of
 * Unseal is verified and decrypted (§21).
 */
#include "core/crypto.h"
#include "core/secret.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX 4096
#define TAPE_MAX 65536
#define HEADER 10
#define LOAD 0x157
#define UNSEAL 0x15e
#define START_SESSION 0x176
#define HASH CRYPTO_SHA256
#define SIZE 32

struct floor {
    int fd;
    struct crypto_point srk;
    uint8_t key[SIZE]; /* of the session */
    uint8_t nonce_caller[SIZE], nonce_tpm[SIZE];
    uint8_t name[2 + SIZE]; /* of the object that was loaded last */
    uint8_t response[MESSAGE_MAX];
    size_t size;
};

static uint32_t be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint16_t be16(const uint8_t *at)
{
    return (uint16_t)(at[0] << 8 | at[1]);
}

static bool send_command(struct floor *f, struct bs_span command)
{
    if (write(f->fd, command.data, command.size) != (ssize_t)command.size)
        return false;
    for (f->size = 0; f->size < HEADER || f->size < be32(f->response + 2);) {
        ssize_t got = read(f->fd, f->response + f->size, sizeof(f->response) - f->size);
        if (got <= 0)
            return false;
        f->size += (size_t)got;
    }
    return be32(f->response + 6) == 0;
}

/* The new salt in the place of the old one: tag, size, code, two handles, nonce, encrypted salt. */
static bool start_session(struct floor *f, uint8_t *command, size_t size)
{
    uint8_t z[CRYPTO_ECC_MAX], salt[SIZE];
    struct crypto_point ephemeral;
    uint8_t *nonce = command + HEADER + 8, *secret = nonce + 2 + SIZE;

    if (size < HEADER + 8 + 2 + SIZE + 2 + 4 + 2 * (size_t)SIZE || be16(nonce) != SIZE ||
        be16(secret) != 4 + 2 * SIZE || crypto_ecdh_ephemeral(&f->srk, &ephemeral, z) != BS_OK ||
        crypto_random(f->nonce_caller, SIZE) != BS_OK ||
        crypto_kdfe(HASH, BS_SPAN(z, SIZE), "SECRET", BS_SPAN(ephemeral.x, SIZE), BS_SPAN(f->srk.x, SIZE), salt,
                    SIZE) != BS_OK)
        return false;
    memcpy(nonce + 2, f->nonce_caller, SIZE);
    memcpy(secret + 4, ephemeral.x, SIZE);
    memcpy(secret + 6 + SIZE, ephemeral.y, SIZE);
    if (!send_command(f, BS_SPAN(command, size)) || f->size != HEADER + 4 + 2 + SIZE)
        return false;
    memcpy(f->nonce_tpm, f->response + HEADER + 4 + 2, SIZE);
    return crypto_kdfa(HASH, BS_SPAN(salt, SIZE), "ATH", BS_SPAN(f->nonce_tpm, SIZE), BS_SPAN(f->nonce_caller, SIZE),
                       f->key, SIZE) == BS_OK;
}

/* HMAC(session key, hash ‖ newer nonce ‖ older nonce ‖ attributes). */
static bool authorize(const struct floor *f, const uint8_t *hash, const uint8_t *newer, const uint8_t *older,
                      uint8_t attributes, uint8_t *ret_hmac)
{
    uint8_t data[3 * SIZE + 1];
    memcpy(data, hash, SIZE);
    memcpy(data + SIZE, newer, SIZE);
    memcpy(data + 2 * SIZE, older, SIZE);
    data[3 * SIZE] = attributes;
    return crypto_hmac(HASH, BS_SPAN(f->key, SIZE), BS_SPAN(data, sizeof(data)), ret_hmac) == BS_OK;
}

/* The response: parameter size, TPM2B_SENSITIVE_DATA (encrypted), then nonce, attributes and HMAC. */
static bool take_secret(struct floor *f, uint8_t ret_secret[SIZE])
{
    static const uint8_t codes[8] = { 0, 0, 0, 0, 0, 0, 0x01, 0x5e };
    const uint8_t *data = f->response + HEADER + 4, *nonce = data + 2 + SIZE, *attributes = nonce + 2 + SIZE;
    const struct bs_span answer[] = { BS_SPAN(codes, sizeof(codes)), BS_SPAN(data, 2 + SIZE) };
    uint8_t hash[SIZE], hmac[SIZE], both[SIZE];

    if (f->size != HEADER + 4 + 2 + SIZE + 2 + SIZE + 1 + 2 + SIZE || be16(data) != SIZE || be16(nonce) != SIZE ||
        crypto_sha256(answer, 2, hash) != BS_OK || !authorize(f, hash, nonce + 2, f->nonce_caller, *attributes, hmac) ||
        memcmp(hmac, attributes + 3, SIZE) != 0)
        return false;
    memcpy(ret_secret, data + 2, SIZE);
    return crypto_kdfa(HASH, BS_SPAN(f->key, SIZE), "CFB", BS_SPAN(nonce + 2, SIZE), BS_SPAN(f->nonce_caller, SIZE),
                       both, SIZE) == BS_OK &&
           crypto_aes_cfb(false, BS_SPAN(both, 16), both + 16, ret_secret, SIZE) == BS_OK;
}

/* Handle, size of the authorization, then session, nonce, attributes, HMAC. */
static bool unseal(struct floor *f, uint8_t *command, size_t size, uint8_t ret_secret[SIZE])
{
    uint8_t hash[SIZE];
    uint8_t *nonce = command + HEADER + 4 + 4 + 4, *attributes = nonce + 2 + SIZE;
    const struct bs_span parameters[] = { BS_SPAN(command + 6, 4), BS_SPAN(f->name, sizeof(f->name)) };

    if (size != HEADER + 4 + 4 + 4 + 2 + SIZE + 1 + 2 + SIZE || be16(nonce) != SIZE || be16(attributes + 1) != SIZE ||
        crypto_random(f->nonce_caller, SIZE) != BS_OK || crypto_sha256(parameters, 2, hash) != BS_OK)
        return false;
    memcpy(nonce + 2, f->nonce_caller, SIZE);
    return authorize(f, hash, f->nonce_caller, f->nonce_tpm, *attributes, attributes + 3) &&
           send_command(f, BS_SPAN(command, size)) && take_secret(f, ret_secret);
}

/* Handle, parameter size, Name. */
static bool load(struct floor *f, struct bs_span command)
{
    if (!send_command(f, command) || f->size < HEADER + 4 + 4 + 2 + sizeof(f->name))
        return false;
    memcpy(f->name, f->response + HEADER + 4 + 4 + 2, sizeof(f->name));
    return true;
}

static bool play(struct floor *f, uint8_t *command, size_t size, uint8_t ret_secret[SIZE])
{
    switch (be32(command + 6)) {
    case START_SESSION:
        return start_session(f, command, size);
    case UNSEAL:
        return unseal(f, command, size, ret_secret);
    case LOAD:
        return load(f, BS_SPAN(command, size));
    default:
        return send_command(f, BS_SPAN(command, size));
    }
}

static bool play_all(struct floor *f, uint8_t *tape, size_t size, uint8_t ret_secret[SIZE])
{
    if (size < 2 * (size_t)SIZE)
        return false;
    f->srk.curve = CRYPTO_P256;
    memcpy(f->srk.x, tape, SIZE);
    memcpy(f->srk.y, tape + SIZE, SIZE);
    for (size_t at = 2 * (size_t)SIZE, length; at < size; at += length) {
        if (size - at < HEADER || (length = be32(tape + at + 2)) < HEADER || length > size - at)
            return false;
        if (!play(f, tape + at, length, ret_secret)) {
            (void)fprintf(stderr, "floor: command %x failed\n", (unsigned)be32(tape + at + 6));
            return false;
        }
    }
    return true;
}

static int dial(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
        return -1;
    memcpy(address.sun_path, path, strlen(path));
    return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

int main(int argc, char **argv)
{
    static uint8_t tape[TAPE_MAX];
    static struct floor f;
    uint8_t secret[SIZE] = { 0 };
    char text[2 * SIZE + 1];

    int file = argc == 3 ? open(argv[2], O_RDONLY | O_CLOEXEC) : -1;
    ssize_t size = file < 0 ? -1 : read(file, tape, sizeof(tape));
    f.fd = size < 0 ? -1 : dial(argv[1]);
    if (f.fd < 0) {
        (void)fputs("usage: floor SOCKET TAPE\n", stderr);
        return 2;
    }
    if (!play_all(&f, tape, (size_t)size, secret))
        return 1;
    bs_hex(BS_SPAN(secret, SIZE), text);
    (void)puts(text);
    return 0;
}
