"""The rules of MQTT 3.1, 3.1.1 and 5.0, as z3 terms. They are written from the standards, without the library."""

import z3

from machine import ACCEPTED, FIELDS, NEED_MORE, REFUSED

V3_1, V3_1_1, V5 = range(3)
CLIENT, SERVER = range(2)

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(9, 16)

# The numbers of `field_number` in src/lib.rs.
PLACES = {
    "PacketType": 1,
    "Flags": 2,
    "RemainingLength": 3,
    "PacketId": 4,
    "ReasonCode": 5,
    "PropertyLength": 6,
    "ConnAckFlags": 7,
    "ConnectFlags": 8,
    "KeepAlive": 9,
    "Packet": 10,
}


class Specification:
    """Cases in order: the first one whose condition holds decides."""

    def __init__(self, kinds):
        self.kinds = kinds
        self.cases = []

    def nothing(self, when):
        self._case(when)

    def need_more(self, when, packet_type, length, **fields):
        self._case(when, verdict=NEED_MORE, length=length, **fields)

    def frame(self, when, packet_type, length, body):
        self._case(when, verdict=ACCEPTED, packet_type=packet_type, length=length, content=body)

    def accept(self, when, packet_type, **fields):
        self._case(when, verdict=ACCEPTED, packet_type=packet_type, **fields)

    def refuse(self, when, packet_type, kind, field, offset, value=0):
        kind, field = self.kinds[kind], PLACES[field]
        self._case(when, verdict=REFUSED, packet_type=packet_type, kind=kind, field=field, offset=offset, value=value)

    def _case(self, when, **fields):
        self.cases.append((when, fields))

    def expected(self):
        """The fields of the answer as terms."""
        return {name: self._field(name, size * 8) for name, (_, size) in FIELDS.items()}

    def _field(self, name, bits):
        *before, (_, last) = self.cases
        term = resize(last.get(name, 0), bits)
        for when, fields in reversed(before):
            term = z3.If(when, resize(fields.get(name, 0), bits), term)
        return term


def resize(value, bits):
    if isinstance(value, int):
        return z3.BitVecVal(value, bits)
    missing = bits - value.size()
    return z3.ZeroExt(missing, value) if missing >= 0 else z3.Extract(bits - 1, 0, value)


def one_of(value, numbers):
    return z3.Or([value == number for number in sorted(numbers)])


def fixed_length(packet_type, version):
    """Where all packets of a type have the same Remaining Length: sections 3.2 to 3.14 of 3.1.1."""
    if packet_type in (PINGREQ, PINGRESP):
        return 0
    if version == V5:
        return None
    return {DISCONNECT: 0, CONNACK: 2, PUBACK: 2, PUBREC: 2, PUBREL: 2, PUBCOMP: 2, UNSUBACK: 2}.get(packet_type)


def senders(version):
    """Who may send the types (table 2.1): of the Client alone, of the Server alone, of nobody."""
    client, server, nobody = {CONNECT, SUBSCRIBE, UNSUBSCRIBE, PINGREQ}, {CONNACK, SUBACK, UNSUBACK, PINGRESP}, {0}
    if version != V5:
        client, nobody = client | {DISCONNECT}, nobody | {AUTH}
    return client, server, nobody


def first_byte(spec, version, sender, first):
    """The first byte: type, sender, flags (section 2.2 of 3.1.1, 2.1 of 5.0 and 3.1)."""
    packet_type, flags = z3.LShR(first, 4), first & 0x0F
    client, server, nobody = senders(version)
    refuse = lambda when, kind, field: spec.refuse(when, packet_type, kind, field, 0, first)
    refuse(one_of(packet_type, nobody), "ReservedPacketType", "PacketType")
    refuse(one_of(packet_type, server if sender == CLIENT else client), "WrongSender", "PacketType")
    publish = packet_type == PUBLISH
    refuse(z3.And(publish, flags & 0x06 == 0x06), "PublishQos3", "Flags")
    if version != V3_1:
        refuse(z3.And(publish, flags & 0x0E == 0x08), "DupWithQos0", "Flags")
    # bit 1 is "QoS 1" in 3.1, where DUP may be set and RETAIN is unused
    with_bit_1 = one_of(packet_type, {PUBREL, SUBSCRIBE, UNSUBSCRIBE})
    if version == V3_1:
        wrong = z3.And(with_bit_1, flags & 0x06 != 0x02)
    else:
        wrong = z3.And(z3.Not(publish), flags != z3.If(with_bit_1, z3.BitVecVal(2, 8), z3.BitVecVal(0, 8)))
    refuse(wrong, "FixedHeaderFlags", "Flags")


def framing(spec, dialect, first, length_bytes, at_hand, limit):
    """Where the packet ends. `dialect` is a version and a sender, or None before the first packet of a Client."""
    packet_type = z3.LShR(first, 4)
    spec.need_more(at_hand == 0, packet_type, 2)
    if dialect is None:
        refuse = lambda when, kind: spec.refuse(when, packet_type, kind, "PacketType", 0, first)
        refuse(packet_type == 0, "ReservedPacketType")
        refuse(packet_type != CONNECT, "FirstPacketNotConnect")
    else:
        first_byte(spec, *dialect, first)

    # the Remaining Length ends at its first byte below 80, and has at most four
    refuse = lambda when, kind, value: spec.refuse(when, packet_type, kind, "RemainingLength", 1, value)
    goes_on = z3.BoolVal(True)
    ends, value = [], z3.BitVecVal(0, 64)
    for place, byte in enumerate(length_bytes):
        spec.need_more(z3.And(goes_on, at_hand == place + 1), packet_type, 1)
        value = value + (z3.ZeroExt(56, byte & 0x7F) << (7 * place))
        ends.append((z3.And(goes_on, byte & 0x80 == 0), place + 1, value, byte))
        goes_on = z3.And(goes_on, byte & 0x80 != 0)
    refuse(goes_on, "VariableByteIntegerTooLong", 0)
    for ended, count, value, last in ends:
        if dialect is not None:
            if count > 1:
                refuse(z3.And(ended, last == 0), "VariableByteIntegerNotShortest", value)
            for of_type in range(1, 16):
                fixed = fixed_length(of_type, dialect[0])
                if fixed is not None:
                    refuse(z3.And(ended, packet_type == of_type, value != fixed), "RemainingLength", value)
        length = value + 1 + count
        refuse(z3.And(ended, z3.UGT(length, z3.ZeroExt(32, limit))), "PacketTooLarge", value)
        spec.need_more(z3.And(ended, z3.UGT(length, at_hand)), packet_type, length - at_hand)
        spec.frame(ended, packet_type, length, value)


class Whole(Specification):
    """Exactly one packet: an incomplete one is refused, and so are bytes behind it."""

    def __init__(self, kinds, at_hand):
        super().__init__(kinds)
        self.at_hand = at_hand

    def need_more(self, when, packet_type, length):
        self.refuse(when, packet_type, "Truncated", "Packet", self.at_hand)

    def frame(self, when, packet_type, length, body):
        self.refuse(z3.And(when, length != self.at_hand), packet_type, "TrailingBytes", "Packet", length)


def packet(spec, packet_type, dialect, given, at_hand):
    """Exactly one packet of a type. Its body is short enough that its length has one byte."""
    limit = z3.BitVecVal(2**32 - 1, 32)
    framing(spec, dialect, given[0], given[1:5], at_hand, limit)
    body = {PUBACK: ack, PUBREC: ack, PUBREL: ack, PUBCOMP: ack, CONNACK: connack, UNSUBACK: unsuback,
            PINGREQ: empty, PINGRESP: empty, DISCONNECT: disconnect, AUTH: auth}  # fmt: skip
    body[packet_type](spec, packet_type, dialect, given, at_hand)


def empty(spec, packet_type, dialect, given, at_hand):
    spec.accept(True, packet_type)


def ack(spec, packet_type, dialect, given, at_hand):
    """PUBACK, PUBREC, PUBREL, PUBCOMP: sections 3.4 to 3.7."""
    packet_id = identifier(spec, packet_type, given, at_hand)
    if dialect[0] != V5:
        spec.accept(True, packet_type, packet_id=packet_id)
        return
    code_and_properties(spec, packet_type, dialect, given, at_hand, 4, packet_id=packet_id)


def unsuback(spec, packet_type, dialect, given, at_hand):
    spec.accept(True, packet_type, packet_id=identifier(spec, packet_type, given, at_hand))


def disconnect(spec, packet_type, dialect, given, at_hand):
    if dialect[0] != V5:
        return empty(spec, packet_type, dialect, given, at_hand)
    code_and_properties(spec, packet_type, dialect, given, at_hand, 2)


def auth(spec, packet_type, dialect, given, at_hand):
    """A method is mandatory (3.15.2.2.2), and it needs properties."""
    code_and_properties(spec, packet_type, dialect, given, at_hand, 2, lacks_method=True)


def connack(spec, packet_type, dialect, given, at_hand):
    """Section 3.2 before 5.0: flags and return code."""
    flags, code = given[2], given[3]
    if dialect[0] != V3_1:
        spec.refuse(z3.UGT(flags, 1), packet_type, "ConnAckFlags", "ConnAckFlags", 2, flags)
    spec.refuse(z3.UGT(code, 5), packet_type, "ReasonCodeNotAllowed", "ReasonCode", 3, code)
    session = flags & 1
    if dialect[0] != V3_1:
        refused = z3.And(session == 1, code != 0)
        spec.refuse(refused, packet_type, "SessionPresentWithRefusal", "ConnAckFlags", 2, flags)
    for number, reason in enumerate([0x00, 0x84, 0x85, 0x88, 0x86, 0x87]):
        spec.accept(code == number, packet_type, session_present=session, reason_code=reason)


def identifier(spec, packet_type, given, at_hand):
    """The Packet Identifier, which is not 0."""
    spec.refuse(at_hand < 4, packet_type, "Truncated", "PacketId", 2)
    packet_id = z3.Concat(given[2], given[3])
    spec.refuse(packet_id == 0, packet_type, "PacketIdZero", "PacketId", 2)
    return packet_id


def code_and_properties(spec, packet_type, dialect, given, at_hand, place, lacks_method=False, **fields):
    """A Reason Code at `place` and the Property Length behind it. Both may be absent, and then the code is 0."""

    def end(when, offset, **more):
        if lacks_method:
            spec.refuse(when, packet_type, "AuthenticationMethodMissing", "PropertyLength", offset)
        else:
            spec.accept(when, packet_type, **fields, **more)

    end(at_hand == place, place)
    code, length = given[place], given[place + 1]
    mine, others = REASON_CODES[packet_type][dialect[1]], REASON_CODES[packet_type][1 - dialect[1]]
    refuse = lambda when, kind: spec.refuse(when, packet_type, kind, "ReasonCode", place, code)
    refuse(one_of(code, others - mine), "ReasonCodeWrongSender")
    refuse(z3.Not(one_of(code, mine)), "ReasonCodeNotAllowed")
    end(at_hand == place + 1, place + 1, reason_code=code)
    # the Property Length is the last byte of the packet
    refuse = lambda when, kind, value: spec.refuse(when, packet_type, kind, "PropertyLength", place + 1, value)
    refuse(length & 0x80 != 0, "Truncated", 1)
    refuse(length != 0, "PropertyLength", length)
    end(True, place + 1, reason_code=code)


PUBLISH_CODES = {0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99}
PUBREL_CODES = {0x00, 0x92}
DISCONNECT_CODES = {0x00, 0x80, 0x81, 0x82, 0x83, 0x8C, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9B}
DISCONNECT_OF_SERVER = {0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2}

# By packet: the codes that a Client may send, and those of a Server. They are from the tables in sections 3.4 to 3.7,
# 3.14 and 3.15 of 5.0, with 8C in DISCONNECT from table 2-6, and 9B from a Client from section 3.3.4.
REASON_CODES = {
    PUBACK: (PUBLISH_CODES, PUBLISH_CODES | {0x10}),
    PUBREC: (PUBLISH_CODES, PUBLISH_CODES | {0x10}),
    PUBREL: (PUBREL_CODES, PUBREL_CODES),
    PUBCOMP: (PUBREL_CODES, PUBREL_CODES),
    DISCONNECT: (DISCONNECT_CODES | {0x04}, DISCONNECT_CODES | DISCONNECT_OF_SERVER),
    AUTH: ({0x18, 0x19}, {0x00, 0x18}),
}


def connect_flags(spec, table, column, flags, place):
    """A CONNECT that ends behind its Connect Flags. `table` has the statements that each byte breaks by version."""
    for byte, row in enumerate(table):
        kinds = [KINDS_OF_STATEMENTS[column][it] for it in row[column].split() if it in KINDS_OF_STATEMENTS[column]]
        if row[column] != "ok":
            spec.refuse(flags == byte, CONNECT, kinds[0], "ConnectFlags", place, byte)
    spec.refuse(True, CONNECT, "Truncated", "KeepAlive", place + 1)


KINDS_OF_STATEMENTS = {
    "v3_1": {"U31-will-qos": "WillQos3", "U31-password": "PasswordWithoutUserName"},
    "v3_1_1": {
        "MQTT-3.1.2-3": "ConnectFlagReserved",
        "MQTT-3.1.2-13": "WillQosWithoutWill",
        "MQTT-3.1.2-14": "WillQos3",
        "MQTT-3.1.2-15": "WillRetainWithoutWill",
        "MQTT-3.1.2-22": "PasswordWithoutUserName",
    },
    "v5_0": {
        "MQTT-3.1.2-3": "ConnectFlagReserved",
        "MQTT-3.1.2-11": "WillQosWithoutWill",
        "MQTT-3.1.2-12": "WillQos3",
        "MQTT-3.1.2-13": "WillRetainWithoutWill",
    },
}


LONGEST = 268_435_455


def digits(value):
    """A variable byte integer in its shortest form (section 2.2.3 of 3.1.1): a condition and the bytes for each length.
    The first condition that holds decides."""
    forms = []
    for length in range(1, 5):
        last = length - 1
        of = lambda place: z3.Extract(7, 0, z3.LShR(value, 7 * place)) & 0x7F
        forms.append((z3.ULT(value, 1 << 7 * length), [*(of(place) | 0x80 for place in range(last)), of(last)]))
    return forms


def little_endian(output):
    """Eight bytes as a number: these, and zeros."""
    output = [resize(byte, 8) for byte in output] + [z3.BitVecVal(0, 8)] * (8 - len(output))
    return z3.Concat(output[::-1])


def well_formed(given):
    """Whether bytes are well-formed UTF-8 (table 3-7 of the Unicode Standard) without U+0000 (3.1.1, section 1.5.3)."""
    between = lambda byte, low, high: z3.And(z3.UGE(byte, low), z3.ULE(byte, high))
    forms = [
        [(0x01, 0x7F)],
        [(0xC2, 0xDF), (0x80, 0xBF)],
        [(0xE0, 0xE0), (0xA0, 0xBF), (0x80, 0xBF)],
        [(0xE1, 0xEC), (0x80, 0xBF), (0x80, 0xBF)],
        [(0xED, 0xED), (0x80, 0x9F), (0x80, 0xBF)],
        [(0xEE, 0xEF), (0x80, 0xBF), (0x80, 0xBF)],
        [(0xF0, 0xF0), (0x90, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
        [(0xF1, 0xF3), (0x80, 0xBF), (0x80, 0xBF), (0x80, 0xBF)],
        [(0xF4, 0xF4), (0x80, 0x8F), (0x80, 0xBF), (0x80, 0xBF)],
    ]
    # from the end: whether the bytes from this place on are well-formed
    rest = [z3.BoolVal(True)]
    for place in reversed(range(len(given))):
        fits = [form for form in forms if len(form) <= len(rest)]
        rest.insert(0, z3.Or([
            z3.And(rest[len(form) - 1], *(between(given[place + at], *ends) for at, ends in enumerate(form)))
            for form in fits
        ]))  # fmt: skip
    return rest[0]
