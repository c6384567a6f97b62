#!/usr/bin/env bash
# Proves that codec, broker and client work with widely used programs: examples/broker and Debian's mosquitto serve
# mosquitto_sub, examples/client, paho-mqtt, MQTT.js and rumqttc. The clients are killed and must leave their Will.
# mosquitto_sub and MQTT.js use examples/broker over TLS too, and MQTT.js over WebSocket, with TLS and without.
# examples/websocket serves MQTT.js over WebSocket too. The proxy of mqtt-explain is between clients and mosquitto, over
# TCP, TLS and WebSocket.
# Installs what it needs. At the end it stops everything that it started and removes its files.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$root/ci/apt.sh"
cd "$root"

paho=2.2.0
mqttjs=5.16.0

folder=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-interop.XXXXXX")
checks=
clean_up() {
    # run.py stops what it started
    [ -z "$checks" ] || { kill "$checks" 2>/dev/null && wait "$checks"; } || true
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

PATH=$PATH:/usr/sbin # mosquitto
apt_install_missing <<'TOOLS'
mosquitto mosquitto
mosquitto_sub mosquitto-clients
python3 python3
stdbuf coreutils
node nodejs
npm npm
openssl openssl
TOOLS
python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "paho-mqtt==$paho"
npm install --silent --no-audit --no-fund --cache "$folder/npm" --prefix "$folder" "mqtt@$mqttjs"

target=${CARGO_TARGET_DIR:-$root/target}
cargo build --quiet --locked --package mqtt-wire --features tokio --example client
cargo build --quiet --locked --package mqtt-wire-broker
cargo build --quiet --locked --package mqtt-explain
cargo build --quiet --locked --package websocket --bin ws-server
cargo build --quiet --locked --manifest-path ci/Cargo.toml --no-default-features --features rumqttc \
    --bin rumqttc-client --target-dir "$target/ci"

{ mosquitto -h || true; mosquitto_sub --help || true; } | grep '^mosquitto.* version '
echo "paho-mqtt $paho on $("$folder/venv/bin/python" --version)"
echo "MQTT.js $mqttjs on node $(node --version)"
echo "rumqttc $(sed -n '/^name = "rumqttc"/{n;s/version = "\(.*\)"/\1/p}' ci/Cargo.lock)"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost -keyout "$folder/key.pem" -out "$folder/certificate.pem"

python3 ci/interop/run.py --broker "$target/debug/mqtt-wire-broker" --client "$target/debug/examples/client" \
    --ws-server "$target/debug/ws-server" --explain "$target/debug/mqtt-explain" \
    --certificate "$folder/certificate.pem" --key "$folder/key.pem" --rumqttc "$target/ci/debug/rumqttc-client" \
    --python "$folder/venv/bin/python" --node-modules "$folder/node_modules" &
checks=$!
wait $checks
checks=
