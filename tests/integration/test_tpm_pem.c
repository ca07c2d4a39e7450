/* The file form of the device key: the distribution's OpenSSL provider loads it and signs with it. */
#include "integration/tpm_lab.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* The distribution's provider loads the PEM; libtss2-tcti-cmd runs this program as the wire (see main). */
static void openssl_loads_the_pem(void **state)
{
    BS_OWN(tpm) tpm = lab_open(*state, true);
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192), spki = BS_BUF(1024);
    struct tpm_key_blob key;
    OK(tpm_device_key_make(tpm, &key));
    OK(tpm_device_key_pem(tpm, &key, &pem));
    OK(wire_public_spki(&key.public_area.publicArea, &spki));

    char path[128], command[1024], self[256] = { 0 };
    snprintf(path, sizeof(path), "%s.pem", lab_socket(*state));
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(pem.data, 1, pem.size, file), pem.size);
    fclose(file);
    assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    snprintf(
        command, sizeof(command),
        "TPM2OPENSSL_TCTI='cmd:%s --wire %s' openssl pkey -provider tpm2 -provider default -propquery '?provider=tpm2' "
        "-in %s -pubout -outform DER",
        self, lab_socket(*state), path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    uint8_t out[512];
    size_t size = fread(out, 1, sizeof(out), pipe);
    int status = pclose(pipe);
    if (status != 0 && !getenv("BOOTSEAL_TEST_STRICT") &&
        access("/usr/lib/x86_64-linux-gnu/ossl-modules/tpm2.so", F_OK) != 0)
        skip();
    assert_int_equal(status, 0);
    assert_true(bs_span_equal(BS_SPAN(out, size), bs_buf_span(&spki)));

    /* And signs with it: the private half is loaded under the SRK, not only parsed. */
    snprintf(
        command, sizeof(command),
        "cd %.*s && echo hello > m && TPM2OPENSSL_TCTI='cmd:%s --wire %s' openssl dgst -sha256 -provider tpm2 -provider "
        "default -propquery '?provider=tpm2' -sign %s -out s m && openssl pkey -pubin -inform DER -in k -out p.pem && "
        "openssl dgst -sha256 -verify p.pem -signature s m",
        (int)(strrchr(path, '/') - path), path, self, lab_socket(*state), path);
    char der[160];
    snprintf(der, sizeof(der), "%.*s/k", (int)(strrchr(path, '/') - path), path);
    file = fopen(der, "w");
    assert_int_equal(fwrite(out, 1, size, file), size);
    fclose(file);
    assert_int_equal(system(command), 0);
}

/* stdin and stdout to a Unix socket, for libtss2-tcti-cmd. */
static int wire(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    uint8_t buffer[4096];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        return 1;
    for (;;) {
        struct pollfd pfds[] = { { .fd = 0, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
        if (poll(pfds, 2, -1) < 0)
            return 1;
        for (int i = 0; i < 2; i++) {
            if (!pfds[i].revents)
                continue;
            ssize_t n = read(pfds[i].fd, buffer, sizeof(buffer));
            if (n <= 0 || write(i == 0 ? fd : 1, buffer, (size_t)n) != n)
                return 0;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--wire") == 0)
        return wire(argv[2]);
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(openssl_loads_the_pem, lab_setup,
                                                                        lab_teardown) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
