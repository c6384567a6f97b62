#!/usr/bin/env bash
# Proves the claims in ../PROOFS.md: about the compiled library by symbolic execution, about the monitor and Wills by
# searching all states. Planted faults show that each proof can fail. Installs what it needs below the target folder.
#
#   ci/proofs.sh --quick        what the gate proves
#   ci/proofs.sh                everything, with every sequence of four bytes in the check of text
#   ci/proofs.sh --search       only the monitor and Wills
#   ci/proofs.sh --only PUBACK  the claims about the compiled library with this word in their names
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$root/ci/apt.sh"

search() {
    cargo run --quiet --locked --release --manifest-path "$root/ci/search/Cargo.toml" \
        --target-dir "${CARGO_TARGET_DIR:-$root/target}/search"
}

if [ "$*" = --search ]; then
    search
    exit
fi

apt_install_missing <<'TOOLS'
cc gcc
python3 python3
TOOLS
target=${CARGO_TARGET_DIR:-$root/target}/proofs
venv=$target/venv
# python3 may lack the module that installs pip
if ! cmp --quiet "$root/ci/proofs/requirements.txt" "$venv/requirements.txt"; then
    python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$root/ci/proofs/requirements.txt"
    cp "$root/ci/proofs/requirements.txt" "$venv/requirements.txt"
fi

PYTHONDONTWRITEBYTECODE=1 "$venv/bin/python" "$root/ci/proofs/prove.py" "$@" "$target"
case "$*" in "" | --quick) search ;; esac
if [ $# = 0 ]; then
    # about the check of text: it agrees with the standard library, natively
    cd "$root"
    cargo test --quiet --release --lib -- --ignored all_sequences
fi
