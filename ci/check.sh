#!/usr/bin/env bash
# Builds and runs one of the checks that are Rust programs (Cargo.toml). Needs valgrind and binutils.
#
#   ci/check.sh small-scope     every short input, in each dialect, with overflow checks
#   ci/check.sh growth          ten times the input takes at most eleven times the instructions
#   ci/check.sh instructions    the instructions of each packet, compared with baselines/instructions.txt
#   ci/check.sh no-std          a program with core alone links, runs and stays small: baselines/no-std.txt
#   ci/check.sh no-panic        a program that could panic would not link
#
# A figure more than 3 % above its baseline fails. `ci/check.sh instructions --update` and `ci/check.sh no-std --update`
# write new baselines.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Compiler settings come from Cargo.toml alone, so that counts repeat.
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
export CARGO_INCREMENTAL=0
settings=(--quiet --locked --manifest-path "$root/ci/Cargo.toml" --target-dir "${CARGO_TARGET_DIR:-$root/target}/ci")

if [ "${1:-}" = small-scope ]; then
    exec cargo run "${settings[@]}" --profile small-scope --bin small-scope
fi
exec cargo run "${settings[@]}" --release --bin checks -- "$@"
