#!/usr/bin/env bash
# Runs mqttspec against examples/broker and our client, which have to be right in every case, and against Debian's
# mosquitto and paho-mqtt, which have to have the known deviations and no others.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source-path=SCRIPTDIR source=apt.sh
source "$root/ci/apt.sh"
cd "$root"

PATH=$PATH:/usr/sbin # mosquitto
apt_install_missing <<'TOOLS'
mosquitto mosquitto
python3 python3
TOOLS
target=${CARGO_TARGET_DIR:-$root/target}/debug
cargo build --quiet --locked --package mqttspec --features mqttspec/client --package mqtt-wire-broker

folder=$(mktemp -d "${TMPDIR:-/tmp}/mqtt-wire-mqttspec.XXXXXX")
brokers=()
clean_up() {
    kill "${brokers[@]}" 2>/dev/null || true
    wait
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

free_port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() {
    for _ in {1..100}; do
        if (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
        sleep 0.1
    done
    echo "error: no broker on port $1" >&2
    exit 1
}

ours=$(free_port)
"$target/mqtt-wire-broker" --listen "127.0.0.1:$ours" >"$folder/ours.log" &
brokers+=($!)
mosquitto=$(free_port)
printf 'listener %d 127.0.0.1\nallow_anonymous true\n' "$mosquitto" >"$folder/mosquitto.conf"
mosquitto -c "$folder/mosquitto.conf" >"$folder/mosquitto.log" 2>&1 &
brokers+=($!)
wait_for "$ours"
wait_for "$mosquitto"

# Prints only what is needed, and all of it if the broker is not as expected. A machine that was paused can leave a case
# without a verdict, so a second run decides.
check() {
    "$target/mqttspec" server "$@" >"$folder/output" || "$target/mqttspec" server "$@" >"$folder/output" ||
        { cat "$folder/output"; exit 1; }
    grep -A3 latency "$folder/output"
    sed -n '/ cases in /,$p' "$folder/output"
}
check "127.0.0.1:$ours" --strict
check "127.0.0.1:$mosquitto" --expect mqttspec/expect/mosquitto-2.0.11.txt

python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check paho-mqtt==2.2.0

check_client() {
    "$target/mqttspec" client "$@" >"$folder/output" || "$target/mqttspec" client "$@" >"$folder/output" ||
        { cat "$folder/output"; exit 1; }
    sed -n '/ cases in /,$p' "$folder/output"
}
check_client --exec "$target/mqttspec-client" --strict
check_client --exec "$folder/venv/bin/python mqttspec/clients/paho_mqtt.py" --jobs 8 \
    --expect mqttspec/expect/paho-mqtt-2.2.0.txt 3.1.1/ 5.0/
