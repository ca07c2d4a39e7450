# shellcheck shell=bash disable=SC2034
# The three targets and the compiler flags of each. Sourced by deps/build and deps/build-one.

targets_all="host musl-x86_64 musl-aarch64"

# Sets: triplet (for configure --host), cross (prefix of the binutils), headers (kernel headers),
#       flags (for every package), lto (for every package but libc), visibility (where a library can take it)
target_settings() {
    triplet='' cross='' headers=() lto='' visibility=''
    case $1 in
    musl-x86_64)
        triplet=x86_64-linux-musl
        # A native compiler has no prefix; on another architecture it is a cross compiler like any other.
        [ "$(uname -m)" = x86_64 ] || cross=x86_64-linux-gnu-
        headers=(/usr/include /usr/include/x86_64-linux-gnu)
        [ -z "$cross" ] || headers=(/usr/x86_64-linux-gnu/include /usr/x86_64-linux-gnu/include)
        small_flags
        ;;
    musl-aarch64)
        triplet=aarch64-linux-musl
        [ "$(uname -m)" = aarch64 ] || cross=aarch64-linux-gnu-
        headers=(/usr/include /usr/include/aarch64-linux-gnu)
        [ -z "$cross" ] || headers=(/usr/aarch64-linux-gnu/include /usr/aarch64-linux-gnu/include)
        small_flags
        # The out-of-line atomics live in a part of libgcc that needs glibc's getauxval.
        flags+=" -mno-outline-atomics"
        ;;
    host)
        flags="-O2 -g -fPIE -fstack-protector-strong"
        ;;
    *) die "unknown target $1 (known: $targets_all)" ;;
    esac
}

# The agent travels in every initramfs: small first, and nothing that only a debugger or an unwinder reads.
small_flags() {
    flags="-Os -fPIE -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables"
    flags+=" -fno-plt -fstack-protector-strong"
    # Fat: unit tests link the same archives without LTO, quickly.
    lto="-flto=2 -ffat-lto-objects"
    visibility="-fvisibility=hidden"
}

# The C compiler of a target, once musl stands in the given sysroot.
target_cc() {
    local sysroot=$2
    case $1 in
    host) echo gcc ;;
    *) echo "$sysroot/bin/$triplet-gcc" ;;
    esac
}
