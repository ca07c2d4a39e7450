# shellcheck shell=bash disable=SC2154
# musl: the agent's C library. Static only; a compiler wrapper of our own, because the packages' wrapper
# knows no static-pie where the distribution has not patched it, and because it must find itself wherever
# the sysroot lies.

prepare() {
    unpack orig
    local series=debian/patches/series
    unpack_beside debian
    # Security fixes of the distribution, where its part was to be had.
    if [ -f "$source_dir/$series" ]; then
        while read -r patch; do
            patch -s -d "$source_dir" -p1 < "$source_dir/debian/patches/$patch"
        done < <(grep -v '^#' "$source_dir/$series")
    fi
}

build() {
    # No LTO for libc: the compiler invents calls to memcpy and the like after it has decided what to keep.
    CC="${cross}gcc" AR="${cross}ar" RANLIB="${cross}ranlib" CFLAGS="$flags -fno-stack-protector" \
        "$source_dir/configure" --target="$triplet" --prefix="$placeholder" --disable-shared --disable-wrapper
    make all
    make DESTDIR="$stage" install
    kernel_headers
    wrapper
}

kernel_headers() {
    local include=$stage$placeholder/include
    ln -s "${headers[0]}/linux" "$include/linux"
    ln -s "${headers[0]}/asm-generic" "$include/asm-generic"
    ln -s "${headers[1]}/asm" "$include/asm"
}

# The specs name the sysroot through the environment that the wrapper sets. Our headers come after
# whatever a package asks for (-idirafter), so that its own -isystem keeps its meaning.
wrapper() {
    local bin=$stage$placeholder/bin lib=$stage$placeholder/lib
    mkdir -p "$bin"
    cat > "$bin/$triplet-gcc" <<WRAPPER
#!/bin/sh
BOOTSEAL_SYSROOT=\$(dirname "\$(dirname "\$(readlink -f "\$0")")")
export BOOTSEAL_SYSROOT
exec ${cross}gcc -specs "\$BOOTSEAL_SYSROOT/lib/bootseal.specs" "\$@"
WRAPPER
    chmod +x "$bin/$triplet-gcc"
    cat > "$lib/bootseal.specs" <<'SPECS'
%rename cpp_options old_cpp_options

*cpp_options:
-nostdinc -idirafter %:getenv(BOOTSEAL_SYSROOT /include) -isystem include%s %(old_cpp_options)

*cc1:
%(cc1_cpu) -nostdinc -idirafter %:getenv(BOOTSEAL_SYSROOT /include) -isystem include%s

*link_libgcc:
-L%:getenv(BOOTSEAL_SYSROOT /lib) -L .%s

*libgcc:
libgcc.a%s %:if-exists(libgcc_eh.a%s)

*startfile:
%{static:%:getenv(BOOTSEAL_SYSROOT /lib/crt1.o);:%:getenv(BOOTSEAL_SYSROOT /lib/rcrt1.o)} %:getenv(BOOTSEAL_SYSROOT /lib/crti.o) %{static:crtbegin.o%s;:crtbeginS.o%s}

*endfile:
%{static:crtend.o%s;:crtendS.o%s} %:getenv(BOOTSEAL_SYSROOT /lib/crtn.o)

*link:
-nostdlib %{static:-static;:-static -pie --no-dynamic-linker -z text} -z relro -z now %{rdynamic:-export-dynamic}

*esp_link:


*esp_options:


*esp_cpp_options:


SPECS
}
