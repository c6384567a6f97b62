#!/usr/bin/env bash
# Proves that framing, decoding, encoding, the monitor and the texts of errors cannot panic: links a program whose panic
# handler calls a function that does not exist. The linker misses it unless the compiler has proved that every panic in
# ci/no-std/src/no_panic.rs and in the library below it is unreachable.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

target=x86_64-unknown-linux-gnu
unset CARGO_ENCODED_RUSTFLAGS
export RUSTFLAGS='-Clink-arg=-nostartfiles -Clink-arg=-nostdlib -Clink-arg=-static -Crelocation-model=static'
link() {
    cargo build --locked --profile no-panic --bin no-panic --manifest-path "$root/ci/no-std/Cargo.toml" \
        --target $target --target-dir "${CARGO_TARGET_DIR:-$root/target}/no-std" "$@"
}

# The proof is worth something only if one byte of carelessness undoes it.
if careless=$(link --features careless 2>&1) || [[ $careless != *a_panic_is_reachable* ]]; then
    printf '%s\nerror: the program links although it indexes, or does not link for another reason\n' "$careless" >&2
    exit 1
fi
if ! link; then
    echo "error: a panic has become reachable; objdump -d of the program, linked with" >&2
    echo "-Clink-arg=-Wl,--unresolved-symbols=ignore-all, shows what calls core::panicking" >&2
    exit 1
fi
echo "no-panic: no panic is reachable in framing, decoding, encoding, the monitor and the texts of errors"
