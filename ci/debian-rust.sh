# shellcheck shell=bash
# Rust toolchains out of Debian's packages, unpacked into a folder and never installed: they bring the
# MSRV and targets that a machine with only the host's toolchain cannot show. Sourced by the scripts here.

# debian_rust VERSION PACKAGE... puts VERSION (such as 1.85) of rustc-web and cargo-web and of the named
# packages (built from the same source), with all they need, into $DEBIAN_RUST and leaves it there for the next time.
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
    # A machine image's package lists may name files that the archive has replaced since.
    if [ "$(id -u)" = 0 ]; then apt-get update --quiet=2 || echo "note: some package lists are old" >&2; fi
    full=$(apt-cache madison rustc-web | awk -v prefix="$version." 'index($3, prefix) == 1 && !found++ { print $3 }')
    if [ -z "$full" ]; then
        echo "error: apt knows no rustc-web $version (apt-get update may help)" >&2
        return 1
    fi
    rm -rf "$DEBIAN_RUST"
    mkdir -p "$DEBIAN_RUST/debs"
    # The Rust packages by their full version; what else they need, by apt's own list of what this machine lacks.
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

# debian_cargo ARGUMENT... is that toolchain's cargo.
debian_cargo() {
    local bin=$DEBIAN_RUST/usr/bin libraries=lib/x86_64-linux-gnu
    LD_LIBRARY_PATH=$DEBIAN_RUST/usr/$libraries:$DEBIAN_RUST/$libraries PATH=$bin:$PATH RUSTC=$bin/rustc RUSTDOC=$bin/rustdoc "$bin/cargo" "$@"
}
