#!/usr/bin/env python3
"""Compares the fields that a program decodes with those of tshark, an independent decoder.

    python3 tests/tshark.py -- PROGRAM [ARGUMENT...]

PROGRAM reads and writes the JSON Lines of `mqtt-explain judge`. The packets are those of the valid
vectors, the conversations and the recorded streams. The script compares every member of the
program's JSON, and tshark must not complain. tshark accepts most invalid packets, so they are not
compared: a stream ends with the first packet that the program rejects. The exit status is 1 if
there is a disagreement that is not explained below.
"""
import io
import json
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent

# Known disagreements with tshark 4.0, and their reasons.
EXPLAINED = {
    r".*: tshark complains: Trailing stray characters": "it reads Binary Data as text that ends at a byte 00",
    r"PUBLISH: tshark complains: Unknown topic alias": "the alias was not set before; this is no rule about one packet",
    r".*: tshark complains: Unknown version \(.*\)": "the connection does not begin with CONNECT",
    r"CONNACK.reason_code: '0x84', tshark '0x01'": "it reads the answer to Protocol Level 9 as 5.0",
    r"SUBSCRIBE.subscriptions.\d+.qos: 1, tshark 253": "in 3.1 it does not mask the six unused bits",
    r"SUBACK.reason_codes.\d+: '0x01', tshark '0xfd'": "in 3.1 it does not mask the six unused bits",
}

# Tells tshark the version before a vector that is not a CONNECT.
CONNECT = {
    "3.1": b"\x10\x0f\0\6MQIsdp\3\2\0\x3c\0\1c",
    "3.1.1": b"\x10\x0d\0\4MQTT\4\2\0\x3c\0\1c",
    "5.0": b"\x10\x0e\0\4MQTT\5\2\0\x3c\0\0\1c",
}
PROPERTIES = {
    0x01: "payload_format_indicator",
    0x02: "message_expiry_interval",
    0x03: "content_type",
    0x08: "response_topic",
    0x09: "correlation_data",
    0x0B: "subscription_identifier",
    0x11: "session_expiry_interval",
    0x12: "assigned_client_identifier",
    0x13: "server_keep_alive",
    0x15: "authentication_method",
    0x16: "authentication_data",
    0x17: "request_problem_information",
    0x18: "will_delay_interval",
    0x19: "request_response_information",
    0x1A: "response_information",
    0x1C: "server_reference",
    0x1F: "reason_string",
    0x21: "receive_maximum",
    0x22: "topic_alias_maximum",
    0x23: "topic_alias",
    0x24: "maximum_qos",
    0x25: "retain_available",
    0x26: "user_property",
    0x27: "maximum_packet_size",
    0x28: "wildcard_subscription_available",
    0x29: "subscription_identifier_available",
    0x2A: "shared_subscription_available",
}
TYPES = (
    "reserved CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP "
    "SUBSCRIBE SUBACK UNSUBSCRIBE UNSUBACK PINGREQ PINGRESP DISCONNECT AUTH"
).split()
# The return codes of CONNACK as Reason Codes.
RETURN_CODES = dict(enumerate(["0x00", "0x84", "0x85", "0x88", "0x86", "0x87"]))
VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5.0"}


# --- the input: connections of (name, version, [(sender, bytes)])


def vectors():
    """The conversations and the valid packets."""
    for path in sorted((ROOT / "spec-vectors").glob("*/*/*.json")):
        vector = json.loads(path.read_text(encoding="utf-8"))
        [version] = vector["versions"]
        if "error" in vector:
            continue
        if "packets" in vector:
            parts = [(packet["from"], join(packet["wire"])) for packet in vector["packets"]]
        else:
            parts = [(vector["direction"].split("-")[0], join(vector["wire"]))]
            if vector["packet"]["type"] != "CONNECT":
                parts.insert(0, ("client", CONNECT[version]))
        yield path.relative_to(ROOT).as_posix(), version, parts


def join(wire):
    return bytes.fromhex("".join(digits for digits, _ in wire))


def streams(folder, read):
    """The recorded streams, with all data of the server after the first packet, because the order is unknown."""
    for line in (folder / "index.jsonl").read_text(encoding="utf-8").splitlines():
        session = json.loads(line)
        client, server = (read(f"{session['base']}.{direction}.bin") for direction in ("c2s", "s2c"))
        first = next(split(client), b"")
        parts = [("client", first), ("server", server), ("client", client[len(first):])]
        yield session["base"], session["version"], parts


def split(stream):
    """The packets of one direction, by their Remaining Length."""
    while stream:
        length, size = 0, 1
        for size in range(1, min(len(stream), 5)):
            length |= (stream[size] & 0x7F) << 7 * (size - 1)
            if stream[size] < 0x80:
                break
        end = 1 + size + length
        yield stream[:end]
        stream = stream[end:]


# --- the program's output


def judge(program, connections):
    """The packets of each connection and sender. None is for the first packet that the program rejects."""
    questions, lines = [], []
    for index, (_, version, parts) in enumerate(connections):
        for sender in ("client", "server"):
            for packet in split(b"".join(data for side, data in parts if side == sender)):
                questions.append((index, sender))
                line = {"id": None, "version": version, "from": sender, "hex": packet.hex()}
                lines.append(json.dumps(line) + "\n")
    output = subprocess.run(program, input="".join(lines).encode(), stdout=subprocess.PIPE, check=True).stdout
    packets = defaultdict(list)
    for question, answer in zip(questions, output.splitlines(), strict=True):
        if None not in packets[question]:
            packets[question].append(json.loads(answer)["packet"])
    return packets


# --- tshark's output


def write_capture(connections, path):
    """Writes a pcap file of IP packets. Returns the connection and the sender of each of them."""
    senders = []
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 101))
        for index, (_, _, parts) in enumerate(connections):
            ends = {"client": (b"\x0a\1" + struct.pack("!H", index), 40000), "server": (b"\x0a\2\0\1", 1883)}
            sent = {"client": 1, "server": 1}
            for sender, data in parts:
                receiver = "server" if sender == "client" else "client"
                for start in range(0, len(data), 60000):
                    segment = data[start:start + 60000]
                    packet = ip_packet(ends[sender], ends[receiver], sent[sender], sent[receiver], segment)
                    file.write(struct.pack("<IIII", len(senders), 0, len(packet), len(packet)) + packet)
                    sent[sender] += len(segment)
                    senders.append((index, sender))
    return senders


def ip_packet(source, target, sequence, acknowledgement, data):
    (source, source_port), (target, target_port) = source, target
    ports = struct.pack("!HH", source_port, target_port)
    head = ports + struct.pack("!IIHH", sequence, acknowledgement, 0x5018, 0xFFFF)
    pseudo_header = source + target + struct.pack("!HH", 6, 20 + len(data))
    tcp = head + checksum(pseudo_header + head + b"\0\0\0\0" + data) + b"\0\0" + data
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6)
    return head + checksum(head + b"\0\0" + source + target) + source + target + tcp


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", total ^ 0xFFFF)


# Control characters, U+FFFE and U+FFFF.
NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")


def dissect(connections):
    """The packets of each direction as tshark decodes them."""
    packets = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/capture.pcap"
        senders = write_capture(connections, capture)
        command = ["tshark", "-r", capture, "-d", "tcp.port==1883,mqtt", "-Y", "mqtt", "-T", "pdml", "-J", "mqtt"]
        command += ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE"]
        with open(f"{folder}/pdml", "w+b") as pdml:
            subprocess.run(command, stdout=pdml, stderr=subprocess.DEVNULL, check=True)
            pdml.seek(0)
            # the script compares raw bytes, so it may replace characters that XML does not allow
            clean = io.BytesIO(NOT_XML.sub(b"?", pdml.read()))
            for _, element in ElementTree.iterparse(clean):
                if element.tag != "packet":
                    continue
                number = int(element.find("proto/field[@name='num']").get("show"))
                for proto in element.iterfind("proto"):
                    if proto.get("name") in ("mqtt", "_ws.malformed"):
                        packets[senders[number - 1]].append(proto)
                element.clear()
    return packets


class Fields:
    """The fields of a packet by their names."""

    def __init__(self, proto):
        self.found = defaultdict(list)
        for field in proto.iter("field"):
            self.found[field.get("name").removeprefix("mqtt.")].append(field)

    def __contains__(self, name):
        return name in self.found

    def numbers(self, name):
        return [int(field.get("show"), 0) for field in self.found[name]]

    def number(self, name):
        return self.numbers(name)[0]

    def codes(self, name):
        return [f"{code:#04x}" for code in self.numbers(name)]

    def texts(self, name):
        return [bytes.fromhex(digits).decode(errors="replace") for digits in self.hexes(name)]

    def text(self, name):
        return self.texts(name)[0]

    def hexes(self, name):
        # not "show", which omits unprintable characters
        return [field.get("value", "") for field in self.found[name]]

    def hex(self, name):
        return self.hexes(name)[0]

    def properties(self, name="properties"):
        """All properties as a member of a packet, without the member if there are none."""
        properties = []
        for field in (field for group in self.found[name] for field in group):
            kind, digits = field.get("name").removeprefix("mqtt."), field.get("value", "")
            if kind == "property_id":
                key = PROPERTIES[int(field.get("show"), 0)]
            elif kind == "prop_key":
                name = bytes.fromhex(digits).decode(errors="replace")
            elif kind == "prop_value":
                properties.append({key: [name, bytes.fromhex(digits).decode(errors="replace")]})
            elif kind == "property.content_type":  # with its length
                properties.append({key: bytes.fromhex(digits[4:]).decode(errors="replace")})
            elif kind == "prop_string":
                is_binary = key in ("correlation_data", "authentication_data")
                properties.append({key: digits if is_binary else bytes.fromhex(digits).decode(errors="replace")})
            elif kind in ("prop_number", "property.max_qos", "property.topic_alias"):
                properties.append({key: int(field.get("show"), 0)})
        return {"properties": properties} if properties else {}


def packet_of(proto):
    """A packet in the form of the program's JSON, from tshark's fields."""
    fields = Fields(proto)
    packet = {"type": TYPES[fields.number("msgtype")], **fields.properties()}
    name = packet["type"].lower()
    if "msgid" in fields:
        packet["packet_id"] = fields.number("msgid")
    match packet["type"]:
        case "CONNECT":
            packet["version"] = VERSIONS[fields.number("ver")]
            packet["clean_start"] = fields.number("conflag.cleansess")
            packet["keep_alive"] = fields.number("kalive")
            packet["client_id"] = fields.text("clientid")
            if fields.number("conflag.willflag"):
                will = {"qos": fields.number("conflag.qos"), "retain": fields.number("conflag.retain")}
                will |= {"topic": fields.text("willtopic"), "payload": fields.hex("willmsg")}
                packet["will"] = will | fields.properties("will_properties")
            if "username" in fields:
                packet["user_name"] = fields.text("username")
            if "passwd" in fields:
                packet["password"] = fields.hex("passwd")
        case "CONNACK":
            if "conack.flags.sp" in fields:
                packet["session_present"] = fields.number("conack.flags.sp")
            else:  # in 3.1 the whole byte is one field
                packet["session_present"] = int(fields.hex("conack.flags.reserved"), 16) & 1
            if "conack.val" in fields:
                packet["reason_code"] = RETURN_CODES[fields.number("conack.val")]
            else:
                [packet["reason_code"]] = fields.codes("connack.reason_code")
        case "PUBLISH":
            packet |= {"qos": fields.number("qos"), "retain": fields.number("retain")}
            if packet["qos"] > 0:
                packet["dup"] = fields.number("dupflag")
            packet["topic_name"] = fields.text("topic") or None
            packet["payload"] = fields.hex("msg")
        case "SUBSCRIBE":
            filters = fields.texts("topic")
            if "subscription_options" in fields:
                options = [fields.numbers(f"subscription_options_{key}") for key in ("qos", "nl", "rap", "retain")]
            else:
                options = [fields.numbers("sub.qos"), *[[0] * len(filters)] * 3]
            keys = ("filter", "qos", "no_local", "retain_as_published", "retain_handling")
            packet["subscriptions"] = [dict(zip(keys, values)) for values in zip(filters, *options, strict=True)]
        case "UNSUBSCRIBE":
            packet["topic_filters"] = fields.texts("topic")
        case "SUBACK" | "UNSUBACK":
            codes = fields.codes("suback.qos") + fields.codes(f"{name}.reason_code")
            packet |= {"reason_codes": codes} if codes else {}
        case "PUBACK" | "PUBREC" | "PUBREL" | "PUBCOMP" | "DISCONNECT" | "AUTH":
            [packet["reason_code"]] = fields.codes(f"{name}.reason_code") or ["0x00"]
    return packet


def complaints(proto):
    """tshark's complaints about a packet."""
    return [field.get("show") for field in proto.iterfind(".//field[@name='_ws.expert.message']")]


# --- the comparison


def flat(value, path=""):
    """The leaves of a JSON value by their paths."""
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    else:
        return {path: value}
    return {key: leaf for name, member in members for key, leaf in flat(member, f"{path}.{name}").items()}


def differences(packet, proto):
    """Describes the differences between the packet of the program and that of tshark."""
    name = packet["type"]
    for complaint in complaints(proto):
        yield f"{name}: tshark complains: {complaint}"
    try:
        ours, theirs = flat(packet), flat(packet_of(proto))
    except (LookupError, ValueError) as error:
        yield f"{name}: a field is not as expected in tshark: {error!r}"
        return
    for path in sorted(ours.keys() | theirs.keys()):
        if ours.get(path) != theirs.get(path):
            yield f"{name}{path}: {ours.get(path)!r}, tshark {theirs.get(path)!r}"


def main():
    program = sys.argv[2:]
    if sys.argv[1:2] != ["--"] or not program:
        sys.exit(__doc__)
    connections = list(vectors())
    folder = ROOT / "spec-vectors/streams"
    connections += streams(folder, lambda name: (folder / name).read_bytes())
    collection = ROOT / "../shared/streams"  # optional
    if collection.exists():
        with tarfile.open(collection / "streams.tar.gz") as archive:
            connections += streams(collection, lambda name: archive.extractfile(name).read())

    judged, dissected = judge(program, connections), dissect(connections)
    packets, fields, explained, unexplained = Counter(), Counter(), Counter(), []
    for (index, sender), ours in judged.items():
        name, theirs = f"{connections[index][0]}, {sender}", dissected[index, sender]
        for number, packet in enumerate(ours):
            if packet is None:
                break
            packets[packet["type"]] += 1
            fields[packet["type"]] += len(flat(packet))
            if number == len(theirs):
                unexplained.append(f"{name}: tshark finds {number} packets, the program more")
                break
            for difference in differences(packet, theirs[number]):
                reasons = [reason for known, reason in EXPLAINED.items() if re.fullmatch(known, difference)]
                explained.update(reasons)
                if not reasons:
                    unexplained.append(f"{name}, packet {number}: {difference}")
        else:
            if len(theirs) > len(ours):
                unexplained.append(f"{name}: tshark finds {len(theirs)} packets, the program {len(ours)}")

    print(f"{'':12}{'packets':>8}{'fields':>8}")
    for packet_type in TYPES:
        if packets[packet_type]:
            print(f"{packet_type:12}{packets[packet_type]:8}{fields[packet_type]:8}")
    print(f"{len(connections)} connections, {packets.total()} packets, {fields.total()} fields compared")
    print("explained disagreements:", explained.total())
    for reason, count in explained.items():
        print(f"{count:4}  {reason}")
    print("disagreements without an explanation:", len(unexplained))
    print(*unexplained, sep="\n", end="\n" if unexplained else "")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
