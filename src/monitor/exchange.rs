//! The exchanges of a conversation, by Packet Identifier.

use super::store::Store;
use crate::data::PacketId;
use crate::dialect::Sender;

/// The record of one Packet Identifier: storage for a [`Monitor`](super::Monitor) without an
/// allocator.
///
/// It counts how many answers of each kind may still come, so that a packet which is sent twice
/// may be answered twice, and not three times.
#[derive(Debug, Clone, Copy)]
pub struct Exchange {
    /// The side that chose the identifier.
    owner: Sender,
    packet_id: PacketId,
    stage: Stage,
    /// Whether the packet that the stage awaits is still to come; if not, the identifier is free.
    is_open: bool,
    /// Whether the exchange was opened by a packet that may repeat one whose answer has passed.
    /// Then its sender may use the identifier for another exchange at any time.
    may_be_over: bool,
    /// Whether requests with different numbers of filters await an answer.
    filters_vary: bool,
    /// When the stage was reached, in packets from 1; 0 if the order is not known.
    order: u64,
    /// How many packets of each kind may come in addition to the one that the stage awaits: they
    /// answer repeated packets, or packets that broke a rule.
    extra: [u8; Answer::COUNT],
}

impl Exchange {
    /// An unused place.
    pub const FREE: Self = Self::closed(Sender::Client, PacketId::MIN);

    const fn closed(owner: Sender, packet_id: PacketId) -> Self {
        Self {
            owner,
            packet_id,
            stage: Stage::PubAck,
            is_open: false,
            may_be_over: false,
            filters_vary: false,
            order: 0,
            extra: [0; Answer::COUNT],
        }
    }

    fn extra(&mut self, answer: Answer) -> Option<&mut u8> {
        self.extra.get_mut(answer as usize)
    }

    fn awaits_nothing(&self) -> bool {
        !self.is_open && self.extra == [0; Answer::COUNT]
    }
}

/// A packet that answers another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    PubAck,
    PubRec,
    PubRel,
    PubComp,
    SubAck,
    UnsubAck,
}

impl Answer {
    const COUNT: usize = 6;
}

/// How far an exchange has come: the packet that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// PUBLISH with QoS 1.
    PubAck,
    /// PUBLISH with QoS 2.
    PubRec,
    /// PUBLISH with QoS 2 that was answered by PUBREC.
    PubRel,
    /// The same after PUBREL. `old` if this connection has not seen its PUBLISH.
    PubComp { old: bool },
    /// SUBSCRIBE with this many filters.
    SubAck { filters: usize },
    /// UNSUBSCRIBE with this many filters.
    UnsubAck { filters: usize },
}

impl Stage {
    pub(super) const fn answer(self) -> Answer {
        match self {
            Self::PubAck => Answer::PubAck,
            Self::PubRec => Answer::PubRec,
            Self::PubRel => Answer::PubRel,
            Self::PubComp { .. } => Answer::PubComp,
            Self::SubAck { .. } => Answer::SubAck,
            Self::UnsubAck { .. } => Answer::UnsubAck,
        }
    }

    const fn filters(self) -> Option<usize> {
        match self {
            Self::SubAck { filters } | Self::UnsubAck { filters } => Some(filters),
            _ => None,
        }
    }
}

/// The exchanges of both sides.
#[cfg_attr(feature = "alloc", derive(Clone))]
#[derive(Debug)]
pub(super) struct Exchanges<'s> {
    records: Store<'s, Exchange>,
    clock: u64,
    /// Whether an exchange was not stored for want of room.
    pub(super) incomplete: bool,
    /// The exchanges that an answer finished.
    finished: Marks,
    /// The answers that no open exchange awaited.
    surplus: Marks,
    /// For each side, how many answers have passed for messages that `messages` does not count.
    credit: [u16; 2],
}

impl<'s> Exchanges<'s> {
    pub(super) const fn new(records: Store<'s, Exchange>) -> Self {
        Self {
            records,
            clock: 0,
            incomplete: false,
            finished: Marks::NONE,
            surplus: Marks::NONE,
            credit: [0; 2],
        }
    }

    /// The stage of an open exchange.
    pub(super) fn stage(&self, owner: Sender, packet_id: PacketId) -> Option<Stage> {
        self.open_record(owner, packet_id)
            .map(|record| record.stage)
    }

    /// Whether the sender of an open exchange may have had its answer already.
    pub(super) fn may_be_over(&self, owner: Sender, packet_id: PacketId) -> bool {
        self.open_record(owner, packet_id)
            .is_some_and(|record| record.may_be_over)
    }

    /// Whether an exchange that such an answer ends may have been finished with this identifier.
    pub(super) fn may_be_finished(&self, owner: Sender, id: PacketId, answer: Answer) -> bool {
        self.finished.has(owner, id, answer)
    }

    /// An answer passes that no open exchange awaits.
    pub(super) fn add_surplus(&mut self, owner: Sender, id: PacketId, answer: Answer) {
        self.surplus.add(owner, id, answer);
        if matches!(answer, Answer::PubAck | Answer::PubRec | Answer::PubComp) {
            self.add_credit(owner);
        }
    }

    fn add_credit(&mut self, owner: Sender) {
        if let Some(credit) = self.credit.get_mut(owner as usize) {
            *credit = credit.saturating_add(1);
        }
    }

    /// Whether such an answer may have passed that no open exchange awaited. If it is still on the
    /// way, its receiver takes it for the answer to its next exchange.
    pub(super) fn has_surplus(&self, owner: Sender, id: PacketId, answer: Answer) -> bool {
        self.surplus.has(owner, id, answer)
    }

    /// Opens an exchange at an identifier that is free, or whose exchange may be over.
    pub(super) fn open(&mut self, owner: Sender, packet_id: PacketId, stage: Stage, how: Opening) {
        self.clock += 1;
        let clock = self.clock;
        let Some(record) = self.record_mut(owner, packet_id) else {
            return;
        };
        if record.is_open {
            // the earlier packet is still to be answered
            if let Some(extra) = record.extra(record.stage.answer()) {
                *extra = extra.saturating_add(1);
            }
        }
        let awaited = record.extra(stage.answer()).is_some_and(|extra| *extra > 0);
        let vary = record.filters_vary || record.stage.filters() != stage.filters();
        record.filters_vary = how == Opening::Unseen || awaited && vary;
        // an answer that comes may be for the earlier packet
        let is_known = how == Opening::New && !awaited;
        record.order = if is_known { clock } else { 0 };
        record.may_be_over = how != Opening::New;
        (record.stage, record.is_open) = (stage, true);
    }

    /// Moves an open exchange to another stage, or ends it.
    pub(super) fn proceed(&mut self, owner: Sender, packet_id: PacketId, next: Option<Stage>) {
        self.clock += 1;
        let clock = self.clock;
        let Some(index) = self.find(owner, packet_id) else {
            return;
        };
        let Some(record) = self.records.items_mut().get_mut(index) else {
            return;
        };
        match next {
            Some(stage) => {
                // the other side may have reached the stage by an earlier answer
                let awaited = record.extra(stage.answer()).is_some_and(|extra| *extra > 0);
                let is_known = !awaited && !record.may_be_over;
                record.order = if is_known { clock } else { 0 };
                record.stage = stage;
            }
            None => {
                let answer = record.stage.answer();
                self.finished.add(owner, packet_id, answer);
                if record.may_be_over {
                    self.surplus.add(owner, packet_id, answer);
                }
                record.is_open = false;
                if record.stage == (Stage::PubComp { old: true }) {
                    self.add_credit(owner);
                }
            }
        }
        self.forget_if_over(index);
    }

    /// A packet came that the other side may answer so, in addition to the answer that the stage
    /// awaits.
    pub(super) fn permit(&mut self, owner: Sender, packet_id: PacketId, answer: Answer) {
        if let Some(extra) = self
            .record_mut(owner, packet_id)
            .and_then(|record| record.extra(answer))
        {
            *extra = extra.saturating_add(1);
        }
    }

    /// A message broke a rule, so the other side may leave it without an answer.
    pub(super) fn forget_order(&mut self, owner: Sender, packet_id: PacketId) {
        let index = self.find(owner, packet_id);
        if let Some(record) = index.and_then(|index| self.records.items_mut().get_mut(index)) {
            record.order = 0;
        }
    }

    /// As [`permit`](Self::permit), for a request that comes while its identifier is in use.
    pub(super) fn permit_request(&mut self, packet_id: PacketId, stage: Stage) {
        self.permit(Sender::Client, packet_id, stage.answer());
        if let Some(record) = self.record_mut(Sender::Client, packet_id) {
            record.filters_vary |= record.stage != stage;
        }
    }

    /// Whether an additional answer is permitted; then it is used up.
    pub(super) fn take(&mut self, owner: Sender, packet_id: PacketId, answer: Answer) -> bool {
        let Some(index) = self.find(owner, packet_id) else {
            return false;
        };
        let record = self.records.items_mut().get_mut(index);
        match record.and_then(|record| record.extra(answer)) {
            None | Some(0) => return false,
            // too many to count
            Some(&mut u8::MAX) => {}
            Some(extra) => *extra = extra.saturating_sub(1),
        }
        self.add_surplus(owner, packet_id, answer);
        self.forget_if_over(index);
        true
    }

    /// How many filters the request has that such an answer is for, if that is certain.
    pub(super) fn filters(&self, packet_id: PacketId, answer: Answer) -> Option<usize> {
        let record = self
            .records
            .items()
            .get(self.find(Sender::Client, packet_id)?)?;
        let is_certain = record.stage.answer() == answer && !record.filters_vary;
        record.stage.filters().filter(|_| is_certain)
    }

    /// Whether an exchange of the same owner that is known to be older is at the same stage.
    pub(super) fn is_overtaken(&self, owner: Sender, packet_id: PacketId) -> bool {
        let Some(this) = self.open_record(owner, packet_id) else {
            return false;
        };
        self.records.items().iter().any(|other| {
            other.owner == owner
                && other.is_open
                && other.stage == this.stage
                && (1..this.order).contains(&other.order)
        })
    }

    /// Whether `owner` has more messages open than its send quota allows. By section 4.9 of 5.0 each
    /// PUBACK and PUBCOMP returns one, also for a message that took none on this connection.
    pub(super) fn exceeds_quota(&self, owner: Sender, receive_maximum: u16) -> bool {
        let credit = self.credit.get(owner as usize).copied().unwrap_or_default();
        self.messages(owner) > usize::from(receive_maximum.saturating_add(credit))
    }

    /// The messages of QoS 1 and 2 that `owner` has sent on this connection and that are open.
    fn messages(&self, owner: Sender) -> usize {
        let counts = |record: &&Exchange| {
            record.owner == owner
                && record.is_open
                && match record.stage {
                    Stage::PubAck | Stage::PubRec | Stage::PubRel => true,
                    Stage::PubComp { old } => !old,
                    Stage::SubAck { .. } | Stage::UnsubAck { .. } => false,
                }
        };
        self.records.items().iter().filter(counts).count()
    }

    fn find(&self, owner: Sender, packet_id: PacketId) -> Option<usize> {
        let is_it = |it: &Exchange| it.owner == owner && it.packet_id == packet_id;
        self.records.items().iter().position(is_it)
    }

    fn open_record(&self, owner: Sender, packet_id: PacketId) -> Option<&Exchange> {
        let record = self.records.items().get(self.find(owner, packet_id)?)?;
        record.is_open.then_some(record)
    }

    /// The record of the identifier, a new one if there is none; `None` without room for it.
    fn record_mut(&mut self, owner: Sender, packet_id: PacketId) -> Option<&mut Exchange> {
        let index = match self.find(owner, packet_id) {
            Some(index) => index,
            None => {
                let index = self.records.items().len();
                if !self.records.push(Exchange::closed(owner, packet_id)) {
                    self.incomplete = true;
                    return None;
                }
                index
            }
        };
        self.records.items_mut().get_mut(index)
    }

    fn forget_if_over(&mut self, index: usize) {
        let record = self.records.items().get(index);
        if record.is_some_and(Exchange::awaits_nothing) {
            self.records.swap_remove(index);
        }
    }
}

/// How an exchange begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// With a new packet.
    New,
    /// With a packet that may repeat one whose answer has passed.
    MayRepeat,
    /// With a packet that may repeat one that was not seen or had no room.
    Unseen,
}

/// Identifiers, by owner and by answer: one bit for all identifiers that are equal modulo 64. So it
/// never forgets one, and may take another for it.
#[derive(Debug, Clone)]
struct Marks([[u64; Answer::COUNT]; 2]);

impl Marks {
    const NONE: Self = Self([[0; Answer::COUNT]; 2]);

    fn add(&mut self, owner: Sender, packet_id: PacketId, answer: Answer) {
        let sets = self.0.get_mut(owner as usize);
        if let Some(set) = sets.and_then(|sets| sets.get_mut(answer as usize)) {
            *set |= Self::bit(packet_id);
        }
    }

    fn has(&self, owner: Sender, packet_id: PacketId, answer: Answer) -> bool {
        let sets = self.0.get(owner as usize);
        let set = sets.and_then(|sets| sets.get(answer as usize));
        set.is_some_and(|set| set & Self::bit(packet_id) != 0)
    }

    fn bit(packet_id: PacketId) -> u64 {
        1 << (packet_id.get() % 64)
    }
}
