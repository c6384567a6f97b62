//! The packets of a connection as a conversation: the rules that it breaks, and the order in which
//! two directions passed that were recorded one by one.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use mqtt_wire::monitor::{Breach, Monitor};
use mqtt_wire::{Delivery, Packet, PacketId, PacketType, Sender};

use crate::conversation::{Arrival, Event};
use crate::stream::Verdict;

/// An event and its place in the capture.
pub type Timed<'a> = (Option<Arrival>, Event<'a>);

/// How much longer than the Keep Alive a client may be silent, because a packet is captured later
/// than it is sent. Healthy clients were captured with half a second.
const KEEP_ALIVE_TOLERANCE: Duration = Duration::from_secs(1);

/// The rules of the conversation, applied to events as they pass.
pub struct Watch(Monitor<'static>);

impl Watch {
    /// `joining` if the connection may be older than the first event.
    pub fn new(joining: bool) -> Self {
        let monitor = Monitor::new().with_keep_alive_tolerance(KEEP_ALIVE_TOLERANCE);
        Self(if joining { monitor.joining() } else { monitor })
    }

    /// The breaches that an event shows; `None` if it is no packet that can be judged.
    pub fn observe(&mut self, event: &Event<'_>, time: Option<Duration>) -> Option<Vec<Breach>> {
        let record = match event {
            Event::Packet(record) => record,
            // what may have been in it is not known
            Event::Unread(..) | Event::Gap(..) => {
                *self = Self::new(true);
                return None;
            }
        };
        let packet = match &record.verdict {
            Verdict::Accept(packet) => packet,
            Verdict::Incomplete(_) => return None,
            Verdict::Reject(_) => {
                *self = Self::new(true);
                return None;
            }
        };
        let (dialect, len) = (record.dialect, record.bytes.len());
        let mut breaches = Vec::new();
        let report = |breach| breaches.push(breach);
        match time {
            Some(time) => self.0.observe_at(time, dialect, packet, len, report),
            None => self.0.observe(dialect, packet, len, report),
        }
        Some(breaches)
    }
}

/// Notes the breaches of a conversation in its packets.
pub fn judge(events: &mut [Timed<'_>], joining: bool) {
    let mut watch = Watch::new(joining);
    for (arrival, event) in events {
        let breaches = watch.observe(event, arrival.map(|arrival| arrival.time));
        if let Event::Packet(record) = event {
            record.breaches = breaches;
        }
    }
}

/// Puts both directions of a connection in an order with the fewest breaches; those of the client
/// come first, and stay there with the answer `false` if that would take too long.
pub fn interleave(events: &mut Vec<Timed<'_>>, joining: bool) -> bool {
    let is_client = |(_, event): &Timed<'_>| event.sender() == Sender::Client;
    let (client, server) = events.split_at(events.partition_point(is_client));
    let Some(order) = Search::new(client, server, joining).fewest_breaches() else {
        return false;
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
    true
}

/// How many events of the client, and how many of the server, have passed.
type Place = (usize, usize);

/// A search for an order of two directions. Orders with fewer breaches are looked at first, and of
/// those with as many the likeliest.
struct Search<'a, 'e> {
    client: &'a [Timed<'e>],
    server: &'a [Timed<'e>],
    joining: bool,
    client_waits: Vec<usize>,
    server_waits: Vec<usize>,
    /// All steps that were taken, each after an earlier one.
    steps: Vec<Step>,
    /// The steps that may be taken next, by the breaches up to there.
    open: BTreeMap<usize, VecDeque<Candidate>>,
    /// How many events may yet be watched; a step costs as much as some of them.
    budget: usize,
}

/// An event that passes after others.
#[derive(Clone, Copy)]
struct Step {
    before: Option<usize>,
    sender: Sender,
    /// Where it leads.
    place: Place,
}

#[derive(Clone, Copy)]
struct Candidate {
    step: Step,
    /// Whether its own breaches are counted, and not only those before it.
    is_counted: bool,
}

impl<'a, 'e> Search<'a, 'e> {
    /// Enough for some thousand packets; takes a second and a hundred megabytes at most.
    const BUDGET: usize = 1 << 24;
    /// What a step costs, for its memory.
    const STEP: usize = 16;

    fn new(client: &'a [Timed<'e>], server: &'a [Timed<'e>], joining: bool) -> Self {
        Self {
            client,
            server,
            joining,
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
        let mut watch = Watch::new(self.joining);
        // the last step that was watched
        let mut watched = None;
        self.go_on(watched, (0, 0), 0);
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
                watch = Watch::new(self.joining);
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
                // the likeliest orders came here first
                let later = self.open.entry(breaches + found).or_default();
                later.push_front(Candidate { step, is_counted });
                continue;
            }
            best.insert(step.place, breaches);
            if step.place == end {
                let steps = self.steps_up_to(watched).into_iter();
                return Some(steps.map(|step| step.sender).collect());
            }
            self.go_on(watched, step.place, breaches);
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
        let breaches = event.and_then(|(_, event)| watch.observe(event, None));
        Some(breaches.map_or(0, |breaches| breaches.len()))
    }

    /// Opens the steps that lead on from a place, the likelier one on top.
    fn go_on(&mut self, before: Option<usize>, place: Place, breaches: usize) {
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

/// For each event of the server, how many of the client most likely passed before.
fn server_waits(client: &[Timed<'_>], server: &[Timed<'_>]) -> Vec<usize> {
    let mut messages: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (before, event) in (1..).zip(client) {
        if let Some(Packet::Publish(publish)) = packet(event) {
            let message = (publish.topic_name, publish.payload);
            messages.entry(message).or_default().push_back(before);
        }
    }
    let is_subscribe = |event| matches!(packet(event), Some(Packet::Subscribe(_)));
    let subscribed = client.iter().position(is_subscribe).map_or(0, |it| it + 1);
    let mut waits = waits(client, server);
    for (wait, event) in waits.iter_mut().zip(server) {
        match packet(event) {
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

/// For each of the `answers`, up to where it is known to answer the other side.
fn waits(questions: &[Timed<'_>], answers: &[Timed<'_>]) -> Vec<usize> {
    let mut open: HashMap<_, VecDeque<usize>> = HashMap::new();
    for (before, event) in (1..).zip(questions) {
        if let Some(answer) = packet(event).and_then(expected_answer) {
            open.entry(answer).or_default().push_back(before);
        }
    }
    let wait = |event| {
        let answer =
            packet(event).map(|packet| (packet.packet_type() as u8, packet.packet_id()))?;
        open.get_mut(&answer)?.pop_front()
    };
    let waits = answers.iter().map(wait);
    waits.map(Option::unwrap_or_default).collect()
}

fn packet<'a, 'e>((_, event): &'a Timed<'e>) -> Option<&'a Packet<'e>> {
    match event {
        Event::Packet(record) => match &record.verdict {
            Verdict::Accept(packet) => Some(packet),
            _ => None,
        },
        Event::Unread(..) | Event::Gap(..) => None,
    }
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
