#!/usr/bin/env python3
"""gmqtt. Install: pip install gmqtt. Run: mqttspec client --exec 'python3 mqttspec/clients/gmqtt_client.py'"""
import asyncio
import sys

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311

host, port, version, scenario = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
QOS = {"publish-qos0": 0, "publish-qos1": 1, "publish-qos2": 2, "publish-burst": 1, "will": 0, "unsubscribe": 1,
       "no-client-id": 0}
LISTENS = ["subscribe", "ping", "limits"]
if version == "3.1" or scenario not in QOS and scenario not in LISTENS:
    sys.exit(127)


async def main():
    ended = asyncio.get_running_loop().create_future()

    def end(status):
        if not ended.done():
            ended.set_result(status)

    properties = {}
    if scenario == "limits":
        properties = {"maximum_packet_size": 30, "receive_maximum": 1, "topic_alias_maximum": 1,
                      "request_problem_information": 0}
    will = gmqtt.Message("mqttspec/will", "gone", qos=1, retain=True) if scenario == "will" else None
    client_id = "" if scenario == "no-client-id" else "mqttspec"
    client = gmqtt.Client(client_id, clean_session=True, will_message=will, **properties)
    client.set_config({"reconnect_retries": 0})
    steps = asyncio.Queue()

    def received(client, topic, payload, qos, properties):
        print(payload.decode(errors="replace"), flush=True)
        if payload == b"end":
            end(0)
        return 0

    client.on_message = received
    client.on_subscribe = lambda client, mid, qos, properties: steps.put_nowait("subscribed")
    client.on_unsubscribe = lambda *_: steps.put_nowait("unsubscribed")
    client.on_disconnect = lambda client, packet, exc=None: end(3)
    try:
        await client.connect(host, port, keepalive=1 if scenario == "ping" else 60,
                             version=MQTTv50 if version == "5.0" else MQTTv311)
    except (gmqtt.mqtt.handler.MQTTConnectError, ConnectionError) as error:
        print(error, file=sys.stderr)
        return 3

    async def play():
        if scenario in LISTENS or scenario == "unsubscribe":
            client.subscribe("#", qos=2)
            await steps.get()
        if scenario in LISTENS:
            return
        if scenario == "unsubscribe":
            client.unsubscribe("#")
            await steps.get()
        burst = scenario == "publish-burst"
        payloads = ["x" * 500] * 5 if burst else ["1", "2"] if scenario in ("publish-qos1", "publish-qos2") else ["1"]
        for payload in payloads:
            client.publish("mqttspec/out", payload, qos=QOS[scenario], retain=burst)
            if QOS[scenario] and not burst:
                await client._persistent_storage.wait_empty()
        if QOS[scenario]:
            await client._persistent_storage.wait_empty()
        end(0)

    task = asyncio.create_task(play())
    status = await ended
    task.cancel()
    if status == 0:
        await client.disconnect()
    return status


sys.exit(asyncio.run(main()))
