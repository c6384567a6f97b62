#!/usr/bin/env bash
# Compares the public API of the published libraries with the lists in api/, so that no change of it goes unnoticed, and
# with the last release, so that the next version number is right. Installs cargo-public-api and cargo-semver-checks if
# they are missing, which takes some minutes.
#
#   ci/api.sh             fails if the API differs from the lists
#   UPDATE=1 ci/api.sh    writes the lists
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

libraries=(mqtt-wire mqtt-wire-testkit mqtt-wire-vectors)
cargo public-api --version 2>/dev/null || cargo install cargo-public-api --version '~0.52' --locked
cargo semver-checks --version 2>/dev/null || cargo install cargo-semver-checks --locked

status=0
for library in "${libraries[@]}"; do
    list=ci/api/$library.txt
    # for the unstable output of rustdoc; the compiler is the same. -sss: without impls that every type has
    api=$(RUSTC_BOOTSTRAP=1 cargo public-api --package "$library" --all-features -sss 2>/dev/null)
    if [ -n "${UPDATE:-}" ]; then
        echo "$api" >"$list"
    elif ! diff "$list" - <<<"$api"; then
        echo "error: the API of $library differs from $list; UPDATE=1 ci/api.sh writes it" >&2
        status=1
    fi
done

# The tags of releases are v0.1.0 and so on.
if release=$(git describe --tags --match 'v[0-9]*' --abbrev=0 2>/dev/null); then
    cargo semver-checks --baseline-rev "$release" "${libraries[@]/#/--package=}" || status=1
else
    echo "api: there is no release to compare with"
fi
exit $status
