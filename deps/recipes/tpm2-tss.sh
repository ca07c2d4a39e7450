# shellcheck shell=bash disable=SC2154
# tpm2-tss: ESYS, MU, SYS, RC and two TCTIs. Without a crypto back end: bootseal gives its own callbacks.

prepare() {
    unpack orig
    # The tarball has no git history to ask for its version.
    sed -i "s/^git describe .*/echo $upstream_version > VERSION/" "$source_dir/bootstrap"
    (cd "$source_dir" && ./bootstrap)
    # Both TCTIs define the loader's entry point; in one static program one of them would win by chance.
    local tcti
    for tcti in device swtpm; do
        sed -i "s/\\bTss2_Tcti_Info\\b/bs_tcti_${tcti}_info/" "$source_dir/src/tss2-tcti/tcti-$tcti.c"
    done
}

build() {
    local -a off=()
    local name
    for name in mssim cmd pcap libtpms spi-helper spi-ltt2go spidev spi-ftdi i2c-helper i2c-ftdi; do
        off+=("--disable-tcti-$name")
    done
    # No log of its own: it prints to stderr, session secrets at its finest level.
    autotools_configure --disable-shared --enable-static --disable-dependency-tracking \
        --with-crypto=none --disable-fapi --disable-policy --disable-unit --disable-integration \
        --disable-doxygen-doc --enable-nodl --enable-tcti-device --enable-tcti-swtpm "${off[@]}" \
        --disable-vendor --with-maxloglevel=none --disable-log-file --disable-defaultflags \
        --with-udevrulesdir="$placeholder/drop" --with-sysusersdir="$placeholder/drop" --with-tmpfilesdir="$placeholder/drop" \
        CFLAGS="-std=gnu99 $flags $visibility $lto"
    make
    make DESTDIR="$stage" install
    # Built without a loader, ESYS knows both TCTIs by name and needs them.
    sed -i 's/^Requires.private:.*/& tss2-tcti-device tss2-tcti-swtpm/' "$stage$placeholder/lib/pkgconfig/tss2-esys.pc"
    rm -rf "${stage:?}$placeholder"/{drop,share,etc,var}
}
