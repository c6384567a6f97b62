#!/usr/bin/env bash
# Proves that the Python wheel of spec-vectors/ can be built, that it holds all vectors, and that the example of its
# README runs: a codec from PyPI inside pytest.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$root/ci/apt.sh"

amqtt=0.12.1

apt_install_missing <<<'python3 python3'
python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
folder=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-wheel.XXXXXX")
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip=("$folder/venv/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" wheel --no-deps --wheel-dir "$folder" "$root/spec-vectors/python"
"${pip[@]}" install "$folder"/mqtt_vectors-*.whl pytest "amqtt==$amqtt"
stat -c 'wheel: %s bytes' "$folder"/*.whl
# not from the repository: the wheel has to be enough
cd "$folder"
"$folder/venv/bin/python" -m pytest --quiet -p no:cacheprovider "$root/spec-vectors/python/tests"
