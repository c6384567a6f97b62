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
build=(build --locked --profile page --package mqtt-explain-page --target "$wasm" --target-dir "$out")

# With this Rust if it has the target, else with Debian's and a std that is built here.
build_module() {
    if [ -d "$(rustc --print target-libdir --target "$wasm")" ]; then
        cargo "${build[@]}"
        return
    fi
    debian_rust 1.96 rust-web-src
    local linker
    linker=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin/rust-lld
    CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker RUSTC_BOOTSTRAP=1 \
        debian_cargo "${build[@]}" -Zbuild-std=std,panic_abort
}

mkdir -p "$out/screenshots"
apt_install_missing <<'TOOLS'
node nodejs
TOOLS
build_module
node explain/page/build.mjs "$out/$wasm/page/mqtt_explain_page.wasm" "$page"
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
