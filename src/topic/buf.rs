//! Topic names and filters that own their text.

use alloc::boxed::Box;
use alloc::string::String;
use core::borrow::Borrow;
use core::fmt;
use core::str::FromStr;

use super::{TopicFilter, TopicName};
use crate::error::ErrorKind;

macro_rules! owned_texts {
    ($($(#[$doc:meta])* $name:ident($borrowed:ident, $as_borrowed:ident);)*) => {
        $($(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks a text and owns it. A `String` is not copied, unless it has spare capacity.
            ///
            /// # Errors
            ///
            #[doc = concat!("As [`", stringify!($borrowed), "::new`].")]
            pub fn new(text: impl Into<Box<str>>) -> Result<Self, ErrorKind> {
                let text = text.into();
                $borrowed::new(&text)?;
                Ok(Self(text))
            }

            /// The borrowed form, without a check.
            #[must_use]
            pub fn $as_borrowed(&self) -> $borrowed<'_> {
                $borrowed::trusted(self.0.as_bytes())
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// Copies the text.
        impl From<$borrowed<'_>> for $name {
            fn from(text: $borrowed<'_>) -> Self {
                Self(text.as_str().into())
            }
        }

        impl<'a> From<&'a $name> for $borrowed<'a> {
            fn from(text: &'a $name) -> Self {
                text.$as_borrowed()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ErrorKind;

            fn try_from(text: String) -> Result<Self, ErrorKind> {
                Self::new(text)
            }
        }

        impl TryFrom<&str> for $name {
            type Error = ErrorKind;

            fn try_from(text: &str) -> Result<Self, ErrorKind> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = ErrorKind;

            fn from_str(text: &str) -> Result<Self, ErrorKind> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl PartialEq<$borrowed<'_>> for $name {
            fn eq(&self, other: &$borrowed<'_>) -> bool {
                self.$as_borrowed() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self.as_str(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                self.$as_borrowed().format(f);
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Box::<str>::deserialize(deserializer)?;
                Self::new(text).map_err(serde::de::Error::custom)
            }
        })*
    };
}

owned_texts! {
    /// A topic name that owns its text and was checked once, for example a key of a map.
    ///
    /// It hashes and compares like its text, so a map finds it by a `&str`.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use mqtt_wire::{TopicName, TopicNameBuf};
    ///
    /// let mut readings = HashMap::new();
    /// let received = TopicName::new("boiler/7/temperature")?;
    /// readings.insert(TopicNameBuf::from(received), 71.5);
    /// assert_eq!(readings.get("boiler/7/temperature"), Some(&71.5));
    ///
    /// let kept = readings.keys().next().unwrap();
    /// assert_eq!(kept.as_topic_name(), received);
    /// # Ok::<(), mqtt_wire::ErrorKind>(())
    /// ```
    TopicNameBuf(TopicName, as_topic_name);
    /// A topic filter that owns its text and was checked once, for example of a subscription.
    ///
    /// It hashes and compares like its text, so a map finds it by a `&str`.
    ///
    /// ```
    /// use mqtt_wire::{TopicFilterBuf, TopicName};
    ///
    /// let filter: TopicFilterBuf = "boiler/+/temperature".parse()?;
    /// let topic = TopicName::new("boiler/7/temperature")?;
    /// assert!(filter.as_topic_filter().matches(topic));
    /// assert!("boiler/#/temperature".parse::<TopicFilterBuf>().is_err());
    /// # Ok::<(), mqtt_wire::ErrorKind>(())
    /// ```
    TopicFilterBuf(TopicFilter, as_topic_filter);
}
