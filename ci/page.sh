#!/usr/bin/env bash
# Builds mqtt-explain as one HTML file, target/page/mqtt-explain.html, and tests it in a browser. Installs what it needs.
#
#   ci/page.sh          builds and tests; screenshots are in target/page/screenshots
#   ci/page.sh build    only builds
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
source "$root/ci/debian-rust.sh"
cd "$root"

playwright=1.60.0
axe=4.14.1

out=${CARGO_TARGET_DIR:-$root/target}/page
page=$out/mqtt-explain.html
wasm=wasm32-unknown-unknown

# With Debian's Rust and a std that is built here for size. A panic is a trap without a message.
build_module() {
    debian_rust 1.96 rust-web-src
    local linker
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker RUSTC_BOOTSTRAP=1 \
        RUSTFLAGS='-Zunstable-options -Cpanic=immediate-abort -Zlocation-detail=none' \
        debian_cargo build --locked --profile page --package mqtt-explain-page --target "$wasm" --target-dir "$out" \
        -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
    wasm-opt -Oz "$out/$wasm/page/mqtt_explain_page.wasm" -o "$out/module.wasm"
    zopfli --i15 "$out/module.wasm"
}

mkdir -p "$out/screenshots"
apt_install_missing <<'TOOLS'
node nodejs
wasm-opt binaryen
zopfli zopfli
TOOLS
build_module
node explain/page/build.mjs "$out/module.wasm.gz" "$page"
echo "built $page, $(stat --format=%s "$page") bytes"
[ "${1:-}" != build ] || exit 0

apt_install_missing <<'TOOLS'
npm npm
chromium chromium
TOOLS
packages=("playwright-core@$playwright" "axe-core@$axe")
if [ "$(cat "$out/.packages" 2>/dev/null)" != "${packages[*]}" ]; then
    npm install --silent --no-audit --no-fund --prefix "$out" "${packages[@]}"
    echo "${packages[*]}" >"$out/.packages"
fi
cargo build --quiet --locked --package mqtt-explain
NODE_MODULES=$out node explain/page/test.mjs "$page" "${CARGO_TARGET_DIR:-$root/target}/debug/mqtt-explain" "$out/screenshots"
