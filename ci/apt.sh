# shellcheck shell=bash
# The one place that starts apt-get to install something. Sourced by ../.ci/run and by the scripts here.

apt_get() {
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get --quiet=2 "$@"
}

# Old package lists are no error: they may still name what is needed.
apt_update() {
    apt_get update || echo "note: some package lists are old" >&2
}

# apt_install PACKAGE...
apt_install() {
    apt_update
    apt_get install --yes --no-install-recommends "$@"
}

# Reads lines of a command, or of a file's full path, and the package that has it. Installs what is missing.
apt_install_missing() {
    local missing=() wanted package
    while read -r wanted package; do
        command -v "$wanted" >/dev/null || [ -e "$wanted" ] || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] || apt_install "${missing[@]}"
}
