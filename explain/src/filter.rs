//! The connections and packets that the user wants to see.

use std::collections::{HashMap, HashSet};

use mqtt_wire::{
    Packet, PacketType, Publish, Sender, TopicFilter, TopicFilterBuf, TopicName, Version,
};

use crate::dissect::{Field, Value, dissect};
use crate::event::{Event, LiveEvent, Notice, Record, Status, Verdict};

/// Whether this is the page in a browser, which has no filters.
pub const IS_PAGE: bool = cfg!(target_family = "wasm");

/// The packets that are wanted. `client_id` and `topic` select packets: only these are counted, too.
/// `only_invalid` only hides valid ones.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub only_invalid: bool,
    pub client_id: Option<String>,
    pub topic: Option<TopicFilterBuf>,
}

impl Filter {
    /// Whether parts of a connection may be left out.
    pub fn is_partial(&self) -> bool {
        !IS_PAGE && (self.only_invalid || self.topic.is_some())
    }

    /// Whether connections or packets are selected.
    pub fn selects(&self) -> bool {
        !IS_PAGE && (self.client_id.is_some() || self.topic.is_some())
    }

    /// Whether an event of a selected connection is shown, and not only as part of its context.
    pub fn shows(&self, event: &LiveEvent<'_>) -> bool {
        match event {
            LiveEvent::Packet(event) => self.shows_event(event),
            LiveEvent::OtherProtocol(_) => true,
            LiveEvent::WebSocket {
                notice: Notice::Fault(..),
                ..
            } => self.topic.is_none(),
            _ => !self.is_partial(),
        }
    }

    /// The same for an event of a transcript.
    pub fn shows_event(&self, event: &Event<'_>) -> bool {
        match event.record() {
            Some(record) => !self.only_invalid || Status::of(record) != Status::Valid,
            None => true,
        }
    }

    /// Whether an event is shown if other events of its connection are.
    pub fn is_context(&self, event: &LiveEvent<'_>) -> bool {
        match event {
            LiveEvent::Packet(_) | LiveEvent::OtherProtocol(_) => false,
            // follows a refused packet, and explains why no more of them are shown
            LiveEvent::Lost(_) => true,
            _ => !self.only_invalid,
        }
    }

    /// Whether a Will with this topic is shown.
    pub fn shows_will(&self, topic: TopicName<'_>) -> bool {
        let mut filter = self.topic.iter();
        !self.only_invalid && filter.all(|it| it.as_topic_filter().matches(topic))
    }
}

/// The client, Topic Aliases and open exchanges of a connection, to select its packets.
#[derive(Debug, Default)]
pub struct Selection {
    client: Client,
    from_client: Aliases,
    from_server: Aliases,
    /// The packets of these senders and Packet Identifiers were selected; their answers are, too.
    exchanges: HashSet<(Sender, u16)>,
    /// How many PUBLISH have a topic that is unknown.
    pub unknown_topics: u64,
}

/// Whether the client of a connection is the wanted one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Its CONNECT was not seen yet, or the Server has to assign the Client Identifier.
    #[default]
    Undecided,
    Wanted,
    Unwanted,
    /// The connection has no CONNECT that can be read.
    Unknown,
}

/// The Topic Aliases of a sender: whether their topics match the filter.
type Aliases = HashMap<u16, bool>;

impl Selection {
    pub fn client(&self, filter: &Filter) -> Client {
        match filter.client_id {
            Some(_) if !IS_PAGE => self.client,
            _ => Client::Wanted,
        }
    }

    /// Selects the connection, whatever its client is.
    pub fn select_client(&mut self) {
        self.client = Client::Wanted;
    }

    /// The client cannot be found any more.
    pub fn give_up(&mut self) {
        if self.client == Client::Undecided {
            self.client = Client::Unknown;
        }
    }

    /// Observes an event, and decides whether it is selected, provided that the client is.
    pub fn selects(&mut self, filter: &Filter, event: &LiveEvent<'_>) -> bool {
        match event {
            _ if IS_PAGE => true,
            LiveEvent::Packet(event) => self.selects_event(filter, event),
            LiveEvent::Missing { sender, .. }
            | LiveEvent::Skipped { sender, .. }
            | LiveEvent::WebSocket {
                sender,
                notice: Notice::Unread { .. },
            } => {
                // the aliases may have changed
                self.aliases(*sender).clear();
                true
            }
            // is about no topic
            LiveEvent::WebSocket { .. } => filter.topic.is_none(),
            _ => true,
        }
    }

    /// The same for an event of a transcript.
    pub fn selects_event(&mut self, filter: &Filter, event: &Event<'_>) -> bool {
        let Event::Packet(record) = event else {
            return true;
        };
        if IS_PAGE {
            return true;
        }
        if let Some(wanted) = &filter.client_id {
            self.observe_client(wanted.as_bytes(), record);
        }
        match &filter.topic {
            Some(topic) => self.selects_topic(topic.as_topic_filter(), record),
            None => true,
        }
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        const OF_AN_ENTRY: usize = 16;
        let aliases = self.from_client.len() + self.from_server.len();
        (aliases + self.exchanges.len()) * OF_AN_ENTRY
    }

    /// Looks for the Client Identifier.
    fn observe_client(&mut self, wanted: &[u8], record: &Record<'_>) {
        if self.client != Client::Undecided || matches!(record.verdict, Verdict::Incomplete(_)) {
            return;
        }
        let decide = |id: &[u8]| match id == wanted {
            true => Client::Wanted,
            false => Client::Unwanted,
        };
        let from_client = record.dialect.sender() == Sender::Client;
        self.client = match &record.verdict {
            Verdict::Accept(Packet::Connect(connect)) => {
                let id = connect.client_id.as_bytes();
                let is_assigned = id.is_empty() && connect.version == Version::V5;
                match decide(id) {
                    Client::Unwanted if is_assigned => Client::Undecided,
                    decided => decided,
                }
            }
            Verdict::Accept(Packet::ConnAck(connack)) => {
                match connack.assigned_client_identifier() {
                    Some(id) => decide(id.as_bytes()),
                    None => Client::Undecided,
                }
            }
            Verdict::Reject(_) if record.packet_type() == Some(PacketType::Connect) => {
                match texts(record, "Client Identifier").first() {
                    Some(id) => decide(id),
                    None => Client::Unknown,
                }
            }
            _ if from_client => Client::Unknown,
            _ => Client::Undecided,
        };
    }

    /// Whether the packet is about a topic: its own, that of its Will, or a Topic Filter with common
    /// topics; or whether it answers such a packet.
    fn selects_topic(&mut self, wanted: TopicFilter<'_>, record: &Record<'_>) -> bool {
        let sender = record.dialect.sender();
        let packet = match &record.verdict {
            Verdict::Accept(packet) => packet,
            Verdict::Reject(_) | Verdict::Incomplete(_) => return is_about(wanted, record),
        };
        match packet {
            Packet::Connect(connect) => {
                let will = connect.will.as_ref();
                will.is_some_and(|will| wanted.matches(will.topic))
            }
            Packet::Publish(publish) => {
                let is_selected = self.selects_publish(wanted, sender, publish);
                if let Some(id) = packet.packet_id() {
                    self.begin(sender, id.get(), is_selected);
                }
                is_selected
            }
            Packet::Subscribe(subscribe) => {
                let mut filters = subscribe.subscriptions.iter();
                let is_selected = filters.any(|it| overlap(wanted, it.filter));
                self.begin(sender, subscribe.packet_id.get(), is_selected);
                is_selected
            }
            Packet::Unsubscribe(unsubscribe) => {
                let mut filters = unsubscribe.topic_filters.iter();
                let is_selected = filters.any(|it| overlap(wanted, it));
                self.begin(sender, unsubscribe.packet_id.get(), is_selected);
                is_selected
            }
            Packet::PubRec(ack) if !ack.reason_code.is_failure() => {
                let of_publish = (sender.other(), ack.packet_id.get());
                self.exchanges.contains(&of_publish)
            }
            Packet::PubAck(ack) | Packet::PubRec(ack) | Packet::PubComp(ack) => {
                let of_publish = (sender.other(), ack.packet_id.get());
                self.exchanges.remove(&of_publish)
            }
            Packet::PubRel(ack) => self.exchanges.contains(&(sender, ack.packet_id.get())),
            Packet::SubAck(ack) | Packet::UnsubAck(ack) => {
                let of_request = (sender.other(), ack.packet_id.get());
                self.exchanges.remove(&of_request)
            }
            Packet::ConnAck(_)
            | Packet::PingReq
            | Packet::PingResp
            | Packet::Disconnect(_)
            | Packet::Auth(_) => false,
        }
    }

    fn selects_publish(
        &mut self,
        wanted: TopicFilter<'_>,
        sender: Sender,
        publish: &Publish<'_>,
    ) -> bool {
        let alias = publish.topic_alias();
        match (publish.topic_name, alias) {
            (Some(topic), alias) => {
                let matches = wanted.matches(topic);
                if let Some(alias) = alias {
                    self.aliases(sender).insert(alias.get(), matches);
                }
                matches
            }
            (None, Some(alias)) => match self.aliases(sender).get(&alias.get()) {
                Some(matches) => *matches,
                None => {
                    self.unknown_topics += 1;
                    false
                }
            },
            (None, None) => false,
        }
    }

    /// A packet begins an exchange with its Packet Identifier.
    fn begin(&mut self, sender: Sender, id: u16, is_selected: bool) {
        if is_selected {
            self.exchanges.insert((sender, id));
        } else {
            self.exchanges.remove(&(sender, id));
        }
    }

    fn aliases(&mut self, sender: Sender) -> &mut Aliases {
        match sender {
            Sender::Client => &mut self.from_client,
            Sender::Server => &mut self.from_server,
        }
    }
}

/// Whether a packet that is refused or incomplete has a topic that matches.
fn is_about(wanted: TopicFilter<'_>, record: &Record<'_>) -> bool {
    let matches = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok();
        // a Topic Name may be wrong because it has a wildcard
        let filter = text.and_then(|it| TopicFilter::new(it).ok());
        filter.is_some_and(|it| overlap(wanted, it))
    };
    let names = ["Topic Name", "Topic Filter", "Will Topic"];
    let mut names = names.iter();
    names.any(|name| texts(record, name).iter().any(|text| matches(text)))
}

/// The values of all fields with this name, as far as they can be read.
fn texts<'a>(record: &Record<'a>, name: &str) -> Vec<&'a [u8]> {
    let mut found = Vec::new();
    let fields = dissect(record.bytes, record.dialect);
    collect(&fields, record.bytes, name, &mut found);
    found
}

fn collect<'a>(fields: &[Field], packet: &'a [u8], name: &str, found: &mut Vec<&'a [u8]>) {
    for field in fields {
        if let (true, Value::Text(span)) = (field.name == name, &field.value) {
            found.extend(packet.get(span.clone()));
        }
        collect(&field.children, packet, name, found);
    }
}

/// Whether a topic can match both filters.
fn overlap(one: TopicFilter<'_>, other: TopicFilter<'_>) -> bool {
    let [one, other] = [one, other].map(|it| it.shared().map_or(it, |shared| shared.filter));
    let (mut ones, mut others) = (one.levels(), other.levels());
    let mut is_first = true;
    loop {
        let (one, other) = match (ones.next(), others.next()) {
            (None, None) => return true,
            (Some(rest), None) | (None, Some(rest)) => return rest == b"#",
            (Some(one), Some(other)) => (one, other),
        };
        let is_wildcard = |level: &[u8]| matches!(level, b"+" | b"#");
        // wildcards match no first level with $
        let is_hidden = |level: &[u8]| is_first && level.starts_with(b"$");
        match (is_wildcard(one), is_wildcard(other)) {
            (false, false) if one != other => return false,
            (true, false) if is_hidden(other) => return false,
            (false, true) if is_hidden(one) => return false,
            _ if one == b"#" || other == b"#" => return true,
            _ => is_first = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> TopicFilter<'_> {
        TopicFilter::new(text).unwrap()
    }

    #[test]
    fn filters_overlap_if_a_topic_matches_both() {
        let pairs = [
            ("a/b", "a/b", true),
            ("a/b", "a/+", true),
            ("a/+", "+/b", true),
            ("a/#", "a", true),
            ("a/b/#", "a/+", true),
            ("a/b/c", "a/+", false),
            ("#", "a/b/c", true),
            ("#", "$SYS/a", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/+", true),
            ("a/b", "a/c", false),
            ("$share/g/a/+", "a/b", true),
            ("a/#", "b/#", false),
        ];
        for (one, other, expected) in pairs {
            assert_eq!(
                overlap(filter(one), filter(other)),
                expected,
                "{one} {other}"
            );
            assert_eq!(
                overlap(filter(other), filter(one)),
                expected,
                "{other} {one}"
            );
        }
    }

    /// `overlap` agrees with `matches` over all short topics.
    #[test]
    fn overlap_agrees_with_matches() {
        let levels = ["a", "b", "$", ""];
        let mut topics = Vec::new();
        for one in levels {
            topics.push(one.to_owned());
            for two in levels {
                topics.push(format!("{one}/{two}"));
                topics.extend(levels.map(|three| format!("{one}/{two}/{three}")));
            }
        }
        topics.retain(|topic| !topic.is_empty());
        let filters = [
            "a", "a/b", "+", "#", "a/+", "+/b", "a/#", "+/+/a", "$/#", "$/+", "/b/#", "+/#",
        ];
        for one in filters {
            for other in filters {
                let both = topics.iter().any(|topic| {
                    let topic = TopicName::new(topic).unwrap();
                    filter(one).matches(topic) && filter(other).matches(topic)
                });
                assert_eq!(overlap(filter(one), filter(other)), both, "{one} {other}");
            }
        }
    }
}
