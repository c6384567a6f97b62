#!/usr/bin/env bash
# Checks the library on targets that a desktop toolchain does not have. Slow, so not part of .ci/run.
#
#   ci/targets.sh              compiles it for Cortex-M (32 bits, no operating system) and for eBPF
#   ci/targets.sh i686 s390x   runs its tests under qemu on 32 bits and on a big-endian machine; needs
#                              apt-get install qemu-user gcc-i686-linux-gnu gcc-s390x-linux-gnu
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=debian-rust.sh
source "$root/ci/debian-rust.sh"
cd "$root"

check() {
    debian_cargo check --locked --package mqtt-wire --lib --no-default-features "$@"
}

# Rust's std is built from source; the C library and the linker are Debian's cross packages.
run_tests() {
    local gnu=$1-linux-gnu triple=$1-unknown-linux-gnu qemu=$2 settings tool
    for tool in "$qemu" "$gnu-gcc"; do
        if ! command -v "$tool" >/dev/null; then
            echo "error: no $tool here; apt-get install qemu-user gcc-$gnu" >&2
            return 1
        fi
    done
    settings=CARGO_TARGET_$(tr a-z- A-Z_ <<<"$triple")
    export "${settings}_LINKER=$gnu-gcc" "${settings}_RUNNER=env -u LD_LIBRARY_PATH $qemu -L /usr/$gnu"
    # Optimized, with std: emulation is slow.
    CARGO_PROFILE_DEV_OPT_LEVEL=1 debian_cargo test --locked --package mqtt-wire --all-features -Zbuild-std --target "$triple"
}

[ $# != 0 ] || set -- bpfel thumbv7em
debian_rust 1.96 rust-web-src libstd-rust-web-dev-bpf
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}/targets
export RUSTC_BOOTSTRAP=1 # for -Zbuild-std

for name in "$@"; do
    case $name in
        bpfel) check --target bpfel-unknown-none ;;
        thumbv7em) check --target thumbv7em-none-eabi -Zbuild-std=core ;;
        i686) run_tests i686 qemu-i386 ;;
        s390x) run_tests s390x qemu-s390x ;;
        *) echo "error: bpfel, thumbv7em, i686 or s390x, not $name" >&2; exit 1 ;;
    esac
done
echo "targets: mqtt-wire passes on $*"
