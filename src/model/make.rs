//! Makes packets by a row of choices, whoever chooses.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use super::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Property, Publish, SubAck, Subscribe,
    Subscription, Unsubscribe, Will,
};
use crate::data::{MAX_FIELD, MAX_VARIABLE_BYTE_INTEGER, PacketId, QoS, SubscriptionId};
use crate::dialect::{Dialect, Sender, Version};
use crate::packet::{Delivery, PacketType, RetainHandling, SubscriptionOptions};
use crate::property::PropertyId;
use crate::reason_code::{ReasonCode, ReturnCode};

/// Who chooses: bytes of a fuzzer, or numbers of a strategy.
pub(super) trait Choices {
    /// A number below `end`, which is at least 1. Smaller ones make smaller packets, and 0 is
    /// chosen where choices have come to an end.
    fn below(&mut self, end: u32) -> u32;

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Takes the place of a choice that is not free, so that the choices after it keep theirs.
    fn decided(&mut self, number: u32) {
        let _ = number;
    }

    /// How many choices there were.
    fn count(&self) -> usize {
        0
    }

    /// What was chosen since the first `count` choices is a part that can be left out: wholly if
    /// another may stand in its place, else by choosing 0.
    fn part(&mut self, count: usize, is_item: bool) {
        let _ = (count, is_item);
    }

    /// Any of these, of which `first` is the simplest.
    fn choose<T: Copy>(&mut self, first: T, others: &[T]) -> T {
        let count = u32::try_from(others.len()).unwrap_or(0);
        match self.below(count + 1).checked_sub(1) {
            Some(index) => others.get(index as usize).copied().unwrap_or(first),
            None => first,
        }
    }
}

impl<C: Choices + ?Sized> Choices for &mut C {
    fn below(&mut self, end: u32) -> u32 {
        (**self).below(end)
    }

    fn decided(&mut self, number: u32) {
        (**self).decided(number);
    }

    fn count(&self) -> usize {
        (**self).count()
    }

    fn part(&mut self, count: usize, is_item: bool) {
        (**self).part(count, is_item);
    }
}

/// How many errors may be made, and in one of how many choices.
#[derive(Clone, Copy)]
pub(super) struct Errors {
    pub(super) left: u8,
    pub(super) one_in: u32,
}

impl Errors {
    pub(super) const NONE: Self = Self { left: 0, one_in: 1 };

    /// None, one, or several.
    pub(super) fn some(choices: &mut impl Choices) -> Self {
        let (left, one_in) = choices.choose((1, 16), &[(1, 4), (2, 8), (u8::MAX, 4)]);
        Self { left, one_in }
    }

    /// Whether to make an error here.
    pub(super) fn strays(&mut self, choices: &mut impl Choices) -> bool {
        if self.left == 0 || choices.below(self.one_in) != 1 {
            return false;
        }
        self.left -= 1;
        true
    }
}

/// A version and a side: there is more to 5.0 than to the other two.
pub(super) fn dialect(choices: &mut impl Choices) -> Dialect {
    let version = version(choices);
    let sender = choices.choose(Sender::Client, &[Sender::Server]);
    Dialect::new(version, sender)
}

pub(super) fn version(choices: &mut impl Choices) -> Version {
    choices.choose(Version::V3_1_1, &[Version::V5, Version::V3_1, Version::V5])
}

/// A packet that `dialect` can say.
pub(super) fn valid(dialect: Dialect, choices: &mut impl Choices) -> Packet {
    Maker::new(choices, dialect, Errors::NONE).packet_of_any_type()
}

/// A packet of this type that `dialect` can say, if it has the type.
pub(super) fn valid_of(
    packet_type: PacketType,
    dialect: Dialect,
    choices: &mut impl Choices,
) -> Packet {
    Maker::new(choices, dialect, Errors::NONE).packet(packet_type)
}

/// A packet in which some choices are made without regard to the rules of `dialect`.
pub(super) fn nearly_valid(dialect: Dialect, choices: &mut impl Choices) -> Packet {
    let errors = Errors::some(choices);
    Maker::new(choices, dialect, errors).packet_of_any_type()
}

/// Makes the parts of a packet.
pub(super) struct Maker<C> {
    pub(super) choices: C,
    pub(super) dialect: Dialect,
    errors: Errors,
    /// The bytes that long fields may still have, so that no packet is huge.
    pub(super) room: usize,
}

impl<C: Choices> Maker<C> {
    pub(super) const fn new(choices: C, dialect: Dialect, errors: Errors) -> Self {
        Self {
            choices,
            dialect,
            errors,
            room: 200_000,
        }
    }

    fn packet_of_any_type(&mut self) -> Packet {
        let mut types = PacketType::ALL.to_vec();
        if !self.strays() {
            types.retain(|it| it.is_sent_in(self.dialect));
        }
        // the smallest first
        types.sort_by_key(|it| !matches!(it, PacketType::PingReq | PacketType::PingResp));
        let packet_type = match types.split_first() {
            Some((first, others)) => self.choices.choose(*first, others),
            None => PacketType::PingReq,
        };
        self.packet(packet_type)
    }

    pub(super) fn packet(&mut self, packet_type: PacketType) -> Packet {
        use PacketType as T;

        match packet_type {
            T::Connect => Packet::Connect(self.connect()),
            T::ConnAck => {
                let reason_code = self.reason_code(packet_type);
                let may_be = self.version() != Version::V3_1 && reason_code == ReasonCode::Success;
                Packet::ConnAck(ConnAck {
                    session_present: self.choices.flag() && (may_be || self.strays()),
                    reason_code,
                    properties: self.properties_of(packet_type, None),
                })
            }
            T::Publish => Packet::Publish(self.publish()),
            T::PubAck => Packet::PubAck(self.ack(packet_type)),
            T::PubRec => Packet::PubRec(self.ack(packet_type)),
            T::PubRel => Packet::PubRel(self.ack(packet_type)),
            T::PubComp => Packet::PubComp(self.ack(packet_type)),
            T::Subscribe => Packet::Subscribe(Subscribe {
                packet_id: self.packet_id(),
                properties: self.properties_of(packet_type, None),
                subscriptions: self.list(self.version() != Version::V3_1, Self::subscription),
            }),
            T::SubAck => {
                let is_needed = self.version() != Version::V3_1;
                Packet::SubAck(self.suback(packet_type, is_needed, true))
            }
            T::Unsubscribe => Packet::Unsubscribe(Unsubscribe {
                packet_id: self.packet_id(),
                properties: self.properties_of(packet_type, None),
                topic_filters: self.list(self.version() != Version::V3_1, Self::topic_filter),
            }),
            T::UnsubAck => {
                let has_codes = self.is_v5() || self.strays();
                Packet::UnsubAck(self.suback(packet_type, true, has_codes))
            }
            T::PingReq => Packet::PingReq,
            T::PingResp => Packet::PingResp,
            T::Disconnect => Packet::Disconnect(Disconnect {
                reason_code: self.reason_code(packet_type),
                properties: self.properties_of(packet_type, None),
            }),
            T::Auth => Packet::Auth(Auth {
                reason_code: self.reason_code(packet_type),
                properties: self.properties_of(packet_type, Some(PropertyId::AuthenticationMethod)),
            }),
        }
    }

    fn connect(&mut self) -> Connect {
        let version = match self.strays() {
            true => self.choices.choose(Version::V3_1, &Version::ALL),
            false => self.version(),
        };
        let mut clean_start = !self.choices.flag();
        let mut client_id = match self.choices.below(4) {
            0 => String::from("c"),
            1 => String::from("sensor7"),
            _ => self.text(),
        };
        if self.strays() {
            client_id.clear();
            clean_start = false;
        } else if client_id.is_empty() {
            match version {
                Version::V3_1 => client_id.push('c'),
                Version::V3_1_1 => clean_start = true,
                Version::V5 => {}
            }
        }
        let will = self.maybe(|maker| Will {
            qos: maker.qos(),
            retain: maker.choices.flag(),
            properties: maker.properties(false, PropertyId::is_allowed_in_will),
            topic: maker.topic_name(),
            payload: maker.data_or_text(),
        });
        let user_name = self.maybe(Self::text);
        let password = match user_name.is_some() || self.is_v5() || self.strays() {
            true => self.maybe(Self::data_or_text),
            false => None,
        };
        Connect {
            version,
            clean_start,
            keep_alive: self.number() as u16,
            properties: self.properties_of(PacketType::Connect, None),
            client_id,
            will,
            user_name,
            password,
        }
    }

    fn publish(&mut self) -> Publish {
        let (qos, packet_id, dup) = (self.qos(), self.packet_id(), self.choices.flag());
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        };
        let topic_name = Some(self.topic_name());
        let may_be_empty = self.is_v5() || self.strays();
        let topic_name = topic_name.filter(|_| !may_be_empty || !self.choices.flag());
        let needed = topic_name.is_none().then_some(PropertyId::TopicAlias);
        Publish {
            delivery,
            retain: self.choices.flag(),
            topic_name,
            properties: self.properties_of(PacketType::Publish, needed),
            payload: self.data(),
        }
    }

    fn ack(&mut self, packet_type: PacketType) -> Ack {
        Ack {
            packet_id: self.packet_id(),
            reason_code: self.reason_code(packet_type),
            properties: self.properties_of(packet_type, None),
        }
    }

    fn subscription(&mut self) -> Subscription {
        let filter = self.topic_filter();
        let mut options = SubscriptionOptions::new(self.qos());
        if self.is_v5() || self.strays() {
            let is_shared = filter.starts_with("$share/");
            options.no_local = self.choices.flag() && (!is_shared || self.strays_rarely_asked());
            options.retain_as_published = self.choices.flag();
            options.retain_handling = self.choices.choose(
                RetainHandling::AtSubscribe,
                &[RetainHandling::AtNewSubscribe, RetainHandling::Never],
            );
        }
        Subscription { filter, options }
    }

    fn suback(&mut self, packet_type: PacketType, not_empty: bool, has_codes: bool) -> SubAck {
        SubAck {
            packet_id: self.packet_id(),
            properties: self.properties_of(packet_type, None),
            reason_codes: match has_codes {
                true => self.list(not_empty, |maker| maker.reason_code(packet_type)),
                false => Vec::new(),
            },
        }
    }

    pub(super) fn reason_code(&mut self, packet_type: PacketType) -> ReasonCode {
        let (version, sender) = (self.version(), self.dialect.sender());
        let mut codes = ReasonCode::ALL.to_vec();
        if !self.strays() {
            codes.retain(|&code| match (version, packet_type) {
                (Version::V5, _) => code.is_allowed(packet_type, sender),
                (_, PacketType::ConnAck) => ReturnCode::try_from(code).is_ok(),
                (Version::V3_1, PacketType::SubAck) => code as u8 <= 2,
                (_, PacketType::SubAck) => matches!(code as u8, 0..=2 | 0x80),
                _ => code == ReasonCode::Success,
            });
        }
        // none if the other side sends these packets: an error has been made before
        match codes.split_first() {
            Some((first, others)) => self.choices.choose(*first, others),
            None => ReasonCode::Success,
        }
    }

    // ---- properties ------------------------------------------------------------------------

    /// The properties of a packet: with the one it needs, and with the method that Authentication
    /// Data needs.
    fn properties_of(
        &mut self,
        packet_type: PacketType,
        needed: Option<PropertyId>,
    ) -> Vec<Property> {
        let sender = self.dialect.sender();
        let ids_repeat = packet_type == PacketType::Publish && sender == Sender::Server;
        let mut properties = self.properties(ids_repeat, |id| id.is_allowed(packet_type, sender));
        let method = has(&properties, PropertyId::AuthenticationData)
            .then_some(PropertyId::AuthenticationMethod);
        for id in [needed, method].into_iter().flatten() {
            if self.strays_rarely_asked() {
                properties.retain(|property| property.id() != id);
            } else if !has(&properties, id) {
                properties.push(self.property(id));
            }
        }
        properties
    }

    /// A choice of the properties that `may_be` there, each once, and others that may repeat.
    fn properties(
        &mut self,
        ids_repeat: bool,
        may_be: impl Fn(PropertyId) -> bool,
    ) -> Vec<Property> {
        if !self.is_v5() && !self.strays() {
            return Vec::new();
        }
        let mut ids = PropertyId::ALL.to_vec();
        ids.retain(|id| may_be(*id));
        let least = match self.choices.below(16) {
            15 => ids.len(),
            _ => 0,
        };
        let mut properties = self.several(3, least, usize::MAX, |maker| {
            let count = u32::try_from(ids.len()).unwrap_or(0);
            let index = maker.choices.below(count.max(1)) as usize;
            let id = match index < ids.len() {
                _ if maker.strays() => maker.any_property(),
                true => ids.remove(index),
                false => PropertyId::UserProperty,
            };
            maker.property(id)
        });
        properties.extend(self.list(false, |maker| {
            let id = match ids_repeat && maker.choices.flag() {
                true => PropertyId::SubscriptionIdentifier,
                false if maker.strays() => maker.any_property(),
                false => PropertyId::UserProperty,
            };
            maker.property(id)
        }));
        let places = u32::try_from(properties.len()).unwrap_or(u32::MAX - 1) + 1;
        let place = (self.choices.below(places) as usize).min(properties.len());
        properties.rotate_left(place);
        properties
    }

    fn any_property(&mut self) -> PropertyId {
        self.choices
            .choose(PropertyId::UserProperty, PropertyId::ALL)
    }

    pub(super) fn property(&mut self, id: PropertyId) -> Property {
        use Property as P;
        use PropertyId as Id;

        let short = |maker: &mut Self| maker.number() as u16;
        let short_not_0 =
            |maker: &mut Self| NonZeroU16::new(maker.number() as u16).unwrap_or(NonZeroU16::MIN);
        match id {
            Id::PayloadFormatIndicator => P::PayloadFormatIndicator(self.choices.flag()),
            Id::MessageExpiryInterval => P::MessageExpiryInterval(self.number()),
            Id::ContentType => P::ContentType(self.text()),
            Id::ResponseTopic => P::ResponseTopic(self.topic_name()),
            Id::CorrelationData => P::CorrelationData(self.data()),
            Id::SubscriptionIdentifier => {
                let id = SubscriptionId::new(self.number() & MAX_VARIABLE_BYTE_INTEGER);
                P::SubscriptionIdentifier(id.unwrap_or(SubscriptionId::MIN))
            }
            Id::SessionExpiryInterval => P::SessionExpiryInterval(self.number()),
            Id::AssignedClientIdentifier => P::AssignedClientIdentifier(self.text()),
            Id::ServerKeepAlive => P::ServerKeepAlive(short(self)),
            Id::AuthenticationMethod => P::AuthenticationMethod(self.text()),
            Id::AuthenticationData => P::AuthenticationData(self.data()),
            Id::RequestProblemInformation => P::RequestProblemInformation(self.choices.flag()),
            Id::WillDelayInterval => P::WillDelayInterval(self.number()),
            Id::RequestResponseInformation => P::RequestResponseInformation(self.choices.flag()),
            Id::ResponseInformation => P::ResponseInformation(self.text()),
            Id::ServerReference => P::ServerReference(self.text()),
            Id::ReasonString => P::ReasonString(self.text()),
            Id::ReceiveMaximum => P::ReceiveMaximum(short_not_0(self)),
            Id::TopicAliasMaximum => P::TopicAliasMaximum(short(self)),
            Id::TopicAlias => P::TopicAlias(short_not_0(self)),
            Id::MaximumQoS => P::MaximumQoS(match self.strays_rarely_asked() {
                true => QoS::ExactlyOnce,
                false => self.choices.choose(QoS::AtMostOnce, &[QoS::AtLeastOnce]),
            }),
            Id::RetainAvailable => P::RetainAvailable(self.choices.flag()),
            Id::UserProperty => P::UserProperty(self.text(), self.text()),
            Id::MaximumPacketSize => {
                P::MaximumPacketSize(NonZeroU32::new(self.number()).unwrap_or(NonZeroU32::MIN))
            }
            Id::WildcardSubscriptionAvailable => {
                P::WildcardSubscriptionAvailable(self.choices.flag())
            }
            Id::SubscriptionIdentifierAvailable => {
                P::SubscriptionIdentifierAvailable(self.choices.flag())
            }
            Id::SharedSubscriptionAvailable => P::SharedSubscriptionAvailable(self.choices.flag()),
        }
    }

    fn list<T>(&mut self, not_empty: bool, item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let least = match not_empty {
            true if self.strays() => return Vec::new(),
            true => 1,
            false => 0,
        };
        let (one_in, least) = match self.choices.below(256) {
            0..224 => (3, least),
            224..250 => (20, least),
            250..252 => (20, 127),
            252..254 => (20, 128),
            _ => (20, 300),
        };
        self.several(one_in, least, 300, item)
    }

    /// From `least` to `most` items; there is no other with a chance of one in `one_in`.
    fn several<T>(
        &mut self,
        one_in: u32,
        least: usize,
        most: usize,
        mut item: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut items = Vec::new();
        loop {
            let count = self.choices.count();
            if items.len() < least {
                self.choices.decided(1);
            } else if items.len() >= most {
                self.choices.decided(0);
                return items;
            } else if self.choices.below(one_in) == 0 {
                return items;
            }
            items.push(item(self));
            self.choices.part(count, true);
        }
    }

    fn maybe<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let count = self.choices.count();
        let part = match self.choices.flag() {
            true => Some(part(self)),
            false => None,
        };
        self.choices.part(count, false);
        part
    }

    // ---- values ----------------------------------------------------------------------------

    pub(super) fn topic_name(&mut self) -> String {
        let mut name = self.text();
        if self.strays() {
            return self.choices.choose("", &["+", "#", "a/#", "é+"]).into();
        }
        if name.contains(['+', '#']) {
            name = name.replace(['+', '#'], "-");
        }
        if name.is_empty() {
            name.push('t');
        }
        name
    }

    pub(super) fn topic_filter(&mut self) -> String {
        if self.strays() {
            let flawed = [
                "#/",
                "a#",
                "a/+b",
                "+a",
                "$share//a",
                "$share/g",
                "$share/+/a",
            ];
            return self.choices.choose("", &flawed).into();
        }
        let well_formed = self
            .choices
            .choose("$share/g/", &["$share/é/", "$share/g//"]);
        let share = match self.choices.below(16) {
            15 if self.is_v5() => well_formed,
            14 => well_formed,
            // nothing in particular before 5.0
            15 => self.choices.choose("$share/", &["$share//", "$share/+/"]),
            _ => "",
        };
        let text = self.text_up_to(MAX_FIELD - share.len() - 2);
        let mut levels = Vec::new();
        for level in text.split('/').filter(|_| !text.is_empty()) {
            levels.push(match level.contains(['+', '#']) {
                true => "+",
                false => level,
            });
        }
        if levels.is_empty() || self.choices.below(8) == 7 {
            levels.push("#");
        }
        share.to_string() + &levels.join("/")
    }

    fn text(&mut self) -> String {
        let mut text = self.text_up_to(MAX_FIELD);
        if self.strays() {
            match self.choices.flag() {
                true => text = "x".repeat(MAX_FIELD + 1),
                false => text.push('\0'),
            }
        }
        text
    }

    fn text_up_to(&mut self, longest: usize) -> String {
        const CHARS: [char; 20] = [
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
        let chars = self.several(4, 0, 6, |maker| maker.choices.choose('a', &CHARS));
        let mut text = String::from_iter(chars);
        let length = self.length(longest);
        let filler = self.choices.choose('a', &CHARS).to_string();
        if let Some(missing) = length.checked_sub(text.len()) {
            text += &filler.repeat(missing / filler.len());
            text += &"x".repeat(missing % filler.len());
        }
        text
    }

    fn data(&mut self) -> Vec<u8> {
        if self.strays() {
            return vec![0; MAX_FIELD + 1];
        }
        let length = self.choices.below(7);
        let mut data: Vec<u8> = (0..length).map(|_| self.choices.below(256) as u8).collect();
        let length = self.length(MAX_FIELD).max(data.len());
        data.resize(length, 0xff);
        data
    }

    /// Binary Data that 3.1 wants to be UTF-8; it may hold U+0000 there.
    fn data_or_text(&mut self) -> Vec<u8> {
        if self.version() != Version::V3_1 {
            return self.data();
        }
        if self.strays() {
            return vec![0xff];
        }
        let mut text = self.text_up_to(MAX_FIELD);
        if text.len() < MAX_FIELD && self.choices.flag() {
            text.push('\0');
        }
        text.into_bytes()
    }

    /// Mostly 0; else where a length needs another byte.
    fn length(&mut self, longest: usize) -> usize {
        let length = match self.choices.below(256) {
            0..224 => 0,
            224 => 7,
            225 => 8,
            226..230 => 9,
            230..234 => 126,
            234..238 => 127,
            238..244 => 128,
            244..250 => 129,
            250 => 16_382,
            251 => 16_383,
            252 => 16_384,
            253 => 16_385,
            _ => longest,
        };
        match self.room.checked_sub(length) {
            Some(room) => self.room = room,
            None => return 0,
        }
        length
    }

    fn number(&mut self) -> u32 {
        const BOUNDARIES: [u32; 16] = [
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
        let is_any = self.choices.flag();
        let (high, low) = (self.choices.below(1 << 16), self.choices.below(1 << 16));
        match is_any {
            true => high << 16 | low,
            false => BOUNDARIES.get(low as usize >> 12).copied().unwrap_or(0),
        }
    }

    fn packet_id(&mut self) -> PacketId {
        PacketId::new(self.number() as u16).unwrap_or(PacketId::MIN)
    }

    fn qos(&mut self) -> QoS {
        let others = [QoS::AtLeastOnce, QoS::ExactlyOnce];
        self.choices.choose(QoS::AtMostOnce, &others)
    }

    /// Whether to make an error here.
    fn strays(&mut self) -> bool {
        self.errors.strays(&mut self.choices)
    }

    /// The same where the question comes up so seldom that hardly any packet would have the error.
    fn strays_rarely_asked(&mut self) -> bool {
        let one_in = self.errors.one_in;
        self.errors.one_in = one_in.min(2);
        let strays = self.strays();
        self.errors.one_in = one_in;
        strays
    }

    fn version(&self) -> Version {
        self.dialect.version()
    }

    fn is_v5(&self) -> bool {
        self.dialect.is_v5()
    }
}

pub(super) fn has(properties: &[Property], id: PropertyId) -> bool {
    properties.iter().any(|property| property.id() == id)
}
