# shellcheck shell=bash disable=SC2154
# wolfSSL: TLS 1.3 and all cryptography, of the agent (small, client only) and of the server and the tests
# (fast, both sides; a superset, so that the agent's code can be tested against the host's library).

prepare() {
    unpack orig
    (cd "$source_dir" && autoreconf -if)
}

build() {
    local -a options=(
        --disable-shared --enable-static --disable-dependency-tracking
        --disable-optflags --disable-examples --disable-crypttests --disable-benchmark
        --disable-oldtls --disable-tlsv12 --enable-tls13
        # What neither a TPM nor TLS 1.3 as bootseal speaks it needs.
        --disable-dh --disable-md5 --disable-des3 --disable-chacha --disable-poly1305 --disable-sha224
        --disable-pkcs12 --disable-pwdbased --disable-aescbc --disable-sys-ca-certs
        --enable-sha --enable-sha384 --enable-sha512 --enable-aescfb --enable-hkdf
        --enable-ecc --enable-rsapss --enable-mlkem
        --enable-sni --enable-supportedcurves --enable-keying-material --enable-ip-alt-name
        --enable-certgen --enable-certreq --enable-certext --enable-cryptocb
    )
    # --disable-tlsv12 alone leaves all of TLS 1.2 in. The peer's certificate is part of the evidence; the
    # verify callback applies bootseal's clock rule.
    local defines="-DWOLFSSL_NO_TLS12 -DKEEP_PEER_CERT -DWOLFSSL_ALWAYS_VERIFY_CB"
    # secp256k1, for keys that a device makes; its a is not -3, which only a build for other curves minds.
    defines+=" -DHAVE_ECC_KOBLITZ -DWOLFSSL_CUSTOM_CURVES"
    case $target in
    musl-*)
        options+=(--enable-aesgcm=small --enable-curve25519=small --enable-ed25519=small --enable-sp-math-all=small --disable-sp-asm
            --disable-errorstrings)
        defines+=" -DNO_WOLFSSL_SERVER -DWOLFSSL_AES_SMALL_TABLES -DUSE_SLOW_SHA -DUSE_SLOW_SHA256"
        defines+=" -DUSE_SLOW_SHA512 -DWOLFSSL_MLKEM_SMALL -DMICRO_SESSION_CACHE"
        ;;
    host)
        options+=(--enable-aesgcm --enable-curve25519 --enable-ed25519 --enable-sp=yes --enable-sp-asm
            --enable-keygen --enable-ocsp --enable-crl --enable-pkcs11 --enable-altcertchains)
        [ "$(uname -m)" != x86_64 ] || options+=(--enable-intelasm)
        [ "$(uname -m)" != aarch64 ] || options+=(--enable-armasm)
        # TCG's and our own names lie in extensions that wolfSSL neither writes nor hands over unless asked to.
        defines+=" -DWC_ASN_UNKNOWN_EXT_CB -DWOLFSSL_ALT_NAMES"
        defines+=" -DWOLFSSL_CUSTOM_OID -DHAVE_OID_ENCODING -DHAVE_OID_DECODING -DWOLFSSL_EKU_OID"
        defines+=" -DWOLFSSL_SUBJ_DIR_ATTR -DOPENSSL_EXTRA_X509_SMALL"
        ;;
    esac
    autotools_configure "${options[@]}" CFLAGS="$flags $lto $defines"
    make
    make DESTDIR="$stage" install
    rm -rf "${stage:?}$placeholder"/{bin,share}
}
