//! Owned packets, which property tests and fuzzing make out of any bytes.
//!
//! [`OwnedPacket::valid`] makes packets that their dialect can say; [`OwnedPacket::any`] makes
//! such packets with errors in them, as far as the types allow it. Both lean towards the
//! boundaries: empty, longest, and where a length needs another byte.

#![allow(dead_code)] // each test uses a part

pub mod laws;
mod plain;

use arbitrary::{Arbitrary, Result, Unstructured};
use mqtt_wire::{
    Ack, Auth, BinaryData, ConnAck, Connect, Delivery, Dialect, Disconnect, Packet, PacketId,
    PacketType, Properties, Property, PropertyId, Publish, QoS, ReasonCode, ReasonCodes,
    RetainHandling, ReturnCode, Sender, SubAck, Subscribe, Subscription, SubscriptionId,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8Str,
    Version, Will,
};

/// All six dialects.
pub fn dialects() -> impl Iterator<Item = Dialect> {
    Version::ALL
        .into_iter()
        .flat_map(|version| [Dialect::from_client(version), Dialect::from_server(version)])
}

/// Bytes to make packets of, the same for the same seed.
pub fn noise(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    std::iter::repeat_with(next).take(2_000).collect()
}

/// A dialect and a packet that it can say.
#[derive(Debug, Clone)]
pub struct Valid(pub Dialect, pub OwnedPacket);

impl<'b> Arbitrary<'b> for Valid {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = dialect(input)?;
        Ok(Self(dialect, OwnedPacket::valid(dialect, input)?))
    }
}

/// A dialect and a packet that it may not be able to say.
#[derive(Debug, Clone)]
pub struct Any(pub Dialect, pub OwnedPacket);

impl<'b> Arbitrary<'b> for Any {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = dialect(input)?;
        Ok(Self(dialect, OwnedPacket::any(dialect, input)?))
    }
}

fn dialect(input: &mut Unstructured<'_>) -> Result<Dialect> {
    // there is more to 5.0 than to the other two
    let version = *input.choose(&[Version::V5, Version::V3_1_1, Version::V3_1, Version::V5])?;
    let sender = *input.choose(&[Sender::Client, Sender::Server])?;
    Ok(Dialect::new(version, sender))
}

/// A packet that owns all that is in it.
#[derive(Debug, Clone)]
pub struct OwnedPacket {
    pub packet_type: PacketType,
    properties: Vec<OwnedProperty>,
    body: Body,
}

/// What a packet has besides its properties.
#[derive(Debug, Clone)]
enum Body {
    Connect {
        version: Version,
        clean_start: bool,
        keep_alive: u16,
        client_id: String,
        will: Option<OwnedWill>,
        user_name: Option<String>,
        password: Option<Vec<u8>>,
    },
    ConnAck {
        session_present: bool,
        reason_code: ReasonCode,
    },
    Publish {
        delivery: Delivery,
        retain: bool,
        topic_name: Option<String>,
        payload: Vec<u8>,
    },
    Ack {
        packet_id: PacketId,
        reason_code: ReasonCode,
    },
    Subscribe {
        packet_id: PacketId,
        subscriptions: Vec<(String, SubscriptionOptions)>,
    },
    SubAck {
        packet_id: PacketId,
        reason_codes: Vec<ReasonCode>,
    },
    Unsubscribe {
        packet_id: PacketId,
        topic_filters: Vec<String>,
    },
    Ping,
    Reason(ReasonCode),
}

#[derive(Debug, Clone)]
struct OwnedWill {
    qos: QoS,
    retain: bool,
    properties: Vec<OwnedProperty>,
    topic: String,
    payload: Vec<u8>,
}

#[derive(Debug, Clone)]
struct OwnedProperty {
    id: PropertyId,
    value: Value,
}

#[derive(Debug, Clone)]
enum Value {
    Number(u32),
    Text(String),
    Pair(String, String),
    Data(Vec<u8>),
}

// ---- lending -------------------------------------------------------------------------------

impl OwnedPacket {
    /// Lends the packet: its lists live as long as the call.
    pub fn lend<R>(&self, receive: impl FnOnce(Packet<'_>) -> R) -> R {
        let properties = lend_properties(&self.properties);
        let properties = Properties::new(&properties);
        let ack = |packet_id, reason_code| Ack {
            packet_id,
            reason_code,
            properties,
        };
        match &self.body {
            &Body::Connect {
                version,
                clean_start,
                keep_alive,
                ref client_id,
                ref will,
                ref user_name,
                ref password,
            } => {
                let will_properties = match will {
                    Some(will) => lend_properties(&will.properties),
                    None => Vec::new(),
                };
                let will = will.as_ref().map(|will| Will {
                    qos: will.qos,
                    retain: will.retain,
                    properties: Properties::new(&will_properties),
                    topic: TopicName::new(&will.topic).unwrap(),
                    payload: BinaryData::new(&will.payload).unwrap(),
                });
                let user_name = user_name.as_ref().map(|name| Utf8Str::new(name).unwrap());
                let password = password.as_ref().map(|it| BinaryData::new(it).unwrap());
                receive(Packet::Connect(Connect {
                    version,
                    clean_start,
                    keep_alive,
                    properties,
                    client_id: Utf8Str::new(client_id).unwrap(),
                    will,
                    user_name,
                    password,
                }))
            }
            &Body::ConnAck {
                session_present,
                reason_code,
            } => receive(Packet::ConnAck(ConnAck {
                session_present,
                reason_code,
                properties,
            })),
            &Body::Publish {
                delivery,
                retain,
                ref topic_name,
                ref payload,
            } => receive(Packet::Publish(Publish {
                delivery,
                retain,
                topic_name: topic_name.as_ref().map(|it| TopicName::new(it).unwrap()),
                properties,
                payload,
            })),
            &Body::Ack {
                packet_id,
                reason_code,
            } => {
                let ack = ack(packet_id, reason_code);
                receive(match self.packet_type {
                    PacketType::PubAck => Packet::PubAck(ack),
                    PacketType::PubRec => Packet::PubRec(ack),
                    PacketType::PubRel => Packet::PubRel(ack),
                    _ => Packet::PubComp(ack),
                })
            }
            &Body::Subscribe {
                packet_id,
                ref subscriptions,
            } => {
                let subscriptions: Vec<_> = subscriptions
                    .iter()
                    .map(|(filter, options)| Subscription {
                        filter: TopicFilter::new(filter).unwrap(),
                        options: *options,
                    })
                    .collect();
                receive(Packet::Subscribe(Subscribe {
                    packet_id,
                    properties,
                    subscriptions: Subscriptions::new(&subscriptions),
                }))
            }
            &Body::SubAck {
                packet_id,
                ref reason_codes,
            } => {
                let suback = SubAck {
                    packet_id,
                    properties,
                    reason_codes: ReasonCodes::new(reason_codes),
                };
                receive(match self.packet_type {
                    PacketType::SubAck => Packet::SubAck(suback),
                    _ => Packet::UnsubAck(suback),
                })
            }
            &Body::Unsubscribe {
                packet_id,
                ref topic_filters,
            } => {
                let topic_filters: Vec<_> = topic_filters
                    .iter()
                    .map(|filter| TopicFilter::new(filter).unwrap())
                    .collect();
                receive(Packet::Unsubscribe(Unsubscribe {
                    packet_id,
                    properties,
                    topic_filters: TopicFilters::new(&topic_filters),
                }))
            }
            Body::Ping => receive(match self.packet_type {
                PacketType::PingReq => Packet::PingReq,
                _ => Packet::PingResp,
            }),
            &Body::Reason(reason_code) => receive(match self.packet_type {
                PacketType::Auth => Packet::Auth(Auth {
                    reason_code,
                    properties,
                }),
                _ => Packet::Disconnect(Disconnect {
                    reason_code,
                    properties,
                }),
            }),
        }
    }

    /// The bytes of a valid packet.
    pub fn encode(&self, dialect: Dialect) -> Vec<u8> {
        self.lend(|packet| {
            let mut bytes = vec![0; packet.encoded_len(dialect).unwrap()];
            packet.encode_to_slice(dialect, &mut bytes).unwrap();
            bytes
        })
    }
}

fn lend_properties(properties: &[OwnedProperty]) -> Vec<Property<'_>> {
    properties.iter().map(OwnedProperty::lend).collect()
}

impl OwnedProperty {
    fn lend(&self) -> Property<'_> {
        use {Property as P, PropertyId as Id};

        match &self.value {
            Value::Text(text) => {
                let string = Utf8Str::new(text).unwrap();
                match self.id {
                    Id::ContentType => P::ContentType(string),
                    Id::ResponseTopic => P::ResponseTopic(TopicName::new(text).unwrap()),
                    Id::AssignedClientIdentifier => P::AssignedClientIdentifier(string),
                    Id::AuthenticationMethod => P::AuthenticationMethod(string),
                    Id::ResponseInformation => P::ResponseInformation(string),
                    Id::ServerReference => P::ServerReference(string),
                    Id::ReasonString => P::ReasonString(string),
                    id => unreachable!("{id} is no text"),
                }
            }
            Value::Pair(name, value) => {
                P::UserProperty(Utf8Str::new(name).unwrap(), Utf8Str::new(value).unwrap())
            }
            Value::Data(data) => {
                let data = BinaryData::new(data).unwrap();
                match self.id {
                    Id::CorrelationData => P::CorrelationData(data),
                    _ => P::AuthenticationData(data),
                }
            }
            &Value::Number(number) => {
                let flag = number != 0;
                let short = number as u16;
                match self.id {
                    Id::PayloadFormatIndicator => P::PayloadFormatIndicator(flag),
                    Id::MessageExpiryInterval => P::MessageExpiryInterval(number),
                    Id::SubscriptionIdentifier => {
                        P::SubscriptionIdentifier(SubscriptionId::new(number).unwrap())
                    }
                    Id::SessionExpiryInterval => P::SessionExpiryInterval(number),
                    Id::ServerKeepAlive => P::ServerKeepAlive(short),
                    Id::RequestProblemInformation => P::RequestProblemInformation(flag),
                    Id::WillDelayInterval => P::WillDelayInterval(number),
                    Id::RequestResponseInformation => P::RequestResponseInformation(flag),
                    Id::ReceiveMaximum => P::ReceiveMaximum(short.try_into().unwrap()),
                    Id::TopicAliasMaximum => P::TopicAliasMaximum(short),
                    Id::TopicAlias => P::TopicAlias(short.try_into().unwrap()),
                    Id::MaximumQoS => P::MaximumQoS(QoS::try_from(number as u8).unwrap()),
                    Id::RetainAvailable => P::RetainAvailable(flag),
                    Id::MaximumPacketSize => P::MaximumPacketSize(number.try_into().unwrap()),
                    Id::WildcardSubscriptionAvailable => P::WildcardSubscriptionAvailable(flag),
                    Id::SubscriptionIdentifierAvailable => P::SubscriptionIdentifierAvailable(flag),
                    Id::SharedSubscriptionAvailable => P::SharedSubscriptionAvailable(flag),
                    id => unreachable!("{id} is no number"),
                }
            }
        }
    }
}

// ---- making --------------------------------------------------------------------------------

impl OwnedPacket {
    /// A packet that `dialect` can say.
    pub fn valid(dialect: Dialect, input: &mut Unstructured<'_>) -> Result<Self> {
        Maker::new(input, dialect).packet_of_any_type()
    }

    /// A packet of this type that `dialect` can say; `dialect` has to have the type.
    pub fn valid_of(
        packet_type: PacketType,
        dialect: Dialect,
        input: &mut Unstructured<'_>,
    ) -> Result<Self> {
        Maker::new(input, dialect).packet(packet_type)
    }

    /// A packet in which some choices are made without regard to the rules of `dialect`.
    pub fn any(dialect: Dialect, input: &mut Unstructured<'_>) -> Result<Self> {
        let (errors, one_in) = *input.choose(&[(1, 32), (1, 8), (2, 16), (u8::MAX, 4)])?;
        let mut maker = Maker::new(input, dialect);
        (maker.errors, maker.one_in) = (errors, one_in);
        maker.packet_of_any_type()
    }
}

/// Makes the parts of a packet. Where `input` ends, they are as small as may be.
struct Maker<'m, 'b> {
    input: &'m mut Unstructured<'b>,
    dialect: Dialect,
    /// How many errors may still be made,
    errors: u8,
    /// and in one of how many choices.
    one_in: u8,
    /// The bytes that long fields may still have, so that no packet is huge.
    room: usize,
}

impl<'m, 'b> Maker<'m, 'b> {
    fn new(input: &'m mut Unstructured<'b>, dialect: Dialect) -> Self {
        Self {
            input,
            dialect,
            errors: 0,
            one_in: 1,
            room: 200_000,
        }
    }

    fn packet_of_any_type(&mut self) -> Result<OwnedPacket> {
        let mut types = PacketType::ALL.to_vec();
        if !self.strays()? {
            types.retain(|it| it.is_sent_in(self.dialect));
        }
        let packet_type = *self.input.choose(&types)?;
        self.packet(packet_type)
    }

    fn packet(&mut self, packet_type: PacketType) -> Result<OwnedPacket> {
        use PacketType as T;

        let body = match packet_type {
            T::Connect => self.connect()?,
            T::ConnAck => {
                let reason_code = self.reason_code(packet_type)?;
                let may_be = self.version() != Version::V3_1 && reason_code == ReasonCode::Success;
                let session_present = self.flag()? && (may_be || self.strays()?);
                Body::ConnAck {
                    session_present,
                    reason_code,
                }
            }
            T::Publish => self.publish()?,
            T::PubAck | T::PubRec | T::PubRel | T::PubComp => Body::Ack {
                packet_id: self.packet_id()?,
                reason_code: self.reason_code(packet_type)?,
            },
            T::Subscribe => Body::Subscribe {
                packet_id: self.packet_id()?,
                subscriptions: self.list(self.version() != Version::V3_1, Self::subscription)?,
            },
            T::SubAck => Body::SubAck {
                packet_id: self.packet_id()?,
                reason_codes: self.list(self.version() != Version::V3_1, |maker| {
                    maker.reason_code(packet_type)
                })?,
            },
            T::Unsubscribe => Body::Unsubscribe {
                packet_id: self.packet_id()?,
                topic_filters: self.list(self.version() != Version::V3_1, Self::topic_filter)?,
            },
            T::UnsubAck => Body::SubAck {
                packet_id: self.packet_id()?,
                reason_codes: if self.is_v5() || self.strays()? {
                    self.list(true, |maker| maker.reason_code(packet_type))?
                } else {
                    Vec::new()
                },
            },
            T::PingReq | T::PingResp => Body::Ping,
            T::Disconnect | T::Auth => Body::Reason(self.reason_code(packet_type)?),
        };
        let sender = self.dialect.sender();
        let mut properties = match packet_type {
            T::PingReq | T::PingResp => Vec::new(),
            _ => self.properties(
                packet_type == T::Publish && sender == Sender::Server,
                |id| id.is_allowed(packet_type, sender),
            )?,
        };
        let no_topic = matches!(
            body,
            Body::Publish {
                topic_name: None,
                ..
            }
        );
        let required = [
            (no_topic, PropertyId::TopicAlias),
            (packet_type == T::Auth, PropertyId::AuthenticationMethod),
            (
                has(&properties, PropertyId::AuthenticationData),
                PropertyId::AuthenticationMethod,
            ),
        ];
        for (needed, id) in required {
            if needed && self.strays()? {
                properties.retain(|property| property.id != id);
            } else if needed && !has(&properties, id) {
                properties.push(self.property(id)?);
            }
        }
        Ok(OwnedPacket {
            packet_type,
            properties,
            body,
        })
    }

    fn connect(&mut self) -> Result<Body> {
        let version = match self.strays()? {
            true => *self.input.choose(&Version::ALL)?,
            false => self.version(),
        };
        let mut clean_start = self.flag()?;
        let mut client_id = self.text()?;
        if self.strays()? {
            client_id.clear();
            clean_start = false;
        } else if client_id.is_empty() {
            match version {
                Version::V3_1 => client_id.push('c'),
                Version::V3_1_1 => clean_start = true,
                Version::V5 => {}
            }
        }
        let will = match self.flag()? {
            true => Some(OwnedWill {
                qos: self.qos()?,
                retain: self.flag()?,
                properties: self.properties(false, PropertyId::is_allowed_in_will)?,
                topic: self.topic_name()?,
                payload: self.data_or_text()?,
            }),
            false => None,
        };
        let user_name = match self.flag()? {
            true => Some(self.text()?),
            false => None,
        };
        let may_be = user_name.is_some() || self.is_v5() || self.strays()?;
        let password = match may_be && self.flag()? {
            true => Some(self.data_or_text()?),
            false => None,
        };
        Ok(Body::Connect {
            version,
            clean_start,
            keep_alive: self.number()? as u16,
            client_id,
            will,
            user_name,
            password,
        })
    }

    fn publish(&mut self) -> Result<Body> {
        let delivery = match self.qos()? {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce {
                packet_id: self.packet_id()?,
                dup: self.flag()?,
            },
            QoS::ExactlyOnce => Delivery::ExactlyOnce {
                packet_id: self.packet_id()?,
                dup: self.flag()?,
            },
        };
        let may_be_empty = self.is_v5() || self.strays()?;
        let topic_name = match may_be_empty && self.flag()? {
            true => None,
            false => Some(self.topic_name()?),
        };
        Ok(Body::Publish {
            delivery,
            retain: self.flag()?,
            topic_name,
            payload: self.data()?,
        })
    }

    fn subscription(&mut self) -> Result<(String, SubscriptionOptions)> {
        let filter = self.topic_filter()?;
        let mut options = SubscriptionOptions::new(self.qos()?);
        if self.is_v5() || self.strays()? {
            let may_be_local = !filter.starts_with("$share/") || self.strays()?;
            options.no_local = may_be_local && self.flag()?;
            options.retain_as_published = self.flag()?;
            options.retain_handling = *self.input.choose(&[
                RetainHandling::AtSubscribe,
                RetainHandling::AtNewSubscribe,
                RetainHandling::Never,
            ])?;
        }
        Ok((filter, options))
    }

    fn reason_code(&mut self, packet_type: PacketType) -> Result<ReasonCode> {
        let (version, sender) = (self.version(), self.dialect.sender());
        let mut codes = ReasonCode::ALL.to_vec();
        if !self.strays()? {
            codes.retain(|&code| match (version, packet_type) {
                (Version::V5, _) => code.is_allowed(packet_type, sender),
                (_, PacketType::ConnAck) => ReturnCode::try_from(code).is_ok(),
                (Version::V3_1, PacketType::SubAck) => code as u8 <= 2,
                (_, PacketType::SubAck) => matches!(code as u8, 0..=2 | 0x80),
                _ => code == ReasonCode::Success,
            });
        }
        // none if the other side sends these packets: an error has been made before
        match codes.is_empty() {
            true => Ok(ReasonCode::Success),
            false => self.input.choose(&codes).copied(),
        }
    }

    /// A choice of the properties that `may_be` there, each once, and others that may repeat.
    fn properties(
        &mut self,
        ids_repeat: bool,
        may_be: impl Fn(PropertyId) -> bool,
    ) -> Result<Vec<OwnedProperty>> {
        let mut properties = Vec::new();
        if !self.is_v5() && !self.strays()? {
            return Ok(properties);
        }
        let chosen = match self.input.arbitrary::<u8>()? {
            0..160 => self.input.arbitrary::<u32>()? & self.input.arbitrary::<u32>()?,
            160..192 => u32::MAX,
            _ => 0,
        };
        for (index, &id) in PropertyId::ALL.iter().enumerate() {
            if chosen >> index & 1 != 0 && (may_be(id) || self.strays()?) {
                properties.push(self.property(id)?);
            }
        }
        properties.extend(self.list(false, |maker| {
            let id = match ids_repeat && maker.flag()? {
                true => PropertyId::SubscriptionIdentifier,
                false if maker.strays()? => *maker.input.choose(PropertyId::ALL)?,
                false => PropertyId::UserProperty,
            };
            maker.property(id)
        })?);
        let place = self.input.int_in_range(0..=properties.len())?;
        properties.rotate_left(place);
        Ok(properties)
    }

    fn property(&mut self, id: PropertyId) -> Result<OwnedProperty> {
        use PropertyId as Id;

        let value = match id {
            Id::ContentType
            | Id::AssignedClientIdentifier
            | Id::AuthenticationMethod
            | Id::ResponseInformation
            | Id::ServerReference
            | Id::ReasonString => Value::Text(self.text()?),
            Id::ResponseTopic => Value::Text(self.topic_name()?),
            Id::UserProperty => Value::Pair(self.text()?, self.text()?),
            Id::CorrelationData | Id::AuthenticationData => Value::Data(self.data()?),
            Id::SubscriptionIdentifier => Value::Number((self.number()? & 0x0fff_ffff).max(1)),
            Id::ReceiveMaximum | Id::TopicAlias => Value::Number((self.number()? & 0xffff).max(1)),
            Id::MaximumPacketSize => Value::Number(self.number()?.max(1)),
            Id::MaximumQoS => match self.strays()? {
                true => Value::Number(2),
                false => Value::Number(self.number()? & 1),
            },
            _ => Value::Number(self.number()?),
        };
        Ok(OwnedProperty { id, value })
    }

    fn list<T>(
        &mut self,
        not_empty: bool,
        mut item: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut count = match self.input.arbitrary::<u8>()? {
            count @ 0..4 => count.into(),
            4..224 => self.input.int_in_range(0..=5)?,
            224..248 => self.input.int_in_range(6..=40)?,
            _ => *self.input.choose(&[127, 128, 300])?,
        };
        if count == 0 && not_empty && !self.strays()? {
            count = 1;
        }
        (0..count).map(|_| item(self)).collect()
    }

    fn topic_name(&mut self) -> Result<String> {
        let mut name = self.text()?.replace(['+', '#'], "-");
        if name.is_empty() {
            name.push('t');
        }
        Ok(name)
    }

    fn topic_filter(&mut self) -> Result<String> {
        let any_share = !self.is_v5() || self.strays()?;
        let share = match self.input.arbitrary::<u8>()? {
            0..32 => *self
                .input
                .choose(&["$share/g/", "$share/é/", "$share/g//"])?,
            32..64 if any_share => *self.input.choose(&["$share/", "$share//", "$share/+/"])?,
            _ => "",
        };
        let text = self.text_up_to(65_535 - share.len() - 2)?;
        let mut levels = Vec::new();
        for level in text.split('/').filter(|_| !text.is_empty()) {
            levels.push(if level.contains(['+', '#']) {
                "+"
            } else {
                level
            });
        }
        if levels.is_empty() || self.input.arbitrary::<u8>()? & 7 == 1 {
            levels.push("#");
        }
        Ok(format!("{share}{}", levels.join("/")))
    }

    /// Text without U+0000, which no text of the library can hold.
    fn text(&mut self) -> Result<String> {
        self.text_up_to(65_535)
    }

    fn text_up_to(&mut self, longest: usize) -> Result<String> {
        const CHARS: &[char] = &[
            'a',
            '/',
            'b',
            '$',
            '+',
            '#',
            '\u{1}',
            '\u{7f}',
            '\u{80}',
            'é',
            '\u{7ff}',
            '\u{800}',
            '€',
            '\u{d7ff}',
            '\u{e000}',
            '\u{feff}',
            '\u{fffe}',
            '\u{ffff}',
            '\u{10000}',
            '😀',
            '\u{10ffff}',
        ];
        let mut text = String::new();
        for _ in 0..self.input.int_in_range(0..=6)? {
            text.push(*self.input.choose(CHARS)?);
        }
        let length = self.length(longest)?;
        if let Some(missing) = length.checked_sub(text.len()) {
            let filler = self.input.choose(CHARS)?.to_string();
            text += &filler.repeat(missing / filler.len());
            text += &"x".repeat(missing % filler.len());
        }
        Ok(text)
    }

    fn data(&mut self) -> Result<Vec<u8>> {
        let mut data = vec![0; self.input.int_in_range(0..=6)?];
        self.input.fill_buffer(&mut data)?;
        let length = self.length(65_535)?.max(data.len());
        data.resize(length, 0xff);
        Ok(data)
    }

    /// Binary Data that 3.1 wants to be UTF-8; it may hold U+0000 there.
    fn data_or_text(&mut self) -> Result<Vec<u8>> {
        if self.version() != Version::V3_1 {
            return self.data();
        }
        if self.strays()? {
            return Ok(vec![0xff]);
        }
        let mut text = self.text()?;
        if text.len() < 65_535 && self.flag()? {
            text.push('\0');
        }
        Ok(text.into_bytes())
    }

    /// Mostly 0; else where a length needs another byte.
    fn length(&mut self, longest: usize) -> Result<usize> {
        let length = match self.input.arbitrary::<u8>()? {
            0..224 => 0,
            224..250 => *self.input.choose(&[7, 8, 9, 126, 127, 128, 129])?,
            250..254 => *self.input.choose(&[16_382, 16_383, 16_384, 16_385])?,
            _ => longest,
        };
        match self.room.checked_sub(length) {
            Some(room) => self.room = room,
            None => return Ok(0),
        }
        Ok(length)
    }

    fn number(&mut self) -> Result<u32> {
        const BOUNDARIES: &[u32] = &[
            0,
            1,
            2,
            127,
            128,
            16_383,
            16_384,
            65_534,
            65_535,
            65_536,
            2_097_151,
            2_097_152,
            0x0fff_fffe,
            0x0fff_ffff,
            0x1000_0000,
            u32::MAX,
        ];
        match self.flag()? {
            true => self.input.arbitrary(),
            false => self.input.choose(BOUNDARIES).copied(),
        }
    }

    fn packet_id(&mut self) -> Result<PacketId> {
        let id = self.number()? as u16;
        Ok(PacketId::new(id).unwrap_or(PacketId::MIN))
    }

    fn qos(&mut self) -> Result<QoS> {
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        self.input.choose(&levels).copied()
    }

    fn flag(&mut self) -> Result<bool> {
        self.input.arbitrary()
    }

    /// Whether to make an error here.
    fn strays(&mut self) -> Result<bool> {
        if self.errors == 0 || self.input.arbitrary::<u8>()? % self.one_in != 1 {
            return Ok(false);
        }
        self.errors -= 1;
        Ok(true)
    }

    fn version(&self) -> Version {
        self.dialect.version()
    }

    fn is_v5(&self) -> bool {
        self.version() == Version::V5
    }
}

fn has(properties: &[OwnedProperty], id: PropertyId) -> bool {
    properties.iter().any(|property| property.id == id)
}
