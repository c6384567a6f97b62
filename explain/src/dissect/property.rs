//! The properties of MQTT 5.0.

use std::fmt::Write;

use mqtt_wire::{PropertyId, Version};

use super::field::{Field, Value};
use super::walker::Walker;
use crate::text::count;

impl Walker<'_> {
    /// Adds the Property Length and the properties; before 5.0 there are none.
    pub(super) fn properties(&mut self, name: &'static str) -> Option<()> {
        if self.version != Version::V5 {
            return Some(());
        }
        let start = self.at;
        let place = self.fields.len();
        let (length, span) = self.variable_byte_integer("Property Length")?;
        let here = self.end - self.at;
        if length == 0 {
            let none = Value::Words(String::from("none"));
            let mut field = Field::new(name, span.clone(), none);
            field.folded = true;
            let zero = Value::Words(String::from("0"));
            field.children = vec![Field::new("Property Length", span, zero)];
            self.fields.push(field);
            return Some(());
        }
        let mut words = length.to_string();
        if here < length {
            let _ = write!(words, ", but only {} follow", count(here, "byte"));
        }
        self.push("Property Length", span, Value::Words(words));

        let outer = self.end;
        self.end = outer.min(self.at.saturating_add(length));
        while self.at < self.end && self.property().is_some() {}
        self.not_understood("not understood");
        self.end = outer;
        let children = self.fields.split_off(place);
        let mut field = Field::new(name, start..self.at, Value::None);
        field.children = children;
        self.fields.push(field);
        Some(())
    }

    fn property(&mut self) -> Option<()> {
        let start = self.at;
        let place = self.fields.len();
        let (value, span) = self.variable_byte_integer("Property Identifier")?;
        let known = PropertyId::ALL.iter().find(|id| **id as usize == value);
        let Some(&id) = known else {
            let words = format!("0x{value:02X} (there is none)");
            self.push("Property Identifier", span, Value::Words(words));
            return None;
        };
        let words = format!("0x{value:02X}");
        self.push("Identifier", span, Value::Words(words));
        let done = self.property_value(id);
        let mut children = self.fields.split_off(place);
        let mut field = Field::new(id.name(), start..self.at, Value::None);
        if let (Some(()), [_, values @ ..]) = (done, &mut *children) {
            field.folded = true;
            field.value = match values {
                [name, value] => match (&name.value, &value.value) {
                    (Value::Text(name), Value::Text(value)) => {
                        Value::Pair(name.clone(), value.clone())
                    }
                    _ => Value::None,
                },
                [value] => {
                    field.secret = value.secret;
                    value.value.clone()
                }
                _ => Value::None,
            };
        }
        field.children = children;
        self.fields.push(field);
        done
    }

    fn property_value(&mut self, id: PropertyId) -> Option<()> {
        use PropertyId as P;
        match id {
            P::PayloadFormatIndicator
            | P::RequestProblemInformation
            | P::RequestResponseInformation
            | P::MaximumQoS
            | P::RetainAvailable
            | P::WildcardSubscriptionAvailable
            | P::SubscriptionIdentifierAvailable
            | P::SharedSubscriptionAvailable => self.property_number(1, ""),
            P::ServerKeepAlive => self.property_number(2, " s"),
            P::ReceiveMaximum | P::TopicAliasMaximum | P::TopicAlias => self.property_number(2, ""),
            P::MessageExpiryInterval | P::SessionExpiryInterval | P::WillDelayInterval => {
                self.property_number(4, " s")
            }
            P::MaximumPacketSize => self.property_number(4, " bytes"),
            P::SubscriptionIdentifier => {
                let (value, span) = self.variable_byte_integer("Value")?;
                self.push("Value", span, Value::Words(value.to_string()));
                Some(())
            }
            P::CorrelationData => self.data("Value"),
            P::AuthenticationData => self.secret_data("Value"),
            P::UserProperty => {
                self.text("Name")?;
                self.text("Value").map(|_| ())
            }
            P::ContentType
            | P::ResponseTopic
            | P::AssignedClientIdentifier
            | P::AuthenticationMethod
            | P::ResponseInformation
            | P::ServerReference
            | P::ReasonString => self.text("Value").map(|_| ()),
        }
    }

    fn property_number(&mut self, length: usize, unit: &str) -> Option<()> {
        let (span, value) = self.integer("Value", length)?;
        self.push("Value", span, Value::Words(format!("{value}{unit}")));
        Some(())
    }
}
