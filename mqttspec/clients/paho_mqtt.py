#!/usr/bin/env python3
"""paho-mqtt. Install: pip install paho-mqtt. Run: mqttspec client --exec 'python3 mqttspec/clients/paho_mqtt.py'"""
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

host, port, version, scenario = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
QOS = {"publish-qos0": 0, "publish-qos1": 1, "publish-qos2": 2, "will": 0, "no-client-id": 0, "publish-burst": 1,
       "unsubscribe": 1, "reconnect-qos1": 1, "reconnect-qos2": 2, "reconnect-burst": 1}
LISTENS = ["subscribe", "ping", "limits", "reconnect-subscribe"]
if scenario not in QOS and scenario not in LISTENS:
    sys.exit(127)
protocol = {"3.1": mqtt.MQTTv31, "3.1.1": mqtt.MQTTv311, "5.0": mqtt.MQTTv5}[version]
keeps = scenario.startswith("reconnect")
session = {} if version == "5.0" else {"clean_session": not keeps}
client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, "" if scenario == "no-client-id" else "mqttspec", protocol=protocol,
                     **session)
messages = {"publish-burst": ["x" * 500] * 5, "reconnect-burst": ["x" * 500] * 5, "publish-qos1": ["1", "2"], "publish-qos2": ["1", "2"],
            "reconnect-qos1": ["1", "2"], "reconnect-qos2": ["1", "2"]}.get(scenario, ["1"])
state = {"sent": False, "open": 0, "finished": False, "reason": "connection lost"}


def publish(*_):
    is_burst = scenario.endswith("-burst")
    count = len(messages) if is_burst else 1
    for _ in range(count):
        state["open"] += 1
        client.publish("mqttspec/out", messages.pop(), QOS[scenario], retain=is_burst)


def connected(client, userdata, flags, reason, properties):
    if reason.is_failure:
        state["reason"] = str(reason)
    elif scenario in LISTENS or scenario == "unsubscribe":
        client.subscribe("#", 2)
    elif not state["sent"]:
        state["sent"] = True
        publish()


def subscribed(client, userdata, mid, codes, properties):
    if any(it.is_failure for it in codes):
        state["reason"] = str(codes)
        client.disconnect()
    elif scenario == "unsubscribe":
        client.unsubscribe("#")


def published(client, userdata, mid, reason, properties):
    state["open"] -= 1
    if reason.is_failure:
        state["reason"] = str(reason)
        client.disconnect()
    elif messages:
        publish()
    elif state["open"] == 0:
        finish()


def received(client, userdata, message):
    print(message.payload.decode(errors="replace"), flush=True)
    if message.payload == b"end":
        finish()


def finish():
    state["finished"] = True
    client.disconnect()


client.on_connect, client.on_subscribe, client.on_unsubscribe = connected, subscribed, publish
client.on_publish, client.on_message = published, received
if scenario == "will":
    client.will_set("mqttspec/will", "gone", 1, retain=True)
options = {}
if version == "5.0":
    options = {"clean_start": not keeps, "properties": Properties(PacketTypes.CONNECT)}
    if keeps:
        options["properties"].SessionExpiryInterval = 3600
    if scenario == "limits":
        for name, value in [("MaximumPacketSize", 30), ("ReceiveMaximum", 1), ("TopicAliasMaximum", 1),
                            ("RequestProblemInformation", 0)]:
            setattr(options["properties"], name, value)
client.connect(host, port, 1 if scenario == "ping" else 60, **options)
while True:
    code = client.loop(0.1)
    if code != mqtt.MQTT_ERR_SUCCESS:
        if state["finished"] or not keeps:
            break
        client.reconnect()
print(f"{mqtt.error_string(code)}: {state['reason']}", file=sys.stderr)
sys.exit(0 if state["finished"] else 3)
