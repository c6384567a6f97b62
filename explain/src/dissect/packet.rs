//! The layout of each packet type.

use std::fmt::Write;

use mqtt_wire::{PacketType, Version};

use super::bits::{Bits, number, packet_type_name, qos, retain_handling, set};
use super::field::{Field, Value};
use super::walker::{Content, Walker, prefixed_field};
use crate::text::count;
use crate::{fixed_header, names};

impl Walker<'_> {
    /// Adds the fixed header and returns the end of the body, which is not the end of the packet if
    /// that is incomplete; `None` without a Remaining Length.
    pub(super) fn fixed_header(&mut self) -> Option<usize> {
        let first = self.take("Fixed header", 1)?;
        let byte = self.byte_at(first.start);
        let packet_type = fixed_header::packet_type(&[byte]);
        let name = packet_type.map_or("reserved", PacketType::name);
        let mut header = Field::new("Fixed header", first, Value::Words(name.into()));
        let bits: &[Bits] = match packet_type {
            Some(PacketType::Publish) => &[
                (0xf0, "Packet type", |value, _| format!("{value} (PUBLISH)")),
                (0x08, "DUP", set),
                (0x06, "QoS", qos),
                (0x01, "RETAIN", set),
            ],
            _ => &[
                (0xf0, "Packet type", packet_type_name),
                (0x0f, "Flags (reserved)", number),
            ],
        };
        header.children = self.bits(&header, bits);
        self.fields.push(header);

        let start = self.at;
        let body = match self.variable_byte_integer("Remaining Length")? {
            // 128 and more, written as one byte: the next byte already belongs to the body
            _ if fixed_header::is_length_in_one_byte(self.packet) => {
                self.at = start + 1;
                let length = usize::from(self.byte_at(start));
                let words = format!("{length}, if it was meant to have one byte");
                let field = Field::new("Remaining Length", start..self.at, Value::Words(words));
                self.fields.push(field);
                length
            }
            (length, span) => {
                let mut words = length.to_string();
                let here = self.end - self.at;
                if here < length {
                    let _ = write!(words, ", but only {} follow", count(here, "byte"));
                }
                self.push("Remaining Length", span, Value::Words(words));
                length
            }
        };
        if let Some(packet_type) = packet_type {
            self.packet_type = packet_type;
            Some(self.end.min(self.at.saturating_add(body)))
        } else {
            None
        }
    }

    /// Adds the fields of the packet type.
    pub(super) fn body(&mut self) -> Option<()> {
        match self.packet_type {
            PacketType::Connect => self.connect(),
            PacketType::ConnAck => {
                self.hides = true;
                let flags = self.take("Connect Acknowledge Flags", 1)?;
                self.push_bits(
                    "Connect Acknowledge Flags",
                    flags,
                    match self.version {
                        Version::V3_1 => &[(0xff, "Reserved", number)],
                        _ => &[(0xfe, "Reserved", number), (0x01, "Session Present", set)],
                    },
                );
                self.code("Reason Code")?;
                self.properties("Properties")
            }
            PacketType::Publish => {
                let qos = self.byte_at(0) >> 1 & 0x03;
                self.text("Topic Name")?;
                if qos != 0 {
                    self.packet_id()?;
                }
                self.properties("Properties")?;
                let payload = self.at..self.end;
                self.at = self.end;
                self.push("Payload", payload.clone(), Value::Data(payload));
                Some(())
            }
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                self.packet_id()?;
                self.code_and_properties()
            }
            PacketType::Subscribe => {
                self.packet_id()?;
                self.properties("Properties")?;
                self.first_of_list("Topic Filter")?;
                for number in 1.. {
                    if self.at == self.end {
                        break;
                    }
                    self.group(format!("Subscription {number}"), Self::subscription)?;
                }
                Some(())
            }
            PacketType::SubAck => {
                self.packet_id()?;
                self.properties("Properties")?;
                self.codes()
            }
            PacketType::Unsubscribe => {
                self.packet_id()?;
                self.properties("Properties")?;
                self.first_of_list("Topic Filter")?;
                while self.at < self.end {
                    self.text("Topic Filter")?;
                }
                Some(())
            }
            PacketType::UnsubAck => {
                self.packet_id()?;
                self.properties("Properties")?;
                match self.version {
                    Version::V5 => self.codes(),
                    Version::V3_1 | Version::V3_1_1 => Some(()),
                }
            }
            PacketType::PingReq | PacketType::PingResp => Some(()),
            PacketType::Disconnect => self.code_and_properties(),
            PacketType::Auth => {
                self.hides = true;
                self.code_and_properties()
            }
        }
    }

    fn connect(&mut self) -> Option<()> {
        self.hides = true;
        self.lost_password = true;
        let name = self.text("Protocol Name")?;
        let level = self.take("Protocol Level", 1)?;
        let byte = self.byte_at(level.start);
        let name = self.packet.get(name).unwrap_or_default();
        // some servers read bit 7 as the mark of a bridge
        let level_of = |version: &Version| version.protocol_level() == byte & 0x7f;
        let version = Version::ALL.into_iter().find(level_of);
        let mut is_known = false;
        let words = match version {
            Some(version) if version.protocol_name().as_bytes() == name => {
                self.version = version;
                is_known = true;
                let bridge = if byte & 0x80 == 0 {
                    ""
                } else {
                    ", as a bridge"
                };
                format!("{byte} (MQTT {version}{bridge})")
            }
            _ => byte.to_string(),
        };
        self.push("Protocol Level", level, Value::Words(words));

        let at = self.take("Connect Flags", 1)?;
        let flags = self.byte_at(at.start);
        let clean = match self.version {
            Version::V5 => "Clean Start",
            _ => "Clean Session",
        };
        self.push_bits(
            "Connect Flags",
            at,
            &[
                (0x80, "User Name Flag", set),
                (0x40, "Password Flag", set),
                (0x20, "Will Retain", set),
                (0x18, "Will QoS", qos),
                (0x04, "Will Flag", set),
                (0x02, clean, set),
                (0x01, "Reserved", set),
            ],
        );
        // with an unknown name, these are probably not the flags
        let may_have_password = flags & 0x40 != 0 || !is_known;
        self.hides = may_have_password;
        self.lost_password = may_have_password;

        let (keep_alive, value) = self.integer("Keep Alive", 2)?;
        let words = match value {
            0 => String::from("0 (off)"),
            seconds => format!("{seconds} s"),
        };
        self.push("Keep Alive", keep_alive, Value::Words(words));
        self.properties("Properties")?;
        self.text("Client Identifier")?;
        if flags & 0x04 != 0 {
            self.properties("Will Properties")?;
            self.text("Will Topic")?;
            self.data("Will Payload")?;
        }
        // in 3.1 the Remaining Length overrides these two flags
        let may_be_missing = self.version == Version::V3_1;
        if flags & 0x80 != 0 && !(may_be_missing && self.at == self.end) {
            self.text("User Name")?;
        }
        if flags & 0x40 != 0 && !(may_be_missing && self.at == self.end) {
            self.secret_data("Password")?;
            self.lost_password = false;
        }
        Some(())
    }

    fn subscription(&mut self) -> Option<()> {
        self.text("Topic Filter")?;
        let options = self.take("Subscription Options", 1)?;
        self.push_bits(
            "Subscription Options",
            options,
            match self.version {
                Version::V5 => &[
                    (0xc0, "Reserved", number),
                    (0x30, "Retain Handling", retain_handling),
                    (0x08, "Retain As Published", set),
                    (0x04, "No Local", set),
                    (0x03, "Maximum QoS", qos),
                ],
                _ => &[(0xfc, "Reserved", number), (0x03, "Requested QoS", qos)],
            },
        );
        Some(())
    }

    fn packet_id(&mut self) -> Option<()> {
        let (span, value) = self.integer("Packet Identifier", 2)?;
        let words = value.to_string();
        self.push("Packet Identifier", span, Value::Words(words));
        Some(())
    }

    /// Adds the Reason Code and the properties, which may be absent in 5.0, and always are before it.
    fn code_and_properties(&mut self) -> Option<()> {
        if self.version != Version::V5 || self.at == self.end {
            return Some(());
        }
        self.code("Reason Code")?;
        if self.at == self.end {
            return Some(());
        }
        self.properties("Properties")
    }

    fn codes(&mut self) -> Option<()> {
        self.first_of_list("Reason Code")?;
        while self.at < self.end {
            self.code("Reason Code")?;
        }
        Some(())
    }

    /// Adds a field for a missing first item. In 3.1 a list may be empty.
    fn first_of_list(&mut self, name: &'static str) -> Option<()> {
        if self.at == self.end && self.version != Version::V3_1 {
            self.take(name, 1)?;
        }
        Some(())
    }

    fn code(&mut self, name: &'static str) -> Option<()> {
        let span = self.take(name, 1)?;
        let byte = self.byte_at(span.start);
        let meaning = names::code_byte(byte, self.packet_type, self.version);
        let name = match self.version {
            Version::V5 => name,
            _ => "Return Code",
        };
        self.push(name, span, Value::Words(format!("0x{byte:02X} {meaning}")));
        Some(())
    }

    /// Adds the bytes between the last field and the end of the packet.
    pub(super) fn left_over(&mut self) {
        if self.packet_type != PacketType::Connect {
            return self.not_understood("not understood");
        }
        // probably fields whose flags are 0
        let start = self.at;
        let mut fields = Vec::new();
        while self.at < self.end {
            let Some(span) = self.prefixed_span() else {
                fields.clear();
                break;
            };
            // the last one may be a password
            let may_be_password = !fields.is_empty() || span.end == self.end;
            let content = if may_be_password {
                Content::Secret
            } else {
                Content::Data
            };
            fields.push(prefixed_field("not announced", span.clone(), content));
            self.at = span.end;
        }
        if fields.is_empty() {
            self.at = start;
            self.hides = true;
            self.not_understood("not understood");
        } else {
            self.fields.append(&mut fields);
        }
    }
}
