# shellcheck shell=bash disable=SC2154
# systemd: of all of it libudev.a, the library that finds the TPM and listens for it.

prepare() {
    unpack orig
    # A static program has no other libc to look into: its wrappers of new system calls need not ask.
    sed -i 's/dlsym(RTLD_DEFAULT, [^)]*)/NULL/' "$source_dir/src/libc/libc-shim.h"
}

build() {
    meson_files
    meson setup --cross-file "$work/cross.ini" --prefix "$placeholder" --libdir lib \
        --buildtype=plain --auto-features=disabled -Dmode=release -Dlibc=musl -Dstatic-libudev=true \
        -Dtests=false \
        -Dc_args="$flags $visibility $lto" "$work/obj" "$source_dir"
    ninja -C "$work/obj" -j"$jobs" libudev.a
    local to=$stage$placeholder
    install -D -m 644 "$work/obj/libudev.a" "$to/lib/libudev.a"
    install -D -m 644 "$source_dir/src/libudev/libudev.h" "$to/include/libudev.h"
    pc_file libudev "device enumeration and monitoring" -ludev
}

# meson finds the compiler by a file; systemd wants a libucontext beside musl, which libudev never calls.
meson_files() {
    mkdir -p "$work/pc"
    printf 'Name: libucontext\nDescription: place holder\nVersion: 1\n' > "$work/pc/libucontext.pc"
    cat > "$work/cross.ini" <<INI
[binaries]
c = '$cc'
ar = '$ar'
nm = '$nm'
ranlib = '$ranlib'
strip = '${cross}strip'
objcopy = '${cross}objcopy'
pkgconfig = 'pkg-config'
[properties]
pkg_config_libdir = '$work/pc'
needs_exe_wrapper = true
[host_machine]
system = 'linux'
cpu_family = '${triplet%%-*}'
cpu = '${triplet%%-*}'
endian = 'little'
INI
}
