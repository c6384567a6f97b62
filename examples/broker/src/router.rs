//! The subscriptions of all Sessions, as a tree of topic levels.
//!
//! A message visits only the levels of its own topic, so its cost does not depend on the number of
//! clients that it does not go to.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Excluded, Unbounded};

use mqtt_wire::{SubscriptionId, SubscriptionOptions, TopicFilter, TopicName};

/// The number of a Session. No number is used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// A subscription of a Session.
#[derive(Debug, Clone, Copy)]
pub struct Subscribed {
    pub options: SubscriptionOptions,
    pub id: Option<SubscriptionId>,
}

type Subscribers = BTreeMap<SessionId, Subscribed>;

#[derive(Debug, Default)]
pub struct Router {
    root: Node,
}

/// The end of all filters that share their levels up to here.
#[derive(Debug, Default)]
struct Node {
    /// The next levels of longer filters. The wildcards `+` and `#` are levels too: no Topic Name
    /// contains them.
    children: HashMap<Box<[u8]>, Node>,
    subscribers: Subscribers,
    /// Shared subscriptions by Share Name.
    groups: BTreeMap<Box<str>, Group>,
}

/// The subscribers that share a subscription. One of them gets each message.
#[derive(Debug)]
pub struct Group {
    members: Subscribers,
    last_receiver: Cell<SessionId>,
}

/// The subscriptions that match a topic.
#[derive(Debug, Default)]
pub struct Matching<'r> {
    /// In the order of the Sessions. A Session with several subscriptions is there several times.
    pub subscribers: Vec<(SessionId, &'r Subscribed)>,
    pub groups: Vec<&'r Group>,
}

impl Router {
    /// Adds or replaces a subscription.
    pub fn subscribe(&mut self, filter: TopicFilter<'_>, session: SessionId, with: Subscribed) {
        let (share_name, filter) = split(filter);
        let mut node = &mut self.root;
        for level in filter.levels() {
            node = node.children.entry(level.into()).or_default();
        }
        let subscribers = match share_name {
            None => &mut node.subscribers,
            Some(name) => {
                let group = node.groups.entry(name.into());
                &mut group.or_insert_with(Group::new).members
            }
        };
        subscribers.insert(session, with);
    }

    /// Removes a subscription, if there is one.
    pub fn unsubscribe(&mut self, filter: TopicFilter<'_>, session: SessionId) {
        let (share_name, filter) = split(filter);
        self.root.remove(filter.levels(), share_name, session);
    }

    pub fn matching(&self, topic: TopicName<'_>) -> Matching<'_> {
        let mut matching = Matching::default();
        let mut reached = vec![&self.root];
        for (depth, level) in topic.levels().enumerate() {
            // no wildcard matches a first level that begins with `$`
            let wildcards = depth > 0 || !level.starts_with(b"$");
            let mut next = Vec::new();
            for node in reached {
                if wildcards {
                    matching.extend(node.children.get(&b"#"[..]));
                    next.extend(node.children.get(&b"+"[..]));
                }
                next.extend(node.children.get(level));
            }
            reached = next;
        }
        for node in reached {
            matching.extend([node]);
            // `a/#` matches `a` too
            matching.extend(node.children.get(&b"#"[..]));
        }
        // each node is in order
        matching.subscribers.sort_by_key(|(session, _)| *session);
        matching
    }
}

/// The Share Name of a shared subscription, and the filter to match.
///
/// 3.1.1 does not know shared subscriptions, but lets a Server use topics that begin with `$` as it
/// likes (section 4.7.2). As in other brokers, they work in all versions.
fn split(filter: TopicFilter<'_>) -> (Option<&str>, TopicFilter<'_>) {
    match filter.shared() {
        Some(shared) => (Some(shared.name.as_str()), shared.filter),
        None => (None, filter),
    }
}

impl<'r> Matching<'r> {
    fn extend(&mut self, nodes: impl IntoIterator<Item = &'r Node>) {
        for node in nodes {
            let subscribers = node.subscribers.iter();
            self.subscribers
                .extend(subscribers.map(|(id, it)| (*id, it)));
            self.groups.extend(node.groups.values());
        }
    }
}

impl Node {
    /// Removes a subscription below this node, and the nodes that nobody needs any more.
    fn remove<'f>(
        &mut self,
        mut levels: impl Iterator<Item = &'f [u8]>,
        share_name: Option<&str>,
        session: SessionId,
    ) {
        let Some(level) = levels.next() else {
            return self.remove_subscriber(share_name, session);
        };
        if let Some(child) = self.children.get_mut(level) {
            // by reference, or each level would be another type
            let levels: &mut dyn Iterator<Item = &'f [u8]> = &mut levels;
            child.remove(levels, share_name, session);
            if child.is_empty() {
                self.children.remove(level);
            }
        }
    }

    fn remove_subscriber(&mut self, share_name: Option<&str>, session: SessionId) {
        let Some(name) = share_name else {
            self.subscribers.remove(&session);
            return;
        };
        if let Some(group) = self.groups.get_mut(name) {
            group.members.remove(&session);
            if group.members.is_empty() {
                self.groups.remove(name);
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.subscribers.is_empty() && self.groups.is_empty()
    }
}

impl Group {
    fn new() -> Self {
        Self {
            members: Subscribers::new(),
            last_receiver: Cell::new(SessionId(0)),
        }
    }

    /// Chooses the member whose turn it is. Members that are not `ready` get a message only if none
    /// is.
    pub fn choose(&self, ready: impl Fn(SessionId) -> bool) -> Option<(SessionId, &Subscribed)> {
        let behind = (Excluded(self.last_receiver.get()), Unbounded);
        let mut turns = self.members.range(behind).chain(&self.members);
        let first_ready = turns.clone().find(|(id, _)| ready(**id));
        let (id, subscribed) = first_ready.or_else(|| turns.next())?;
        self.last_receiver.set(*id);
        Some((*id, subscribed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mqtt_wire::QoS;

    const A: SessionId = SessionId(1);
    const B: SessionId = SessionId(2);

    fn filter(text: &str) -> TopicFilter<'_> {
        TopicFilter::new(text).unwrap()
    }

    fn subscribed() -> Subscribed {
        let options = SubscriptionOptions::new(QoS::AtMostOnce);
        Subscribed { options, id: None }
    }

    fn router(filters: &[(&str, SessionId)]) -> Router {
        let mut router = Router::default();
        for (text, session) in filters {
            router.subscribe(filter(text), *session, subscribed());
        }
        router
    }

    /// The tree agrees with the library for all filters and topics of up to three of these levels.
    #[test]
    fn the_tree_matches_as_filters_do() {
        let texts = |levels: &[&str]| {
            let mut texts: Vec<String> = levels.iter().map(ToString::to_string).collect();
            for _ in 0..2 {
                let longer = texts.iter().flat_map(|text| {
                    let join = move |level: &&str| format!("{text}/{level}");
                    levels.iter().map(join).collect::<Vec<_>>()
                });
                let longer: Vec<String> = longer.collect();
                texts.extend(longer);
            }
            texts.sort();
            texts.dedup();
            texts
        };
        let filters = texts(&["a", "", "+", "#", "$s"]);
        let filters: Vec<_> = filters
            .iter()
            .filter_map(|it| TopicFilter::new(it).ok())
            .collect();
        let topics = texts(&["a", "b", "", "$s"]);
        let topics: Vec<_> = topics
            .iter()
            .filter_map(|it| TopicName::new(it).ok())
            .collect();
        assert!(filters.len() > 80 && topics.len() > 80);

        let mut router = Router::default();
        for (number, filter) in (0..).zip(&filters) {
            router.subscribe(*filter, SessionId(number), subscribed());
        }
        for topic in topics {
            let found = router.matching(topic).subscribers.into_iter();
            let found: Vec<u64> = found.map(|(session, _)| session.0).collect();
            let expected = (0..)
                .zip(&filters)
                .filter(|(_, filter)| filter.matches(topic));
            let expected: Vec<u64> = expected.map(|(number, _)| number).collect();
            assert_eq!(found, expected, "{topic}");
        }
        for (number, filter) in (0..).zip(&filters) {
            router.unsubscribe(*filter, SessionId(number));
        }
        assert!(router.root.is_empty());
    }

    #[test]
    fn members_of_a_group_take_turns_and_those_that_are_ready_come_first() {
        let mut router = router(&[("$share/g/a", A), ("$share/g/a", B), ("$share/other/a", B)]);
        let topic = TopicName::new("a").unwrap();
        let chosen = |router: &Router, ready: fn(SessionId) -> bool| {
            let matching = router.matching(topic);
            assert!(matching.subscribers.is_empty());
            let chosen = matching.groups[0].choose(ready);
            chosen.map(|(session, _)| session)
        };
        let three = [0; 3].map(|_| chosen(&router, |_| true).unwrap());
        assert_eq!(three, [A, B, A]);
        assert_eq!([0; 2].map(|_| chosen(&router, |it| it == A)), [Some(A); 2]);
        assert_eq!(chosen(&router, |_| false), Some(B));
        assert_eq!(router.matching(topic).groups.len(), 2);
        router.unsubscribe(filter("$share/g/a"), A);
        assert_eq!([0; 2].map(|_| chosen(&router, |_| true)), [Some(B); 2]);
        router.unsubscribe(filter("$share/g/a"), B);
        router.unsubscribe(filter("$share/other/a"), B);
        assert!(router.root.is_empty());
    }

    #[test]
    fn unsubscribing_leaves_others_alone() {
        let mut router = router(&[("a", A), ("a", B), ("a/b", A)]);
        router.unsubscribe(filter("a"), A);
        router.unsubscribe(filter("a/c"), A);
        router.unsubscribe(filter("$share/g/a"), B);
        let topic = TopicName::new("a").unwrap();
        let left = router.matching(topic).subscribers;
        assert!(matches!(left[..], [(B, _)]));
        assert_eq!(
            router
                .matching(TopicName::new("a/b").unwrap())
                .subscribers
                .len(),
            1
        );
    }
}
