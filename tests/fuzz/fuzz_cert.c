/* Certificates, requests and keys in DER, and everything that comes in PEM. DER has one form: read and written, it is what it was. */
#include "core/cert.h"
#include "core/cert_internal.h"
#include "core/file.h"
#include "core/share.h"
#include "fuzz/fuzz.h"

#include <string.h>

static struct cert_roots *roots;

static void begin(void)
{
    BS_SCOPED_BUF struct bs_buf pem = BS_BUF(8192);
    if (roots)
        return;
    FUZZ_CLAIM(bs_file_read(BS_TEST_VECTORS "/cert/root.pem", &pem) == BS_OK);
    FUZZ_CLAIM(cert_roots_from_pem(bs_buf_span(&pem), &roots) == BS_OK);
}

static void refused(enum bs_err err)
{
    if (err != BS_OK)
        FUZZ_CLAIM_REFUSAL(err);
}

/* Copies what is there element by element, down to the writer's depth, and compares. */
static void copy_der(struct bs_span input)
{
    struct bs_reader levels[DER_DEPTH_MAX] = { BS_READER(input) };
    size_t depth = 0;
    BS_SCOPED_BUF struct bs_buf copied = BS_BUF(input.size + 16);
    struct der_writer w;
    der_write_begin(&w, &copied);
    for (;;) {
        uint8_t tag;
        struct bs_span content;
        if (levels[depth].left == 0 && depth > 0) {
            der_close(&w);
            depth--;
        } else if (!der_read(&levels[depth], &tag, &content)) {
            break;
        } else if ((tag & 0x20) && depth + 1 < DER_DEPTH_MAX) {
            der_open(&w, tag);
            levels[++depth] = BS_READER(content);
        } else {
            der_write(&w, tag, content);
        }
    }
    if (depth > 0 || levels[0].left > 0)
        return;
    FUZZ_CLAIM(der_write_end(&w) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&copied), input));
}

static void take_values(struct bs_span input)
{
    struct bs_reader r = BS_READER(input), same = r;
    struct bs_span value;
    uint32_t number;
    char oid[64];
    bool is_true;
    BS_SCOPED_BUF struct bs_buf again = BS_BUF(input.size + 16);
    struct der_writer w;
    der_write_begin(&w, &again);
    if (der_take_unsigned(&r, &value)) {
        der_write_unsigned(&w, value);
        FUZZ_CLAIM(der_write_end(&w) == BS_OK);
        FUZZ_CLAIM(bs_span_equal(bs_buf_span(&again), BS_SPAN(input.data, input.size - r.left)));
    }
    if (der_take(&same, DER_OID, &value) && der_oid_text(value, oid, sizeof(oid)))
        FUZZ_CLAIM(der_oid_is(value, oid));
    r = BS_READER(input);
    (void)der_take_small(&r, &number);
    (void)der_take_bits(&r, &value);
    (void)der_take_bool(&r, &is_true);
}

static void certificate(struct bs_span der)
{
    struct cert_info info;
    struct cert_x509 cert;
    struct cert_key key;
    TPMT_PUBLIC area;
    char name[CERT_TEXT_MAX];
    const char *why = NULL;
    enum bs_err err = cert_x509_read(der, &cert);
    refused(cert_chain_verify(&der, 1, roots, BS_OID_EKU_BUNDLE, &why));
    (void)cert_matches_host(der, "host.example");
    (void)cert_matches_host(der, "192.0.2.1");
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        FUZZ_CLAIM(cert_parse(der, &info) != BS_OK);
        return;
    }
    cert_name_text(cert.subject, name, sizeof(name));
    FUZZ_CLAIM_TEXT(bs_span_of_string(name));
    if (cert_key_read(cert.spki, &key)) {
        refused(cert_policy_key(cert.spki, &area));
        refused(cert_signature_verify(&key, cert.tbs, cert.algorithm, cert.signature));
    }
    err = cert_parse(der, &info);
    refused(err);
    if (err == BS_OK) {
        FUZZ_CLAIM_TEXT(bs_span_of_string(info.subject));
        FUZZ_CLAIM_TEXT(bs_span_of_string(info.issuer));
        FUZZ_CLAIM(info.eku_count <= CERT_EKU_MAX);
    }
}

static void shares(struct bs_span text, bool is_locked)
{
    struct bs_reader in = BS_READER(text);
    BS_SCOPED_BUF struct bs_buf room = BS_BUF(4096);
    struct share_block block;
    enum bs_err err = share_read(&in, is_locked, &room, &block);
    refused(err);
    if (err != BS_OK)
        return;
    /* Written again it reads the same. */
    BS_SCOPED_BUF struct bs_buf written = BS_BUF(4096);
    BS_SCOPED_BUF struct bs_buf second = BS_BUF(4096);
    struct share_block again;
    FUZZ_CLAIM(share_write(&block.label, is_locked, block.bytes, &written) == BS_OK);
    in = BS_READER(bs_buf_span(&written));
    FUZZ_CLAIM(share_read(&in, is_locked, &second, &again) == BS_OK);
    FUZZ_CLAIM(again.label.serial == block.label.serial && bs_span_equal(again.bytes, block.bytes) &&
               memcmp(again.label.device, block.label.device, SHARE_DEVICE_SIZE) == 0);
}

static void base64(struct bs_span text)
{
    BS_SCOPED_BUF struct bs_buf bytes = BS_BUF(text.size + 4);
    BS_SCOPED_BUF struct bs_buf line = BS_BUF(2 * text.size + 8);
    BS_SCOPED_BUF struct bs_buf again = BS_BUF(text.size + 4);
    enum bs_err err = cert_base64_decode(text, &bytes);
    if (err != BS_OK) {
        FUZZ_CLAIM_REFUSAL(err);
        return;
    }
    FUZZ_CLAIM(cert_base64_encode(bs_buf_span(&bytes), &line) == BS_OK);
    FUZZ_CLAIM(cert_base64_decode(bs_buf_span(&line), &again) == BS_OK);
    FUZZ_CLAIM(bs_span_equal(bs_buf_span(&again), bs_buf_span(&bytes)));
}

static void pem(struct bs_span text)
{
    struct bs_reader in = BS_READER(text);
    struct crypto_point point;
    struct cert_roots *more = NULL;
    for (;;) {
        BS_SCOPED_BUF struct bs_buf der = BS_BUF(64 * 1024);
        enum bs_err err = cert_pem_next(&in, "CERTIFICATE", &der);
        refused(err);
        if (err != BS_OK)
            break;
        certificate(bs_buf_span(&der));
    }
    refused(cert_roots_from_pem(text, &more));
    cert_roots_free(more);
    refused(share_key_from_pem(text, &point));
    shares(text, true);
    shares(text, false);
    base64(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bs_span input = BS_SPAN(data, size);
    TPMT_PUBLIC key;
    begin();
    copy_der(input);
    take_values(input);
    certificate(input);
    wire_template_device(&key);
    refused(cert_csr_verify(input, &key));
    pem(input);
    return 0;
}
