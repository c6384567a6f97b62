#!/usr/bin/env bash
# Proves linear time: for lists, texts and streams of ten times the length, counts that no more than eleven times as many
# instructions are executed (callgrind; the counts repeat exactly). Needs valgrind.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

cargo build --quiet --locked --release --manifest-path "$root/ci/growth/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$root/target}/no-std"
program=${CARGO_TARGET_DIR:-$root/target}/no-std/release/growth
counts=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-growth.XXXXXX")
trap 'rm -r "$counts"' EXIT

# Nothing of the environment reaches the program, and its memcpy is the one that all processors have.
tunables=glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-ERMS,-SSE4_1,-SSSE3
valgrind=$(command -v valgrind)

judge() {
    rm -f "$counts"/out*
    env -i GLIBC_TUNABLES=$tunables "$valgrind" --tool=callgrind --callgrind-out-file="$counts/out" --toggle-collect=growth::counted --dump-after=growth::reported \
        "$program" "$@" >"$counts/names" 2>"$counts/log" || { cat "$counts/log" >&2; return 2; }
    # two files for each name
    local number=0 name small large failed=0
    while read -r name; do
        small=$(awk '$1 == "totals:" { print $2 }' "$counts/out.$((number + 1))")
        large=$(awk '$1 == "totals:" { print $2 }' "$counts/out.$((number + 2))")
        number=$((number + 2))
        awk -v name="$name" -v small="$small" -v large="$large" 'BEGIN {
            printf "%9d %10d  %6.2f times  %s\n", small, large, large / small, name
            exit large > 11 * small
        }' || failed=1
    done <"$counts/names"
    return $failed
}

# The proof is worth something only if it fails for what is not linear.
status=0
judge quadratic >"$counts/quadratic" || status=$?
if [ $status != 1 ] || [ ! -s "$counts/quadratic" ]; then
    echo "error: what takes quadratic time is not found to do so" >&2
    exit 1
fi
if ! judge; then
    echo "error: ten times the input takes more than eleven times the instructions" >&2
    exit 1
fi
echo "growth: $(wc -l <"$counts/names") kinds of input, each in linear time"
