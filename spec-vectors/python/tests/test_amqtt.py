import asyncio
from pathlib import Path

from amqtt.adapters import BufferReader
from amqtt.mqtt import MQTTFixedHeader, packet_class
from mqtt_vectors import parametrize

KNOWN_FAILURES = Path(__file__).with_name("amqtt-known-failures.txt").read_text().splitlines()


async def decode(reader):
    header = await MQTTFixedHeader.from_stream(reader)
    return await packet_class(header).from_stream(reader, fixed_header=header)


@parametrize(KNOWN_FAILURES, only=lambda packet: packet.version == "3.1.1")
def test_verdict(packet):
    try:
        accepts = asyncio.run(decode(BufferReader(packet.wire))) is not None
    except Exception:
        accepts = False
    assert accepts == packet.is_valid
