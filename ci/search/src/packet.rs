//! The packets of the models, and their bytes, written from the layouts in the standards.

use mqtt_wire::Version;

/// A packet: its kind, with the fields that decide the peers' behaviour, and fields that matter only to the monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Packet {
    pub kind: Kind,
    /// RETAIN of a PUBLISH; the Will's flags of a CONNECT.
    pub flags: u8,
    /// The topic name, each filter, or the client identifier.
    pub text: &'static str,
    /// The properties of 5.0, without their length.
    pub properties: &'static [u8],
    /// The Will behind the client identifier of a CONNECT.
    pub will: &'static [u8],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Connect { clean: bool },
    ConnAck { present: bool, code: u8 },
    Publish { qos: u8, id: u8, dup: bool },
    PubAck { id: u8 },
    PubRec { id: u8, code: u8 },
    PubRel { id: u8, code: u8, dup: bool },
    PubComp { id: u8, code: u8 },
    Subscribe { id: u8, filters: u8, dup: bool },
    SubAck { id: u8, codes: u8 },
    Unsubscribe { id: u8, filters: u8, dup: bool },
    UnsubAck { id: u8, codes: u8 },
    PingReq,
    PingResp,
    Disconnect { code: u8 },
    Auth { code: u8 },
}

impl From<Kind> for Packet {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            flags: 0,
            text: "t",
            properties: &[],
            will: &[],
        }
    }
}

impl Kind {
    /// The packet type of the standards, 1 to 15.
    pub const fn number(self) -> u8 {
        match self {
            Self::Connect { .. } => 1,
            Self::ConnAck { .. } => 2,
            Self::Publish { .. } => 3,
            Self::PubAck { .. } => 4,
            Self::PubRec { .. } => 5,
            Self::PubRel { .. } => 6,
            Self::PubComp { .. } => 7,
            Self::Subscribe { .. } => 8,
            Self::SubAck { .. } => 9,
            Self::Unsubscribe { .. } => 10,
            Self::UnsubAck { .. } => 11,
            Self::PingReq => 12,
            Self::PingResp => 13,
            Self::Disconnect { .. } => 14,
            Self::Auth { .. } => 15,
        }
    }

    /// The Packet Identifier; 0 if there is none.
    pub const fn id(self) -> u8 {
        match self {
            Self::Publish { id, .. }
            | Self::PubAck { id }
            | Self::PubRec { id, .. }
            | Self::PubRel { id, .. }
            | Self::PubComp { id, .. }
            | Self::Subscribe { id, .. }
            | Self::SubAck { id, .. }
            | Self::Unsubscribe { id, .. }
            | Self::UnsubAck { id, .. } => id,
            _ => 0,
        }
    }

    /// Bits 3 to 0 of the first byte.
    const fn flags(self) -> u8 {
        match self {
            Self::Publish { qos, dup, .. } => (dup as u8) << 3 | qos << 1,
            // only 3.1 sets DUP in them
            Self::PubRel { dup, .. }
            | Self::Subscribe { dup, .. }
            | Self::Unsubscribe { dup, .. } => (dup as u8) << 3 | 2,
            _ => 0,
        }
    }
}

impl Packet {
    pub fn with_properties(mut self, properties: &'static [u8]) -> Self {
        self.properties = properties;
        self
    }

    pub fn with_text(mut self, text: &'static str) -> Self {
        self.text = text;
        self
    }

    pub fn bytes(&self, version: Version) -> Vec<u8> {
        let body = self.body(version);
        let length = u8::try_from(body.len()).expect("a length of one byte");
        assert!(length < 128, "a length of one byte");
        let flags = match self.kind {
            Kind::Publish { .. } => self.flags,
            _ => 0,
        };
        let first = self.kind.number() << 4 | self.kind.flags() | flags;
        [&[first, length], &body[..]].concat()
    }

    fn body(&self, version: Version) -> Vec<u8> {
        let id = [0, self.kind.id()];
        let block = self.block(version);
        let is_v5 = version == Version::V5;
        match self.kind {
            Kind::Connect { clean } => {
                let start: &[u8] = match version {
                    Version::V3_1 => b"\0\x06MQIsdp\x03",
                    Version::V3_1_1 => b"\0\x04MQTT\x04",
                    Version::V5 => b"\0\x04MQTT\x05",
                };
                let flags = [(clean as u8) << 1 | self.flags, 0, 0];
                [start, &flags, &block, &text(self.text), self.will].concat()
            }
            Kind::ConnAck { present, code } => [&[u8::from(present), code], &block[..]].concat(),
            Kind::Publish { qos: 0, .. } => [text(self.text), block].concat(),
            Kind::Publish { .. } => [&text(self.text), &id[..], &block].concat(),
            Kind::PubAck { .. } => [&id[..], &self.reason(0, version)].concat(),
            Kind::PubRec { code, .. } | Kind::PubRel { code, .. } | Kind::PubComp { code, .. } => {
                [&id[..], &self.reason(code, version)].concat()
            }
            Kind::Subscribe { filters, .. } => {
                let filter = [&text(self.text)[..], &[0]].concat();
                [&id[..], &block, &filter.repeat(filters.into())].concat()
            }
            Kind::Unsubscribe { filters, .. } => {
                [&id[..], &block, &text(self.text).repeat(filters.into())].concat()
            }
            Kind::UnsubAck { .. } if !is_v5 => id.to_vec(),
            Kind::SubAck { codes, .. } | Kind::UnsubAck { codes, .. } => {
                [&id[..], &block, &vec![0; codes.into()]].concat()
            }
            Kind::PingReq | Kind::PingResp => Vec::new(),
            Kind::Disconnect { code } | Kind::Auth { code } => self.reason(code, version),
        }
    }

    fn block(&self, version: Version) -> Vec<u8> {
        match version {
            Version::V5 => [&[self.properties.len() as u8], self.properties].concat(),
            _ => Vec::new(),
        }
    }

    /// Reason Code and properties, which may be left out from the end.
    fn reason(&self, code: u8, version: Version) -> Vec<u8> {
        match (code, self.properties) {
            _ if version != Version::V5 => Vec::new(),
            (0, []) => Vec::new(),
            (_, []) => vec![code],
            _ => [&[code], &self.block(version)[..]].concat(),
        }
    }
}

fn text(text: &str) -> Vec<u8> {
    [&[0, text.len() as u8], text.as_bytes()].concat()
}
