#!/usr/bin/env bash
# Tells which lines of src/ the tests of the library run, and fails if fewer than 99 of 100 are. Test modules do not
# count, and documentation tests do not run. Installs cargo-llvm-cov and LLVM's tools if they are missing.
#
#   ci/coverage.sh            the figure, and the lines that are missing
#   ci/coverage.sh --files    the figure of each file too
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# rustup must not fetch a toolchain or component behind our back
export RUSTUP_AUTO_INSTALL=0 RUSTUP_DIST_SERVER=http://127.0.0.1:9 CARGO_LLVM_COV_SETUP=no
cargo llvm-cov --version 2>/dev/null || cargo install cargo-llvm-cov --locked

# The toolchain's own tools, or Debian's of the same LLVM.
host=$(rustc --version --verbose | awk '$1 == "host:" { print $2 }')
if [ ! -x "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" ]; then
    llvm=$(rustc --version --verbose | awk '$1 == "LLVM" { split($3, version, "."); print version[1] }')
    if ! command -v "llvm-profdata-$llvm" >/dev/null; then
        as_root=()
        [ "$(id -u)" = 0 ] || as_root=(sudo)
        "${as_root[@]}" apt-get update --quiet=2 || echo "note: some package lists are old" >&2
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "llvm-$llvm"
    fi
    LLVM_COV=$(command -v "llvm-cov-$llvm") LLVM_PROFDATA=$(command -v "llvm-profdata-$llvm")
    export LLVM_COV LLVM_PROFDATA
fi

report=$(mktemp "${TMPDIR:-/tmp}/mqtt-wire-coverage.XXXXXX")
trap 'rm "$report"' EXIT
cargo llvm-cov --locked --package mqtt-wire --all-features --lib --tests --lcov --output-path "$report"

python3 - "$report" "$@" <<'PYTHON'
import pathlib
import re
import sys

AT_LEAST = 99.0
root = pathlib.Path.cwd()
counts, path = {}, None
for line in open(sys.argv[1]):
    if line.startswith("SF:"):
        path = pathlib.Path(line[3:].strip()).relative_to(root)
    elif line.startswith("DA:") and path.parts[0] == "src":
        number, count = (int(value) for value in line[3:].split(",")[:2])
        counts.setdefault(path, {})[number] = count

run = all_lines = 0
for path, lines in sorted(counts.items()):
    text = path.read_text()
    tests = re.search(r"^#\[cfg\(test\)\]\nmod ", text, re.MULTILINE)
    end = text.count("\n", 0, tests.start()) + 1 if tests else len(text)
    judged = {number: count for number, count in lines.items() if number < end}
    missing = sorted(number for number, count in judged.items() if count == 0)
    run += len(judged) - len(missing)
    all_lines += len(judged)
    if judged and (missing or "--files" in sys.argv):
        share = 100 - 100 * len(missing) / len(judged)
        print(f"{share:6.2f} %  {len(judged):5}  {path}")
    for number in missing:
        print(f"                 {number:5}: {text.splitlines()[number - 1].strip()}")

share = 100 * run / all_lines
print(f"coverage: {share:.2f} % of {all_lines} lines of src/, {all_lines - run} are missing")
if share < AT_LEAST:
    sys.exit(f"error: this is less than {AT_LEAST} %")
PYTHON
