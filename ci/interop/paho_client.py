"""A client on paho-mqtt with the command line of examples/client.rs."""

import argparse
import signal
import sys

import paho.mqtt.client as mqtt

VERSIONS = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}

parser = argparse.ArgumentParser()
parser.add_argument("address")
parser.add_argument("--id")
parser.add_argument("--version", choices=VERSIONS)
parser.add_argument("--qos", type=int)
parser.add_argument("--retain", action="store_true")
parser.add_argument("--will", nargs=2)
parser.add_argument("--pub", nargs=2, action="append", default=[])
parser.add_argument("--sub", action="append", default=[])
options = parser.parse_args()
host, port = options.address.split(":")


def on_connect(client, userdata, flags, reason_code, properties):
    if reason_code.is_failure:
        sys.exit(f"refused: {reason_code}")
    for topic, message in options.pub:
        client.publish(topic, message, options.qos, options.retain)
    for topic_filter in options.sub:
        client.subscribe(topic_filter, options.qos)


def on_subscribe(client, userdata, mid, reason_codes, properties):
    print("subscribed", flush=True)


def on_message(client, userdata, message):
    print(message.topic, message.payload.decode(), flush=True)


client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, options.id, protocol=VERSIONS[options.version])
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
if options.will:
    client.will_set(*options.will, options.qos, options.retain)
signal.signal(signal.SIGINT, lambda *_: client.disconnect())
client.connect(host, int(port), keepalive=30)
client.loop_forever(retry_first_connection=False)
