#!/usr/bin/env bash
# Proves that the published packages hold the files that users need, the library no others, that they build by
# themselves, and with the oldest dependencies that Cargo.toml allows.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
target_dir=${CARGO_TARGET_DIR:-$root/target}/package
work=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-package.XXXXXX")
trap 'rm -r "$work"' EXIT

# The sources, licences and documents, and what Cargo adds.
{
    git ls-files src README.md CHANGELOG.md 'LICENSE-*' Cargo.toml
    printf '%s\n' .cargo_vcs_info.json Cargo.lock Cargo.toml.orig
} | LC_ALL=C sort >"$work/expected"
cargo package --quiet --locked --allow-dirty --list --package mqtt-wire | LC_ALL=C sort >"$work/packed"
diff "$work/expected" "$work/packed" || { echo "error: the package lacks files marked <, and should not have files marked >" >&2; exit 1; }
# all vectors
git ls-files 'spec-vectors/*/*/*.json' | sed 's|^spec-vectors/||' | LC_ALL=C sort >"$work/expected"
cargo package --quiet --locked --allow-dirty --list --package mqtt-wire-vectors | grep '/.*\.json$' | LC_ALL=C sort >"$work/vectors"
diff "$work/expected" "$work/vectors" || { echo "error: the package of the vectors lacks files marked <" >&2; exit 1; }
cargo package --quiet --locked --allow-dirty --package mqtt-wire --package mqtt-wire-testkit --package mqtt-wire-vectors \
    --package mqtt-explain --package mqttspec --target-dir "$target_dir"

# The three libraries alone: the other members and the tests may need later versions.
git ls-files -z src README.md Cargo.toml testkit spec-vectors explain mqttspec ':!mqttspec/results' |
    xargs -0 cp --parents --target-directory="$work"
cd "$work"
sed -i -e '/^\[dev-dependencies\]/,$d' -e '/^members = \[$/,/^\]$/c members = ["testkit", "spec-vectors"]' \
    -e 's/^exclude = .*/exclude = ["explain", "mqttspec"]/' {,testkit/,spec-vectors/,explain/,mqttspec/}Cargo.toml
export RUSTC_BOOTSTRAP=1 # for -Z; the compiler is the same
cargo update --quiet -Z direct-minimal-versions
cargo tree --workspace --all-features --edges normal --depth 1 --prefix none
for features in "" bytes serde defmt tokio embedded-io-async; do
    cargo check --quiet --lib --no-default-features --features "$features" --target-dir "$target_dir"
done
cargo check --quiet --workspace --lib --all-features --target-dir "$target_dir"
# The two programs in a workspace of their own, so that the libraries are dependencies like all others.
mkdir programs
{
    printf '[workspace]\nmembers = ["../explain", "../mqttspec"]\nresolver = "3"\n\n'
    sed -n '/^\[workspace.package\]/,/^$/p' Cargo.toml
} >programs/Cargo.toml
sed -i 's|^\[package\]$|&\nworkspace = "../programs"|' {explain,mqttspec}/Cargo.toml
cd programs
cargo update --quiet -Z direct-minimal-versions
cargo tree --workspace --all-features --edges normal --depth 1 --prefix none
cargo check --quiet --workspace --all-features --target-dir "$target_dir"
echo "package: $(wc -l <"$work/packed") files; builds by itself, and with the oldest allowed dependencies"
