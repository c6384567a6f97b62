#!/usr/bin/env bash
# Prints which lines of src/ no test of the library runs, and fails if more than 1 in 100 is missing. Test modules do not
# count, and documentation tests do not run. Installs cargo-llvm-cov and LLVM's tools if they are missing.
# coverage.md has the latest figures.
#
#   ci/coverage.sh            the figure, and the lines that are missing
#   ci/coverage.sh --files    also the figure of each file
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$root/ci/apt.sh"
cd "$root"

# rustup must not fetch a toolchain or component unasked
export RUSTUP_AUTO_INSTALL=0 RUSTUP_DIST_SERVER=http://127.0.0.1:9 CARGO_LLVM_COV_SETUP=no
cargo llvm-cov --version 2>/dev/null || cargo install cargo-llvm-cov --locked

# The toolchain's own tools, or Debian's of the same LLVM.
host=$(rustc --version --verbose | awk '$1 == "host:" { print $2 }')
if [ ! -x "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" ]; then
    llvm=$(rustc --version --verbose | awk '$1 == "LLVM" { split($3, version, "."); print version[1] }')
    apt_install_missing <<<"llvm-profdata-$llvm llvm-$llvm"
    LLVM_COV=$(command -v "llvm-cov-$llvm") LLVM_PROFDATA=$(command -v "llvm-profdata-$llvm")
    export LLVM_COV LLVM_PROFDATA
fi

report=$(mktemp "${TMPDIR:-/tmp}/mqtt-wire-coverage.XXXXXX")
trap 'rm "$report"' EXIT
cargo llvm-cov --locked --package mqtt-wire --all-features --lib --tests --lcov --output-path "$report"
ci/check.sh coverage "$report" "$@"
