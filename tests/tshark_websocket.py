#!/usr/bin/env python3
"""Compares the packets that mqtt-explain reads over WebSocket with those of tshark.

    python3 tests/tshark_websocket.py -- PROGRAM [ARGUMENT...]

PROGRAM is `mqtt-explain`. The captures are those of its tests, and one that this script makes: the
recorded streams over WebSocket, in frames and segments of many sizes, with fragments and pings. tshark
takes the frames apart. Then it decodes the packets, as in tshark.py: it knows MQTT over TCP only.
"""
import json
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict

from tshark import EXPLAINED, ROOT, differences, dissect, streams, write_capture

REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"
)
CONTINUATION, BINARY, PING, FINAL = 0, 2, 9, 0x80


def frame(choose, sender, first, payload):
    mask = choose.randbytes(4) if sender == "client" else b""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    elif size < 1 << 16:
        length = bytes([126]) + size.to_bytes(2, "big")
    else:
        length = bytes([127]) + size.to_bytes(8, "big")
    head = bytes([first, length[0] | (0x80 if mask else 0)]) + length[1:] + mask
    return head + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else head + payload


def frames(choose, sender, data):
    """The data in frames of many sizes, and whether each of them is a fragment."""
    most = choose.choice([3, 20, 1000, 1 << 17])
    is_open = False
    while data:
        size = choose.randint(1, most)
        part, data = data[:size], data[size:]
        opcode = CONTINUATION if is_open else BINARY
        # the last message has to end
        is_open = bool(data) and choose.random() < 0.2
        is_fragment = is_open or opcode == CONTINUATION
        yield frame(choose, sender, opcode | (0 if is_open else FINAL), part), is_fragment
        if choose.random() < 0.1:
            yield frame(choose, sender, PING | FINAL, b"ping"), False


def over_websocket(choose, connections):
    """The same connections with HTTP and frames in front of each part."""
    for name, version, parts in connections:
        wrapped = [("client", REQUEST), ("server", RESPONSE)]
        for sender, data in parts:
            segment = b""
            for part, is_fragment in frames(choose, sender, data):
                segment += part
                # tshark 4.0 loses one of two fragments in a segment
                if is_fragment or choose.random() < 0.4:
                    wrapped.append((sender, segment))
                    segment = b""
            wrapped.append((sender, segment))
        yield name, version, [(sender, data) for sender, data in wrapped if data]


def unwrap(path, port):
    """The bytes of MQTT that tshark finds in the frames, as connections of `dissect`, by their streams."""
    names = ["tcp.stream", "tcp.srcport", "data.data"]
    command = ["tshark", "-r", path, "-d", f"tcp.port=={port},http", "-Y", "websocket", "-T", "fields"]
    command += [word for name in names for word in ("-e", name)]
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    parts = defaultdict(list)
    for line in output.decode().splitlines():
        stream, source, data = line.split("\t")
        sender = "server" if int(source) == port else "client"
        parts[int(stream)].append((sender, bytes.fromhex(data.replace(",", ""))))
    return parts


def explain(program, path):
    """The packets of each connection and sender."""
    options = ["--json", "--show-secrets", "--full", path]
    output = subprocess.run([*program, *options], stdout=subprocess.PIPE).stdout
    packets, over = defaultdict(list), set()
    for line in map(json.loads, output.splitlines()):
        if line.get("event") == "accepted":
            over.add(line["number"])
        if "dialect" in line:
            packets[line["number"], line["dialect"]["from"]].append(line["packet"])
    return {key: value for key, value in packets.items() if key[0] in over}


def compare(program, name, path, port):
    parts = unwrap(path, port)
    numbers = sorted(parts)
    theirs = dissect([(name, None, parts[number]) for number in numbers])
    theirs = {(numbers[index] + 1, sender): packets for (index, sender), packets in theirs.items()}
    ours = explain(program, path)
    compared, unexplained = Counter(), []
    for key in sorted(ours.keys() | theirs.keys()):
        place = f"{name}, connection {key[0]}, {key[1]}"
        mine, other = ours.get(key, []), theirs.get(key, [])
        if None in mine:  # as in tshark.py: up to the first packet that is refused
            mine = mine[: mine.index(None)]
            other = other[: len(mine)]
        if len(mine) != len(other):
            unexplained.append(f"{place}: {len(mine)} packets, tshark {len(other)}")
        for number, (packet, proto) in enumerate(zip(mine, other)):
            compared[packet["type"]] += 1
            for difference in differences(packet, proto):
                if not any(re.fullmatch(known, difference) for known in EXPLAINED):
                    unexplained.append(f"{place}, packet {number}: {difference}")
    print(f"{name}: {len(numbers)} connections, {compared.total()} packets compared")
    if not compared:
        unexplained.append(f"{name}: no packets")
    return unexplained


def main():
    program = sys.argv[2:]
    if sys.argv[1:2] != ["--"] or not program:
        sys.exit(__doc__)
    captures = ROOT / "explain/tests/captures"
    unexplained = compare(program, "ws.pcap", str(captures / "ws.pcap"), 9001)
    unexplained += compare(program, "real.pcap", str(captures / "real.pcap"), 19001)
    folder = ROOT / "spec-vectors/streams"
    connections = list(streams(folder, lambda name: (folder / name).read_bytes()))
    with tempfile.TemporaryDirectory() as temporary:
        path = f"{temporary}/capture.pcap"
        write_capture(list(over_websocket(random.Random(6455), connections)), path)
        unexplained += compare(program, "recorded streams", path, 1883)
    print("disagreements:", len(unexplained))
    print(*unexplained, sep="\n", end="\n" if unexplained else "")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
