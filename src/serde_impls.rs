//! serde for plain values: numbers are numbers, names and codes are text.
//!
//! Packets and everything that borrows implement `Serialize` where they are defined.

use core::fmt::{self, Write};

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::data::{PacketId, QoS, SubscriptionId};
use crate::dialect::{Sender, Version};
use crate::packet::RetainHandling;
use crate::packet_type::PacketType;
use crate::property_id::PropertyId;
use crate::reason_code::{ReasonCode, ReturnCode};

/// For each type its number, how to get it, and how to read it.
macro_rules! numbers {
    ($($name:ident: $number:ty, $get:expr, $read:expr, $expected:literal;)*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let get: fn(Self) -> $number = $get;
                get(*self).serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read: fn($number) -> Option<Self> = $read;
                let number = <$number>::deserialize(deserializer)?;
                read(number).ok_or_else(|| {
                    D::Error::invalid_value(Unexpected::Unsigned(number.into()), &$expected)
                })
            }
        })*
    };
}

numbers! {
    QoS: u8, |qos| qos as u8, |level| QoS::try_from(level).ok(), "0, 1 or 2";
    RetainHandling: u8, |handling| handling as u8, |value| match value {
        0 => Some(RetainHandling::AtSubscribe),
        1 => Some(RetainHandling::AtNewSubscribe),
        2 => Some(RetainHandling::Never),
        _ => None,
    }, "0, 1 or 2";
    PacketId: u16, PacketId::get, PacketId::new, "1 to 65535";
    SubscriptionId: u32, SubscriptionId::get, SubscriptionId::new, "1 to 268435455";
}

/// For each type its text, and how to read it.
macro_rules! texts {
    ($($name:ident: $text:expr, $read:expr, $expected:literal;)*) => {
        $(impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&$text(*self))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor {
                    expected: $expected,
                    read: $read,
                })
            }
        })*
    };
}

texts! {
    Version: |version| version, |text| find(&Version::ALL, |version| version, text),
        "\"3.1\", \"3.1.1\" or \"5.0\"";
    Sender: sender_name, |text| find(&[Sender::Client, Sender::Server], sender_name, text),
        "\"client\" or \"server\"";
    PacketType: PacketType::name, |text| find(&PacketType::ALL, PacketType::name, text),
        "a packet type, such as \"CONNECT\"";
    PropertyId: MemberName, |text| find(PropertyId::ALL, MemberName, text),
        "a property, such as \"session_expiry_interval\"";
    ReasonCode: |code| Code(code as u8), |text| ReasonCode::try_from(Code::read(text)?.0).ok(),
        "a Reason Code, such as \"0x80\"";
    ReturnCode: |code| Code(code as u8), |text| ReturnCode::try_from(Code::read(text)?.0).ok(),
        "a return code, \"0x00\" to \"0x05\"";
}

struct TextVisitor<T> {
    expected: &'static str,
    read: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.read)(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

/// The value that is written as `text`.
fn find<T: Copy, D: fmt::Display>(values: &[T], written: fn(T) -> D, text: &str) -> Option<T> {
    let mut values = values.iter().copied();
    values.find(|value| {
        let mut rest = Rest(text);
        write!(rest, "{}", written(*value)).is_ok() && rest.0.is_empty()
    })
}

/// The part of a text that has not been compared yet. Writing anything else into it is an error.
struct Rest<'a>(&'a str);

impl Write for Rest<'_> {
    fn write_str(&mut self, written: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(written).ok_or(fmt::Error)?;
        Ok(())
    }
}

const fn sender_name(sender: Sender) -> &'static str {
    match sender {
        Sender::Client => "client",
        Sender::Server => "server",
    }
}

/// Writes the name of a property as its member is called: `session_expiry_interval`.
struct MemberName(PropertyId);

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.name().chars().try_for_each(|char| match char {
            ' ' => f.write_char('_'),
            other => f.write_char(other.to_ascii_lowercase()),
        })
    }
}

/// A byte as `0x` and two hexadecimal digits.
struct Code(u8);

impl Code {
    fn read(text: &str) -> Option<Self> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        match text.strip_prefix("0x")?.as_bytes() {
            &[high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok().map(Self),
            _ => None,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::string::ToString;
    use std::vec::Vec;

    use serde::de::DeserializeOwned;
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    /// Every value is read as it was written, and no two are written alike.
    #[track_caller]
    fn round_trips<T>(values: &[T], first: Value)
    where
        T: Copy + Debug + PartialEq + Serialize + DeserializeOwned,
    {
        let written: Vec<Value> = values.iter().map(|it| to_value(it).unwrap()).collect();
        assert_eq!(written[0], first);
        for (index, (json, value)) in written.iter().zip(values).enumerate() {
            assert!(!written[..index].contains(json), "{json}");
            assert_eq!(from_value::<T>(json.clone()).unwrap(), *value);
        }
    }

    #[test]
    fn every_value_round_trips() {
        let levels = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];
        round_trips(&levels, json!(0));
        let handlings = [
            RetainHandling::AtSubscribe,
            RetainHandling::AtNewSubscribe,
            RetainHandling::Never,
        ];
        round_trips(&handlings, json!(0));
        round_trips(&[1, 65_535].map(|it| PacketId::new(it).unwrap()), json!(1));
        let ids = [1, 268_435_455].map(|it| SubscriptionId::new(it).unwrap());
        round_trips(&ids, json!(1));
        round_trips(&Version::ALL, json!("3.1"));
        round_trips(&[Sender::Client, Sender::Server], json!("client"));
        round_trips(&PacketType::ALL, json!("CONNECT"));
        round_trips(PropertyId::ALL, json!("payload_format_indicator"));
        round_trips(ReasonCode::ALL, json!("0x00"));
        let codes = [0, 1, 2, 3, 4, 5].map(|it| ReturnCode::try_from(it).unwrap());
        round_trips(&codes, json!("0x00"));
    }

    #[test]
    fn values_that_do_not_exist_are_refused() {
        #[track_caller]
        fn error<T: Debug + DeserializeOwned>(json: Value, message: &str) {
            let error = from_value::<T>(json).unwrap_err().to_string();
            assert_eq!(error, message);
        }
        error::<QoS>(json!(3), "invalid value: integer `3`, expected 0, 1 or 2");
        error::<RetainHandling>(json!(3), "invalid value: integer `3`, expected 0, 1 or 2");
        error::<PacketId>(json!(0), "invalid value: integer `0`, expected 1 to 65535");
        error::<SubscriptionId>(
            json!(268_435_456),
            "invalid value: integer `268435456`, expected 1 to 268435455",
        );
        for text in ["", "3", "3.1.", "3.1.1.", "5"] {
            assert!(from_value::<Version>(json!(text)).is_err(), "{text}");
        }
        assert!(from_value::<Sender>(json!("Client")).is_err());
        assert!(from_value::<PacketType>(json!("connect")).is_err());
        assert!(from_value::<PropertyId>(json!("Topic Alias")).is_err());
        for text in ["0x03", "0x0", "0x000", "00", "0x+1", "", "0xé"] {
            assert!(from_value::<ReasonCode>(json!(text)).is_err(), "{text}");
        }
        assert!(from_value::<ReturnCode>(json!("0x06")).is_err());
        error::<ReturnCode>(
            json!(6),
            "invalid type: integer `6`, expected a return code, \"0x00\" to \"0x05\"",
        );
    }

    #[test]
    fn properties_are_named_as_their_members() {
        use crate::property::Property;

        let member = to_value(Property::MaximumQoS(QoS::AtMostOnce)).unwrap();
        assert_eq!(member, json!({"maximum_qos": 0}));
        let id = to_value(PropertyId::MaximumQoS).unwrap();
        assert_eq!(id, json!("maximum_qos"));
    }
}
