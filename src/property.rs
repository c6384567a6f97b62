//! The 27 properties of 5.0: one table, one parser, one writer.

mod getters;

use core::borrow::Borrow;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use crate::data::{self, BinaryData, Counter, Parsed, Put, QoS, SubscriptionId, Utf8Str};
use crate::dialect::{Dialect, Sender, Version};
use crate::error::{Blame, ErrorKind, Field, Refusal, fault};
use crate::list::{self, List};
use crate::packet::PacketType;
use crate::topic::TopicName;
use crate::waivers::Waivers;

/// The properties of a packet or of a Will, in the order of the wire. Before 5.0 there are none.
///
/// Of all but User Property (and Subscription Identifier in a Server's PUBLISH) there is one at
/// most.
pub type Properties<'a> = List<'a, Property<'a>>;

impl<'a> Properties<'a> {
    /// The first property with this identifier.
    ///
    /// ```
    /// use mqtt_wire::{Properties, Property, PropertyId};
    ///
    /// let items = [Property::ServerKeepAlive(30)];
    /// let properties = Properties::from(&items);
    /// assert_eq!(
    ///     properties.get(PropertyId::ServerKeepAlive),
    ///     Some(Property::ServerKeepAlive(30))
    /// );
    /// assert_eq!(properties.get(PropertyId::TopicAlias), None);
    /// ```
    #[must_use]
    pub fn get(&self, id: PropertyId) -> Option<Property<'a>> {
        self.iter().find(|property| property.id() == id)
    }

    /// The User Properties, in order: names and values.
    pub fn user_properties(&self) -> impl Iterator<Item = (Utf8Str<'a>, Utf8Str<'a>)> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }
}

macro_rules! properties {
    ($($(#[$doc:meta])* $byte:literal $name:ident($($value:ty),+) = $text:literal,
       [$($packet:ident)*] $will:literal, $once:literal $values:literal;)*) => {
        /// A property: its identifier and its value.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[cfg_attr(
            feature = "serde",
            derive(serde::Serialize),
            serde(rename_all = "snake_case")
        )]
        #[non_exhaustive]
        pub enum Property<'a> {
            $(#[doc = concat!("`", stringify!($byte), "` ", $text, ".")]
            #[doc = ""]
            $(#[$doc])*
            $name($($value),+),)*
        }

        impl Property<'_> {
            /// The identifier.
            #[must_use]
            #[inline]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$name(..) => PropertyId::$name,)*
                }
            }
        }

        /// The identifier of a property.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum PropertyId {
            $(#[doc = concat!("`", stringify!($byte), "` ", $text, ".")] $name = $byte,)*
        }

        impl PropertyId {
            /// All 27 identifiers.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The standard's name of the property.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The rules that the property stands there once at most, and which values it has.
            pub(crate) const fn rules(self) -> (&'static str, &'static str) {
                match self {
                    $(Self::$name => ($once, $values),)*
                }
            }
        }

        /// The property with an identifier, and who may carry it.
        static TABLE: [Option<(PropertyId, u16)>; 0x2b] = {
            let mut table = [None; 0x2b];
            $(table[$byte] = Some((
                PropertyId::$name,
                $will $(| Carrier::Packet(PacketType::$packet).bit())*,
            ));)*
            table
        };
    };
}

// Table 2-4: identifier, value, name; packets that carry it, 1 if the Will does too; the rule that
// there is one at most, the rule on its value.
properties! {
    /// Whether the payload is UTF-8 encoded text. This crate does not look into payloads.
    0x01 PayloadFormatIndicator(bool) = "Payload Format Indicator",
        [Publish] 1, "U-dup-01" "U-val-01";
    /// Seconds after which the message is not delivered any more.
    0x02 MessageExpiryInterval(u32) = "Message Expiry Interval",
        [Publish] 1, "U-dup-02" "";
    /// What the payload is, for example a MIME type.
    0x03 ContentType(Utf8Str<'a>) = "Content Type",
        [Publish] 1, "U-dup-03" "";
    /// The topic that a response is published to (MQTT-3.3.2-14: no wildcard).
    0x08 ResponseTopic(TopicName<'a>) = "Response Topic",
        [Publish] 1, "U-dup-08" "";
    /// What the requester finds its request by.
    0x09 CorrelationData(BinaryData<'a>) = "Correlation Data",
        [Publish] 1, "U-dup-09" "";
    /// In a Server's PUBLISH there may be several, even equal ones; a Client's PUBLISH has none
    /// (MQTT-3.3.4-6).
    0x0b SubscriptionIdentifier(SubscriptionId) = "Subscription Identifier",
        [Publish Subscribe] 0, "U-dup-0b" "U-val-0b";
    /// Seconds that the Session outlives the connection; `u32::MAX` is for ever. Not in a
    /// Server's DISCONNECT (MQTT-3.14.2-2).
    0x11 SessionExpiryInterval(u32) = "Session Expiry Interval",
        [Connect ConnAck Disconnect] 0, "U-dup-11" "";
    /// The identifier of a Client that sent an empty one.
    0x12 AssignedClientIdentifier(Utf8Str<'a>) = "Assigned Client Identifier",
        [ConnAck] 0, "U-dup-12" "";
    /// Seconds; replaces the Keep Alive of the Client.
    0x13 ServerKeepAlive(u16) = "Server Keep Alive",
        [ConnAck] 0, "U-dup-13" "";
    /// The name of the method of extended authentication.
    0x15 AuthenticationMethod(Utf8Str<'a>) = "Authentication Method",
        [Connect ConnAck Auth] 0, "U-dup-15" "";
    /// What the method makes of it.
    0x16 AuthenticationData(BinaryData<'a>) = "Authentication Data",
        [Connect ConnAck Auth] 0, "U-dup-16" "";
    /// Whether the Server may send Reason Strings and User Properties with every packet.
    0x17 RequestProblemInformation(bool) = "Request Problem Information",
        [Connect] 0, "U-dup-17" "U-val-17";
    /// Seconds between the end of the connection and the Will.
    0x18 WillDelayInterval(u32) = "Will Delay Interval",
        [] 1, "U-dup-18" "";
    /// Whether the Client asks for Response Information.
    0x19 RequestResponseInformation(bool) = "Request Response Information",
        [Connect] 0, "U-dup-19" "U-val-19";
    /// What the Client may build Response Topics from.
    0x1a ResponseInformation(Utf8Str<'a>) = "Response Information",
        [ConnAck] 0, "U-dup-1a" "";
    /// Another Server to use.
    0x1c ServerReference(Utf8Str<'a>) = "Server Reference",
        [ConnAck Disconnect] 0, "U-dup-1c" "";
    /// What happened, for people to read.
    0x1f ReasonString(Utf8Str<'a>) = "Reason String",
        [ConnAck PubAck PubRec PubRel PubComp SubAck UnsubAck Disconnect Auth] 0, "U-dup-1f" "";
    /// The number of QoS 1 and 2 messages that may be open at once.
    0x21 ReceiveMaximum(NonZeroU16) = "Receive Maximum",
        [Connect ConnAck] 0, "U-dup-21" "U-val-21";
    /// The largest Topic Alias that the sender takes; 0: none.
    0x22 TopicAliasMaximum(u16) = "Topic Alias Maximum",
        [Connect ConnAck] 0, "U-dup-22" "";
    /// Stands for the topic name (MQTT-3.3.2-8: not 0).
    0x23 TopicAlias(NonZeroU16) = "Topic Alias",
        [Publish] 0, "U-dup-23" "MQTT-3.3.2-8";
    /// The highest QoS of the Server: 0 or 1. It is left out for 2.
    #[cfg_attr(feature = "serde", serde(rename = "maximum_qos"))]
    0x24 MaximumQoS(QoS) = "Maximum QoS",
        [ConnAck] 0, "U-dup-24" "U-val-24";
    /// Whether the Server keeps retained messages.
    0x25 RetainAvailable(bool) = "Retain Available",
        [ConnAck] 0, "U-dup-25" "U-val-25";
    /// A name and a value; both may be anything, and names may repeat.
    0x26 UserProperty(Utf8Str<'a>, Utf8Str<'a>) = "User Property",
        [Connect ConnAck Publish PubAck PubRec PubRel PubComp Subscribe SubAck Unsubscribe UnsubAck
         Disconnect Auth] 1, "" "";
    /// Bytes of the largest packet, its fixed header included, that the sender takes.
    0x27 MaximumPacketSize(NonZeroU32) = "Maximum Packet Size",
        [Connect ConnAck] 0, "U-dup-27" "U-val-27";
    /// Whether the Server takes filters with wildcards.
    0x28 WildcardSubscriptionAvailable(bool) = "Wildcard Subscription Available",
        [ConnAck] 0, "U-dup-28" "U-val-28";
    /// Whether the Server takes Subscription Identifiers.
    0x29 SubscriptionIdentifierAvailable(bool) = "Subscription Identifier Available",
        [ConnAck] 0, "U-dup-29" "U-val-29";
    /// Whether the Server takes shared subscriptions.
    0x2a SharedSubscriptionAvailable(bool) = "Shared Subscription Available",
        [ConnAck] 0, "U-dup-2a" "U-val-2a";
}

impl PropertyId {
    /// Whether a packet of this type may carry the property, when `sender` sends it.
    #[must_use]
    pub fn is_allowed(self, packet_type: PacketType, sender: Sender) -> bool {
        let carrier = Carrier::Packet(packet_type);
        self.carriers() & carrier.bit() != 0 && !is_of_other_side(self, carrier, sender)
    }

    /// Whether a Will may carry the property.
    #[must_use]
    pub fn is_allowed_in_will(self) -> bool {
        self.carriers() & Carrier::Will.bit() != 0
    }

    fn carriers(self) -> u16 {
        match TABLE.get(usize::from(self as u8)) {
            Some(Some((_, carriers))) => *carriers,
            _ => 0,
        }
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Property<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Property as P;
        let id = self.id();
        match *self {
            P::PayloadFormatIndicator(value)
            | P::RequestProblemInformation(value)
            | P::RequestResponseInformation(value)
            | P::RetainAvailable(value)
            | P::WildcardSubscriptionAvailable(value)
            | P::SubscriptionIdentifierAvailable(value)
            | P::SharedSubscriptionAvailable(value) => write!(f, "{id} {}", u8::from(value)),
            P::MaximumQoS(value) => write!(f, "{id} {}", value as u8),
            P::ServerKeepAlive(value) | P::TopicAliasMaximum(value) => write!(f, "{id} {value}"),
            P::ReceiveMaximum(value) | P::TopicAlias(value) => write!(f, "{id} {value}"),
            P::MessageExpiryInterval(value)
            | P::SessionExpiryInterval(value)
            | P::WillDelayInterval(value) => write!(f, "{id} {value}"),
            P::MaximumPacketSize(value) => write!(f, "{id} {value}"),
            P::SubscriptionIdentifier(value) => write!(f, "{id} {}", value.get()),
            P::ContentType(value)
            | P::AssignedClientIdentifier(value)
            | P::AuthenticationMethod(value)
            | P::ResponseInformation(value)
            | P::ServerReference(value)
            | P::ReasonString(value) => write!(f, "{id} {value:?}"),
            P::ResponseTopic(value) => write!(f, "{id} {value:?}"),
            P::CorrelationData(value) | P::AuthenticationData(value) => {
                write!(f, "{id} {value:?}")
            }
            P::UserProperty(name, value) => write!(f, "{id} {name:?} {value:?}"),
        }
    }
}

/// What carries properties.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Will,
    Packet(PacketType),
}

impl Carrier {
    /// The carrier in a set: no packet type has the bit of the Will.
    #[inline]
    const fn bit(self) -> u16 {
        match self {
            Self::Will => 1,
            Self::Packet(packet_type) => 1 << packet_type as u16,
        }
    }

    /// The field that the Property Length is.
    const fn length_field(self) -> Field {
        match self {
            Self::Will => Field::WillPropertyLength,
            Self::Packet(_) => Field::PropertyLength,
        }
    }
}

/// Whether the packet may carry the property, but only from the other side.
#[inline]
fn is_of_other_side(id: PropertyId, carrier: Carrier, sender: Sender) -> bool {
    matches!(
        (id, carrier, sender),
        (
            PropertyId::SubscriptionIdentifier,
            Carrier::Packet(PacketType::Publish),
            Sender::Client
        ) | (
            PropertyId::SessionExpiryInterval,
            Carrier::Packet(PacketType::Disconnect),
            Sender::Server
        )
    )
}

/// The identifiers that stood in a property block so far.
#[derive(Clone, Copy, Default)]
pub(crate) struct Seen(u64);

impl Seen {
    /// Whether the block has this property.
    #[inline]
    pub(crate) const fn has(self, id: PropertyId) -> bool {
        self.0 & 1 << id as u64 != 0
    }

    /// Adds a property to a block of `carrier` sent by `sender`.
    #[inline]
    fn add(&mut self, id: PropertyId, carrier: Carrier, sender: Sender) -> Result<(), ErrorKind> {
        if is_of_other_side(id, carrier, sender) {
            return Err(ErrorKind::PropertyWrongSender);
        }
        let repeats = match id {
            PropertyId::UserProperty => true,
            PropertyId::SubscriptionIdentifier => carrier == Carrier::Packet(PacketType::Publish),
            _ => false,
        };
        if self.has(id) && !repeats {
            return Err(ErrorKind::DuplicateProperty);
        }
        self.0 |= 1 << id as u64;
        Ok(())
    }

    /// Checks the block when it is complete: Authentication Data needs a method, and so does AUTH
    /// (5.0, sections 3.1.2.11.10 and 3.15.2.2.2).
    fn finish(self, carrier: Carrier) -> Result<(), ErrorKind> {
        if self.has(PropertyId::AuthenticationMethod) {
            Ok(())
        } else if carrier == Carrier::Packet(PacketType::Auth) {
            Err(ErrorKind::AuthenticationMethodMissing)
        } else if self.has(PropertyId::AuthenticationData) {
            Err(ErrorKind::AuthenticationDataWithoutMethod)
        } else {
            Ok(())
        }
    }
}

// ---- parsing -------------------------------------------------------------------------------

/// Property Length and properties in 5.0; nothing before.
#[inline(always)]
pub(crate) fn parse<'a, E: Blame<'a>>(
    input: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
) -> Parsed<'a, Properties<'a>, E> {
    if !dialect.is_v5() {
        return Ok((input, Properties::checked(&[], carrier, dialect)));
    }
    let field = carrier.length_field();
    let (rest, length) = data::variable_byte_integer(input, field)?;
    let Some((block, rest)) = rest.split_at_checked(length as usize) else {
        return fault(input, ErrorKind::PropertyLength, field, length);
    };
    let seen = match block {
        [] => Seen::default(),
        _ => check_block(block, carrier, dialect)?,
    };
    if let Err(kind) = seen.finish(carrier) {
        return fault(input, kind, field, 0);
    }
    Ok((rest, Properties::checked(block, carrier, dialect)))
}

/// Checks all properties of a block.
fn check_block<'a, E: Blame<'a>>(
    block: &'a [u8],
    carrier: Carrier,
    dialect: Dialect,
) -> Result<Seen, nom::Err<E>> {
    let mut seen = Seen::default();
    let mut rest = block;
    while !rest.is_empty() {
        let (value, id) = parse_id(rest, carrier)?;
        if let Err(kind) = seen.add(id, carrier, dialect.sender()) {
            return fault(rest, kind, Field::Property(id), id as u32);
        }
        if id == PropertyId::ResponseTopic && dialect.waives(Waivers::EMPTY_RESPONSE_TOPIC) {
            if let Some(after) = value.strip_prefix(&[0, 0]) {
                rest = after;
                continue;
            }
        }
        (rest, _) = parse_value::<E, true>(value, id)?;
    }
    Ok(seen)
}

/// The identifier: a variable byte integer, though none of the 27 needs a second byte.
#[inline]
fn parse_id<'a, E: Blame<'a>>(input: &'a [u8], carrier: Carrier) -> Parsed<'a, PropertyId, E> {
    let field = Field::PropertyIdentifier;
    let (rest, byte) = data::variable_byte_integer(input, field)?;
    match TABLE.get(byte as usize) {
        Some(Some((id, carriers))) if carriers & carrier.bit() != 0 => Ok((rest, *id)),
        Some(Some((id, _))) => {
            let field = Field::Property(*id);
            fault(input, ErrorKind::PropertyNotAllowed, field, byte)
        }
        _ => fault(input, ErrorKind::UnknownProperty, field, byte),
    }
}

/// The value of a property; its text is checked if `CHECK`, and else was before.
#[inline]
fn parse_value<'a, E: Blame<'a>, const CHECK: bool>(
    input: &'a [u8],
    id: PropertyId,
) -> Parsed<'a, Property<'a>, E> {
    use PropertyId as P;
    let field = Field::Property(id);
    let text = |input| {
        if CHECK {
            return data::utf8_string(input, field);
        }
        let (rest, text) = data::prefixed(input, field)?;
        Ok((rest, Utf8Str::trusted(text)))
    };
    let number = |input| data::four_byte_integer(input, field);
    let short = |input| data::two_byte_integer(input, field);
    let flag = |input| flag(input, field);
    let short_not_0 = |input| not_0(input, field, short, NonZeroU16::new);

    macro_rules! property {
        ($name:ident, $parser:expr) => {{
            let (rest, value) = $parser(input)?;
            (rest, Property::$name(value))
        }};
    }

    Ok(match id {
        P::PayloadFormatIndicator => property!(PayloadFormatIndicator, flag),
        P::MessageExpiryInterval => property!(MessageExpiryInterval, number),
        P::ContentType => property!(ContentType, text),
        P::ResponseTopic => property!(ResponseTopic, |input| topic::<E, CHECK>(input, field)),
        P::CorrelationData => property!(CorrelationData, |input| data::binary_data(input, field)),
        P::SubscriptionIdentifier => property!(SubscriptionIdentifier, |input| {
            let value = |input| data::variable_byte_integer(input, field);
            not_0(input, field, value, SubscriptionId::new)
        }),
        P::SessionExpiryInterval => property!(SessionExpiryInterval, number),
        P::AssignedClientIdentifier => property!(AssignedClientIdentifier, text),
        P::ServerKeepAlive => property!(ServerKeepAlive, short),
        P::AuthenticationMethod => property!(AuthenticationMethod, text),
        P::AuthenticationData => {
            property!(AuthenticationData, |input| data::binary_data(input, field))
        }
        P::RequestProblemInformation => property!(RequestProblemInformation, flag),
        P::WillDelayInterval => property!(WillDelayInterval, number),
        P::RequestResponseInformation => property!(RequestResponseInformation, flag),
        P::ResponseInformation => property!(ResponseInformation, text),
        P::ServerReference => property!(ServerReference, text),
        P::ReasonString => property!(ReasonString, text),
        P::ReceiveMaximum => property!(ReceiveMaximum, short_not_0),
        P::TopicAliasMaximum => property!(TopicAliasMaximum, short),
        P::TopicAlias => property!(TopicAlias, short_not_0),
        P::MaximumQoS => {
            let (rest, above_0) = flag(input)?;
            let qos = if above_0 {
                QoS::AtLeastOnce
            } else {
                QoS::AtMostOnce
            };
            (rest, Property::MaximumQoS(qos))
        }
        P::RetainAvailable => property!(RetainAvailable, flag),
        P::UserProperty => {
            let (rest, name) = text(input)?;
            let (rest, value) = text(rest)?;
            (rest, Property::UserProperty(name, value))
        }
        P::MaximumPacketSize => {
            property!(MaximumPacketSize, |input| not_0(
                input,
                field,
                number,
                NonZeroU32::new
            ))
        }
        P::WildcardSubscriptionAvailable => property!(WildcardSubscriptionAvailable, flag),
        P::SubscriptionIdentifierAvailable => property!(SubscriptionIdentifierAvailable, flag),
        P::SharedSubscriptionAvailable => property!(SharedSubscriptionAvailable, flag),
    })
}

/// A byte that is 0 or 1.
#[inline]
fn flag<'a, E: Blame<'a>>(input: &'a [u8], field: Field) -> Parsed<'a, bool, E> {
    let (rest, value) = data::byte(input, field)?;
    match value {
        0 => Ok((rest, false)),
        1 => Ok((rest, true)),
        _ => fault(input, ErrorKind::PropertyValue, field, u32::from(value)),
    }
}

/// A number that is not 0.
#[inline]
fn not_0<'a, E: Blame<'a>, N, T>(
    input: &'a [u8],
    field: Field,
    number: impl Fn(&'a [u8]) -> Parsed<'a, N, E>,
    new: impl Fn(N) -> Option<T>,
) -> Parsed<'a, T, E> {
    let (rest, value) = number(input)?;
    match new(value) {
        Some(value) => Ok((rest, value)),
        None => fault(input, ErrorKind::PropertyValue, field, 0),
    }
}

#[inline]
fn topic<'a, E: Blame<'a>, const CHECK: bool>(
    input: &'a [u8],
    field: Field,
) -> Parsed<'a, TopicName<'a>, E> {
    if CHECK {
        return TopicName::parse(input, field);
    }
    let (rest, name) = data::prefixed(input, field)?;
    Ok((rest, TopicName::trusted(name)))
}

impl<'a> list::sealed::Read<'a> for Property<'a> {
    const MAY_HAVE_GAP: bool = true;

    #[inline]
    fn read(bytes: &'a [u8], _: Dialect) -> Option<(&'a [u8], Self)> {
        let (&byte, value) = bytes.split_first()?;
        let (id, _) = (*TABLE.get(usize::from(byte))?)?;
        parse_value::<(), false>(value, id).ok()
    }
}

impl<'a> list::Item<'a> for Property<'a> {}

// ---- writing -------------------------------------------------------------------------------

/// Checks properties that are about to be written.
#[inline]
pub(crate) fn check(
    properties: &Properties<'_>,
    carrier: Carrier,
    dialect: Dialect,
) -> Result<(), Refusal> {
    if !dialect.is_v5() {
        return match properties.is_empty() {
            true => Ok(()),
            false => Err(Refusal::NotInVersion(carrier.length_field())),
        };
    }
    let seen = match properties.is_empty() {
        true => Seen::default(),
        // under this waiver the list may hold a Response Topic that must not be written
        false
            if properties.is_checked_for(carrier, dialect)
                && !dialect.waives(Waivers::EMPTY_RESPONSE_TOPIC) =>
        {
            return Ok(());
        }
        false => check_items(properties, carrier, dialect.sender())?,
    };
    seen.finish(carrier)
        .map_err(|kind| Refusal::Broken(kind, carrier.length_field(), 0))
}

fn check_items(
    properties: &Properties<'_>,
    carrier: Carrier,
    sender: Sender,
) -> Result<Seen, Refusal> {
    let mut seen = Seen::default();
    let mut check = |property: &Property<'_>| {
        let id = property.id();
        let broken = |kind| Refusal::Broken(kind, Field::Property(id), id as u32);
        if id.carriers() & carrier.bit() == 0 {
            return Err(broken(ErrorKind::PropertyNotAllowed));
        }
        if matches!(property, Property::MaximumQoS(QoS::ExactlyOnce)) {
            return Err(broken(ErrorKind::PropertyValue));
        }
        if matches!(property, Property::ResponseTopic(topic) if topic.as_bytes().is_empty()) {
            let field = Field::Property(id);
            return Err(Refusal::Broken(ErrorKind::EmptyTopicName, field, 0));
        }
        seen.add(id, carrier, sender).map_err(broken)
    };
    match properties.lent() {
        Some(items) => items.iter().try_for_each(check)?,
        None => properties
            .iter()
            .try_for_each(|property| check(&property))?,
    }
    Ok(seen)
}

/// Writes Property Length and properties in 5.0, nothing before.
#[inline(always)]
pub(crate) fn put(properties: &Properties<'_>, dialect: Dialect, out: &mut impl Put) {
    if !dialect.is_v5() {
        return;
    }
    if properties.is_empty() {
        return out.put_byte(0);
    }
    let Some(bytes) = properties.wire_of(Version::V5) else {
        return match properties.lent() {
            Some(items) => put_items(items.iter(), out),
            None => put_items(properties.iter(), out),
        };
    };
    out.put_variable_byte_integer(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    out.put(bytes);
}

/// Writes Property Length and properties one by one.
#[inline(never)]
fn put_items<'a, I>(items: I, out: &mut impl Put)
where
    I: Iterator<Item: Borrow<Property<'a>>> + Clone,
{
    let mut length = Counter::default();
    items
        .clone()
        .for_each(|item| put_item(item.borrow(), &mut length));
    out.put_variable_byte_integer(u32::try_from(length.0).unwrap_or(u32::MAX));
    out.put_counted(length.0, |out| {
        items.clone().for_each(|item| put_item(item.borrow(), out));
    });
}

#[inline]
pub(crate) fn put_item(property: &Property<'_>, out: &mut impl Put) {
    use Property as P;
    out.put_byte(property.id() as u8);
    match *property {
        P::PayloadFormatIndicator(value)
        | P::RequestProblemInformation(value)
        | P::RequestResponseInformation(value)
        | P::RetainAvailable(value)
        | P::WildcardSubscriptionAvailable(value)
        | P::SubscriptionIdentifierAvailable(value)
        | P::SharedSubscriptionAvailable(value) => out.put_byte(u8::from(value)),
        P::MaximumQoS(value) => out.put_byte(value as u8),
        P::ServerKeepAlive(value) | P::TopicAliasMaximum(value) => out.put_u16(value),
        P::ReceiveMaximum(value) | P::TopicAlias(value) => out.put_u16(value.get()),
        P::MessageExpiryInterval(value)
        | P::SessionExpiryInterval(value)
        | P::WillDelayInterval(value) => out.put_u32(value),
        P::MaximumPacketSize(value) => out.put_u32(value.get()),
        P::SubscriptionIdentifier(value) => out.put_variable_byte_integer(value.get()),
        P::ContentType(value)
        | P::AssignedClientIdentifier(value)
        | P::AuthenticationMethod(value)
        | P::ResponseInformation(value)
        | P::ServerReference(value)
        | P::ReasonString(value) => out.put_prefixed(value.as_bytes()),
        P::ResponseTopic(value) => out.put_prefixed(value.as_bytes()),
        P::CorrelationData(value) | P::AuthenticationData(value) => {
            out.put_prefixed(value.as_bytes());
        }
        P::UserProperty(name, value) => {
            out.put_prefixed(name.as_bytes());
            out.put_prefixed(value.as_bytes());
        }
    }
}
