/*
 * Names, numbers and limits of the enrollment protocol, version 1 (docs/protocol.md, docs/bootseal.cddl).
 * Messages are deterministic CBOR (RFC 8949 §4.2.1) over HTTP/1.1 over TLS 1.3.
 */
#pragma once

#define BS_PROTOCOL_VERSION 1
#define BS_MEDIA_TYPE "application/cbor"

/* Limits, in bytes. A message over its limit is refused before it is parsed. */
#define BS_REQUEST_MAX (256 * 1024)
#define BS_ANSWER_MAX (192 * 1024)
#define BS_BUNDLE_MAX (128 * 1024)
#define BS_EVENTLOG_MAX (200 * 1024)
#define BS_USERSPACE_LOG_MAX (64 * 1024)
#define BS_LOGS_MAX (206 * 1024) /* both logs: everything else that a request may hold fits beside them */
#define BS_COMMAND_LINE_MAX 4096
#define BS_ORDER_MAX 8192   /* what the server signs besides: an order to forget */
#define BS_CERT_MAX 4096    /* one DER certificate */
#define BS_ITEM_NAME_MAX 64 /* [A-Za-z0-9._-], not beginning with a dot */
#define BS_ITEM_DATA_MAX (64 * 1024)
#define BS_ITEMS_MAX 64
#define BS_TOKEN_MAX 128
#define BS_GENERATED_MAX 16        /* keys that a device makes */
#define BS_GENERATED_RANDOM_MIN 16 /* bytes: fewer could be guessed by their commitment */
#define BS_GENERATED_RANDOM_MAX 1024
#define BS_SHARE_SIZE 32         /* of a recovery share */
#define BS_SHARES_MAX 2          /* older ones in a bundle: one for each slot of a vault */
#define BS_TPM_MAX 1024          /* one TPM structure in wire format */
#define BS_FACT_MAX 128          /* one fact about the machine */
#define BS_TEXT_MAX 512          /* a sentence for a person */
#define BS_NAME_MAX 64           /* a reason or a note: [a-z0-9-] */
#define BS_PROFILE_NAME_MAX 63   /* spelled as the name of an item */
#define BS_RETRY_MAX 86400       /* seconds that a server may ask a device to wait */
#define BS_TIME_MAX 253402300799 /* seconds since 1970: the end of the year 9999 (RFC 5280 §4.1.2.5) */

#define BS_PATH_ATTEST "/v1/attest"
#define BS_PATH_PROVE "/v1/prove"
#define BS_PATH_CONFIRM "/v1/confirm"
#define BS_PATH_WHOAMI "/v1/whoami"
#define BS_PATH_HEALTH "/v1/health"

/* RFC 9266: the channel binding is this exporter with an empty context. */
#define BS_EXPORTER_LABEL "EXPORTER-Channel-Binding"
#define BS_CHANNEL_SIZE 32

/*
 * Domain separation. In hashes, MACs and external_aad a label stands with its terminating zero byte; as HKDF info without it
 * (RFC 5869 takes a string as it is).
 */
#define BS_LABEL_QUOTE "bootseal quote v1 tls"       /* qualifyingData of the quote */
#define BS_LABEL_CERTIFY_DEVICE "bootseal device v1" /* qualifyingData of TPM2_Certify(device key) */
#define BS_LABEL_CERTIFY_SRK "bootseal srk v1"       /* qualifyingData of TPM2_Certify(SRK) */
#define BS_LABEL_PROVE "bootseal prove v1"           /* HMAC of the answer to the challenge */
#define BS_LABEL_BUNDLE_SIGNED "bootseal bundle v1"  /* external_aad of the bundle's COSE_Sign1 */
#define BS_LABEL_BUNDLE_KEY "bootseal bundle v1"     /* HKDF info: content key of the bundle */
#define BS_LABEL_POLICY_REF "bootseal policy v1"     /* policyRef of approvals: whose they are */
#define BS_LABEL_CONFIRM_KEY "bootseal confirm v1"   /* HKDF info: key of the confirmation */
#define BS_LABEL_WIPE_SIGNED "bootseal wipe v1"      /* external_aad of an order to forget */
#define BS_LABEL_WIPED_KEY "bootseal wiped v1"       /* HKDF info: key of the confirmation that it was obeyed */
#define BS_LABEL_SHARE_KEY "bootseal share v1"       /* HKDF info, then the serial: key that wraps a vault's key */
#define BS_LABEL_SHARE_LOCK "bootseal share lock v1" /* HKDF info: key that locks a share to an operator's key */
#define BS_LABEL_COMMITMENT "bootseal commitment v1" /* HMAC under random bytes that a device made */

/*
 * Object identifiers of our own, below the UUID arc (ITU-T X.667): extended key usages of the keys under the server CA,
 * and the otherName by which a device certificate carries its profile.
 */
#define BS_OID_EKU_BUNDLE "2.25.1948329173.1"
#define BS_OID_EKU_POLICY "2.25.1948329173.2"
#define BS_OID_SAN_PROFILE "2.25.1948329173.3"

/* TCG registry: what an EK certificate must carry, and what permanentIdentifier of a device certificate says. */
#define BS_OID_EKU_EK "2.23.133.8.1"
#define BS_OID_EK_PERMANENT_ID "2.23.133.12.1"

/* Kinds of items in a bundle. */
enum bs_item_kind {
    BS_ITEM_SECRET = 1,      /* opaque bytes, for the device alone */
    BS_ITEM_FILE = 2,        /* configuration text */
    BS_ITEM_CERTIFICATE = 3, /* PEM certificates */
};

/* Kinds of keys that a device makes itself. */
enum bs_generated_kind {
    BS_GENERATED_RANDOM = 1,    /* bytes */
    BS_GENERATED_X25519 = 2,    /* RFC 7748 */
    BS_GENERATED_ED25519 = 3,   /* RFC 8032 */
    BS_GENERATED_SECP256K1 = 4, /* SEC 2 */
};

/* How such a key is written down where it is handed over. */
enum bs_generated_form {
    BS_FORM_RAW = 1,       /* its bytes */
    BS_FORM_PEM = 2,       /* PKCS#8 (RFC 5958, RFC 8410) in PEM; no random bytes */
    BS_FORM_WIREGUARD = 3, /* base64 and a newline; X25519, and 32 random bytes as a preshared key */
    BS_FORM_OPENSSH = 4,   /* OpenSSH's private key file, without a passphrase; Ed25519 */
};
