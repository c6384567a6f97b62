"""Packets and conversations of MQTT 3.1, 3.1.1 and 5.0 that every codec should accept or refuse."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

__all__ = ["Conversation", "Packet", "Sent", "connect_flags", "conversations", "packets", "parametrize", "questions"]


@dataclass(frozen=True)
class Packet:
    """A packet, and the verdict that every codec should reach."""

    name: str
    """`<packet>/<valid or invalid>/<name>.json`, or `connect-flags/<version>/<flags>`."""
    version: str
    """The version of the connection: `3.1`, `3.1.1` or `5.0`."""
    sender: str
    """The side that sends the packet: `client` or `server`."""
    wire: bytes
    """The bytes. Bytes that do not belong to the packet may follow an invalid one."""
    is_valid: bool
    """Whether every codec should accept the packet."""
    vector: dict[str, Any]
    """All members of the file. The README describes them. Empty for Connect Flags and packets of conversations."""


@dataclass(frozen=True)
class Sent:
    """A packet of a conversation."""

    sender: str
    """The side that sends the packet: `client` or `server`."""
    wire: bytes
    """The bytes."""
    milliseconds: int | None
    """The time since any fixed moment, if a rule is about time."""


@dataclass(frozen=True)
class Conversation:
    """The packets of one connection. Each is valid by itself, unless the file names `waivers`."""

    name: str
    """`conversations/<valid or invalid>/<name>.json`."""
    version: str
    """The version of the connection: `3.1`, `3.1.1` or `5.0`."""
    vector: dict[str, Any]
    """All members of the file. The README describes them."""

    @property
    def breaches(self) -> list[dict[str, Any]]:
        """The broken rules; empty if the conversation is valid."""
        return self.vector.get("breaches", [])

    @cached_property
    def packets(self) -> list[Sent]:
        """The packets, in the order of their arrival."""
        return [Sent(it["from"], _wire(it), it.get("milliseconds")) for it in self.vector["packets"]]


def packets() -> list[Packet]:
    """All vectors of one packet, ordered by name."""
    found = []
    for name, vector in _vectors():
        if "wire" in vector:
            [version] = vector["versions"]
            sender = vector["direction"].split("-")[0]
            found.append(Packet(name, version, sender, _wire(vector), "error" not in vector, vector))
    return found


def conversations() -> list[Conversation]:
    """All conversations, ordered by name."""
    return [Conversation(name, vector["versions"][0], vector) for name, vector in _vectors() if "packets" in vector]


def connect_flags() -> list[Packet]:
    """A CONNECT for each value of the Connect Flags in each version, with the fields that the flags announce."""
    protocols = {"3.1": b"\0\6MQIsdp\3", "3.1.1": b"\0\4MQTT\4", "5.0": b"\0\4MQTT\5"}
    found = []
    for row in csv.DictReader((_DATA / "connect-flags.csv").read_text("utf-8").splitlines()):
        flags = int(row["flags"], 16)
        for version, protocol in protocols.items():
            no_properties = b"\0" if version == "5.0" else b""
            body = protocol + bytes([flags]) + b"\0\x3c" + no_properties + b"\0\1c"
            body += no_properties + b"\0\1t\0\1m" if flags & 0x04 else b""
            body += b"\0\1u" if flags & 0x80 else b""
            body += b"\0\1p" if flags & 0x40 else b""
            is_valid = row["v" + version.replace(".", "_")] == "ok"
            name = f"connect-flags/{version}/{flags:#04x}"
            found.append(Packet(name, version, "client", bytes([0x10, len(body)]) + body, is_valid, {}))
    return found


def questions() -> list[Packet]:
    """All packets to ask a codec about: the packets, those of the conversations, and the Connect Flags."""
    return [*packets(), *_packets_of_conversations(), *connect_flags()]


def parametrize(known_failures: Iterable[str] = (), only: Callable[[Packet], bool] = lambda packet: True) -> Any:
    """Makes a test of pytest, which has the argument `packet`, run for each of the `questions()`.

    `known_failures` has the names of the tests in which the codec is wrong. Empty lines and lines that begin with `#`
    are ignored. Such a test has to fail: it is a strict xfail. `only` selects the packets.
    """
    import pytest

    known = {line.strip() for line in known_failures if line.strip() and not line.startswith("#")}
    selected = [packet for packet in questions() if only(packet)]
    unknown = known - {packet.name for packet in selected}
    if unknown:
        raise ValueError(f"known failures that are no tests: {', '.join(sorted(unknown))}")
    marks = [[pytest.mark.xfail(strict=True)] if packet.name in known else [] for packet in selected]
    parameters = [pytest.param(packet, id=packet.name, marks=mark) for packet, mark in zip(selected, marks)]
    return pytest.mark.parametrize("packet", parameters)


_DATA = files(__name__) / "data"


def _vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    """The name and the content of each file."""
    for group in _sorted(_DATA):
        if group.is_dir():
            for verdict in _sorted(group):
                for file in _sorted(verdict):
                    yield f"{group.name}/{verdict.name}/{file.name}", json.loads(file.read_text("utf-8"))


def _sorted(folder: Any) -> list[Any]:
    return sorted(folder.iterdir(), key=lambda entry: entry.name)


def _packets_of_conversations() -> Iterator[Packet]:
    for conversation in conversations():
        # with a waiver, some packet is not valid by itself
        for index, sent in enumerate([] if "waivers" in conversation.vector else conversation.packets):
            yield Packet(f"{conversation.name}#{index}", conversation.version, sent.sender, sent.wire, True, {})


def _wire(vector: dict[str, Any]) -> bytes:
    return b"".join(bytes.fromhex(digits) for digits, _ in vector["wire"])
