#!/usr/bin/env bash
# Counts the instructions that each kind of packet takes to decode and to encode, and compares them with those in
# benches/instructions.txt: more than 3 % above fails, more than 3 % below is worth a note.
#
#   ci/instructions.sh            compares
#   ci/instructions.sh --update   writes the file anew
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
kept=$root/benches/instructions.txt

case ${1:-} in
    --update) update=1 ;;
    '') update= ;;
    *) echo "error: --update or nothing, not $1" >&2; exit 1 ;;
esac
rustc=$(rustc --version --verbose)
if [[ $rustc != *"host: x86_64-unknown-linux-gnu"* ]]; then
    echo "error: the instructions that are kept are those of x86_64-unknown-linux-gnu" >&2
    exit 1
fi
rustc=${rustc%%$'\n'*}

# The compiler's settings are those of Cargo.toml and nothing else.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
export CARGO_INCREMENTAL=0
cargo build --locked --release --manifest-path "$root/Cargo.toml" --package instructions
program=${CARGO_TARGET_DIR:-$root/target}/release/instructions

# Nothing of the environment reaches the program, and its memcpy and memcmp are those that all processors have.
tunables=glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-ERMS,-SSE4_1,-SSSE3
counts=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-instructions.XXXXXX")
trap 'rm -r "$counts"' EXIT
valgrind=$(command -v valgrind)
env -i GLIBC_TUNABLES=$tunables "$valgrind" --tool=callgrind --callgrind-out-file="$counts/out" \
    --toggle-collect=instructions::counted --dump-after=instructions::reported \
    "$program" >"$counts/names" 2>"$counts/log" || { cat "$counts/log" >&2; exit 1; }

# Two files for each name: the one with 100 packets, the other with 200.
number=0
while read -r name; do
    for part in 1 2; do
        number=$((number + 1))
        total[part]=$(awk '$1 == "totals:" { print $2 }' "$counts/out.$number")
    done
    printf '%6d  %s\n' $(((total[2] - total[1]) / 100)) "$name"
done <"$counts/names" >"$counts/now"

if [ -n "$update" ]; then
    {
        echo "# Instructions for each packet, counted by ci/instructions.sh; $rustc"
        cat "$counts/now"
    } >"$kept"
    echo "instructions: $(wc -l <"$counts/now") counts written to benches/instructions.txt"
    exit
fi

awk '
    /^#/ { compiler = $0; sub(/.*; /, "", compiler); next }
    { name = $0; sub(/^ *[0-9]+  /, "", name) }
    FNR == NR { kept[name] = $1; next }
    !(name in kept) { print "error: nothing is kept for " name; failed = 1; next }
    {
        seen[name] = 1
        before = kept[name]
        change = sprintf("%s: %d, was %d (%+.1f %%)", name, $1, before, ($1 / before - 1) * 100)
    }
    $1 > before * 1.03 { print "error: " change; failed = 1; next }
    $1 < before * 0.97 { print "note: " change; fewer++; next }
    $1 != before { print "within 3 %: " change }
    END {
        for (name in kept) if (!(name in seen)) { print "error: no longer counted: " name; failed = 1 }
        if (failed && compiler != rustc) print "note: what is kept was counted with " compiler ", this is " rustc
        if (failed || fewer) print "note: where this is meant, ci/instructions.sh --update keeps it"
        if (failed) exit 1
        print "instructions: " FNR " counts, none grew by more than 3 %"
    }' rustc="$rustc" "$kept" "$counts/now"
