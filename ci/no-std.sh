#!/usr/bin/env bash
# Proves that the library works with core alone: links a program without std, allocator and libc, and runs it.
# Then weighs it, built for size: more than 3 % above what ci/size.txt keeps fails.
#
#   ci/no-std.sh --update   writes ci/size.txt anew
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

target=x86_64-unknown-linux-gnu
if [[ $(rustc --version --verbose) != *"host: $target"* ]]; then
    echo "error: the program's start code is for $target only" >&2
    exit 1
fi

# With --target these flags reach the program and the library, but no build script.
unset CARGO_ENCODED_RUSTFLAGS
export RUSTFLAGS='-Clink-arg=-nostartfiles -Clink-arg=-nostdlib -Clink-arg=-static -Crelocation-model=static'
target_dir=${CARGO_TARGET_DIR:-$root/target}/no-std
kept=$root/ci/size.txt
case ${1:-} in
    --update) update=1 ;;
    '') update= ;;
    *) echo "error: --update or nothing, not $1" >&2; exit 1 ;;
esac

# Builds the program with these settings and leaves its path in $program.
build() {
    local profile=$1
    cargo build --locked --bin no-std --profile "$@" --manifest-path "$root/ci/no-std/Cargo.toml" \
        --target $target --target-dir "$target_dir"
    program=$target_dir/$target/$profile/no-std
}

prove() {
    local undefined hosted status
    undefined=$(nm --undefined-only "$program")
    hosted=$(nm --demangle "$program" | grep -E '\b(std|alloc)::|__(rust|rg|rdl)_|malloc|calloc|realloc' || true)
    if [ -n "$undefined$hosted" ]; then
        printf 'error: symbols that core alone does not have:\n%s\n' "$undefined$hosted" >&2
        return 1
    fi
    status=0
    "$program" || status=$?
    if [ $status != 0 ]; then
        echo "error: ci/no-std/src/round_trip.rs, sample $status of the list fails (101: a panic)" >&2
        return 1
    fi
    status=0
    "$program" spoilt || status=$?
    if [ $status != 1 ]; then
        echo "error: with its samples spoilt the program exits with $status instead of 1: it compares nothing" >&2
        return 1
    fi
}

# A line as ci/size.txt has them: the bytes of code and constants, and what they can do.
weigh() {
    size --format=sysv "$program" | awk -v what="$1" '
        $1 == ".text" || $1 == ".rodata" { bytes += $2 }
        END { printf "%7d  %s\n", bytes, what }'
}

build release
prove
build size --no-default-features
prove
now=$(weigh "decodes and encodes all packets")
build size
prove
now+=$'\n'$(weigh "the same, and words every error")

rustc=$(rustc --version)
if [ -n "$update" ]; then
    {
        echo "# Bytes of .text and .rodata of ci/no-std in profile size, weighed by ci/no-std.sh; $rustc"
        echo "$now"
    } >"$kept"
fi
awk '
    /^#/ { compiler = $0; sub(/.*; /, "", compiler); next }
    { what = $0; sub(/^ *[0-9]+  /, "", what) }
    FNR == NR { kept[what] = $1; next }
    { printf "%d bytes (%+.1f %%): %s\n", $1, ($1 / kept[what] - 1) * 100, what }
    $1 > kept[what] * 1.03 { failed = 1 }
    $1 < kept[what] * 0.97 { fewer = 1 }
    END {
        if (failed && compiler != rustc) print "note: what is kept was weighed with " compiler ", this is " rustc
        if (failed || fewer) print "note: where this is meant, ci/no-std.sh --update keeps it"
        if (failed) { print "error: more than 3 % larger than in ci/size.txt"; exit 1 }
    }' rustc="$rustc" "$kept" - <<<"$now"
echo "no-std: decodes and encodes without std, allocator or libc"
