#!/usr/bin/env bash
# Makes the seed corpora of the fuzz targets from the packets, conversations and recorded streams in spec-vectors/, and
# from the corpora in kept/ (see keep.sh).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python3 - <<'PYTHON'
import hashlib
import json
import lzma
import pathlib
import struct

VECTORS = pathlib.Path("../spec-vectors")
# in the order of `invariants::dialects`
VERSIONS = ["3.1", "3.1.1", "5.0"]
ACCEPT = 6
# for the target `laws`: encodings with a changed byte; copies for a Server of 5.0, then of 3.1.1; streams
LAWS = {0x00: [2, 1], 0x55: [5 + 6, 7, 3, 1]}
CUTS = 0xAA


def wire(packet):
    return bytes.fromhex("".join(part[0] for part in packet["wire"]))


def without_length(packet):
    """For targets that add the Remaining Length themselves."""
    end = 1
    while end < len(packet) and packet[end] >= 0x80:
        end += 1
    return packet[:1] + packet[end + 1 :]


def of_packet(vector):
    """The input for each target: its options, then the bytes of the packet."""
    packet = wire(vector)
    from_server = vector["direction"] == "server-to-client"
    for version in vector["versions"]:
        dialect = 2 * VERSIONS.index(version) + from_server
        yield "decode", bytes([dialect]) + packet
        yield "frame", bytes([dialect, 0, 1]) + packet
        yield "chunks", bytes([dialect, 0]) + packet
        yield "reencode", bytes([dialect]) + without_length(packet)
        for law, options in LAWS.items():
            yield "laws", bytes([law, dialect, *options]) + without_length(packet)
        yield "laws", bytes([CUTS, dialect, 0xFF]) + packet
        yield "differential", bytes([dialect]) + without_length(packet)
        if from_server:
            yield "c-peer", bytes([dialect]) + without_length(packet)
        # random bytes for the generator: they only need to differ from seed to seed
        yield "round_trip", bytes([dialect]) + packet
    if packet[:1] == b"\x10":
        yield "frame", bytes([ACCEPT, 0, 1]) + packet
        yield "chunks", bytes([ACCEPT, 0]) + packet
        yield "laws", bytes([CUTS, ACCEPT, 0xFF]) + packet
    yield "explain", b"\x00" + packet
    yield "explain", b"\x10" + packet.hex(" ").encode()


def of_conversation(vector):
    for version in vector["versions"]:
        packets = vector["packets"]
        sent = (bytes([packet["from"] == "server"]) + wire(packet) for packet in packets)
        yield "monitor", bytes([0x80, VERSIONS.index(version)]) + b"".join(sent)
    yield "explain", b"\x00" + capture(vector["packets"])
    yield "explain", b"\x20" + capture(vector["packets"])


def capture(packets):
    """A pcap of a TCP connection to port 1883, over raw IP."""
    file = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
    sent = {"client": 1, "server": 1}
    handshake = [("client", 2, b""), ("server", 18, b""), ("client", 16, b"")]
    segments = handshake + [(packet["from"], 24, wire(packet)) for packet in packets]
    for time, (side, flags, payload) in enumerate(segments):
        ports, hosts = (40000, 1883), (b"\x0a\0\0\x01", b"\x0a\0\0\x02")
        other = "server" if side == "client" else "client"
        if side == "server":
            ports, hosts = ports[::-1], hosts[::-1]
        sequence = sent[side] - 1 if flags & 2 else sent[side]
        tcp = struct.pack(">HHIIBBHHH", *ports, sequence, sent[other], 0x50, flags, 8192, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + hosts[0] + hosts[1] + tcp
        file += struct.pack("<IIII", time, 0, len(ip), len(ip)) + ip
        sent[side] += len(payload)
    return file


def of_text():
    """Characters of each length, at the ends of blocks, and sequences that are not UTF-8."""
    for text in ["дом/+/температура/#", "温度/湿度/传感器", "😀/🚀/a", "a/ü/温/😀/" * 4]:
        yield "text", text.encode()
    sequences = "00 80 c080 e08080 e09fbf eda080 edbfbf f0808080 f4908080 f5808080 e282 f09f98"
    for bad in sequences.split():
        for place in (0, 7, 14, 15, 30):
            yield "text", b"x" * place + bytes.fromhex(bad)
            yield "text", "é".encode() * place + bytes.fromhex(bad) + b"/ and more"


def of_stream(path):
    stream = path.read_bytes()[:1500]
    from_server = path.name.endswith(".s2c.bin")
    for number in range(3):
        dialect = 2 * number + from_server
        yield "chunks", bytes([dialect, 4, 1, 2, 30, 0]) + stream
    if not from_server:
        yield "chunks", bytes([ACCEPT, 0]) + stream
        yield "laws", bytes([CUTS, ACCEPT, 0xFF]) + stream
        yield "frame", bytes([ACCEPT, 0, 7]) + stream
    yield "explain", bytes([8 if from_server else 4]) + stream


def seeds():
    yield from of_text()
    for path in sorted(VECTORS.glob("**/*.json")):
        vector = json.loads(path.read_text())
        if not isinstance(vector, dict):
            continue
        if "packets" in vector:
            yield from of_conversation(vector)
        elif isinstance(vector.get("wire"), list):
            yield from of_packet(vector)
    for path in sorted(VECTORS.glob("streams/*.bin")):
        yield from of_stream(path)
    for path in sorted(pathlib.Path("kept").glob("*.xz")):
        rest = lzma.decompress(path.read_bytes())
        while rest:
            end = 4 + int.from_bytes(rest[:4], "little")
            yield path.stem, rest[4:end]
            rest = rest[end:]


written = {}
for target, seed in seeds():
    folder = pathlib.Path("corpus", target)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
    written.setdefault(target, set()).add(seed)
for target in sorted(written):
    print(f"{len(written[target]):6}  {target}")
PYTHON
