//! A lenient walk over the bytes of one packet: a tree of labelled fields.
//!
//! The walk follows the layout that the packet type and the version prescribe and goes on after
//! a violation as long as it can. It judges nothing: that is the codec's work. Every bit of the
//! packet belongs to exactly one leaf of the tree, whatever the bytes are.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;

use mqtt_wire::{Dialect, PacketType, PropertyId, ReasonCode, Version};

use crate::stream::is_length_in_one_byte;

/// A field of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The standard's name of it.
    pub name: Cow<'static, str>,
    /// The bytes that it has, counted from the first byte of the packet.
    pub span: Range<usize>,
    /// The bits of its one byte that it has; all for fields of whole bytes.
    pub bits: u8,
    pub value: Value,
    /// The value may be a password or the like.
    pub secret: bool,
    /// The children say nothing that the field itself does not, but for offsets.
    pub folded: bool,
    pub children: Vec<Field>,
}

/// What a field says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing of its own.
    None,
    Words(String),
    /// Text, in these bytes of the packet.
    Text(Range<usize>),
    /// A name and its value.
    Pair(Range<usize>, Range<usize>),
    /// Any bytes.
    Data(Range<usize>),
    /// Bytes that belong to no field.
    NotUnderstood(Range<usize>),
}

/// Splits a packet, or what there is of it, into fields.
pub fn dissect(packet: &[u8], dialect: Dialect) -> Vec<Field> {
    let mut walker = Walker {
        packet,
        at: 0,
        end: packet.len(),
        version: dialect.version(),
        packet_type: PacketType::Auth,
        hides: false,
        lost_password: false,
        fields: Vec::new(),
    };
    if let Some(body_end) = walker.fixed_header() {
        walker.end = body_end;
        // what is missing or left over has been noted on the way
        let _ = walker.body();
        if walker.lost_password {
            // any text may have swallowed it
            walker.fields.iter_mut().skip(1).for_each(hide);
        }
        walker.left_over();
        walker.end = packet.len();
        walker.not_understood("after the packet");
    } else {
        walker.not_understood("not understood");
    }
    walker.fields
}

impl Field {
    fn new(name: impl Into<Cow<'static, str>>, span: Range<usize>, value: Value) -> Self {
        Self {
            name: name.into(),
            span,
            bits: 0xff,
            value,
            secret: false,
            folded: false,
            children: Vec::new(),
        }
    }

    /// Whether the field is some bits of a byte.
    pub fn is_bits(&self) -> bool {
        self.bits != 0xff
    }

    /// The bits as protocol analysers draw them: `..01 0...`.
    pub fn draw_bits(&self, packet: &[u8]) -> String {
        let byte = packet.get(self.span.start).copied().unwrap_or_default();
        let mut drawing = String::with_capacity(9);
        for bit in (0..8).rev() {
            drawing.push(match (self.bits >> bit & 1, byte >> bit & 1) {
                (0, _) => '.',
                (_, 0) => '0',
                _ => '1',
            });
            if bit == 4 {
                drawing.push(' ');
            }
        }
        drawing
    }

    /// The value for people to read; text and data of more than `limit` bytes are shortened, and
    /// secrets are not shown unless asked for.
    pub fn text(&self, packet: &[u8], limit: usize, show_secrets: bool) -> String {
        let bytes = |span: &Range<usize>| packet.get(span.clone()).unwrap_or_default();
        match &self.value {
            Value::None => String::new(),
            Value::Words(words) => words.clone(),
            Value::Text(span) | Value::Data(span) | Value::NotUnderstood(span)
                if self.secret && !show_secrets =>
            {
                format!("hidden ({})", count(span.len(), "byte"))
            }
            Value::Pair(name, value) if self.secret && !show_secrets => {
                format!("hidden ({})", count(name.len() + value.len(), "byte"))
            }
            Value::Text(span) => quote(bytes(span), limit),
            Value::Pair(name, value) => {
                let (name, value) = (bytes(name), bytes(value));
                format!("{} = {}", quote(name, limit), quote(value, limit))
            }
            Value::Data(span) | Value::NotUnderstood(span) => describe(bytes(span), limit),
        }
    }
}

/// For every byte of the packet whether it belongs to a secret.
pub fn secret_bytes(fields: &[Field], packet_len: usize) -> Vec<bool> {
    let mut secret = vec![false; packet_len];
    mark_secrets(fields, &mut secret);
    secret
}

fn mark_secrets(fields: &[Field], secret: &mut [bool]) {
    for field in fields {
        let spans = match &field.value {
            Value::Text(span) | Value::Data(span) | Value::NotUnderstood(span) => {
                [Some(span), None]
            }
            Value::Pair(name, value) => [Some(name), Some(value)],
            Value::None | Value::Words(_) => [None, None],
        };
        for span in spans.into_iter().flatten().filter(|_| field.secret) {
            if let Some(bytes) = secret.get_mut(span.clone()) {
                bytes.fill(true);
            }
        }
        mark_secrets(&field.children, secret);
    }
}

/// Makes a secret of all text and data, but for what may be a Protocol Name indeed.
fn hide(field: &mut Field) {
    if field.name == "Protocol Name" && field.span.len() <= 8 {
        return;
    }
    field.secret = true;
    field.children.iter_mut().for_each(hide);
}

/// How many bytes belong to no field.
pub fn not_understood(fields: &[Field]) -> usize {
    let own = |field: &Field| match &field.value {
        Value::NotUnderstood(span) => span.len(),
        _ => not_understood(&field.children),
    };
    fields.iter().map(own).sum()
}

/// "1 byte", "2 bytes".
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// Text in quotes, shortened to about `limit` bytes.
pub fn quote(bytes: &[u8], limit: usize) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= limit => format!("{text:?}"),
        Ok(text) => {
            let start = (0..=limit).rev().find_map(|end| text.get(..end));
            let start = start.unwrap_or_default();
            format!("{start:?}… ({})", count(bytes.len(), "byte"))
        }
        Err(_) => {
            let shown = bytes.get(..limit).unwrap_or(bytes);
            let rest = if shown.len() < bytes.len() { "…" } else { "" };
            let shown = shown.escape_ascii();
            format!("\"{shown}\"{rest} (not UTF-8)")
        }
    }
}

/// Data as text where it is text, and else as hex.
fn describe(bytes: &[u8], limit: usize) -> String {
    if bytes.is_empty() {
        return String::from("empty");
    }
    let is_text = |text: &str| text.chars().all(|c| !c.is_control() || c.is_whitespace());
    if std::str::from_utf8(bytes).is_ok_and(is_text) {
        let length = if bytes.len() > limit {
            String::new()
        } else {
            format!(" ({})", count(bytes.len(), "byte"))
        };
        return quote(bytes, limit) + &length;
    }
    let shown = bytes.get(..limit / 3).unwrap_or(bytes);
    let rest = if shown.len() < bytes.len() {
        " …"
    } else {
        ""
    };
    format!("{}{rest} ({})", hex(shown), count(bytes.len(), "byte"))
}

/// Bytes as hex digits with spaces between.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 3);
    for (place, byte) in bytes.iter().enumerate() {
        let space = if place == 0 { "" } else { " " };
        // a String takes everything
        let _ = write!(text, "{space}{byte:02X}");
    }
    text
}

/// The place in the packet, and the fields so far. Methods that answer an `Option` answer `None`
/// when the bytes ran out, and have noted that as a field.
struct Walker<'a> {
    packet: &'a [u8],
    at: usize,
    /// The end of the innermost scope: a property block, the body, all bytes.
    end: usize,
    version: Version,
    packet_type: PacketType,
    /// Bytes that are not understood may hold a secret.
    hides: bool,
    /// A CONNECT may have a password that was not found yet.
    lost_password: bool,
    fields: Vec<Field>,
}

impl Walker<'_> {
    /// The end of the body, as far as it is there; `None` without a Remaining Length.
    fn fixed_header(&mut self) -> Option<usize> {
        let first = self.take("Fixed header", 1)?;
        let byte = self.byte_at(first.start);
        let packet_type = PacketType::ALL
            .into_iter()
            .find(|packet_type| *packet_type as u8 == byte >> 4);
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
            // 128 and more written in one byte: the next one belongs to the body already
            _ if is_length_in_one_byte(self.packet) => {
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

    fn body(&mut self) -> Option<()> {
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
        // bit 7 says "I am a bridge" to some servers
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
        // where the name is not understood, these are hardly the flags
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
            self.data("Will Payload", false)?;
        }
        // in 3.1 the Remaining Length wins over these two flags
        let may_be_missing = self.version == Version::V3_1;
        if flags & 0x80 != 0 && !(may_be_missing && self.at == self.end) {
            self.text("User Name")?;
        }
        if flags & 0x40 != 0 && !(may_be_missing && self.at == self.end) {
            self.data("Password", true)?;
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

    /// What 5.0 may leave out at the end, and older versions do not have.
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

    /// Notes if a list is empty that has to have something in it; in 3.1 none has to.
    fn first_of_list(&mut self, name: &'static str) -> Option<()> {
        if self.at == self.end && self.version != Version::V3_1 {
            self.take(name, 1)?;
        }
        Some(())
    }

    fn code(&mut self, name: &'static str) -> Option<()> {
        let span = self.take(name, 1)?;
        let byte = self.byte_at(span.start);
        let meaning = code_name(byte, self.packet_type, self.version);
        let name = match self.version {
            Version::V5 => name,
            _ => "Return Code",
        };
        self.push(name, span, Value::Words(format!("0x{byte:02X} {meaning}")));
        Some(())
    }

    /// Property Length and properties; nothing before 5.0.
    fn properties(&mut self, name: &'static str) -> Option<()> {
        if self.version != Version::V5 {
            return Some(());
        }
        let start = self.at;
        let place = self.fields.len();
        let (length, span) = self.variable_byte_integer("Property Length")?;
        let here = self.end - self.at;
        if length == 0 {
            let none = Value::Words(String::from("none"));
            let mut field = Field::new(name, span.clone(), none);
            field.folded = true;
            let zero = Value::Words(String::from("0"));
            field.children = vec![Field::new("Property Length", span, zero)];
            self.fields.push(field);
            return Some(());
        }
        let mut words = length.to_string();
        if here < length {
            let _ = write!(words, ", but only {} follow", count(here, "byte"));
        }
        self.push("Property Length", span, Value::Words(words));

        let outer = self.end;
        self.end = outer.min(self.at.saturating_add(length));
        while self.at < self.end && self.property().is_some() {}
        self.not_understood("not understood");
        self.end = outer;
        let children = self.fields.split_off(place);
        let mut field = Field::new(name, start..self.at, Value::None);
        field.children = children;
        self.fields.push(field);
        Some(())
    }

    fn property(&mut self) -> Option<()> {
        let start = self.at;
        let place = self.fields.len();
        let (value, span) = self.variable_byte_integer("Property Identifier")?;
        let known = PropertyId::ALL.iter().find(|id| **id as usize == value);
        let Some(&id) = known else {
            let words = format!("0x{value:02X} (there is none)");
            self.push("Property Identifier", span, Value::Words(words));
            return None;
        };
        let words = format!("0x{value:02X}");
        self.push("Identifier", span, Value::Words(words));
        let done = self.property_value(id);
        let mut children = self.fields.split_off(place);
        let mut field = Field::new(id.name(), start..self.at, Value::None);
        if let (Some(()), [_, values @ ..]) = (done, &mut *children) {
            field.folded = true;
            field.value = match values {
                [name, value] => match (&name.value, &value.value) {
                    (Value::Text(name), Value::Text(value)) => {
                        Value::Pair(name.clone(), value.clone())
                    }
                    _ => Value::None,
                },
                [value] => {
                    field.secret = value.secret;
                    value.value.clone()
                }
                _ => Value::None,
            };
        }
        field.children = children;
        self.fields.push(field);
        done
    }

    fn property_value(&mut self, id: PropertyId) -> Option<()> {
        use PropertyId as P;
        match id {
            P::PayloadFormatIndicator
            | P::RequestProblemInformation
            | P::RequestResponseInformation
            | P::MaximumQoS
            | P::RetainAvailable
            | P::WildcardSubscriptionAvailable
            | P::SubscriptionIdentifierAvailable
            | P::SharedSubscriptionAvailable => self.property_number(1, ""),
            P::ServerKeepAlive => self.property_number(2, " s"),
            P::ReceiveMaximum | P::TopicAliasMaximum | P::TopicAlias => self.property_number(2, ""),
            P::MessageExpiryInterval | P::SessionExpiryInterval | P::WillDelayInterval => {
                self.property_number(4, " s")
            }
            P::MaximumPacketSize => self.property_number(4, " bytes"),
            P::SubscriptionIdentifier => {
                let (value, span) = self.variable_byte_integer("Value")?;
                self.push("Value", span, Value::Words(value.to_string()));
                Some(())
            }
            P::CorrelationData => self.data("Value", false),
            P::AuthenticationData => self.data("Value", true),
            P::UserProperty => {
                self.text("Name")?;
                self.text("Value").map(|_| ())
            }
            P::ContentType
            | P::ResponseTopic
            | P::AssignedClientIdentifier
            | P::AuthenticationMethod
            | P::ResponseInformation
            | P::ServerReference
            | P::ReasonString => self.text("Value").map(|_| ()),
        }
    }

    fn property_number(&mut self, length: usize, unit: &str) -> Option<()> {
        let (span, value) = self.integer("Value", length)?;
        self.push("Value", span, Value::Words(format!("{value}{unit}")));
        Some(())
    }

    /// The bytes between the last field and the end of the packet.
    fn left_over(&mut self) {
        if self.packet_type != PacketType::Connect {
            return self.not_understood("not understood");
        }
        // fields whose flags are 0, in all likelihood
        let start = self.at;
        let mut fields = Vec::new();
        while self.at < self.end {
            let Some(span) = self.prefixed_span() else {
                fields.clear();
                break;
            };
            // the last of them may well be a password
            let secret = !fields.is_empty() || span.end == self.end;
            fields.push(prefixed("not announced", span.clone(), Value::Data, secret));
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

    /// The rest of the scope.
    fn not_understood(&mut self, name: &'static str) {
        if self.at < self.end {
            let span = self.at..self.end;
            self.at = self.end;
            let mut field = Field::new(name, span.clone(), Value::NotUnderstood(span.clone()));
            field.secret = self.hides && span.len() > 2;
            self.fields.push(field);
        }
    }

    fn group(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        walk: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let start = self.at;
        let place = self.fields.len();
        let done = walk(self);
        let children = self.fields.split_off(place);
        let mut field = Field::new(name, start..self.at, Value::None);
        field.children = children;
        self.fields.push(field);
        done
    }

    /// A UTF-8 Encoded String; answers where its text is.
    fn text(&mut self, name: &'static str) -> Option<Range<usize>> {
        self.prefixed(name, Value::Text, false)
    }

    fn data(&mut self, name: &'static str, secret: bool) -> Option<()> {
        self.prefixed(name, Value::Data, secret).map(|_| ())
    }

    fn prefixed(
        &mut self,
        name: &'static str,
        value: impl Fn(Range<usize>) -> Value,
        secret: bool,
    ) -> Option<Range<usize>> {
        if let Some(span) = self.prefixed_span() {
            self.at = span.end;
            let content = span.start + 2..span.end;
            self.fields.push(prefixed(name, span, value, secret));
            return Some(content);
        }
        let start = self.at;
        let (length_span, length) = self.integer(name, 2)?;
        let content = self.at..self.end;
        let here = count(content.len(), "byte");
        self.at = self.end;
        let mut cut = Field::new("cut off", content.clone(), Value::NotUnderstood(content));
        cut.secret = secret || self.hides;
        let words = format!("{length}, but only {here} follow");
        let length = Field::new("Length", length_span, Value::Words(words));
        let mut field = Field::new(name, start..self.end, Value::None);
        field.children = vec![length, cut];
        self.fields.push(field);
        None
    }

    /// Where a field with a length of two bytes is, if all of it is there.
    fn prefixed_span(&self) -> Option<Range<usize>> {
        let prefix = self.packet.get(self.at..self.end)?.first_chunk()?;
        let end = self.at + 2 + usize::from(u16::from_be_bytes(*prefix));
        (end <= self.end).then_some(self.at..end)
    }

    /// A number of one, two or four bytes.
    fn integer(&mut self, name: &'static str, length: usize) -> Option<(Range<usize>, u32)> {
        let span = self.take(name, length)?;
        let bytes = self.packet.get(span.clone()).unwrap_or_default();
        let value = bytes
            .iter()
            .fold(0, |value, byte| value << 8 | u32::from(*byte));
        Some((span, value))
    }

    fn variable_byte_integer(&mut self, name: &'static str) -> Option<(usize, Range<usize>)> {
        let rest = self.packet.get(self.at..self.end).unwrap_or_default();
        let mut value = 0;
        for (place, byte) in rest.iter().take(4).enumerate() {
            value |= usize::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                let start = self.at;
                self.at += place + 1;
                return Some((value, start..self.at));
            }
        }
        let problem = match rest.len() {
            0 => "missing",
            4.. => "more than four bytes",
            _ => "not finished",
        };
        let span = self.at..self.at + rest.len().min(4);
        self.at = span.end;
        self.push(name, span, Value::Words(problem.into()));
        None
    }

    /// Takes bytes for a field that the caller will push.
    fn take(&mut self, name: &'static str, length: usize) -> Option<Range<usize>> {
        let here = self.end - self.at;
        let span = self.at..self.at + length.min(here);
        self.at = span.end;
        if here >= length {
            return Some(span);
        }
        let words = match here {
            0 => String::from("missing"),
            _ => format!("cut off: {here} of {length} bytes"),
        };
        self.push(name, span, Value::Words(words));
        None
    }

    fn push(&mut self, name: &'static str, span: Range<usize>, value: Value) {
        self.fields.push(Field::new(name, span, value));
    }

    fn push_bits(&mut self, name: &'static str, span: Range<usize>, bits: &[Bits]) {
        let words = format!("0x{:02X}", self.byte_at(span.start));
        let mut field = Field::new(name, span, Value::Words(words));
        field.children = self.bits(&field, bits);
        self.fields.push(field);
    }

    fn bits(&self, byte_field: &Field, bits: &[Bits]) -> Vec<Field> {
        let byte = self.byte_at(byte_field.span.start);
        let field = |(mask, name, text): &Bits| {
            let value = (byte & mask) >> mask.trailing_zeros();
            let words = Value::Words(text(value, self.version));
            let mut field = Field::new(*name, byte_field.span.clone(), words);
            field.bits = *mask;
            field
        };
        bits.iter().map(field).collect()
    }

    fn byte_at(&self, place: usize) -> u8 {
        self.packet.get(place).copied().unwrap_or_default()
    }
}

/// Which bits, their name, and what their value says.
type Bits = (u8, &'static str, fn(u8, Version) -> String);

fn set(value: u8, _: Version) -> String {
    String::from(if value == 0 { "not set" } else { "set" })
}

fn number(value: u8, _: Version) -> String {
    value.to_string()
}

fn qos(value: u8, _: Version) -> String {
    let meaning = match value {
        0 => "at most once",
        1 => "at least once",
        2 => "exactly once",
        _ => "does not exist",
    };
    format!("{value} ({meaning})")
}

fn retain_handling(value: u8, _: Version) -> String {
    let meaning = match value {
        0 => "send retained messages",
        1 => "send them if the subscription is new",
        2 => "do not send them",
        _ => "does not exist",
    };
    format!("{value} ({meaning})")
}

fn packet_type_name(value: u8, version: Version) -> String {
    let is_type = |packet_type: &PacketType| *packet_type as u8 == value;
    match PacketType::ALL.into_iter().find(is_type) {
        Some(PacketType::Auth) if version != Version::V5 => format!("{value} (reserved)"),
        Some(packet_type) => format!("{value} ({packet_type})"),
        None => format!("{value} (reserved)"),
    }
}

fn code_name(byte: u8, packet_type: PacketType, version: Version) -> &'static str {
    match (version, packet_type, byte) {
        (Version::V5, PacketType::SubAck, 0) => "Granted QoS 0",
        (Version::V5, PacketType::Disconnect, 0) => "Normal disconnection",
        (Version::V5, _, _) => {
            ReasonCode::try_from(byte).map_or("(no Reason Code)", ReasonCode::name)
        }
        (_, PacketType::SubAck, 0) => "Granted QoS 0",
        (_, PacketType::SubAck, 1) => "Granted QoS 1",
        (_, PacketType::SubAck, 2) => "Granted QoS 2",
        (_, PacketType::SubAck, 0x80) => "Failure",
        (_, PacketType::ConnAck, 0) => "Connection accepted",
        (_, PacketType::ConnAck, 1) => "Unacceptable protocol version",
        (_, PacketType::ConnAck, 2) => "Identifier rejected",
        (_, PacketType::ConnAck, 3) => "Server unavailable",
        (_, PacketType::ConnAck, 4) => "Bad user name or password",
        (_, PacketType::ConnAck, 5) => "Not authorized",
        _ => "(no Return Code)",
    }
}

/// A field with its length of two bytes and its content.
fn prefixed(
    name: &'static str,
    span: Range<usize>,
    value: impl Fn(Range<usize>) -> Value,
    secret: bool,
) -> Field {
    let content = span.start + 2..span.end;
    let words = Value::Words(content.len().to_string());
    let length = Field::new("Length", span.start..span.start + 2, words);
    let mut inner = Field::new("Content", content.clone(), value(content.clone()));
    inner.secret = secret;
    let mut field = Field::new(name, span, value(content));
    field.secret = secret;
    field.folded = true;
    field.children = vec![length, inner];
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_wire::{Packet, Sender};

    /// Packets of each layout, valid in the version and from the side given: the first byte, and
    /// what follows the Remaining Length.
    #[rustfmt::skip]
    const VALID: &[(&str, &str, u8, &[u8])] = &[
        ("3.1", "client", 0x10, b"\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01p"),
        ("3.1", "client", 0x10, b"\x00\x06MQIsdp\x03\xc2\x00\x3c\x00\x01p"),
        ("3.1.1", "client", 0x10, b"\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p"),
        ("3.1.1", "client", 0x10, b"\x00\x04MQTT\x04\xee\x00\x00\x00\x01p\x00\x01t\x00\x02hi\x00\x01u\x00\x02pw"),
        ("5.0", "client", 0x10, b"\x00\x04MQTT\x05\xc6\x00\x3c\x0d\x11\0\0\0\x0a\x21\0\x14\x27\0\x01\0\0\0\x01p\x05\x18\0\0\0\x01\0\x01t\0\0\0\x01u\0\0"),
        ("5.0", "client", 0x10, b"\x00\x04MQTT\x05\x02\x00\x3c\x0c\x15\0\x01m\x16\0\x05\x01\x02\x03\x04\x05\0\0"),
        ("3.1.1", "server", 0x20, b"\x01\x00"),
        ("5.0", "server", 0x20, b"\x00\x00\x0a\x12\0\x03abc\x24\x01\x25\x00"),
        ("3.1.1", "client", 0x30, b"\x00\x03a/bhello"),
        ("3.1.1", "client", 0x3d, b"\x00\x03a/b\x00\x07x"),
        ("5.0", "client", 0x32, b"\x00\x03a/b\x00\x07\x11\x01\x01\x03\0\x04text\x26\0\x01k\0\x02vvhi"),
        ("5.0", "server", 0x30, b"\x00\x00\x06\x23\0\x01\x0b\x81\x01\x01"),
        ("3.1.1", "client", 0x40, b"\x00\x01"),
        ("5.0", "client", 0x40, b"\x00\x01\x87"),
        ("5.0", "server", 0x62, b"\x00\x01\x92\x04\x1f\0\x01x"),
        ("3.1.1", "client", 0x82, b"\x00\x01\x00\x01a\x00\x00\x03b/#\x02"),
        ("5.0", "client", 0x82, b"\x00\x01\x02\x0b\x07\x00\x03a/+\x2d"),
        ("3.1.1", "server", 0x90, b"\x00\x01\x02\x80"),
        ("5.0", "server", 0x90, b"\x00\x01\x00\x00\x8f"),
        ("3.1.1", "client", 0xa2, b"\x00\x01\x00\x01a\x00\x01b"),
        ("5.0", "client", 0xa2, b"\x00\x01\x00\x00\x01a"),
        ("3.1.1", "server", 0xb0, b"\x00\x01"),
        ("5.0", "server", 0xb0, b"\x00\x01\x00\x11"),
        ("3.1.1", "client", 0xc0, b""),
        ("3.1.1", "server", 0xd0, b""),
        ("3.1.1", "client", 0xe0, b""),
        ("5.0", "server", 0xe0, b"\x8e"),
        ("5.0", "client", 0xf0, b"\x18\x07\x15\0\x01m\x16\0\0"),
    ];

    fn valid() -> impl Iterator<Item = (Dialect, Vec<u8>)> {
        VALID.iter().map(|(version, from, first, body)| {
            let mut packet = vec![*first, u8::try_from(body.len()).unwrap()];
            packet.extend(*body);
            (dialect(version, from), packet)
        })
    }

    fn dialect(version: &str, from: &str) -> Dialect {
        let version = Version::ALL
            .into_iter()
            .find(|it| it.to_string() == version)
            .unwrap();
        let sender = match from {
            "client" => Sender::Client,
            _ => Sender::Server,
        };
        Dialect::new(version, sender)
    }

    fn all_dialects() -> impl Iterator<Item = Dialect> {
        Version::ALL
            .into_iter()
            .flat_map(|version| [Dialect::from_client(version), Dialect::from_server(version)])
    }

    /// Asserts that every bit belongs to one leaf, in order, and that no child leaves its parent.
    fn assert_tiled(packet: &[u8], dialect: Dialect) {
        fn walk(fields: &[Field], span: &Range<usize>, bits: &mut [u8]) {
            let mut at = span.start;
            let mut used = 0;
            for field in fields {
                assert!(field.span.start <= field.span.end && field.span.end <= span.end);
                if field.is_bits() {
                    assert_eq!(field.span, *span);
                    assert_eq!(used & field.bits, 0, "bits twice");
                    used |= field.bits;
                } else {
                    assert_eq!(field.span.start, at, "a gap before {}", field.name);
                    at = field.span.end;
                }
                if field.children.is_empty() {
                    for bits in &mut bits[field.span.clone()] {
                        assert_eq!(*bits & field.bits, 0, "twice: {}", field.name);
                        *bits |= field.bits;
                    }
                } else {
                    walk(&field.children, &field.span, bits);
                }
            }
        }
        let fields = dissect(packet, dialect);
        let mut bits = vec![0; packet.len()];
        walk(&fields, &(0..packet.len()), &mut bits);
        assert!(
            bits.iter().all(|bits| *bits == 0xff),
            "{packet:x?}: {fields:#?}"
        );
        for field in &fields {
            field.text(packet, 30, false);
        }
    }

    #[test]
    fn valid_packets_are_tiled_and_understood() {
        for (dialect, packet) in valid() {
            if let Err(error) = Packet::decode(&packet, dialect) {
                panic!("{packet:x?}: {error}");
            }
            assert_tiled(&packet, dialect);
            let fields = dissect(&packet, dialect);
            assert_eq!(not_understood(&fields), 0, "{packet:x?}: {fields:#?}");
        }
    }

    #[test]
    fn any_bytes_are_tiled() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as usize
        };
        for dialect in all_dialects() {
            assert_tiled(b"", dialect);
            for (_, packet) in valid() {
                for end in 0..packet.len() {
                    assert_tiled(&packet[..end], dialect);
                }
                for _ in 0..300 {
                    let mut packet = packet.clone();
                    for _ in 0..=random() % 3 {
                        let place = random() % packet.len();
                        packet[place] = random() as u8;
                    }
                    assert_tiled(&packet, dialect);
                }
            }
            for _ in 0..3000 {
                let packet: Vec<u8> = (0..random() % 40)
                    .map(|_| (random() >> (random() % 8)) as u8)
                    .collect();
                assert_tiled(&packet, dialect);
            }
        }
    }

    fn lines(packet: &[u8], dialect: Dialect) -> Vec<String> {
        fn add(fields: &[Field], packet: &[u8], lines: &mut Vec<String>) {
            for field in fields {
                let bits = match field.is_bits() {
                    true => field.draw_bits(packet) + " = ",
                    false => String::new(),
                };
                let text = field.text(packet, 40, false);
                lines.push(format!("{} {bits}{}: {text}", field.span.start, field.name));
                if !field.folded {
                    add(&field.children, packet, lines);
                }
            }
        }
        let mut all = Vec::new();
        add(&dissect(packet, dialect), packet, &mut all);
        all
    }

    #[test]
    fn draws_bits_like_protocol_analysers() {
        let connect = b"\x10\x0e\x00\x04MQTT\x05\x0a\x00\x3c\x00\x00\x01p";
        let lines = lines(connect, Dialect::from_client(Version::V5));
        for line in [
            "9 Connect Flags: 0x0A",
            "9 ...0 1... = Will QoS: 1 (at least once)",
            "9 .... .0.. = Will Flag: not set",
            "9 .... ..1. = Clean Start: set",
            "10 Keep Alive: 60 s",
            "13 Client Identifier: \"p\"",
        ] {
            assert!(lines.iter().any(|it| it == line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn names_what_is_missing_or_cut_off() {
        let v3 = Dialect::from_client(Version::V3_1_1);
        assert!(lines(b"\x82\x02\x00\x01", v3).contains(&"4 Topic Filter: missing".into()));
        assert!(
            lines(b"\x40\x01\x00", v3)
                .contains(&"2 Packet Identifier: cut off: 1 of 2 bytes".into())
        );
        let publish = lines(b"\x30\x05\xff\xffabc", v3);
        assert!(publish.contains(&"2 Length: 65535, but only 3 bytes follow".into()));
        assert!(publish.contains(&"4 cut off: \"abc\" (3 bytes)".into()));
    }

    #[test]
    fn reads_a_remaining_length_that_was_written_in_one_byte() {
        let mut publish = vec![0x30, 0xc8, 0x00, 0x03, b'a', b'/', b'b'];
        publish.resize(202, b'x');
        let lines = lines(&publish, Dialect::from_client(Version::V3_1_1));
        assert!(
            lines[5].contains("200, if it was meant to have one byte"),
            "{lines:?}"
        );
        assert!(lines[6].contains("Topic Name: \"a/b\""), "{lines:?}");
    }

    #[test]
    fn hides_secrets() {
        let secret = |packet: &[u8], version| {
            let fields = dissect(packet, Dialect::from_client(version));
            let hidden = secret_bytes(&fields, packet.len());
            let shown = fields.iter().map(|field| field.text(packet, 40, false));
            assert!(!shown.collect::<String>().contains("pw"));
            packet
                .iter()
                .zip(hidden)
                .filter_map(|(byte, hidden)| hidden.then_some(char::from(*byte)))
                .collect::<String>()
        };
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x01p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "pw");
        // cut off: who knows what belongs to it
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x01p\x00\x01u\x00\x09pw";
        assert_eq!(secret(password, Version::V3_1_1), "pupw");
        // flags forgotten
        let password = b"\x10\x14\x00\x04MQTT\x04\x02\x00\x00\x00\x01p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "pw");
        // swallowed by a wrong length
        let password = b"\x10\x14\x00\x04MQTT\x04\xc2\x00\x00\x00\x70p\x00\x01u\x00\x02pw";
        assert_eq!(secret(password, Version::V3_1_1), "p\0\x01u\0\x02pw");
        let data = b"\xf0\x0b\x18\x09\x15\0\x01m\x16\0\x02pw";
        assert_eq!(secret(data, Version::V5), "pw");
    }
}
