#!/usr/bin/env bash
# Checks the licences and sources of all dependencies with cargo-deny, and then the package (package.sh). Installs
# cargo-deny if it is missing, which takes some minutes. Advisories need a network: cargo deny check advisories
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo deny --version 2>/dev/null || cargo install cargo-deny --locked
for manifest in Cargo.toml fuzz/Cargo.toml; do
    echo "cargo deny: $manifest"
    cargo deny --offline --manifest-path "$manifest" --config deny.toml check licenses bans sources
done

# The library itself depends on no crate in two versions.
twice=$(cargo tree --locked --package mqtt-wire --features serde,defmt,tokio,embedded-io-async --edges normal --duplicates)
if [ -n "$twice" ]; then
    printf 'error: the library depends on two versions of one crate:\n%s\n' "$twice" >&2
    exit 1
fi
ci/package.sh
