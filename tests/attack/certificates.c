/*
 * The EK's certificate. The device is a newcomer with a token that lets it in: nothing but its certificate stands between it and
 * secrets. Its chain is root (path length 1), an issuer, the EK's.
 */
#include "attack.h"
#include "rsa_issuer.h"
#include "unit/cert_maker.h"

#define EK_EKU                                              \
    {                                                       \
        CERT_OID_EXT_KEY_USAGE, false, "300706056781050801" \
    }
#define ROOT_NAME "TPM vendor of the tests"

/* Leaf first; what stands behind the leaf goes along in the statement. */
struct plan {
    struct maker makers[CERT_CHAIN_MAX];
    size_t count;
    struct crypto_key *keys[CERT_CHAIN_MAX];
};

static struct bs_span issuers[CERT_CHAIN_MAX];
static size_t issuer_count;

static void put_issuers(struct message_statement *st)
{
    for (size_t i = 0; i < issuer_count; i++)
        st->ek_certs[st->ek_cert_count++] = issuers[i];
}

static void begin(struct scene *s, struct plan *p)
{
    static struct bs_buf spki = BS_BUF(1024);
    scene_newcomer(s);
    s->request.token = s->token;
    bs_buf_reset(&spki);
    MUST(wire_public_spki(&s->fresh.ek_public, &spki));
    *p = (struct plan){ .count = 2 };
    for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
        MUST(crypto_key_make(&p->keys[i]));
    p->makers[0] = (struct maker){ .subject = "EK",
                                   .issuer = "issuer 1",
                                   .spki = bs_buf_span(&spki),
                                   .issuer_key = p->keys[1],
                                   .extensions = { EK_EKU } };
    p->makers[1] = (struct maker){ .subject = "issuer 1",
                                   .issuer = ROOT_NAME,
                                   .key = p->keys[1],
                                   .issuer_key = s->lab->vendor.key,
                                   .extensions = { MAKER_CA_PATH_0, MAKER_CERT_SIGN } };
}

/* One issuer more, between the last one and the root. */
static void add_issuer(struct scene *s, struct plan *p, struct maker_extension constraints)
{
    struct maker *last = &p->makers[p->count - 1];
    last->issuer = "issuer 2";
    last->issuer_key = p->keys[p->count];
    p->makers[p->count] = (struct maker){ .subject = "issuer 2",
                                          .issuer = ROOT_NAME,
                                          .key = p->keys[p->count],
                                          .issuer_key = s->lab->vendor.key,
                                          .extensions = { constraints, MAKER_CERT_SIGN } };
    p->count++;
}

static void end(struct scene *s, struct plan *p)
{
    struct bs_span leaf = maker_make(&p->makers[0]);
    bs_buf_reset(&s->fresh.ek_cert);
    MUST(bs_buf_append(&s->fresh.ek_cert, leaf.data, leaf.size));
    issuer_count = p->count - 1;
    for (size_t i = 0; i < issuer_count; i++)
        issuers[i] = maker_make(&p->makers[i + 1]);
    s->request.bend.statement = put_issuers;
    scene_enroll(s, &s->fresh);
    for (size_t i = 0; i < CERT_CHAIN_MAX; i++)
        crypto_key_free(p->keys[i]);
}

static void use_rsa(struct plan *p, unsigned bits)
{
    p->makers[1].spki = rsa_issuer_take(bits);
    p->makers[0].sign = rsa_issuer_sign;
    p->makers[0].inner_algorithm = p->makers[0].outer_algorithm = RSA_ISSUER_ALGORITHM;
}

/* Three newcomers; the outcome is that of the last, or of the first that is not let in. */
static void good(struct scene *s)
{
    struct plan p;
    begin(s, &p);
    end(s, &p);
    if (s->outcome.kind != MESSAGE_APPROVED)
        return;
    scene_again(s);
    begin(s, &p);
    p.makers[1].extensions[0] = (struct maker_extension)MAKER_CA;
    p.makers[1].extensions[2] = (struct maker_extension){ "2.5.29.32", true, "3000" }; /* policies are understood */
    end(s, &p);
    if (s->outcome.kind != MESSAGE_APPROVED)
        return;
    scene_again(s);
    begin(s, &p);
    use_rsa(&p, 2048);
    end(s, &p);
}

#define CHAIN(name, change)              \
    static void name(struct scene *s)    \
    {                                    \
        struct plan p;                   \
        begin(s, &p);                    \
        struct maker *leaf = p.makers;   \
        struct maker *issuer = leaf + 1; \
        (void)issuer;                    \
        change;                          \
        end(s, &p);                      \
    }
#define EXTENSION(...) ((struct maker_extension)__VA_ARGS__)

CHAIN(an_ek_certificate_that_expired, leaf->not_after = "20210101000000Z")
CHAIN(an_ek_certificate_that_is_not_valid_yet, leaf->not_before = "20990101000000Z")
CHAIN(an_issuer_that_expired, issuer->not_after = "20210101000000Z")
CHAIN(an_issuer_that_is_not_valid_yet, issuer->not_before = "20990101000000Z")
CHAIN(an_issuer_that_is_no_ca, issuer->extensions[0] = EXTENSION(MAKER_NO_CA))
CHAIN(an_issuer_without_basic_constraints, issuer->extensions[0] = EXTENSION(MAKER_CERT_SIGN);
      issuer->extensions[1].oid = NULL)
CHAIN(an_issuer_whose_key_signs_no_certificates, issuer->extensions[1] = EXTENSION(MAKER_SIGNATURE))
CHAIN(a_chain_longer_than_its_issuer_allows, issuer->extensions[0] = EXTENSION(MAKER_CA);
      add_issuer(s, &p, EXTENSION(MAKER_CA_PATH_0)))
CHAIN(a_chain_longer_than_its_root_allows, issuer->extensions[0] = EXTENSION(MAKER_CA);
      add_issuer(s, &p, EXTENSION(MAKER_CA)))
CHAIN(an_unknown_critical_extension, leaf->extensions[1] = EXTENSION({ "1.2.3.4", true, "0500" }))
CHAIN(an_issuer_with_an_unknown_critical_extension, issuer->extensions[2] = EXTENSION({ "1.2.3.4", true, "0500" }))
/* permittedSubtrees: dNSName example.com */
CHAIN(an_issuer_with_name_constraints,
      issuer->extensions[2] = EXTENSION({ "2.5.29.30", true, "3011a00f300d820b6578616d706c652e636f6d" }))
CHAIN(an_issuer_with_name_constraints_that_are_not_critical,
      issuer->extensions[2] = EXTENSION({ "2.5.29.30", false, "3011a00f300d820b6578616d706c652e636f6d" }))
CHAIN(a_certificate_that_another_key_signed, leaf->issuer_key = p.keys[2])
CHAIN(an_issuer_that_another_key_signed, issuer->issuer_key = p.keys[2])
CHAIN(an_issuer_of_another_name, leaf->issuer = "issuer 9")
CHAIN(a_chain_without_its_issuer, p.count = 1)
CHAIN(a_certificate_that_names_itself_as_issuer, leaf->issuer = NULL; leaf->issuer_key = p.keys[0]; p.count = 1)
CHAIN(a_root_of_the_same_name, issuer->issuer_key = NULL; issuer->subject = ROOT_NAME; leaf->issuer = ROOT_NAME)
CHAIN(an_issuer_with_rsa_1024, use_rsa(&p, 1024))
CHAIN(a_signature_with_sha1, leaf->inner_algorithm = leaf->outer_algorithm = "1.2.840.10045.4.1")
CHAIN(an_issuer_that_cannot_be_read, issuer->version = 1)
CHAIN(algorithms_that_disagree, leaf->outer_algorithm = "1.2.840.10045.4.3.3")
CHAIN(a_certificate_of_version_1, leaf->version = 0xff)
CHAIN(an_extension_twice, leaf->extensions[1] = EXTENSION(EK_EKU))
CHAIN(a_certificate_without_key_usage, leaf->extensions[0].oid = NULL)
CHAIN(a_certificate_for_tls_clients, leaf->extensions[0].value = "300a06082b06010505070302")
CHAIN(a_certificate_for_any_use, leaf->extensions[0].value = "30060604551d2500")

/* A chain of the right length whose certificates are in the wrong order. */
static void a_chain_upside_down(struct scene *s)
{
    struct plan p;
    begin(s, &p);
    struct maker first = p.makers[0];
    p.makers[0] = p.makers[1];
    p.makers[1] = first;
    end(s, &p);
}

static void a_certificate_of_another_ek(struct scene *s)
{
    s->tpm.ek_cert = s->other.ek_cert;
    scene_enroll(s, &s->tpm);
}

/* The other way around: known certificate, other EK. */
static void an_ek_that_is_not_the_certified_one(struct scene *s)
{
    scene_newcomer(s);
    s->tpm.ek_public = s->fresh.ek_public;
    scene_enroll(s, &s->tpm);
}

static void show_certificate(struct scene *s, struct bs_span der)
{
    bs_buf_reset(&s->log);
    MUST(bs_buf_append(&s->log, der.data, der.size));
    s->tpm.ek_cert = s->log;
    scene_enroll(s, &s->tpm);
}

static void a_certificate_that_cannot_be_read(struct scene *s)
{
    show_certificate(s, bs_span_of_string("garbage"));
}

static void bytes_after_a_certificate(struct scene *s)
{
    BS_SCOPED_BUF struct bs_buf der = BS_BUF(BS_CERT_MAX);
    MUST(bs_buf_append(&der, s->tpm.ek_cert.data, s->tpm.ek_cert.size));
    MUST(bs_buf_append(&der, "", 1));
    show_certificate(s, bs_buf_span(&der));
}

static void a_certificate_of_an_unknown_vendor(struct scene *s)
{
    struct softtpm_vendor stranger;
    scene_newcomer(s);
    softtpm_free(&s->fresh);
    MUST(softtpm_vendor_make(&stranger));
    MUST(softtpm_make(&stranger, NULL, &s->fresh));
    softtpm_vendor_free(&stranger);
    MUST(softtpm_boot(&s->fresh, bs_buf_span(&s->tpm.log)));
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

static void an_ek_without_a_certificate(struct scene *s)
{
    scene_newcomer(s);
    bs_buf_reset(&s->fresh.ek_cert);
    s->request.token = s->token;
    scene_enroll(s, &s->fresh);
}

/* Certificates of the server's own CAs, in the place of the EK's. */
static void the_server_certificate_as_that_of_an_ek(struct scene *s)
{
    show_certificate(s, ca_cert(s->lab->server->ca, CA_SERVER_ROOT));
}

static void a_device_certificate_as_that_of_an_ek(struct scene *s)
{
    BS_OWN(secret) plain = NULL;
    struct bundle bundle;
    scene_attest(s, &s->tpm);
    talk_bundle(&s->talk, &s->tpm, &plain, &bundle);
    scene_again(s);
    show_certificate(s, bundle.chain[0]);
}

static const struct attack attacks[] = {
    ATTACK(a_certificate_of_another_ek, BS_REASON_EK_KEY_MISMATCH),
    ATTACK(an_ek_that_is_not_the_certified_one, BS_REASON_EK_KEY_MISMATCH),
    ATTACK(a_certificate_that_cannot_be_read, BS_REASON_EK_CERT),
    ATTACK(bytes_after_a_certificate, BS_REASON_EK_CERT),
    ATTACK(algorithms_that_disagree, BS_REASON_EK_CERT),
    ATTACK(a_certificate_of_version_1, BS_REASON_EK_CERT),
    ATTACK(an_extension_twice, BS_REASON_EK_CERT),
    ATTACK(a_certificate_without_key_usage, BS_REASON_EK_CERT),
    ATTACK(a_certificate_for_tls_clients, BS_REASON_EK_CERT),
    ATTACK(a_certificate_for_any_use, BS_REASON_EK_CERT),
    ATTACK(a_chain_upside_down, BS_REASON_EK_CERT),
    ATTACK(the_server_certificate_as_that_of_an_ek, BS_REASON_EK_CERT),
    ATTACK(a_device_certificate_as_that_of_an_ek, BS_REASON_EK_CERT),
    ATTACK(an_ek_without_a_certificate, BS_REASON_EK_NO_CERT),
    ATTACK(a_certificate_of_an_unknown_vendor, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_certificate_that_names_itself_as_issuer, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_ek_certificate_that_expired, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_ek_certificate_that_is_not_valid_yet, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_that_expired, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_that_is_not_valid_yet, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_that_is_no_ca, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_without_basic_constraints, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_whose_key_signs_no_certificates, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_chain_longer_than_its_issuer_allows, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_chain_longer_than_its_root_allows, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_unknown_critical_extension, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_with_an_unknown_critical_extension, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_with_name_constraints, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_with_name_constraints_that_are_not_critical, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_certificate_that_another_key_signed, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_that_another_key_signed, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_of_another_name, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_that_cannot_be_read, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_chain_without_its_issuer, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_root_of_the_same_name, BS_REASON_EK_UNTRUSTED),
    ATTACK(an_issuer_with_rsa_1024, BS_REASON_EK_UNTRUSTED),
    ATTACK(a_signature_with_sha1, BS_REASON_EK_UNTRUSTED),
};

const struct attack_family attack_certificates = ATTACK_FAMILY("certificates", attacks, .good = good);
