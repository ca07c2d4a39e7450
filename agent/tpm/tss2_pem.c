/*
 * TSS2 PRIVATE KEY: the file form of a key that only this TPM can load, as tpm2-openssl, the kernel's trusted keys and
 * others read it (draft "ASN.1 Specification for TPM 2.0 Key Files", TPMKey).
 */
#include "agent/tpm/internal.h"

#include "core/cert.h"
#include "core/der.h"

#define OID_LOADABLE_KEY "2.23.133.10.1.3"

static enum bs_err write_der(TPM2_HANDLE parent, struct bs_span public_area, struct bs_span private_area,
                             struct bs_buf *out)
{
    const uint8_t handle[4] = { (uint8_t)(parent >> 24), (uint8_t)(parent >> 16), (uint8_t)(parent >> 8),
                                (uint8_t)parent };
    struct der_writer w;

    der_write_begin(&w, out);
    der_open(&w, DER_SEQUENCE);
    der_write_oid(&w, OID_LOADABLE_KEY);
    der_open(&w, DER_CONSTRUCTED(0)); /* emptyAuth: nobody is to be asked for a password */
    der_write_true(&w);
    der_close(&w);
    der_write_unsigned(&w, BS_SPAN(handle, sizeof(handle)));
    der_write(&w, DER_OCTET_STRING, public_area);
    der_write(&w, DER_OCTET_STRING, private_area);
    der_close(&w);
    return der_write_end(&w);
}

enum bs_err tpm_device_key_pem(struct tpm *tpm, const struct tpm_key_blob *key, struct bs_buf *out)
{
    BS_SCOPED_BUF struct bs_buf public_area = BS_BUF(1024);
    BS_SCOPED_BUF struct bs_buf private_area = BS_BUF(2048);
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(4096);
    const TPMT_PUBLIC *srk;
    const struct wire_name *name;

    enum bs_err err = tpm_srk(tpm, &srk, &name);
    if (err == BS_OK)
        err = wire_public2b_encode(&key->public_area, &public_area);
    if (err == BS_OK)
        err = wire_private_encode(&key->private_area, &private_area);
    /* Where the SRK is transient the loader is told the hierarchy, and makes the primary itself. */
    if (err == BS_OK)
        err = write_der(tpm->srk.is_persistent ? tpm->srk.handle : tpm->srk.hierarchy, bs_buf_span(&public_area),
                        bs_buf_span(&private_area), &der);
    return err == BS_OK ? cert_pem_encode(bs_buf_span(&der), "TSS2 PRIVATE KEY", out) : err;
}
