#!/usr/bin/env bash
# Proves that codec, broker and client work with the programs that people use: examples/will_broker.rs and Debian's
# mosquitto serve mosquitto_sub, examples/client.rs, paho-mqtt, MQTT.js and rumqttc, which are killed and must leave
# their Will. Installs what it needs; what it starts and writes is gone when it ends.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

paho=2.2.0
mqttjs=5.16.0

install_programs() {
    local missing=() command package
    while read -r command package; do
        command -v "$command" >/dev/null || [ -x "/usr/sbin/$command" ] || missing+=("$package")
    done <<'TOOLS'
mosquitto mosquitto
mosquitto_sub mosquitto-clients
python3 python3
stdbuf coreutils
node nodejs
npm npm
TOOLS
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    [ ${#missing[@]} = 0 ] && return
    local as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update --quiet=2 || echo "note: some package lists are old"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet=2 --no-install-recommends "${missing[@]}"
}

folder=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-interop.XXXXXX")
checks=
clean_up() {
    # it ends what it has started
    [ -z "$checks" ] || { kill "$checks" 2>/dev/null && wait "$checks"; } || true
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

install_programs
PATH=$PATH:/usr/sbin
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "paho-mqtt==$paho"
npm install --silent --no-audit --no-fund --cache "$folder/npm" --prefix "$folder" "mqtt@$mqttjs"

target=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --locked --package mqtt-wire --features tokio --examples
cargo build --quiet --locked --manifest-path ci/interop/Cargo.toml --target-dir "$target/interop"

{ mosquitto -h || true; mosquitto_sub --help || true; } | grep '^mosquitto.* version '
echo "paho-mqtt $paho on $("$folder/venv/bin/python" --version)"
echo "MQTT.js $mqttjs on node $(node --version)"
echo "rumqttc $(sed -n '/^name = "rumqttc"/{n;s/version = "\(.*\)"/\1/p}' ci/interop/Cargo.lock)"

python3 ci/interop/run.py --examples "$target/debug/examples" --rumqttc "$target/interop/debug/interop" \
    --python "$folder/venv/bin/python" --node-modules "$folder/node_modules" &
checks=$!
wait $checks
checks=
