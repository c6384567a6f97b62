//! The order of two directions that were recorded separately.

use std::collections::{BTreeMap, HashMap, VecDeque};

use mqtt_wire::{Delivery, Packet, PacketId, PacketType, Sender};

use crate::event::Event;
use crate::watch::{Beginning, Watch};

/// How the order of the two directions is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It was recorded, or there is only one direction.
    Recorded,
    /// It is an order with the fewest breaches.
    Guessed,
    /// There are too many packets to find one.
    Unknown,
}

/// Puts the events of both directions, of which those of the client come first, in an order with
/// the fewest breaches. They stay as they are if that takes too long.
pub fn interleave(events: &mut Vec<Event<'_>>, beginning: Beginning) -> Order {
    let is_client = |it: &Event<'_>| it.sender() == Sender::Client;
    let (client, server) = events.split_at(events.partition_point(is_client));
    let Some(order) = Search::new(client, server, beginning).fewest_breaches() else {
        return Order::Unknown;
    };
    let server = events.split_off(client.len());
    let mut server = server.into_iter();
    let mut client = std::mem::take(events).into_iter();
    for sender in order {
        events.extend(match sender {
            Sender::Client => client.next(),
            Sender::Server => server.next(),
        });
    }
    Order::Guessed
}

/// How many events of the client, and how many of the server, have passed.
type Place = (usize, usize);

/// A search for an order of two directions. Orders with fewer breaches are tried first, and among
/// equals the likeliest one.
struct Search<'a, 'e> {
    client: &'a [Event<'e>],
    server: &'a [Event<'e>],
    beginning: Beginning,
    client_waits: Vec<usize>,
    server_waits: Vec<usize>,
    /// All steps so far, each after an earlier one.
    steps: Vec<Step>,
    /// The possible next steps, by the number of breaches before them.
    open: BTreeMap<usize, VecDeque<Candidate>>,
    /// How many more events may be watched; a step costs as much as several of them.
    budget: usize,
}

/// An event that passes after others.
#[derive(Clone, Copy)]
struct Step {
    before: Option<usize>,
    sender: Sender,
    /// The place after it.
    place: Place,
}

#[derive(Clone, Copy)]
struct Candidate {
    step: Step,
    /// Whether its own breaches are counted, in addition to those before it.
    is_counted: bool,
}

impl<'a, 'e> Search<'a, 'e> {
    /// Enough for some thousand packets; needs at most a second and a hundred megabytes.
    const BUDGET: usize = 1 << 24;
    /// The cost of a step, for its memory.
    const STEP: usize = 16;

    fn new(client: &'a [Event<'e>], server: &'a [Event<'e>], beginning: Beginning) -> Self {
        Self {
            client,
            server,
            beginning,
            client_waits: waits(server, client),
            server_waits: server_waits(client, server),
            steps: Vec::new(),
            open: BTreeMap::new(),
            budget: Self::BUDGET,
        }
    }

    /// The senders of the events in the best order; `None` if the budget is too small.
    fn fewest_breaches(mut self) -> Option<Vec<Sender>> {
        let end = (self.client.len(), self.server.len());
        let mut best: HashMap<Place, usize> = HashMap::new();
        let mut watch = Watch::new(self.beginning);
        // the last step that was watched
        let mut watched = None;
        self.open_steps(watched, (0, 0), 0);
        while let Some(mut lowest) = self.open.first_entry() {
            let breaches = *lowest.key();
            let Some(Candidate { step, is_counted }) = lowest.get_mut().pop_back() else {
                lowest.remove();
                continue;
            };
            if best.get(&step.place).is_some_and(|best| *best <= breaches) {
                continue;
            }
            if watched != step.before {
                watch = Watch::new(self.beginning);
                for earlier in self.steps_up_to(step.before) {
                    self.watch(&mut watch, earlier)?;
                }
            }
            let found = self.watch(&mut watch, step)?;
            self.budget = self.budget.checked_sub(Self::STEP)?;
            watched = Some(self.steps.len());
            self.steps.push(step);
            if found > 0 && !is_counted {
                let is_counted = true;
                // the likeliest orders came first
                let later = self.open.entry(breaches + found).or_default();
                later.push_front(Candidate { step, is_counted });
                continue;
            }
            best.insert(step.place, breaches);
            if step.place == end {
                let steps = self.steps_up_to(watched).into_iter();
                return Some(steps.map(|step| step.sender).collect());
            }
            self.open_steps(watched, step.place, breaches);
        }
        Some(Vec::new())
    }

    /// The number of breaches that an event shows; `None` if the budget is used up.
    fn watch(&mut self, watch: &mut Watch, step: Step) -> Option<usize> {
        self.budget = self.budget.checked_sub(1)?;
        let (client, server) = step.place;
        let event = match step.sender {
            Sender::Client => self.client.get(client - 1),
            Sender::Server => self.server.get(server - 1),
        };
        let breaches = event.and_then(|it| watch.observe(it, None));
        Some(breaches.map_or(0, |breaches| breaches.len()))
    }

    /// Opens the steps after a place, the likelier one on top.
    fn open_steps(&mut self, before: Option<usize>, place: Place, breaches: usize) {
        let (client, server) = place;
        let to_client =
            (client < self.client.len()).then_some((Sender::Client, (client + 1, server)));
        let to_server =
            (server < self.server.len()).then_some((Sender::Server, (client, server + 1)));
        let waits = |waits: &[usize], at: usize, passed: usize| {
            waits.get(at).is_some_and(|before| *before > passed)
        };
        let client_goes =
            waits(&self.server_waits, server, client) && !waits(&self.client_waits, client, server);
        let steps = if client_goes {
            [to_server, to_client]
        } else {
            [to_client, to_server]
        };
        let open = self.open.entry(breaches).or_default();
        for (sender, place) in steps.into_iter().flatten() {
            open.push_back(Candidate {
                step: Step {
                    before,
                    sender,
                    place,
                },
                is_counted: false,
            });
        }
    }

    fn steps_up_to(&self, last: Option<usize>) -> Vec<Step> {
        let step = |index: Option<usize>| index.and_then(|index| self.steps.get(index));
        let backwards = std::iter::successors(step(last), |it| step(it.before));
        let mut steps: Vec<Step> = backwards.copied().collect();
        steps.reverse();
        steps
    }
}

/// For each event of the server, how many events of the client most likely passed before it.
fn server_waits(client: &[Event<'_>], server: &[Event<'_>]) -> Vec<usize> {
    let mut messages: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (before, it) in (1..).zip(client) {
        if let Some(Packet::Publish(publish)) = it.packet() {
            let message = (publish.topic_name, publish.payload);
            messages.entry(message).or_default().push_back(before);
        }
    }
    let is_subscribe = |it: &Event<'_>| matches!(it.packet(), Some(Packet::Subscribe(_)));
    let subscribed = client.iter().position(is_subscribe).map_or(0, |it| it + 1);
    let mut waits = waits(client, server);
    for (wait, it) in waits.iter_mut().zip(server) {
        match it.packet() {
            Some(Packet::Publish(publish)) => {
                let message = (publish.topic_name, publish.payload);
                let sent = messages.get_mut(&message).and_then(VecDeque::pop_front);
                *wait = sent.unwrap_or(subscribed);
            }
            Some(Packet::Disconnect(_)) => *wait = client.len(),
            _ => {}
        }
    }
    waits
}

/// For each of the `answers`, how many of the `questions` passed before it for certain.
fn waits(questions: &[Event<'_>], answers: &[Event<'_>]) -> Vec<usize> {
    let mut open: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (before, it) in (1..).zip(questions) {
        if let Some(answer) = it.packet().and_then(expected_answer) {
            open.entry(answer).or_default().push_back(before);
        }
    }
    let wait = |it: &Event<'_>| {
        let packet = it.packet()?;
        let answer = (packet.packet_type() as u8, packet.packet_id());
        open.get_mut(&answer)?.pop_front()
    };
    let waits = answers.iter().map(wait);
    waits.map(Option::unwrap_or_default).collect()
}

/// The type of the packet that answers this one, and its Packet Identifier.
fn expected_answer(packet: &Packet<'_>) -> Option<(u8, Option<PacketId>)> {
    let answer = match packet {
        Packet::Connect(_) => PacketType::ConnAck,
        Packet::Publish(publish) => match publish.delivery {
            Delivery::AtMostOnce => return None,
            Delivery::AtLeastOnce { .. } => PacketType::PubAck,
            Delivery::ExactlyOnce { .. } => PacketType::PubRec,
        },
        Packet::PubRec(_) => PacketType::PubRel,
        Packet::PubRel(_) => PacketType::PubComp,
        Packet::Subscribe(_) => PacketType::SubAck,
        Packet::Unsubscribe(_) => PacketType::UnsubAck,
        Packet::PingReq => PacketType::PingResp,
        _ => return None,
    };
    Some((answer as u8, packet.packet_id()))
}
