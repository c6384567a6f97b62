#!/bin/sh
# mosquitto_pub and mosquitto_sub. Install: apt-get install mosquitto-clients.
# Run: mqttspec client --exec mqttspec/clients/mosquitto.sh
# mosquitto_pub does not wait for an answer between two messages, so the scenarios with two are missing.
# shellcheck disable=SC2086 # lists of words
set -f # no files for #
case $3 in 3.1) version=mqttv31 ;; 3.1.1) version=mqttv311 ;; *) version=mqttv5 ;; esac
common="-h $1 -p $2 -V $version -i mqttspec"
limits="-D connect maximum-packet-size 30 -D connect receive-maximum 1"
limits="$limits -D connect request-problem-information 0"
large=$(printf '%500s' '' | tr ' ' x)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The exit status of mosquitto's programs may be a Reason Code. No case sends 134 = 0x86, so that is SIGABRT.
end() { if [ "$1" = 0 ] || [ "$1" = 134 ]; then exit "$1"; else exit 3; fi; }

publish() {
    mosquitto_pub $common -t mqttspec/out "$@"
    end $?
}

subscribe() {
    mkfifo "$folder/lines"
    mosquitto_sub $common -t '#' -q 2 "$@" >"$folder/lines" &
    while read -r line && echo "$line" && [ "$line" != end ]; do :; done <"$folder/lines"
    if [ "$line" = end ]; then kill $!; fi
    wait $!
    end $?
}

case $4 in
    publish-qos0) publish -m 1 ;;
    publish-burst) yes "$large" | head -n 5 | publish -l -q 1 -r ;;
    will) publish -m 1 --will-topic mqttspec/will --will-payload gone --will-qos 1 --will-retain ;;
    subscribe) subscribe ;;
    ping) subscribe -k 5 ;;
    limits) subscribe $limits ;;
    *) exit 127 ;;
esac
