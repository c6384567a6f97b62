//! Owned properties.

use alloc::string::String;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use super::{Lent, data, text, topic_name};
use crate::data::{QoS, SubscriptionId};
use crate::error::Field;
use crate::property::{self, PropertyId};

macro_rules! properties {
    (
        copied { $($copied:ident($type:ty)),* $(,)? }
        text { $($text:ident)* }
        data { $($data:ident)* }
    ) => {
        /// An owned property: see [`crate::Property`].
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[cfg_attr(
            feature = "serde",
            derive(serde::Deserialize),
            serde(rename_all = "snake_case")
        )]
        #[non_exhaustive]
        #[allow(missing_docs)] // as the borrowed ones
        pub enum Property {
            $($copied($type),)*
            #[cfg_attr(feature = "serde", serde(rename = "maximum_qos"))]
            MaximumQoS(QoS),
            $($text(String),)*
            ResponseTopic(String),
            $($data(
                #[cfg_attr(feature = "serde", serde(deserialize_with = "super::json::hex"))]
                Vec<u8>,
            ),)*
            UserProperty(String, String),
        }

        impl Property {
            /// The identifier.
            #[must_use]
            pub const fn id(&self) -> PropertyId {
                match self {
                    $(Self::$copied(_) => PropertyId::$copied,)*
                    Self::MaximumQoS(_) => PropertyId::MaximumQoS,
                    $(Self::$text(_) => PropertyId::$text,)*
                    Self::ResponseTopic(_) => PropertyId::ResponseTopic,
                    $(Self::$data(_) => PropertyId::$data,)*
                    Self::UserProperty(..) => PropertyId::UserProperty,
                }
            }

            pub(super) fn lend<const CHECKED: bool>(&self) -> Lent<property::Property<'_>> {
                use property::Property as P;

                let field = Field::Property(self.id());
                Ok(match self {
                    $(Self::$copied(value) => P::$copied(*value),)*
                    Self::MaximumQoS(qos) => P::MaximumQoS(*qos),
                    $(Self::$text(value) => P::$text(text::<CHECKED>(value, field)?),)*
                    Self::ResponseTopic(name) => {
                        P::ResponseTopic(topic_name::<CHECKED>(name, field)?)
                    }
                    $(Self::$data(value) => P::$data(data::<CHECKED>(value, field)?),)*
                    Self::UserProperty(name, value) => P::UserProperty(
                        text::<CHECKED>(name, field)?,
                        text::<CHECKED>(value, field)?,
                    ),
                })
            }
        }

        impl From<property::Property<'_>> for Property {
            fn from(property: property::Property<'_>) -> Self {
                use property::Property as P;

                match property {
                    $(P::$copied(value) => Self::$copied(value),)*
                    P::MaximumQoS(qos) => Self::MaximumQoS(qos),
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

properties! {
    copied {
        PayloadFormatIndicator(bool),
        MessageExpiryInterval(u32),
        SubscriptionIdentifier(SubscriptionId),
        SessionExpiryInterval(u32),
        ServerKeepAlive(u16),
        RequestProblemInformation(bool),
        WillDelayInterval(u32),
        RequestResponseInformation(bool),
        ReceiveMaximum(NonZeroU16),
        TopicAliasMaximum(u16),
        TopicAlias(NonZeroU16),
        RetainAvailable(bool),
        MaximumPacketSize(NonZeroU32),
        WildcardSubscriptionAvailable(bool),
        SubscriptionIdentifierAvailable(bool),
        SharedSubscriptionAvailable(bool),
    }
    text {
        ContentType AssignedClientIdentifier AuthenticationMethod ResponseInformation
        ServerReference ReasonString
    }
    data { CorrelationData AuthenticationData }
}

pub(super) fn lend_all<const CHECKED: bool>(
    properties: &[Property],
) -> Lent<Vec<property::Property<'_>>> {
    let properties = properties.iter();
    properties.map(Property::lend::<CHECKED>).collect()
}
