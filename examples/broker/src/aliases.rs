//! The Topic Aliases of a connection (5.0, section 3.3.2.3.4).

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::sync::Arc;

use mqtt_wire::{Publish, ReasonCode, TopicName};

/// The most Topic Aliases in each direction. Each may need 64 KiB.
pub const TOPIC_ALIAS_MAXIMUM: u16 = 32;

/// The aliases that the client has set.
#[derive(Debug, Default)]
pub struct FromClient(HashMap<NonZeroU16, Arc<str>>);

impl FromClient {
    /// The topic of a PUBLISH; sets an alias if there is one.
    pub fn topic(&mut self, publish: &Publish<'_>) -> Result<Arc<str>, ReasonCode> {
        match (publish.topic_name, publish.topic_alias()) {
            (_, Some(alias)) if alias.get() > TOPIC_ALIAS_MAXIMUM => {
                Err(ReasonCode::TopicAliasInvalid)
            }
            (Some(topic), alias) => {
                let topic: Arc<str> = topic.as_str().into();
                self.0.extend(alias.map(|alias| (alias, topic.clone())));
                Ok(topic)
            }
            (None, Some(alias)) => {
                let known = self.0.get(&alias).cloned();
                known.ok_or(ReasonCode::ProtocolError)
            }
            // never: the decoder refuses it
            (None, None) => Err(ReasonCode::ProtocolError),
        }
    }
}

/// The aliases that the broker has set.
#[derive(Debug)]
pub struct ToClient {
    maximum: u16,
    aliases: HashMap<Box<[u8]>, NonZeroU16>,
}

impl ToClient {
    pub fn new(topic_alias_maximum: u16) -> Self {
        Self {
            maximum: topic_alias_maximum.min(TOPIC_ALIAS_MAXIMUM),
            aliases: HashMap::new(),
        }
    }

    /// Whether the client accepts any.
    pub fn is_allowed(&self) -> bool {
        self.maximum > 0
    }

    /// The alias of a topic, and whether the client knows it. The first topics get one.
    pub fn find(&self, topic: TopicName<'_>) -> Option<(NonZeroU16, bool)> {
        if let Some(alias) = self.aliases.get(topic.as_bytes()) {
            return Some((*alias, true));
        }
        let next = u16::try_from(self.aliases.len() + 1).ok()?;
        let alias = NonZeroU16::new(next).filter(|it| it.get() <= self.maximum)?;
        Some((alias, false))
    }

    /// The client has been sent the alias with its topic.
    pub fn set(&mut self, topic: TopicName<'_>, alias: NonZeroU16) {
        self.aliases.insert(topic.as_bytes().into(), alias);
    }
}
