//! Owned properties.

use std::num::{NonZeroU16, NonZeroU32};

use mqtt_wire::{Field, PropertyId, QoS, SubscriptionId};

#[cfg(any(feature = "arbitrary", feature = "proptest"))]
use crate::generate::{Chooser, PacketGenerator};
#[cfg(feature = "serde")]
use crate::json;
use crate::packet::{Invalid, data, text, topic_name};

macro_rules! properties {
    (
        copied { $($(#[$attribute:meta])* $copied:ident($type:ty) = $generate:ident,)* }
        text { $($text:ident)* }
        data { $($data:ident)* }
    ) => {
        /// An owned property, see [`mqtt_wire::Property`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[cfg_attr(
            feature = "serde",
            derive(serde::Serialize, serde::Deserialize),
            serde(rename_all = "snake_case")
        )]
        #[allow(missing_docs)] // the borrowed type has the docs
        pub enum Property {
            $($(#[$attribute])* $copied($type),)*
            $($text(String),)*
            ResponseTopic(String),
            $(#[cfg_attr(
                feature = "serde",
                serde(serialize_with = "json::write_hex", deserialize_with = "json::read_hex")
            )]
            $data(Vec<u8>),)*
            UserProperty(String, String),
        }

        impl Property {
            /// The identifier.
            #[must_use]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$copied(_) => PropertyId::$copied,)*
                    $(Self::$text(_) => PropertyId::$text,)*
                    Self::ResponseTopic(_) => PropertyId::ResponseTopic,
                    $(Self::$data(_) => PropertyId::$data,)*
                    Self::UserProperty(..) => PropertyId::UserProperty,
                }
            }

            pub(crate) fn borrow(&self) -> Result<mqtt_wire::Property<'_>, Invalid> {
                use mqtt_wire::Property as P;

                let field = Field::Property(self.id());
                Ok(match self {
                    $(Self::$copied(value) => P::$copied(*value),)*
                    $(Self::$text(value) => P::$text(text(value, field)?),)*
                    Self::ResponseTopic(name) => {
                        P::ResponseTopic(topic_name(name, field)?)
                    }
                    $(Self::$data(value) => P::$data(data(value, field)?),)*
                    Self::UserProperty(name, value) => P::UserProperty(
                        text(name, field)?,
                        text(value, field)?,
                    ),
                })
            }

            #[cfg(any(feature = "arbitrary", feature = "proptest"))]
            pub(crate) fn generate<C: Chooser>(
                id: PropertyId,
                generator: &mut PacketGenerator<C>,
            ) -> Self {
                match id {
                    $(PropertyId::$copied => Self::$copied(generator.$generate()),)*
                    $(PropertyId::$text => Self::$text(generator.text()),)*
                    PropertyId::ResponseTopic => Self::ResponseTopic(generator.topic_name()),
                    $(PropertyId::$data => Self::$data(generator.data()),)*
                    PropertyId::UserProperty => {
                        Self::UserProperty(generator.text(), generator.text())
                    }
                }
            }
        }

        impl From<mqtt_wire::Property<'_>> for Property {
            fn from(property: mqtt_wire::Property<'_>) -> Self {
                use mqtt_wire::Property as P;

                match property {
                    $(P::$copied(value) => Self::$copied(value),)*
                    $(P::$text(value) => Self::$text(value.as_str().into()),)*
                    P::ResponseTopic(name) => Self::ResponseTopic(name.as_str().into()),
                    $(P::$data(value) => Self::$data(value.as_bytes().into()),)*
                    P::UserProperty(name, value) => {
                        Self::UserProperty(name.as_str().into(), value.as_str().into())
                    }
                }
            }
        }
    };
}

// The properties whose values are copied, each with the function that generates its value; those
// that hold text; those that hold data. The other two are in the macro.
properties! {
    copied {
        PayloadFormatIndicator(bool) = flag,
        MessageExpiryInterval(u32) = number,
        SubscriptionIdentifier(SubscriptionId) = subscription_id,
        SessionExpiryInterval(u32) = number,
        ServerKeepAlive(u16) = short,
        RequestProblemInformation(bool) = flag,
        WillDelayInterval(u32) = number,
        RequestResponseInformation(bool) = flag,
        ReceiveMaximum(NonZeroU16) = short_not_zero,
        TopicAliasMaximum(u16) = short,
        TopicAlias(NonZeroU16) = short_not_zero,
        #[cfg_attr(feature = "serde", serde(rename = "maximum_qos"))]
        MaximumQoS(QoS) = maximum_qos,
        RetainAvailable(bool) = flag,
        MaximumPacketSize(NonZeroU32) = number_not_zero,
        WildcardSubscriptionAvailable(bool) = flag,
        SubscriptionIdentifierAvailable(bool) = flag,
        SharedSubscriptionAvailable(bool) = flag,
    }
    text {
        ContentType AssignedClientIdentifier AuthenticationMethod ResponseInformation
        ServerReference ReasonString
    }
    data { CorrelationData AuthenticationData }
}

#[cfg(any(feature = "arbitrary", feature = "proptest"))]
pub(crate) fn has(properties: &[Property], id: PropertyId) -> bool {
    properties.iter().any(|property| property.id() == id)
}

#[cfg(all(test, any(feature = "arbitrary", feature = "proptest")))]
mod tests {
    use mqtt_wire::{Dialect, Version};

    use super::*;
    use crate::generate::ErrorBudget;

    /// One of each property, the smallest.
    fn smallest() -> impl Iterator<Item = (PropertyId, Property)> {
        struct Zeros;

        impl Chooser for Zeros {
            fn below(&mut self, _: u32) -> u32 {
                0
            }
        }

        PropertyId::ALL.iter().map(|&id| {
            let dialect = Dialect::from_client(Version::V5);
            let mut generator = PacketGenerator::new(Zeros, dialect, ErrorBudget::NONE);
            (id, Property::generate(id, &mut generator))
        })
    }

    #[test]
    fn every_identifier_has_a_property_that_can_be_borrowed() {
        for (id, property) in smallest() {
            assert_eq!(property.id(), id);
            let Ok(borrowed) = property.borrow() else {
                panic!("{property:?}");
            };
            assert_eq!(borrowed.id(), id);
            assert_eq!(Property::from(borrowed), property);
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn every_property_is_a_member_that_has_its_name() {
        for (id, property) in smallest() {
            let json = serde_json::to_value(&property).unwrap();
            let names: Vec<&String> = json.as_object().unwrap().keys().collect();
            assert_eq!(names, [serde_json::to_value(id).unwrap().as_str().unwrap()]);
            assert_eq!(serde_json::from_value::<Property>(json).unwrap(), property);
        }
    }
}
