# shellcheck shell=bash disable=SC2154
# systemd: of all of it libudev.a, the library that finds the TPM and listens for it.

prepare() {
    unpack orig
    quiet
    # Only the number of a network interface is resolved by netlink; bootseal looks for a TPM.
    sed -i 's/^_public_ int sd_device_new_from_ifindex(.*{$/&\n        return -EOPNOTSUPP;/' \
        "$source_dir/src/libsystemd/sd-device/sd-device.c"
    # A static program has no other libc to look into: its wrappers of new system calls need not ask.
    sed -i 's/dlsym(RTLD_DEFAULT, [^)]*)/NULL/' "$source_dir/src/libc/libc-shim.h"
}

# A library in an initramfs speaks by its return values: its logging goes, and with it 60 KB of texts. What it
# asserts it still asserts, without words.
quiet() {
    find "$source_dir"/src/{basic,libsystemd,shared} -name '*.h' -exec sed -i 's/log_get_max_level() >=/-1 >=/' {} +
    sed -i -e 's/log_assert_failed(message, PROJECT_FILE, __LINE__, __func__);/__builtin_trap();/' \
        -e 's/^\( *\)log_assert_failed_unreachable(PROJECT_FILE, __LINE__, __func__)/\1__builtin_trap()/' \
        "$source_dir/src/fundamental/assert-util.h"
    sed -i 's/(log_assert_failed_return(#expr, PROJECT_FILE, __LINE__, __func__), false)/(false)/' \
        "$source_dir/src/basic/assert-util.h"
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
