# shellcheck shell=bash disable=SC2154
# llhttp: the server's HTTP framing. The distribution's own static library, unpacked: its source is generated
# by a tool chain of its own.

build() {
    dpkg -x "$BS_SOURCES/$(locked_file libllhttp-dev deb)" "$work/tree"
    local to=$stage$placeholder
    find "$work/tree" -name llhttp.h -exec install -D -m 644 {} "$to/include/llhttp.h" \;
    find "$work/tree" -name libllhttp.a -exec install -D -m 644 {} "$to/lib/libllhttp.a" \;
    pc_file libllhttp "HTTP framing" -lllhttp
}
