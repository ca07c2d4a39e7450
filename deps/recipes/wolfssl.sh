# shellcheck shell=bash disable=SC2154
# wolfSSL: TLS 1.3 and all cryptography, of the agent (small, client only) and of the server and the tests
# (fast, both sides; a superset, so that the agent's code can be tested against the host's library).

prepare() {
    unpack orig
    (cd "$source_dir" && autoreconf -if)
}

# AES without tables multiplies a column byte by byte, and that is a third of what decrypting a vault costs: a word at a time
# instead (FIPS 197 §5.1.3: each byte is 2b + 3r1 + r2 + r3 = 2(b + r1) + r1 + r2 + r3, with its column rotated by one to three). A file
# in the build folder goes before the one of the same name in the sources.
small_aes() {
    local file=wolfcrypt/src/aes.c
    mkdir -p "${file%/*}"
    perl -0pe 's|\(col_mul\((t\d), 3, 2, 0, 1\) << 24\) \^\s*\(col_mul\(\1, 2, 1, 0, 3\) << 16\) \^\s*\(col_mul\(\1, 1, 0, 2, 3\) << {1,2}8\) \^\s*\(col_mul\(\1, 0, 3, 2, 1\) *\)|mix_column($1)|g;
        s|(static WARN_UNUSED_RESULT word32) col_mul\(.*?\n}\n|$1 mix_column(word32 t)\n{\n    word32 r1 = rotlFixed(t, 8), x = t ^ r1;\n    x = ((x & 0x7f7f7f7fU) << 1) ^ (((x >> 7) & 0x01010101U) * 0x1bU);\n    return x ^ r1 ^ rotlFixed(t, 16) ^ rotlFixed(t, 24);\n}\n|s' \
        "$source_dir/$file" > "$file"
    [ "$(grep -c mix_column "$file")" = 5 ] || die "wolfSSL's $file is not as the recipe knows it: where are the columns of AES?"
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
        options+=(--enable-aesgcm=4bit --enable-curve25519=small --enable-ed25519=small --enable-sp-math-all=small
            --enable-sp=smallec256 --enable-sp-asm --disable-errorstrings --disable-sha512-drbg)
        # P-256 is what a boot from the vault computes most: its field in assembly (4 KiB of multiples of the base point, and
        # no variant for AVX2), which also cuts RSA out of that file.
        defines+=" -DNO_AVX2_SUPPORT -DWOLFSSL_SP_NO_2048 -DWOLFSSL_SP_NO_3072"
        defines+=" -DNO_WOLFSSL_SERVER -DWOLFSSL_AES_SMALL_TABLES -DWOLFSSL_NO_CLIENT_AUTH -DUSE_SLOW_SHA"
        defines+=" -DUSE_SLOW_SHA512 -DWOLFSSL_MLKEM_SMALL -DMICRO_SESSION_CACHE"
        # The agent makes Ed25519 keys for others and verifies with them (a server's certificate), it never signs.
        defines+=" -DNO_ED25519_SIGN"
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
    [ "$target" = host ] || small_aes
    make
    make DESTDIR="$stage" install
    rm -rf "${stage:?}$placeholder"/{bin,share}
}
