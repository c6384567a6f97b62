#!/usr/bin/env bash
# Proves that the library works with core alone: links a program without std, allocator and libc, and runs it.
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
cargo build --locked --release --bin no-std --manifest-path "$root/ci/no-std/Cargo.toml" --target $target --target-dir "$target_dir"
program=$target_dir/$target/release/no-std

undefined=$(nm --undefined-only "$program")
hosted=$(nm --demangle "$program" | grep -E '\b(std|alloc)::|__(rust|rg|rdl)_|malloc|calloc|realloc' || true)
if [ -n "$undefined$hosted" ]; then
    printf 'error: symbols that core alone does not have:\n%s\n' "$undefined$hosted" >&2
    exit 1
fi

status=0
"$program" || status=$?
if [ $status != 0 ]; then
    echo "error: ci/no-std/src/round_trip.rs, sample $status of the list fails (101: a panic)" >&2
    exit 1
fi
status=0
"$program" spoilt || status=$?
if [ $status != 1 ]; then
    echo "error: with its samples spoilt the program exits with $status instead of 1: it compares nothing" >&2
    exit 1
fi

text=$(size --format=sysv "$program" | awk '$1 == ".text" { print $2 }')
echo "no-std: decodes and encodes without std, allocator or libc; $text bytes of code (.text, release)"
