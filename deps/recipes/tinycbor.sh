# shellcheck shell=bash disable=SC2154
# tinycbor: the encoder and decoder of every message.

prepare() {
    unpack orig
}

build() {
    # It builds in its source folder only.
    cp -a "$source_dir/." "$work/tree"
    cd "$work/tree" || return
    make CC="$cc" AR="$ar" CFLAGS="$flags $visibility $lto" BUILD_SHARED=0 BUILD_STATIC=1 lib/libtinycbor.a
    local to=$stage$placeholder header
    install -D -m 644 lib/libtinycbor.a "$to/lib/libtinycbor.a"
    for header in cbor.h cborjson.h tinycbor-version.h; do
        install -D -m 644 "src/$header" "$to/include/tinycbor/$header"
    done
    pc_file tinycbor "CBOR" -ltinycbor /tinycbor
}
