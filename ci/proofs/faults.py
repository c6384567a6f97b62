"""Faults that are planted into a copy of the library, and the part of a claim that finds each."""

from dataclasses import dataclass


@dataclass
class Fault:
    finder: str
    file: str
    old: str
    new: str


# All faults of a list are in one copy. None hides another: each finder runs other code.
COPIES = {
    "wrong": [
        Fault("framing, 5.0 from the Client", "frame.rs", "if len > max_len {", "if len >= max_len {"),
        Fault(
            "PUBACK, 5.0 from the Server",
            "reason_code.rs",
            '"Packet Identifier not found", both [PubRel',
            '"Packet Identifier not found", both [PubAck PubRel',
        ),
        Fault("PUBREL, 3.1.1 from the Client", "packet.rs", "Some(Self::PubRel(ack))", "Some(Self::PubComp(ack))"),
        Fault("CONNACK, 3.1.1 from the Server", "packet/connack.rs", "_) | (_, 0..=1)", "_) | (_, 0..=3)"),
        Fault(
            "UNSUBACK, 3.1.1 from the Server",
            "fixed_header.rs",
            "| Self::UnsubAck,\n                Version",
            ",\n                Version",
        ),
        Fault("PINGRESP, 5.0 from the Server", "fixed_header.rs", "PingReq | Self::PingResp, _", "PingReq, _"),
        Fault(
            "DISCONNECT, 5.0 from the Server",
            "reason_code.rs",
            '"Disconnect with Will Message", both [], server [], client [Disconnect]',
            '"Disconnect with Will Message", both [Disconnect], server [], client []',
        ),
        Fault(
            "AUTH, 5.0 from the Server",
            "reason_code.rs",
            '"Re-authenticate", both [], server [], client [Auth]',
            '"Re-authenticate", both [Auth], server [], client []',
        ),
        Fault("Connect Flags, 5.0", "packet/connect.rs", "if qos == 3 {", "if qos == 2 {"),
        Fault("Remaining Length, encoded and framed", "wire/varint.rs", "0x80..0x4000 => 2", "0x80..0x4000 => 3"),
        Fault("Subscription Identifier, encoded and decoded", "data.rs", "value <= varint", "value < varint"),
        Fault("text of 16", "wire/text.rs", "saturating_sub(0xf4 - 0x80)", "saturating_sub(0xf5 - 0x80)"),
    ],
    "panics": [
        Fault(
            "framing, version not known",
            "frame.rs",
            "match bytes.get(..len) {",
            "assert!(len != 77);\n        match bytes.get(..len) {",
        ),
    ],
}
