#!/usr/bin/env bash
# Installs each component into an empty folder and compares what lies there with install.list.
#
# usage: install.sh BUILD_DIR [--update]
set -euo pipefail
build=$1
list=$(dirname "${BASH_SOURCE[0]}")/install.list
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

export LC_ALL=C
for component in agent server dev initramfs systemd; do
    DESTDIR=$tmp/$component cmake --install "$build" --prefix /usr --component "$component" > "$tmp/log" 2>&1 || {
        cat "$tmp/log" >&2
        exit 1
    }
    mkdir -p "$tmp/$component"
    (cd "$tmp/$component" && find . ! -type d -printf "$component %m /%P\n" | sort -k3,3)
done > "$tmp/found"

if [ "${2:-}" = --update ]; then
    { grep '^#' "$list"; cat "$tmp/found"; } > "$tmp/new"
    install -m 644 "$tmp/new" "$list"
else
    diff -u --label install.list --label installed <(grep -v '^#' "$list") "$tmp/found"
fi
