#!/usr/bin/env bash
# Checks what is depended on and what is published: the licences and sources of all dependencies by cargo-deny, which it
# installs if it is missing (some minutes), and what ci/package.sh checks. Advisories need a network: cargo deny check advisories
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo deny --version 2>/dev/null || cargo install cargo-deny --locked
for manifest in Cargo.toml fuzz/Cargo.toml; do
    echo "cargo deny: $manifest"
    cargo deny --offline --manifest-path "$manifest" --config deny.toml check licenses bans sources
done

# The library alone, without what is for tests, brings nothing twice.
twice=$(cargo tree --locked --package mqtt-wire --features serde,defmt,tokio,embedded-io-async --edges normal --duplicates)
if [ -n "$twice" ]; then
    printf 'error: the library brings two versions of one crate:\n%s\n' "$twice" >&2
    exit 1
fi
ci/package.sh
