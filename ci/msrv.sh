#!/usr/bin/env bash
# Proves the MSRV: with the Rust that Cargo.toml names as rust-version, the published packages build and the
# library's tests pass.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
source "$root/ci/debian-rust.sh"
cd "$root"

msrv=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*"/\1/p' Cargo.toml)
debian_rust "$msrv"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/msrv

debian_cargo check --locked --package mqtt-wire --package mqtt-wire-testkit --package mqtt-wire-vectors \
    --package mqtt-explain --package mqttspec --all-features
debian_cargo test --locked --package mqtt-wire --all-features
echo "msrv: mqtt-wire, mqtt-wire-testkit, mqtt-wire-vectors, mqtt-explain and mqttspec build, and mqtt-wire passes its tests, with $(debian_cargo --version | cut -d' ' -f1,2), all features"
