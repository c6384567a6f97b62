# shellcheck shell=bash
# Rust toolchains from Debian's packages, unpacked into a folder and never installed. They bring the MSRV and targets
# that the host's toolchain does not have. Sourced by the scripts here, which set $root.
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

# debian_rust VERSION PACKAGE... unpacks VERSION (such as 1.85) of rustc-web, of cargo-web and of the named packages
# (built from the same source), with what they depend on, into $DEBIAN_RUST. The folder is kept for the next time.
debian_rust() {
    local version=$1
    shift
    local packages=("rustc-web" "cargo-web" "libstd-rust-web-dev" "libstd-rust-web-$version" "$@")
    DEBIAN_RUST=${DEBIAN_RUST_CACHE:-$root/target/debian-rust}/$version
    local stamp=$DEBIAN_RUST/.packages
    [ "$(cat "$stamp" 2>/dev/null)" = "${packages[*]}" ] || fetch_debian_rust "$version" "${packages[@]}"
}

fetch_debian_rust() {
    local version=$1 full
    shift
    if ! command -v apt-get >/dev/null; then
        echo "error: this needs Debian's packages of Rust $version, and there is no apt-get here" >&2
        return 1
    fi
    # The package lists of a machine image may name files that the archive has replaced since.
    if [ "$(id -u)" = 0 ]; then apt_update; fi
    full=$(apt-cache madison rustc-web | awk -v prefix="$version." 'index($3, prefix) == 1 && !found++ { print $3 }')
    if [ -z "$full" ]; then
        echo "error: apt knows no rustc-web $version (apt-get update may help)" >&2
        return 1
    fi
    rm -rf "$DEBIAN_RUST"
    mkdir -p "$DEBIAN_RUST/debs"
    # The Rust packages by their full version, and the packages that apt would install with them on this machine.
    local wanted=("${@/%/=$full}") libraries
    libraries=$(apt-get install --simulate --no-install-recommends "${wanted[@]}" | awk '$1 == "Inst" { print $2 }')
    local package
    for package in $libraries; do
        [[ " $* " == *" $package "* ]] || wanted+=("$package")
    done
    (
        cd "$DEBIAN_RUST/debs" || exit
        apt-get download --quiet=2 -o APT::Sandbox::User=root "${wanted[@]}"
        for package in *.deb; do dpkg -x "$package" "$DEBIAN_RUST"; done
    )
    rm -r "$DEBIAN_RUST/debs"
    debian_cargo --version --verbose >/dev/null # fails, and so leaves no stamp, if a library is missing
    echo "$*" >"$DEBIAN_RUST/.packages"
    echo "unpacked ${wanted[*]} into $DEBIAN_RUST"
}

# debian_cargo ARGUMENT... runs that toolchain's cargo.
debian_cargo() {
    local bin=$DEBIAN_RUST/usr/bin libraries=lib/x86_64-linux-gnu
    LD_LIBRARY_PATH=$DEBIAN_RUST/usr/$libraries:$DEBIAN_RUST/$libraries PATH=$bin:$PATH RUSTC=$bin/rustc RUSTDOC=$bin/rustdoc "$bin/cargo" "$@"
}
