# shellcheck shell=bash disable=SC2154
# libconfig: the configuration file.

prepare() {
    unpack orig
}

build() {
    autotools_configure --disable-shared --enable-static --disable-dependency-tracking \
        --disable-cxx --disable-examples --disable-doc CFLAGS="$flags $visibility $lto"
    make -C lib
    make -C lib DESTDIR="$stage" install
    pc_file libconfig "configuration files" -lconfig
}
