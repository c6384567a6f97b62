//! The retained messages.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::sync::Arc;

use mqtt_wire::TopicFilter;

use crate::message::Message;

/// The retained messages, within limits.
#[derive(Debug)]
pub struct Retained {
    /// The key is the Topic Name.
    messages: BTreeMap<Arc<str>, Message>,
    bytes: usize,
    max_messages: usize,
    max_bytes: usize,
}

/// The message was not retained, because there are too many.
#[derive(Debug)]
pub struct Full;

impl Retained {
    pub fn new(max_messages: usize, max_bytes: usize) -> Self {
        Self {
            messages: BTreeMap::new(),
            bytes: 0,
            max_messages,
            max_bytes,
        }
    }

    /// Retains a message instead of the one with the same topic. An empty message only removes that.
    pub fn retain(&mut self, message: &Message) -> Result<(), Full> {
        if message.is_empty {
            self.remove(message.topic_text());
            return Ok(());
        }
        if !self.has_room(message) {
            self.remove_expired();
            if !self.has_room(message) {
                return Err(Full);
            }
        }
        self.remove(message.topic_text());
        self.bytes += message.size;
        self.messages
            .insert(message.topic_text().clone(), message.clone());
        Ok(())
    }

    /// The next message that a filter matches, in the order of the topics.
    pub fn next(&self, filter: TopicFilter<'_>, after: Option<&Arc<str>>) -> Option<&Message> {
        let prefix = literal_prefix(filter.as_str());
        let begin = after.map_or(Included(prefix), |topic| Excluded(&**topic));
        let mut candidates = self.messages.range::<str, _>((begin, Unbounded));
        if filter.has_wildcard() {
            candidates
                .map(|(_, message)| message)
                .take_while(|message| message.topic_text().starts_with(prefix))
                .find(|message| filter.matches(message.topic()) && !message.has_expired())
        } else {
            let (topic, message) = candidates.next()?;
            (**topic == *prefix && !message.has_expired()).then_some(message)
        }
    }

    fn has_room(&self, message: &Message) -> bool {
        let (replaced, replaced_bytes) = match self.messages.get(message.topic_text()) {
            Some(old) => (1, old.size),
            None => (0, 0),
        };
        self.messages.len() - replaced < self.max_messages
            && self.bytes - replaced_bytes + message.size <= self.max_bytes
    }

    fn remove(&mut self, topic: &str) {
        if let Some(old) = self.messages.remove(topic) {
            self.bytes -= old.size;
        }
    }

    fn remove_expired(&mut self) {
        let bytes = &mut self.bytes;
        self.messages.retain(|_, message| {
            let stays = !message.has_expired();
            *bytes -= if stays { 0 } else { message.size };
            stays
        });
    }
}

/// The beginning that all matching topics have: the levels before the first wildcard.
fn literal_prefix(filter: &str) -> &str {
    match filter.find(['+', '#']) {
        // without the `/`, because `a/#` matches `a` too
        Some(wildcard) => filter.get(..wildcard.saturating_sub(1)).unwrap_or_default(),
        None => filter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_wire::{Properties, Property, Publish, TopicName};

    fn message(topic: &str, payload: &str, properties: &[Property<'_>]) -> Message {
        let name = TopicName::new(topic).unwrap();
        let publish = Publish {
            retain: true,
            properties: Properties::new(properties),
            ..Publish::new(name, payload.as_bytes())
        };
        Message::new(
            topic.into(),
            &publish,
            publish.delivery.qos(),
            "publisher".into(),
        )
        .unwrap()
    }

    fn retained(topics: &[&str]) -> Retained {
        let mut retained = Retained::new(100, 10_000);
        for topic in topics {
            retained.retain(&message(topic, "x", &[])).unwrap();
        }
        retained
    }

    #[test]
    fn a_filter_finds_the_messages_that_it_matches() {
        let topics = ["a", "a b", "a/b", "a/b/c", "b", "$s/a", "/", "é/a"];
        let retained = retained(&topics);
        for filter in [
            "a", "a/#", "a/+", "+", "#", "+/b", "$s/#", "b", "c", "/", "+/+", "é/#", "a/b/c",
        ] {
            let filter = TopicFilter::new(filter).unwrap();
            let mut found = Vec::new();
            while let Some(message) = retained.next(filter, found.last()) {
                found.push(message.topic_text().clone());
            }
            let mut expected: Vec<&str> = topics.into();
            expected.retain(|topic| filter.matches(TopicName::new(topic).unwrap()));
            expected.sort_unstable();
            let found: Vec<&str> = found.iter().map(|it| &**it).collect();
            assert_eq!(found, expected, "{filter}");
        }
    }

    #[test]
    fn messages_above_a_limit_are_refused_and_others_can_be_replaced() {
        let size = message("a", "x", &[]).size;
        for (max_messages, max_bytes) in [(2, usize::MAX), (9, 2 * size)] {
            let mut retained = Retained::new(max_messages, max_bytes);
            retained.retain(&message("a", "x", &[])).unwrap();
            retained.retain(&message("b", "x", &[])).unwrap();
            assert!(retained.retain(&message("c", "x", &[])).is_err());
            retained.retain(&message("b", "y", &[])).unwrap();
            retained.retain(&message("c", "", &[])).unwrap();
            retained.retain(&message("a", "", &[])).unwrap();
            retained.retain(&message("c", "x", &[])).unwrap();
            assert_eq!((retained.messages.len(), retained.bytes), (2, 2 * size));
        }
    }

    #[test]
    fn expired_messages_make_room() {
        let mut retained = Retained::new(1, usize::MAX);
        let mut old = message("a", "x", &[Property::MessageExpiryInterval(1)]);
        retained.retain(&old).unwrap();
        assert!(retained.retain(&message("b", "x", &[])).is_err());
        old.published -= std::time::Duration::from_secs(2);
        retained.retain(&old).unwrap();
        let filter = TopicFilter::new("#").unwrap();
        assert!(retained.next(filter, None).is_none());
        retained.retain(&message("b", "x", &[])).unwrap();
        assert_eq!(retained.messages.len(), 1);
    }
}
