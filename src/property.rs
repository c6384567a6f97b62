//! Properties of 5.0: their values, parsed, written and displayed.

mod block;
#[cfg(feature = "alloc")]
mod buf;

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

pub(crate) use self::block::{check, encoded_len, parse, put_items, write};
#[cfg(feature = "alloc")]
pub use self::buf::PropertiesBuf;
use crate::data::{BinaryData, QoS, SubscriptionId, Utf8Str};
use crate::dialect::Dialect;
use crate::error::{ErrorKind, Field, ParseFault, fault};
use crate::list::{self, Hidden, List};
use crate::property_id::{PropertyId, property_table};
use crate::topic::TopicName;
use crate::wire::read::{self, Parsed};
use crate::wire::varint;
use crate::wire::write::Out;

/// The properties of a packet or of a Will, in wire order. In 3.1 and 3.1.1 there are none.
///
/// A property appears at most once, except for User Property, and for Subscription Identifier in a
/// PUBLISH from a Server.
#[doc(alias = "ConnectProperties")]
#[doc(alias = "PublishProperties")]
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

    /// The User Properties in order, each as a name and a value.
    pub fn user_properties(&self) -> impl Iterator<Item = (Utf8Str<'a>, Utf8Str<'a>)> + use<'a> {
        self.iter().filter_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }
}

macro_rules! properties {
    ($($(#[$doc:meta])* $byte:literal $name:ident($($field:ident: $type:ty),+) = $text:literal,
       [$($carrier:ident)*], once $once:literal value $values:literal;)*) => {
        /// A property: its identifier and its value.
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(
            feature = "serde",
            derive(serde::Serialize),
            serde(rename_all = "snake_case")
        )]
        pub enum Property<'a> {
            $(#[doc = concat!("`", stringify!($byte), "` ", $text, ".")]
            #[doc = ""]
            $(#[$doc])*
            $name($($type),+),)*
        }

        impl<'a> Property<'a> {
            /// The identifier.
            #[must_use]
            #[inline]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$name(..) => PropertyId::$name,)*
                }
            }

            /// Checks the value at the beginning of `input`, and returns the bytes behind it.
            #[inline]
            fn check_value<E: ParseFault<'a>>(
                input: &'a [u8],
                id: PropertyId,
            ) -> Result<&'a [u8], nom::Err<E>> {
                let at = Field::Property(id);
                match id {
                    $(PropertyId::$name => {
                        let rest = input;
                        $(let (rest, _) = <$type as Value>::parse::<E, true>(rest, at)?;)+
                        Ok(rest)
                    })*
                }
            }

            /// Reads a value that was checked before, and the bytes behind it.
            #[inline]
            fn read_value(input: &'a [u8], id: PropertyId) -> Option<(&'a [u8], Self)> {
                let at = Field::Property(id);
                Some(match id {
                    $(PropertyId::$name => {
                        let rest = input;
                        $(let (rest, $field) = <$type as Value>::parse::<(), false>(rest, at).ok()?;)+
                        (rest, Self::$name($($field),+))
                    })*
                })
            }

            /// Writes the identifier and the value.
            #[inline]
            fn put<O: Out>(&self, out: O) -> Result<O, O::Error> {
                match *self {
                    $(Self::$name($($field),+) => {
                        let out = out.put_byte($byte)?;
                        $(let out = $field.put(out)?;)+
                        Ok(out)
                    })*
                }
            }

            /// The number of bytes that [`put`](Self::put) writes.
            #[inline]
            fn encoded_len(&self) -> usize {
                match *self {
                    $(Self::$name($($field),+) => 1 $(+ $field.encoded_len())+,)*
                }
            }

            /// Calls `each` with every string in the value.
            pub(crate) fn each_text(&self, each: &mut impl FnMut(&'a str)) {
                match *self {
                    $(Self::$name($($field),+) => {
                        $($field.text().into_iter().for_each(&mut *each);)+
                    })*
                }
            }
        }

        /// The name and the value, for example `Topic Alias 5`.
        impl fmt::Display for Property<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self {
                    $(Self::$name($($field),+) => {
                        f.write_str($text)?;
                        $(f.write_str(" ")?;
                        $field.show(f)?;)+
                    })*
                }
                Ok(())
            }
        }
    };
}

property_table!(properties);

impl Property<'_> {
    /// The group that can be hidden with [`List::hiding`].
    #[inline]
    const fn group(&self) -> Hidden {
        match self {
            Self::WillDelayInterval(_) => Hidden::WILL_DELAY,
            Self::ReasonString(_) => Hidden::REASON_STRING,
            Self::UserProperty(..) => Hidden::USER_PROPERTIES,
            Self::MessageExpiryInterval(_)
            | Self::TopicAlias(_)
            | Self::SubscriptionIdentifier(_) => Hidden::OF_ONE_COPY,
            _ => Hidden::NONE,
        }
    }
}

impl<'a> list::sealed::Read<'a> for Property<'a> {
    const CAN_HIDE: bool = true;

    // not inlined, so that the loops over properties stay small enough to be inlined
    #[inline(never)]
    fn read(bytes: &mut &'a [u8], _: Dialect) -> Option<Self> {
        let (&byte, value) = bytes.split_first()?;
        let (rest, property) = Self::read_value(value, PropertyId::from_byte(byte)?)?;
        *bytes = rest;
        Some(property)
    }

    #[inline]
    fn is_hidden(&self, hidden: Hidden) -> bool {
        hidden.contains(self.group())
    }
}

impl<'a> list::Item<'a> for Property<'a> {}

/// The type of a property's value.
trait Value<'a>: Copy {
    /// Parses the value; text is checked if `CHECK` is true.
    fn parse<E: ParseFault<'a>, const CHECK: bool>(
        input: &'a [u8],
        field: Field,
    ) -> Parsed<'a, Self, E>;

    fn put<O: Out>(self, out: O) -> Result<O, O::Error>;

    fn encoded_len(self) -> usize;

    fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result;

    /// The value as text, if its type is a UTF-8 Encoded String.
    fn text(self) -> Option<&'a str> {
        None
    }
}

/// `Type: parser of the number, number to value, writer(value to number), length`. A value is
/// displayed as its number.
macro_rules! numbers {
    ($($type:ty: $parse:path, $new:expr, $put:ident($get:expr), $len:expr;)*) => {
        $(impl<'a> Value<'a> for $type {
            #[inline]
            fn parse<E: ParseFault<'a>, const CHECK: bool>(
                input: &'a [u8],
                field: Field,
            ) -> Parsed<'a, Self, E> {
                let (rest, number) = $parse(input, field)?;
                match $new(number) {
                    Some(value) => Ok((rest, value)),
                    None => fault(input, ErrorKind::PropertyValue, field, u32::from(number)),
                }
            }

            #[inline]
            fn put<O: Out>(self, out: O) -> Result<O, O::Error> {
                out.$put($get(self))
            }

            #[inline]
            fn encoded_len(self) -> usize {
                $len(self)
            }

            fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&$get(self), f)
            }
        })*
    };
}

numbers! {
    bool: read::byte, zero_or_one, put_byte(u8::from), |_| 1;
    QoS: read::byte, maximum_qos, put_byte(|qos| qos as u8), |_| 1;
    u16: read::two_byte_integer, Some, put_u16(core::convert::identity), |_| 2;
    u32: read::four_byte_integer, Some, put_u32(core::convert::identity), |_| 4;
    NonZeroU16: read::two_byte_integer, Self::new, put_u16(Self::get), |_| 2;
    NonZeroU32: read::four_byte_integer, Self::new, put_u32(Self::get), |_| 4;
    SubscriptionId: read::variable_byte_integer, Self::new, put_variable_byte_integer(Self::get),
        |id: Self| varint::len(id.get());
}

#[inline]
const fn zero_or_one(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Maximum QoS is 0 or 1: a Server that supports QoS 2 omits the property.
#[inline]
const fn maximum_qos(byte: u8) -> Option<QoS> {
    match byte {
        0 => Some(QoS::AtMostOnce),
        1 => Some(QoS::AtLeastOnce),
        _ => None,
    }
}

/// `Type: parser that checks, value of checked bytes, value as text`.
macro_rules! byte_strings {
    ($($type:ident: $checked:path, $trusted:expr, $text:expr;)*) => {
        $(impl<'a> Value<'a> for $type<'a> {
            #[inline]
            fn parse<E: ParseFault<'a>, const CHECK: bool>(
                input: &'a [u8],
                field: Field,
            ) -> Parsed<'a, Self, E> {
                if CHECK {
                    return $checked(input, field);
                }
                let (rest, bytes) = read::prefixed(input, field)?;
                Ok((rest, $trusted(bytes)))
            }

            #[inline]
            fn put<O: Out>(self, out: O) -> Result<O, O::Error> {
                out.put_prefixed(self.as_bytes())
            }

            #[inline]
            fn encoded_len(self) -> usize {
                2 + self.as_bytes().len()
            }

            fn show(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self, f)
            }

            fn text(self) -> Option<&'a str> {
                $text(self)
            }
        })*
    };
}

byte_strings! {
    Utf8Str: Utf8Str::parse, Utf8Str::trusted, |text: Self| Some(text.as_str());
    TopicName: TopicName::parse, TopicName::trusted, |name: Self| Some(name.as_str());
    BinaryData: BinaryData::parse, BinaryData::trusted, |_| None;
}
