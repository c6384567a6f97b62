//! Generates packets and their parts.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_wire::{
    Delivery, Dialect, PacketId, PacketType, PropertyId, QoS, ReasonCode, RetainHandling,
    ReturnCode, Sender, SubscriptionId, SubscriptionOptions, Version,
};

use super::{Chooser, ErrorBudget};
use crate::property::has;
use crate::{
    Ack, Auth, ConnAck, Connect, Disconnect, Packet, Property, Publish, SubAck, Subscribe,
    Subscription, Unsubscribe, Will,
};

/// The most bytes of a text or of data.
const MAX_FIELD: usize = 65_535;

/// Generates packets of a dialect, and their parts.
pub(crate) struct PacketGenerator<C> {
    pub(crate) chooser: C,
    pub(crate) dialect: Dialect,
    errors: ErrorBudget,
    /// The bytes that long fields may still use, so that no packet is huge.
    pub(crate) room: usize,
}

impl<C: Chooser> PacketGenerator<C> {
    pub(crate) const fn new(chooser: C, dialect: Dialect, errors: ErrorBudget) -> Self {
        Self {
            chooser,
            dialect,
            errors,
            room: 200_000,
        }
    }

    pub(super) fn packet_of_any_type(&mut self) -> Packet {
        let mut types = PacketType::ALL.to_vec();
        if !self.breaks_rule() {
            types.retain(|it| it.is_sent_in(self.dialect));
        }
        // the smallest first
        types.sort_by_key(|it| !matches!(it, PacketType::PingReq | PacketType::PingResp));
        let packet_type = match types.split_first() {
            Some((first, others)) => self.chooser.choose(*first, others),
            None => PacketType::PingReq,
        };
        self.packet(packet_type)
    }

    pub(crate) fn packet(&mut self, packet_type: PacketType) -> Packet {
        use PacketType as T;

        match packet_type {
            T::Connect => Packet::Connect(self.connect()),
            T::ConnAck => {
                let reason_code = self.reason_code(packet_type);
                let may_be = self.version() != Version::V3_1 && reason_code == ReasonCode::Success;
                Packet::ConnAck(ConnAck {
                    session_present: self.chooser.flag() && (may_be || self.breaks_rule()),
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
                let has_codes = self.is_v5() || self.breaks_rule();
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
        let version = if self.breaks_rule() {
            self.chooser.choose(Version::V3_1, &Version::ALL)
        } else {
            self.version()
        };
        let mut clean_start = !self.chooser.flag();
        let mut client_id = match self.chooser.below(4) {
            0 => String::from("c"),
            1 => String::from("sensor7"),
            _ => self.text(),
        };
        if self.breaks_rule() {
            client_id.clear();
            clean_start = false;
        } else if client_id.is_empty() {
            match version {
                Version::V3_1 => client_id.push('c'),
                Version::V3_1_1 => clean_start = true,
                Version::V5 => {}
            }
        }
        let will = self.maybe(|generator| Will {
            qos: generator.qos(),
            retain: generator.chooser.flag(),
            properties: generator.properties(false, PropertyId::is_allowed_in_will),
            topic: generator.topic_name(),
            payload: generator.data_or_text(),
        });
        let user_name = self.maybe(Self::text);
        let password = if user_name.is_some() || self.is_v5() || self.breaks_rule() {
            self.maybe(Self::data_or_text)
        } else {
            None
        };
        Connect {
            version,
            clean_start,
            keep_alive: self.short(),
            properties: self.properties_of(PacketType::Connect, None),
            client_id,
            will,
            user_name,
            password,
        }
    }

    fn publish(&mut self) -> Publish {
        let (qos, packet_id, dup) = (self.qos(), self.packet_id(), self.chooser.flag());
        let delivery = match qos {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { packet_id, dup },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { packet_id, dup },
        };
        let topic_name = Some(self.topic_name());
        let may_be_empty = self.is_v5() || self.breaks_rule();
        let topic_name = topic_name.filter(|_| !may_be_empty || !self.chooser.flag());
        let needed = topic_name.is_none().then_some(PropertyId::TopicAlias);
        Publish {
            delivery,
            retain: self.chooser.flag(),
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
        if self.is_v5() || self.breaks_rule() {
            let is_shared = filter.starts_with("$share/");
            options.no_local = self.chooser.flag() && (!is_shared || self.breaks_rare_rule());
            options.retain_as_published = self.chooser.flag();
            options.retain_handling = self.chooser.choose(
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
            reason_codes: if has_codes {
                self.list(not_empty, |generator| generator.reason_code(packet_type))
            } else {
                Vec::new()
            },
        }
    }

    pub(crate) fn reason_code(&mut self, packet_type: PacketType) -> ReasonCode {
        let (version, sender) = (self.version(), self.dialect.sender());
        let mut codes = ReasonCode::ALL.to_vec();
        if !self.breaks_rule() {
            codes.retain(|&code| match (version, packet_type) {
                (Version::V5, _) => code.is_allowed(packet_type, sender),
                (_, PacketType::ConnAck) => ReturnCode::try_from(code).is_ok(),
                (Version::V3_1, PacketType::SubAck) => code as u8 <= 2,
                (_, PacketType::SubAck) => matches!(code as u8, 0..=2 | 0x80),
                _ => code == ReasonCode::Success,
            });
        }
        // no code is left if only the other side sends such packets: that rule is broken already
        match codes.split_first() {
            Some((first, others)) => self.chooser.choose(*first, others),
            None => ReasonCode::Success,
        }
    }

    // ---- properties ------------------------------------------------------------------------

    /// The properties of a packet. The needed one is among them, and Authentication Data comes with
    /// an Authentication Method.
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
            if self.breaks_rare_rule() {
                properties.retain(|property| property.id() != id);
            } else if !has(&properties, id) {
                properties.push(self.property(id));
            }
        }
        properties
    }

    /// Some of the properties that are allowed, each at most once, and some that may repeat.
    fn properties(
        &mut self,
        ids_repeat: bool,
        is_allowed: impl Fn(PropertyId) -> bool,
    ) -> Vec<Property> {
        if !self.is_v5() && !self.breaks_rule() {
            return Vec::new();
        }
        let mut ids = PropertyId::ALL.to_vec();
        ids.retain(|id| is_allowed(*id));
        let least = match self.chooser.below(16) {
            15 => ids.len(),
            _ => 0,
        };
        let mut properties = self.several(3, least, usize::MAX, |generator| {
            let count = u32::try_from(ids.len()).unwrap_or(0);
            let index = generator.chooser.below(count.max(1)) as usize;
            let id = match index < ids.len() {
                _ if generator.breaks_rule() => generator.any_property(),
                true => ids.remove(index),
                false => PropertyId::UserProperty,
            };
            generator.property(id)
        });
        properties.extend(self.list(false, |generator| {
            let id = match ids_repeat && generator.chooser.flag() {
                true => PropertyId::SubscriptionIdentifier,
                false if generator.breaks_rule() => generator.any_property(),
                false => PropertyId::UserProperty,
            };
            generator.property(id)
        }));
        let places = u32::try_from(properties.len()).unwrap_or(u32::MAX - 1) + 1;
        let place = (self.chooser.below(places) as usize).min(properties.len());
        properties.rotate_left(place);
        properties
    }

    fn any_property(&mut self) -> PropertyId {
        self.chooser
            .choose(PropertyId::UserProperty, PropertyId::ALL)
    }

    pub(crate) fn property(&mut self, id: PropertyId) -> Property {
        Property::generate(id, self)
    }

    fn list<T>(&mut self, not_empty: bool, item: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let least = match not_empty {
            true if self.breaks_rule() => return Vec::new(),
            true => 1,
            false => 0,
        };
        let (one_in, least) = match self.chooser.below(256) {
            0..224 => (3, least),
            224..250 => (20, least),
            250..252 => (20, 127),
            252..254 => (20, 128),
            _ => (20, 300),
        };
        self.several(one_in, least, 300, item)
    }

    /// From `least` to `most` items. After each item the list ends with a chance of one in `one_in`.
    fn several<T>(
        &mut self,
        one_in: u32,
        least: usize,
        most: usize,
        mut item: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let mut items = Vec::new();
        loop {
            let start = self.chooser.position();
            if items.len() < least {
                self.chooser.skip(1);
            } else if items.len() >= most {
                self.chooser.skip(0);
                return items;
            } else if self.chooser.below(one_in) == 0 {
                return items;
            }
            items.push(item(self));
            self.chooser.mark_part(start, true);
        }
    }

    /// The part, or nothing.
    fn maybe<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let start = self.chooser.position();
        let part = if self.chooser.flag() {
            Some(part(self))
        } else {
            None
        };
        self.chooser.mark_part(start, false);
        part
    }

    // ---- values ----------------------------------------------------------------------------

    pub(crate) fn topic_name(&mut self) -> String {
        let mut name = self.text();
        if self.breaks_rule() {
            return self.chooser.choose("", &["+", "#", "a/#", "é+"]).into();
        }
        if name.contains(['+', '#']) {
            name = name.replace(['+', '#'], "-");
        }
        if name.is_empty() {
            name.push('t');
        }
        name
    }

    pub(crate) fn topic_filter(&mut self) -> String {
        if self.breaks_rule() {
            let invalid = [
                "#/",
                "a#",
                "a/+b",
                "+a",
                "$share//a",
                "$share/g",
                "$share/+/a",
            ];
            return self.chooser.choose("", &invalid).into();
        }
        let well_formed = self
            .chooser
            .choose("$share/g/", &["$share/é/", "$share/g//"]);
        let share = match self.chooser.below(16) {
            15 if self.is_v5() => well_formed,
            14 => well_formed,
            // before 5.0 these filters are not special
            15 => self.chooser.choose("$share/", &["$share//", "$share/+/"]),
            _ => "",
        };
        let text = self.text_up_to(MAX_FIELD - share.len() - 2);
        let mut levels = Vec::new();
        for level in text.split('/').filter(|_| !text.is_empty()) {
            levels.push(if level.contains(['+', '#']) {
                "+"
            } else {
                level
            });
        }
        if levels.is_empty() || self.chooser.below(8) == 7 {
            levels.push("#");
        }
        share.to_string() + &levels.join("/")
    }

    pub(crate) fn text(&mut self) -> String {
        let mut text = self.text_up_to(MAX_FIELD);
        if self.breaks_rule() {
            if self.chooser.flag() {
                text = "x".repeat(MAX_FIELD + 1)
            } else {
                text.push('\0')
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
        let chars = self.several(4, 0, 6, |generator| generator.chooser.choose('a', &CHARS));
        let mut text = String::from_iter(chars);
        let length = self.length(longest);
        let filler = self.chooser.choose('a', &CHARS).to_string();
        if let Some(missing) = length.checked_sub(text.len()) {
            text += &filler.repeat(missing / filler.len());
            text += &"x".repeat(missing % filler.len());
        }
        text
    }

    pub(crate) fn data(&mut self) -> Vec<u8> {
        if self.breaks_rule() {
            return vec![0; MAX_FIELD + 1];
        }
        let length = self.chooser.below(7);
        let mut data: Vec<u8> = (0..length).map(|_| self.chooser.below(256) as u8).collect();
        let length = self.length(MAX_FIELD).max(data.len());
        data.resize(length, 0xff);
        data
    }

    /// Binary Data. In 3.1 it is UTF-8, and may hold U+0000.
    fn data_or_text(&mut self) -> Vec<u8> {
        if self.version() != Version::V3_1 {
            return self.data();
        }
        if self.breaks_rule() {
            return vec![0xff];
        }
        let mut text = self.text_up_to(MAX_FIELD);
        if text.len() < MAX_FIELD && self.chooser.flag() {
            text.push('\0');
        }
        text.into_bytes()
    }

    /// Mostly 0, otherwise a length near a boundary: where a length needs another byte.
    fn length(&mut self, longest: usize) -> usize {
        let length = match self.chooser.below(256) {
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

    pub(crate) fn flag(&mut self) -> bool {
        self.chooser.flag()
    }

    pub(crate) fn number(&mut self) -> u32 {
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
        let is_any = self.chooser.flag();
        let (high, low) = (self.chooser.below(1 << 16), self.chooser.below(1 << 16));
        if is_any {
            high << 16 | low
        } else {
            BOUNDARIES.get(low as usize >> 12).copied().unwrap_or(0)
        }
    }

    pub(crate) fn number_not_zero(&mut self) -> NonZeroU32 {
        NonZeroU32::new(self.number()).unwrap_or(NonZeroU32::MIN)
    }

    pub(crate) fn short(&mut self) -> u16 {
        self.number() as u16
    }

    pub(crate) fn short_not_zero(&mut self) -> NonZeroU16 {
        NonZeroU16::new(self.short()).unwrap_or(NonZeroU16::MIN)
    }

    pub(crate) fn subscription_id(&mut self) -> SubscriptionId {
        const LARGEST: u32 = 0x0fff_ffff;
        SubscriptionId::new(self.number() & LARGEST).unwrap_or(SubscriptionId::MIN)
    }

    /// The value of Maximum QoS: 0 or 1. The value 2 breaks a rule.
    pub(crate) fn maximum_qos(&mut self) -> QoS {
        if self.breaks_rare_rule() {
            QoS::ExactlyOnce
        } else {
            self.chooser.choose(QoS::AtMostOnce, &[QoS::AtLeastOnce])
        }
    }

    fn packet_id(&mut self) -> PacketId {
        PacketId::new(self.short()).unwrap_or(PacketId::MIN)
    }

    fn qos(&mut self) -> QoS {
        let others = [QoS::AtLeastOnce, QoS::ExactlyOnce];
        self.chooser.choose(QoS::AtMostOnce, &others)
    }

    /// Whether to break the rule at hand.
    fn breaks_rule(&mut self) -> bool {
        self.errors.breaks_rule(&mut self.chooser)
    }

    /// The same for a rule that few packets are subject to. It is broken more often: otherwise
    /// hardly any packet would break it.
    fn breaks_rare_rule(&mut self) -> bool {
        let one_in = self.errors.one_in;
        self.errors.one_in = one_in.min(2);
        let breaks_rule = self.breaks_rule();
        self.errors.one_in = one_in;
        breaks_rule
    }

    fn version(&self) -> Version {
        self.dialect.version()
    }

    fn is_v5(&self) -> bool {
        self.version() == Version::V5
    }
}
