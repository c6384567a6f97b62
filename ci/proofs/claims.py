"""The claims: entry point, inputs, and the specification of the answer. PROOFS.md has them in words."""

import csv
from collections.abc import Callable
from ctypes import c_char, c_size_t
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import z3

import standard
from machine import ACCEPTED, INPUT, REFUSED, Inputs, Machine, Wrong, check, example, shown
from standard import CLIENT, SERVER, V3_1, V3_1_1, V5

VECTORS = Path(__file__).resolve().parents[2] / "spec-vectors"

VERSIONS = {V3_1: "3.1", V3_1_1: "3.1.1", V5: "5.0"}
SENDERS = {CLIENT: "Client", SERVER: "Server"}
# Enough for a frame whose Remaining Length has four bytes.
ROOM = (c_char * (4 << 20))()

DIALECTS = [(version, sender) for version in VERSIONS for sender in SENDERS]


@dataclass
class Part:
    """A part of a claim, proved by itself."""

    name: str
    # how many inputs it is about
    inputs: int
    # proves it and returns the number of paths
    prove: Callable[[Machine], int]
    # whether the gate proves it, too
    quick: bool = True


def parts():
    yield Part("framing, version not known", 2**135, partial(framing, dialect=None))
    for dialect in DIALECTS:
        yield Part(f"framing, {name_of(dialect)}", 2**135, partial(framing, dialect=dialect))
    for name, packet_type, longest, versions in PACKETS:
        for dialect in DIALECTS:
            if dialect[0] in versions:
                strings = sum(16 * 256 ** (length - 1) for length in range(1, longest + 1))
                prove = partial(packets, packet_type=packet_type, dialect=dialect, longest=longest)
                # PUBREC and PUBCOMP share their code with the other two
                yield Part(f"{name}, {name_of(dialect)}", strings, prove, quick=name not in ("PUBREC", "PUBCOMP"))
    for version, name in VERSIONS.items():
        yield Part(f"Connect Flags, {name}", 256, partial(connect_flags, version=version))
    yield Part("Remaining Length, encoded and framed", 2**32, remaining_length)
    yield Part("Subscription Identifier, encoded and decoded", 2**32, subscription_id)
    yield Part("digits are unique", sum(128**length for length in range(1, 5)), digits_are_unique)
    for length in range(LONGEST_TEXT + 1):
        yield Part(f"text of {length}", 256**length, partial(text, length=length), quick=length in QUICK_TEXTS)


# Name, type, longest string in bytes, versions. In 5.0 the longest ends with the Property Length.
PACKETS = [
    ("PUBACK", standard.PUBACK, 6, VERSIONS),
    ("PUBREC", standard.PUBREC, 6, VERSIONS),
    ("PUBREL", standard.PUBREL, 6, VERSIONS),
    ("PUBCOMP", standard.PUBCOMP, 6, VERSIONS),
    ("CONNACK", standard.CONNACK, 4, (V3_1, V3_1_1)),
    ("UNSUBACK", standard.UNSUBACK, 4, (V3_1, V3_1_1)),
    ("PINGREQ", standard.PINGREQ, 3, VERSIONS),
    ("PINGRESP", standard.PINGRESP, 3, VERSIONS),
    ("DISCONNECT", standard.DISCONNECT, 4, VERSIONS),
    ("AUTH", standard.AUTH, 4, VERSIONS),
]

# The check works on blocks of 16 bytes, each with the three bytes before it. The last block may overlap the one before.
LONGEST_TEXT = 64
QUICK_TEXTS = (0, 1, 4, 8, 15, 16, 17, 18, 19, 20, 32, 35)


def framing(machine, dialect):
    inputs = Inputs(5, at_hand=64, limit=32)
    number = 6 if dialect is None else number_of(dialect)
    spec = standard.Specification(machine.kinds)
    standard.framing(spec, dialect, inputs.terms[0], inputs.terms[1:], inputs.at_hand, inputs.limit)
    # Rust has no larger slices
    assumptions = lambda it: [it.numbers["at_hand"].SGE(0)]
    inputs.small = [z3.ULE(inputs.at_hand, len(ROOM))]

    def native(memory, numbers):
        ROOM[: len(memory)] = memory
        return machine.call("prove_framing", number, ROOM, c_size_t(numbers["at_hand"]), numbers["limit"])

    paths, _ = machine.paths("prove_framing", [number, INPUT, "at_hand", "limit"], inputs, assumptions)
    check(paths, spec.expected(), inputs.at_hand >= 0, inputs, native)
    return len(paths)


def packets(machine, packet_type, dialect, longest):
    """All strings of 1 to `longest` bytes that begin with this packet type."""
    inputs = Inputs(6, at_hand=64)
    number = number_of(dialect)
    spec = standard.Whole(machine.kinds, inputs.at_hand)
    standard.packet(spec, packet_type, dialect, inputs.terms, inputs.at_hand)
    assumptions = lambda it: [
        it.bytes[0][7:4] == packet_type,
        it.numbers["at_hand"].UGE(1),
        it.numbers["at_hand"].ULE(longest),
    ]
    has_type = z3.LShR(inputs.terms[0], 4) == packet_type
    assumed = z3.And(has_type, z3.UGE(inputs.at_hand, 1), z3.ULE(inputs.at_hand, longest))
    native = lambda memory, numbers: machine.call("prove_packet", number, memory, c_size_t(numbers["at_hand"]))
    paths, _ = machine.paths("prove_packet", [number, INPUT, "at_hand"], inputs, assumptions)
    check(paths, spec.expected(), assumed, inputs, native)
    return len(paths)


def connect_flags(machine, version):
    """A CONNECT that ends behind its Connect Flags, with each byte as these."""
    name = b"\0\6MQIsdp\3" if version == V3_1 else b"\0\4MQTT" + bytes([version + 3])
    head = bytes([0x10, len(name) + 1]) + name
    inputs = Inputs(len(head) + 1)
    flags, place = inputs.terms[-1], len(head)
    with open(VECTORS / "connect-flags.csv", newline="") as file:
        table = list(csv.DictReader(file))
    if [int(row["flags"], 16) for row in table] != list(range(256)):
        raise Wrong("connect-flags.csv has not one row for each byte")
    spec = standard.Specification(machine.kinds)
    standard.connect_flags(spec, table, ["v3_1", "v3_1_1", "v5_0"][version], flags, place)
    number = number_of((version, CLIENT))
    assumptions = lambda it: [byte == value for byte, value in zip(it.bytes, head)]
    assumed = z3.And([byte == value for byte, value in zip(inputs.terms, head)])
    native = lambda memory, _: machine.call("prove_packet", number, memory, c_size_t(len(memory)))
    paths, _ = machine.paths("prove_packet", [number, INPUT, len(head) + 1], inputs, assumptions)
    check(paths, spec.expected(), assumed, inputs, native)
    return len(paths)


def remaining_length(machine):
    inputs = Inputs(payload_len=32)
    value = z3.ZeroExt(32, inputs.payload_len) + 3
    spec = standard.Specification(machine.kinds)
    spec.nothing(z3.UGT(value, standard.LONGEST))
    for ended, digits in standard.digits(value):
        output = [0x30, *digits, 0x00, 0x01, ord("a")]
        length, fields = value + 1 + len(digits), {"content": len(output), "output": standard.little_endian(output)}
        spec.need_more(z3.And(ended, z3.UGT(length, 8)), None, length - 8, **fields)
        spec.accept(ended, 0, length=length, **fields)
    return number_to_bytes(machine, "prove_remaining_length", inputs, spec)


def subscription_id(machine):
    inputs = Inputs(value=32)
    value = z3.ZeroExt(32, inputs.value)
    spec = standard.Specification(machine.kinds)
    spec.nothing(z3.Or(value == 0, z3.UGT(value, standard.LONGEST)))
    for ended, digits in standard.digits(value):
        output = [1 + len(digits), 0x0B, *digits]
        length, number = len(output), standard.little_endian(output)
        spec.accept(ended, 0, value=value, length=length, content=length, output=number)
    return number_to_bytes(machine, "prove_subscription_id", inputs, spec)


def number_to_bytes(machine, entry, inputs, spec):
    [name] = inputs.numbers
    paths, _ = machine.paths(entry, [name], inputs, lambda it: [])
    native = lambda _, numbers: machine.call(entry, numbers[name])
    check(paths, spec.expected(), z3.BoolVal(True), inputs, native)
    return len(paths)


def digits_are_unique(machine):
    """The bytes of a number in its shortest form are those that the number is encoded to. This is about the
    specification alone, and has no paths."""
    for length in range(1, 5):
        given = [z3.BitVec(f"digit{place}", 8) for place in range(length)]
        *first, last = given
        is_shortest = z3.And(last & 0x80 == 0, last != 0 if first else True, *(byte & 0x80 != 0 for byte in first))
        value = z3.BitVecVal(0, 64)
        for place, byte in enumerate(given):
            value = value + (z3.ZeroExt(56, byte & 0x7F) << (7 * place))
        *shorter, (ends, digits) = standard.digits(value)[:length]
        same = z3.And(ends, *(byte == digit for byte, digit in zip(given, digits)))
        is_unique = z3.And(same, *(z3.Not(other) for other, _ in shorter))
        if (model := example(is_shortest, z3.Not(is_unique))) is not None:
            raise Wrong(f"the specification is wrong for {model}")
    return 0


def text(machine, length):
    """The check that decides without the standard library accepts exactly the well-formed texts."""
    inputs = Inputs(length)
    paths, left = machine.paths("prove_text", [INPUT, length], inputs, lambda it: [], stop_at="find_bad_text")
    is_valid = standard.well_formed(inputs.terms)
    verdict = z3.If(is_valid, z3.BitVecVal(ACCEPTED, 32), z3.BitVecVal(REFUSED, 32))
    for condition in left:
        if (model := example(condition, is_valid)) is not None:
            raise Wrong(f"{shown(inputs, model)}: the check does not accept this text")
    native = lambda memory, _: machine.call("prove_text", memory, c_size_t(length))
    check(paths, {"verdict": verdict}, z3.BoolVal(True), inputs, native, left)
    return len(paths) + len(left)


def name_of(dialect):
    version, sender = dialect
    return f"{VERSIONS[version]} from the {SENDERS[sender]}"


def number_of(dialect):
    """As in src/lib.rs."""
    version, sender = dialect
    return 2 * version + sender
