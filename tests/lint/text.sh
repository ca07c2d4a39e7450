#!/usr/bin/env bash
# Lints of text, each by its tool: clang-format, shellcheck, systemd units, manual pages.
#
# usage: text.sh format [--fix] | shell | units | manuals
#
# A tool that is missing is a failure in CI (BOOTSEAL_TEST_STRICT=1) and a skip by hand.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

need() {
    command -v "$1" > /dev/null && return
    echo "$1 is missing" >&2
    [ "${BOOTSEAL_TEST_STRICT:-0}" = 1 ] && exit 1
    exit 77
}

# Tracked files only: what somebody has lying about is his own.
tracked() {
    local file
    git ls-files -- "$@" | while read -r file; do
        [ ! -f "$file" ] || echo "$file"
    done
}

format() {
    need clang-format
    local -a files
    mapfile -t files < <(tracked '*.c' '*.h')
    [ ${#files[@]} -gt 0 ] || return 0
    if [ "${1:-}" = --fix ]; then
        clang-format -i "${files[@]}"
    else
        clang-format --dry-run --Werror --ferror-limit=1 "${files[@]}" || {
            echo "mend with: ./dev lint --fix" >&2
            return 1
        }
    fi
}

shell_files() {
    local file line
    tracked | while read -r file; do
        case $file in
        *.sh | *.bash)
            echo "$file"
            continue
            ;;
        *.c | *.h | *.py | *.md) continue ;;
        esac
        IFS= read -r line < "$file" 2> /dev/null || continue
        case $line in
        '#!'*/sh | '#!'*/sh\ * | '#!'*bash*) echo "$file" ;;
        esac
    done
}

shell() {
    need shellcheck
    local -a files
    mapfile -t files < <(shell_files)
    [ ${#files[@]} -eq 0 ] || shellcheck --external-sources --severity=style "${files[@]}"
}

units() {
    local -a files
    mapfile -t files < <(tracked 'systemd/*.service' 'systemd/*.target' 'systemd/*.socket')
    [ ${#files[@]} -gt 0 ] || return 0
    need systemd-analyze
    local tmp file
    tmp=$(mktemp -d)
    # Our programs are not installed here; that they exist is not the unit's question.
    for file in "${files[@]}"; do
        sed -E 's|^(Exec[A-Za-z]*=[-+!@:]*)/usr/s?bin/bootseal[a-z]*|\1/bin/true|' "$file" > "$tmp/$(basename "$file")"
    done
    local status=0
    (cd "$tmp" && SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --generators=no --recursive-errors=no ./*) > "$tmp.log" 2>&1 || status=1
    # Some findings are only printed.
    [ ! -s "$tmp.log" ] || status=1
    cat "$tmp.log" >&2
    rm -rf "$tmp" "$tmp.log"
    return $status
}

manuals() {
    local -a files
    mapfile -t files < <(tracked 'docs/man/*.[1-8]')
    [ ${#files[@]} -gt 0 ] || return 0
    need mandoc
    mandoc -Tlint -Wwarning "${files[@]}"
}

case ${1:-} in
format | shell | units | manuals) "$@" ;;
*)
    echo "usage: text.sh format [--fix] | shell | units | manuals" >&2
    exit 2
    ;;
esac
