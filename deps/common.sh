# shellcheck shell=bash
# What every script under deps/ and ./dev itself share: where things lie and how they speak.

BS_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BS_DEPS=$BS_TOP/deps
BS_CACHE=${BOOTSEAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bootseal}
BS_SOURCES=$BS_CACHE/sources
# shellcheck disable=SC2034  # used by those who source this
BS_JOBS=${BOOTSEAL_JOBS:-$(nproc)}
# The lock as it could be followed here: equal to deps/lock unless a locked file has vanished.
BS_EFFECTIVE_LOCK=$BS_SOURCES/lock.effective

say() { printf '%s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }
sha256() { sha256sum "$1" | cut -d' ' -f1; }

# Rows of deps/packages or deps/lock without comments, optionally of one package only.
rows() { awk -v name="${2:-}" '/^[^#]/ && (name == "" || $1 == name)' "$1"; }
# One column of a package's row: field NAME NUMBER
field() { rows "$BS_DEPS/packages" "$1" | awk -v n="$2" '{print $n}'; }
package_kind() { field "$1" 2; }
package_minimum() { field "$1" 3; }
package_suites() { field "$1" 4 | tr ',' ' '; }
package_files() { field "$1" 5 | tr ',' ' '; }
package_licence() { field "$1" 7; }

# Names of the packages that a target (musl-x86_64, musl-aarch64, host) consists of.
packages_of() {
    rows "$BS_DEPS/packages" | awk -v t="${1%%-*}" '{ n = split($6, a, ","); for (i = 1; i <= n; i++) if (a[i] == t) print $1 }'
}

# Files of a package as locked here; "orig" etc. selects by kind.
locked_file() {
    local name=$1 part=$2
    rows "$BS_EFFECTIVE_LOCK" "$name" | awk -v p="$part" '$6 == p { print $7 }'
}
locked_version() { rows "$BS_EFFECTIVE_LOCK" "$1" | awk 'NR == 1 { print $2 }'; }
