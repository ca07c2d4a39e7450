# shellcheck shell=bash disable=SC2154
# cmocka: the unit tests' frame.

prepare() {
    unpack orig
}

build() {
    cmake -S "$source_dir" -B "$work/obj" -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_C_COMPILER="$cc" -DCMAKE_AR="$(command -v "$ar")" \
        -DCMAKE_RANLIB="$(command -v "$ranlib")" -DCMAKE_C_FLAGS="$flags" -DCMAKE_INSTALL_PREFIX="$placeholder" \
        -DCMAKE_INSTALL_LIBDIR=lib -DBUILD_SHARED_LIBS=OFF -DWITH_STATIC_LIB=ON -DWITH_EXAMPLES=OFF -DUNIT_TESTING=OFF
    DESTDIR=$stage ninja -C "$work/obj" -j"$jobs" install
    # Its header guesses whether the libc has uintptr_t, and does not know musl.
    pc_file cmocka "unit tests" -lcmocka " -D_UINTPTR_T_DEFINED"
}
