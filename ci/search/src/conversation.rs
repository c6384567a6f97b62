//! The space that is searched: a Client and a Server, and the monitor at a point of the wire between them.
//!
//! ```text
//! Client  -- packets that have not passed -->  tap  -- packets that have passed -->  Server
//!         <-- packets that have passed --             <-- packets that have not passed --
//! ```
//!
//! Each direction keeps its order, and packets of the two directions cross anywhere: on both sides of the tap.

use std::sync::atomic::{AtomicU32, Ordering};

use mqtt_wire::Sender;
use mqtt_wire::monitor::BreachKind;
use stateright::{Model, Property};

use crate::faults;
use crate::packet::Packet;
use crate::peer::{Link, Move, Peer};
use crate::settings::Settings;
use crate::tap::Tap;

/// All conversations that the settings allow.
pub struct Conversations {
    pub settings: Settings,
    /// The packet types that passed the tap: bit n for type n of the Client, bit 16 + n for the Server.
    pub seen: AtomicU32,
    /// A packet that the tap does not see: a control of the search.
    pub hidden: Option<(Sender, u8)>,
    /// The peers break a rule although none is expected: another control.
    pub is_unexpected: bool,
}

#[derive(Debug, Clone, PartialEq, Hash)]
pub struct Conversation {
    client: Peer,
    server: Peer,
    to_server: Wire,
    to_client: Wire,
    tap: Tap,
    fault: Fault,
    /// The exchanges that began after the fault.
    later: u8,
}

/// Packets on the way in one direction.
#[derive(Debug, Clone, Default, PartialEq, Hash)]
struct Wire {
    /// The first ones have passed the tap.
    packets: Vec<Flight>,
    passed: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Flight {
    packet: Packet,
    is_wrong: bool,
}

/// The packet that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    NotYet,
    /// It was sent, and the tap may have seen a packet that its sender had not.
    Sent,
    /// It passed the tap while its sender had received everything that the tap had seen.
    Passed,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    Send(Sender, Move),
    /// The next packet of this sender passes the tap.
    Pass(Sender),
    /// The next packet arrives here.
    Receive(Sender),
    /// It arrives and is disregarded.
    Ignore(Sender),
    /// A packet breaks a rule, and passes the tap.
    Break(Packet),
    /// The connection breaks, and what was on the way is lost.
    Cut,
    /// The Session of the Server ends.
    EndSession,
}

/// How many exchanges begin after a fault.
const LATER: u8 = 3;

fn begins_exchange(chosen: &Move) -> bool {
    matches!(chosen, Move::New(packet) if packet.kind.id() != 0)
}

impl Conversations {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            seen: AtomicU32::new(0),
            hidden: None,
            is_unexpected: false,
        }
    }

    fn sends(&self, state: &Conversation, side: Sender, actions: &mut Vec<Action>) {
        let peer = state.peer(side);
        let wire = state.wire_from(side);
        if wire.packets.len() >= self.settings.in_flight {
            return;
        }
        let is_over = |it: &Move| state.later >= LATER && begins_exchange(it);
        let moves = peer.moves(&self.settings).into_iter();
        actions.extend(
            moves
                .filter(|it| !is_over(it))
                .map(|it| Action::Send(side, it)),
        );
        let Some((sender, kind)) = self.settings.fault else {
            return;
        };
        if sender != side || state.fault != Fault::NotYet {
            return;
        }
        for packet in faults::packets(kind, peer, &self.settings) {
            if wire.is_at_tap() && state.wire_to(side).passed == 0 {
                actions.push(Action::Break(packet));
            } else {
                actions.push(Action::Send(side, Move::Wrong(packet)));
            }
        }
    }

    fn pass(&self, state: &mut Conversation, side: Sender) {
        let wire = state.wire_from_mut(side);
        let flight = wire.packets[wire.passed];
        wire.passed += 1;
        if state.peer(side.other()).is_gone() {
            // nobody reads it
            let wire = state.wire_from_mut(side);
            wire.passed -= 1;
            wire.packets.remove(wire.passed);
        }
        let number = flight.packet.kind.number();
        if self.hidden == Some((side, number)) {
            return;
        }
        let bit = u32::from(number) + if side == Sender::Client { 0 } else { 16 };
        self.seen.fetch_or(1 << bit, Ordering::Relaxed);
        state
            .tap
            .observe(self.settings.version, side, &flight.packet);
    }

    fn receive(&self, state: &mut Conversation, side: Sender) {
        let flight = state.wire_from_mut(side.other()).take();
        state.peer_mut(side).receive(&flight.packet, &self.settings);
        if state.peer(side).is_gone() {
            state.wire_from_mut(side.other()).drop_passed();
        }
    }
}

impl Model for Conversations {
    type State = Conversation;
    type Action = Action;

    fn init_states(&self) -> Vec<Conversation> {
        vec![Conversation {
            client: Peer::new(Sender::Client),
            server: Peer::new(Sender::Server),
            to_server: Wire::default(),
            to_client: Wire::default(),
            tap: Tap::new(Vec::new()),
            fault: Fault::NotYet,
            later: 0,
        }]
    }

    fn actions(&self, state: &Conversation, actions: &mut Vec<Action>) {
        // what follows is no new example
        let expected = usize::from(self.settings.fault.is_some());
        if state.tap.breaches.len() > expected {
            return;
        }
        for side in [Sender::Client, Sender::Server] {
            self.sends(state, side, actions);
            let wire = state.wire_from(side);
            if wire.passed < wire.packets.len() {
                actions.push(Action::Pass(side));
            }
            if let Some(flight) = wire.packets[..wire.passed].first() {
                let receiver = side.other();
                // an AUTH that breaks a rule is not answered
                let is_refused = flight.is_wrong && flight.packet.kind.number() == 15;
                let may_receive = state.peer(receiver).owed.len() < self.settings.owed;
                if may_receive && !is_refused {
                    actions.push(Action::Receive(receiver));
                }
                if flight.is_wrong || state.peer(receiver).may_ignore(&flight.packet) {
                    actions.push(Action::Ignore(receiver));
                }
            }
        }
        if self.settings.cuts && state.client.link != Link::Down {
            actions.push(Action::Cut);
        }
        let may_end = state.server.session && state.server.link == Link::Down;
        if self.settings.sessions_end && may_end {
            actions.push(Action::EndSession);
        }
    }

    fn next_state(&self, state: &Conversation, action: Action) -> Option<Conversation> {
        let mut next = state.clone();
        let settings = &self.settings;
        match action {
            Action::Send(side, chosen) => {
                let is_wrong = matches!(chosen, Move::Wrong(_));
                if next.fault != Fault::NotYet && begins_exchange(&chosen) {
                    next.later += 1;
                }
                let packet = next.peer_mut(side).perform(chosen, settings);
                next.wire_from_mut(side)
                    .packets
                    .push(Flight { packet, is_wrong });
                if is_wrong {
                    next.fault = Fault::Sent;
                }
                if next.peer(side).is_gone() {
                    next.wire_from_mut(side.other()).drop_passed();
                }
            }
            Action::Break(packet) => {
                let (side, _) = settings.fault?;
                next.peer_mut(side).perform(Move::Wrong(packet), settings);
                let is_wrong = true;
                next.wire_from_mut(side)
                    .packets
                    .push(Flight { packet, is_wrong });
                self.pass(&mut next, side);
                next.fault = Fault::Passed;
            }
            Action::Pass(side) => self.pass(&mut next, side),
            Action::Receive(side) => self.receive(&mut next, side),
            Action::Ignore(side) => {
                next.wire_from_mut(side.other()).take();
            }
            Action::Cut => {
                next.client.lose_connection(settings);
                next.server.lose_connection(settings);
                next.to_server = Wire::default();
                next.to_client = Wire::default();
                next.tap = Tap::new(next.tap.breaches);
            }
            Action::EndSession => next.server.forget_session(),
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        match self.settings.fault.filter(|_| !self.is_unexpected) {
            None => vec![Property::always(NO_BREACH, |_, state: &Conversation| {
                state.tap.breaches.is_empty()
            })],
            Some(_) => vec![
                Property::always(INNOCENT, |model: &Self, state: &Conversation| {
                    let (sender, _) = model.fault();
                    state.tap.breaches.iter().all(|(side, _)| *side == sender)
                }),
                Property::always(EXACT, |model: &Self, state: &Conversation| {
                    match state.fault {
                        Fault::NotYet => state.tap.breaches.is_empty(),
                        Fault::Sent => true,
                        Fault::Passed => state.tap.breaches == [model.fault()],
                    }
                }),
                Property::sometimes(BROKEN, |_, state: &Conversation| {
                    state.fault == Fault::Passed
                }),
            ],
        }
    }
}

/// Two conforming peers are never accused.
pub const NO_BREACH: &str = "no breach";
/// The side that breaks no rule is never accused.
pub const INNOCENT: &str = "no breach of the innocent side";
/// The side that breaks a rule is accused of exactly that.
pub const EXACT: &str = "exactly one breach";
/// There are conversations in which the rule is broken.
pub const BROKEN: &str = "the rule is broken";

impl Conversations {
    fn fault(&self) -> (Sender, BreachKind) {
        self.settings.fault.expect("a fault")
    }
}

impl Conversation {
    /// The breaches that the monitor has reported.
    pub fn breaches(&self) -> &[(Sender, BreachKind)] {
        &self.tap.breaches
    }

    /// The packet that passes the tap by this action, and its sender.
    pub fn passing(&self, action: &Action, settings: &Settings) -> Option<(Sender, Packet)> {
        match action {
            Action::Pass(side) => {
                let wire = self.wire_from(*side);
                Some((*side, wire.packets[wire.passed].packet))
            }
            Action::Break(packet) => settings.fault.map(|(side, _)| (side, *packet)),
            _ => None,
        }
    }

    fn peer(&self, side: Sender) -> &Peer {
        match side {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        }
    }

    fn peer_mut(&mut self, side: Sender) -> &mut Peer {
        match side {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    fn wire_from(&self, side: Sender) -> &Wire {
        match side {
            Sender::Client => &self.to_server,
            Sender::Server => &self.to_client,
        }
    }

    fn wire_to(&self, side: Sender) -> &Wire {
        self.wire_from(side.other())
    }

    fn wire_from_mut(&mut self, side: Sender) -> &mut Wire {
        match side {
            Sender::Client => &mut self.to_server,
            Sender::Server => &mut self.to_client,
        }
    }
}

impl Wire {
    fn is_at_tap(&self) -> bool {
        self.passed == self.packets.len()
    }

    fn take(&mut self) -> Flight {
        self.passed -= 1;
        self.packets.remove(0)
    }

    fn drop_passed(&mut self) {
        self.packets.drain(..self.passed);
        self.passed = 0;
    }
}
