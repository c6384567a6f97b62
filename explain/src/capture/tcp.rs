//! Reassembly: from TCP segments to the bytes of both directions.
//!
//! A packet that acknowledges bytes was sent after they had arrived. So what it carries waits until
//! those bytes were delivered. If they are not captured soon after, they are missing from the
//! capture, and the gap comes before this packet.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use super::ip::TcpPacket;
use super::segment::{Content, Peer, Segment};

/// How many packets of one direction may wait for an earlier one. After that, the earlier one counts
/// as missing from the capture.
pub(super) const MAX_WAITING: usize = 1024;
const MAX_WAITING_BYTES: usize = 1 << 20;

/// How many packets may wait for bytes that were acknowledged.
const MAX_LATE: usize = 256;

/// How many of the last bytes are kept, to compare them with those that are sent again.
const RECENT: usize = 4096;

/// Sequence numbers that are farther apart belong to different connections.
const FAR: i64 = 1 << 28;

/// A connection under reassembly.
#[derive(Default)]
pub(super) struct Connection {
    first: Stream,
    second: Stream,
    /// The first packet that waits for bytes which were acknowledged.
    pub blocked_since: Option<Arrival>,
    pub is_over: bool,
}

/// A captured packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub packet: u64,
    pub time: Duration,
}

pub(super) type Sink<'s> = dyn FnMut(Segment<'_>) -> io::Result<()> + 's;

impl Connection {
    /// Whether the packet is of another connection between the same ends.
    pub fn is_replaced_by(&self, sender: Peer, packet: &TcpPacket<'_>, is_followed: bool) -> bool {
        let (own, other) = match sender {
            Peer::First => (&self.first, &self.second),
            Peer::Second => (&self.second, &self.first),
        };
        if !packet.syn {
            return is_followed && own.is_far_from(packet);
        }
        if self.is_over && packet.acknowledged.is_none() {
            return true;
        }
        match (own.start, other.start, packet.acknowledged) {
            // A repeated or late SYN has the start that is already known.
            (Some(start), _, _) => start as u32 != packet.sequence.wrapping_add(1),
            (None, Some(_), Some(acknowledged)) => !other.covers(acknowledged),
            (None, Some(start), None) => other.next > start,
            (None, None, _) => false,
        }
    }

    /// Whether the SYN of both ends was captured.
    pub fn is_from_start(&self) -> bool {
        self.first.syn_seen && self.second.syn_seen
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        [&self.first, &self.second]
            .map(|stream| stream.waiting_bytes + stream.waiting.len() * 128 + stream.recent.len())
            .iter()
            .sum()
    }

    /// Drops what is kept of a connection that is not read any further.
    pub fn forget(&mut self) {
        for stream in [&mut self.first, &mut self.second] {
            stream.waiting = BTreeMap::new();
            stream.waiting_bytes = 0;
            stream.recent = Vec::new();
        }
        self.blocked_since = None;
    }

    pub fn packet(
        &mut self,
        sender: Peer,
        packet: &TcpPacket<'_>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        let arrival = Arrival {
            packet: packet.number,
            time: packet.time,
        };
        if packet.reset {
            // The data of a reset is a message for people, not a part of the stream.
            return self.reset(sender, packet, arrival, sink);
        }
        let (own, other) = self.both(sender);
        let first_byte = packet.sequence.wrapping_add(u32::from(packet.syn));
        if packet.syn {
            own.begin_with_syn(first_byte);
        }
        let needs = match packet.acknowledged {
            Some(number) => other.acknowledge(number, arrival),
            None => i64::MIN,
        };
        if !packet.payload.is_empty() || packet.cut > 0 || packet.fin {
            own.begin(first_byte);
            let piece = Piece {
                arrival,
                needs,
                bytes: packet.payload,
                cut: packet.cut as i64,
                fin: packet.fin,
            };
            let position = own.place(first_byte, packet.payload.len());
            if own.waiting.is_empty() && position <= own.next && needs <= other.next {
                own.deliver(sender, position, &piece, sink)?;
            } else {
                own.wait(sender, position, &piece, sink)?;
            }
        }
        self.advance(sink)?;
        if !self.is_blocked() {
            self.blocked_since = None;
        } else if self.first.waiting.len() + self.second.waiting.len() > MAX_LATE {
            self.give_up_acknowledged(sink)?;
        } else {
            self.blocked_since.get_or_insert(arrival);
        }
        for peer in Peer::BOTH {
            let (stream, _) = self.both(peer);
            if stream.waiting.len() > MAX_WAITING || stream.waiting_bytes > MAX_WAITING_BYTES {
                stream.skip_to_first_waiting(peer, sink)?;
                self.advance(sink)?;
            }
        }
        Ok(())
    }

    /// Gives up the bytes that were acknowledged and are still not captured.
    pub fn give_up_acknowledged(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        self.blocked_since = None;
        while self.is_blocked() {
            // the first proof comes first
            let holes = Peer::BOTH.map(|peer| (peer, self.stream(peer).hole()));
            let holes = holes
                .into_iter()
                .filter_map(|(peer, hole)| Some((peer, hole?)));
            match holes.min_by_key(|(_, hole)| hole.proof.packet) {
                Some((peer, hole)) => self.both(peer).0.skip(peer, hole, sink)?,
                None if self.release_repetition() => {}
                None => {
                    // nothing shows which bytes are missing
                    for peer in Peer::BOTH {
                        let (stream, _) = self.both(peer);
                        stream.acknowledged = stream.acknowledged.min(stream.next);
                    }
                }
            }
            self.advance(sink)?;
        }
        Ok(())
    }

    /// Gives up all bytes for which others wait.
    pub fn flush(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        loop {
            self.give_up_acknowledged(sink)?;
            let mut waiting = Peer::BOTH.into_iter();
            let Some(peer) = waiting.find(|peer| !self.stream(*peer).waiting.is_empty()) else {
                return Ok(());
            };
            self.both(peer).0.skip_to_first_waiting(peer, sink)?;
            let waiting = self.waiting_len();
            self.advance(sink)?;
            if self.waiting_len() == waiting {
                // it waits for bytes of the other end that never come
                if let Some(mut entry) = self.both(peer).0.waiting.first_entry() {
                    entry.get_mut().needs = i64::MIN;
                }
                self.advance(sink)?;
            }
        }
    }

    fn waiting_len(&self) -> usize {
        self.first.waiting.len() + self.second.waiting.len()
    }

    fn reset(
        &mut self,
        sender: Peer,
        packet: &TcpPacket<'_>,
        arrival: Arrival,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        // receivers ignore a reset from outside of the window
        const WINDOW: i64 = 1 << 20;
        let (own, _) = self.both(sender);
        let distance = own.position(packet.sequence) - own.next;
        if own.start.is_some() && !(-1..=WINDOW).contains(&distance) {
            return Ok(());
        }
        self.flush(sink)?;
        self.is_over = true;
        sink(Segment {
            sender,
            packet: arrival.packet,
            time: arrival.time,
            content: Content::Reset,
        })
    }

    /// Delivers all pieces that wait for nothing any more, in the order of their packets.
    fn advance(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        loop {
            let ready = Peer::BOTH.map(|peer| {
                let other = self.stream(peer.other()).next;
                let stream = self.stream(peer);
                let (position, piece) = stream.waiting.first_key_value()?;
                let is_ready = *position <= stream.next && piece.needs <= other;
                is_ready.then_some((piece.arrival.packet, peer))
            });
            let Some((_, peer)) = ready
                .into_iter()
                .flatten()
                .min_by_key(|(packet, _)| *packet)
            else {
                break;
            };
            let (stream, _) = self.both(peer);
            if let Some((position, piece)) = stream.take_first_waiting() {
                stream.deliver(peer, position, &piece.borrow(), sink)?;
            }
        }
        self.is_over |= self.first.fin_delivered && self.second.fin_delivered;
        Ok(())
    }

    /// Whether bytes were acknowledged that are not delivered.
    fn is_blocked(&self) -> bool {
        let is_behind = |stream: &Stream| stream.acknowledged > stream.next;
        is_behind(&self.first) || is_behind(&self.second)
    }

    /// Resolves two pieces that wait for each other: the one that was captured later repeats bytes
    /// that were sent before, with a newer acknowledgement. Returns whether there is such a piece.
    fn release_repetition(&mut self) -> bool {
        let waiting = Peer::BOTH.map(|peer| {
            let other = self.stream(peer.other()).next;
            let stream = self.stream(peer);
            let (position, piece) = stream.waiting.first_key_value()?;
            let waits_for_other = *position <= stream.next && piece.needs > other;
            waits_for_other.then_some((piece.arrival.packet, peer))
        });
        let last = waiting
            .into_iter()
            .flatten()
            .max_by_key(|(packet, _)| *packet);
        let entry = last.and_then(|(_, peer)| self.both(peer).0.waiting.first_entry());
        entry.is_some_and(|mut entry| {
            entry.get_mut().needs = i64::MIN;
            true
        })
    }

    fn stream(&self, peer: Peer) -> &Stream {
        match peer {
            Peer::First => &self.first,
            Peer::Second => &self.second,
        }
    }

    /// The direction from this end, and the other one.
    fn both(&mut self, peer: Peer) -> (&mut Stream, &mut Stream) {
        match peer {
            Peer::First => (&mut self.first, &mut self.second),
            Peer::Second => (&mut self.second, &mut self.first),
        }
    }
}

/// One direction of a connection under reassembly.
///
/// Positions are sequence numbers that do not wrap around. The SYN and the FIN have sequence
/// numbers, but they are no bytes: the stream is between them.
#[derive(Default)]
struct Stream {
    /// Where the stream begins: after the SYN, or at the first bytes that were captured or that an
    /// acknowledgement names as the next ones.
    start: Option<i64>,
    syn_seen: bool,
    /// Everything before this position is delivered.
    next: i64,
    /// The other end has everything before this position.
    acknowledged: i64,
    /// The first packet that acknowledged bytes which were not delivered then.
    proof: Option<Arrival>,
    /// The position after the last byte, if the FIN was captured.
    end: Option<i64>,
    /// The last sequence number before `next` was a byte or the FIN.
    may_have_ended: bool,
    fin_delivered: bool,
    /// Pieces that wait for earlier ones or for the other direction, by position.
    waiting: BTreeMap<i64, Waiting>,
    waiting_bytes: usize,
    /// The last bytes before `next`.
    recent: Vec<u8>,
}

/// The payload of one packet.
struct Piece<'a> {
    arrival: Arrival,
    /// The position in the other direction that has to be delivered before.
    needs: i64,
    bytes: &'a [u8],
    /// How many bytes after them were not recorded.
    cut: i64,
    fin: bool,
}

/// A piece that waits.
struct Waiting {
    arrival: Arrival,
    needs: i64,
    bytes: Box<[u8]>,
    cut: i64,
    fin: bool,
}

impl Waiting {
    fn borrow(&self) -> Piece<'_> {
        Piece {
            arrival: self.arrival,
            needs: self.needs,
            bytes: &self.bytes,
            cut: self.cut,
            fin: self.fin,
        }
    }
}

/// Bytes that are missing from the capture.
#[derive(Clone, Copy)]
struct Hole {
    /// The position after them.
    end: i64,
    proof: Arrival,
    /// It may be the FIN.
    may_be_fin: bool,
}

impl Stream {
    /// The position with this sequence number that is nearest to `next`.
    fn position(&self, sequence: u32) -> i64 {
        self.next + i64::from(sequence.wrapping_sub(self.next as u32) as i32)
    }

    fn is_far_from(&self, packet: &TcpPacket<'_>) -> bool {
        self.start.is_some() && (self.position(packet.sequence) - self.next).abs() > FAR
    }

    /// Whether the acknowledgement can be about this stream.
    fn covers(&self, acknowledged: u32) -> bool {
        let position = self.position(acknowledged);
        self.start
            .is_some_and(|start| (start..=self.next).contains(&position))
    }

    fn begin(&mut self, sequence: u32) {
        if self.start.is_none() {
            self.start_at(i64::from(sequence));
        }
    }

    fn begin_with_syn(&mut self, sequence: u32) {
        if !self.syn_seen && self.start.is_none_or(|start| start == self.next) {
            self.start_at(i64::from(sequence));
        }
        self.syn_seen = true;
    }

    fn start_at(&mut self, position: i64) {
        self.start = Some(position);
        self.next = position;
        self.acknowledged = position;
        self.proof = None;
    }

    /// The position of a payload.
    fn place(&mut self, sequence: u32, length: usize) -> i64 {
        let position = self.position(sequence);
        // The capture began between these bytes and their acknowledgement. A single byte is the
        // probe of a keep-alive.
        let is_untouched = self.start == Some(self.next) && !self.syn_seen;
        if is_untouched && position < self.next && length > 1 {
            self.start_at(position);
        }
        position
    }

    /// Notes what the other end has, and returns the position after it.
    fn acknowledge(&mut self, number: u32, arrival: Arrival) -> i64 {
        if self.start.is_none() {
            self.start_at(i64::from(number));
        }
        let mut position = self.position(number);
        if self.end.is_some_and(|end| position == end + 1) {
            position -= 1;
        }
        if position - self.next > FAR {
            return i64::MIN;
        }
        if position > self.acknowledged {
            self.acknowledged = position;
            if position > self.next && self.proof.is_none() {
                self.proof = Some(arrival);
            }
        }
        position
    }

    /// Keeps a piece until it can be delivered.
    fn wait(
        &mut self,
        sender: Peer,
        position: i64,
        piece: &Piece<'_>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        if position + piece.bytes.len() as i64 + piece.cut <= self.next && !piece.fin {
            return self.compare(sender, position, piece, sink);
        }
        let known = self.waiting.get(&position);
        let known_len = known.map_or(0, |known| known.bytes.len());
        if let Some(known) = known {
            let differs = known.bytes.iter().zip(piece.bytes).any(|(a, b)| a != b);
            if differs {
                self.changed(sender, piece.arrival, sink)?;
            }
        }
        let has_more = piece.bytes.len() > known_len
            || piece.bytes.len() == known_len && (piece.fin || piece.cut > 0);
        if has_more {
            self.waiting_bytes += piece.bytes.len() - known_len;
            let piece = Waiting {
                arrival: piece.arrival,
                needs: piece.needs,
                bytes: piece.bytes.into(),
                cut: piece.cut,
                fin: piece.fin,
            };
            self.waiting.insert(position, piece);
        }
        Ok(())
    }

    fn take_first_waiting(&mut self) -> Option<(i64, Waiting)> {
        let (position, piece) = self.waiting.pop_first()?;
        self.waiting_bytes -= piece.bytes.len();
        Some((position, piece))
    }

    /// Delivers what is new in a piece that begins at or before `next`.
    fn deliver(
        &mut self,
        sender: Peer,
        position: i64,
        piece: &Piece<'_>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        self.compare(sender, position, piece, sink)?;
        let length = piece.bytes.len() as i64;
        let end = position + length + piece.cut;
        if self.may_have_ended && piece.fin && end + 1 == self.next {
            self.next = end;
        }
        let segment = |content| Segment {
            sender,
            packet: piece.arrival.packet,
            time: piece.arrival.time,
            content,
        };
        let known = usize::try_from(self.next - position).unwrap_or(usize::MAX);
        let new = piece.bytes.get(known..).unwrap_or_default();
        if !new.is_empty() && !self.fin_delivered {
            self.next += new.len() as i64;
            self.may_have_ended = false;
            self.remember(new);
            sink(segment(Content::Bytes(new)))?;
        }
        if end > self.next && !self.fin_delivered {
            let missing = (end - self.next).unsigned_abs();
            self.next = end;
            self.recent.clear();
            sink(segment(Content::Gap(missing)))?;
        }
        self.settle();
        if piece.fin && end == self.next && !self.fin_delivered {
            self.fin_delivered = true;
            self.end = Some(end);
            // a packet before this one may have acknowledged the FIN
            self.acknowledged = self.acknowledged.min(end);
            sink(segment(Content::Fin))?;
        }
        Ok(())
    }

    /// Compares the bytes that are sent again with those that were delivered.
    fn compare(
        &mut self,
        sender: Peer,
        position: i64,
        piece: &Piece<'_>,
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        // the probe of a keep-alive may have any byte
        let is_probe = piece.bytes.len() == 1 && position + 1 == self.next;
        if position >= self.next || is_probe {
            return Ok(());
        }
        let recent_start = self.next - self.recent.len() as i64;
        let from = position.max(recent_start);
        let old = usize::try_from(from - recent_start).ok();
        let new = usize::try_from(from - position).ok();
        let old = old.and_then(|from| self.recent.get(from..));
        let new = new.and_then(|from| piece.bytes.get(from..));
        let pairs = old.into_iter().flatten().zip(new.into_iter().flatten());
        if pairs.into_iter().any(|(old, new)| old != new) {
            self.changed(sender, piece.arrival, sink)?;
        }
        Ok(())
    }

    fn changed(&self, sender: Peer, arrival: Arrival, sink: &mut Sink<'_>) -> io::Result<()> {
        sink(Segment {
            sender,
            packet: arrival.packet,
            time: arrival.time,
            content: Content::Changed,
        })
    }

    fn remember(&mut self, bytes: &[u8]) {
        let from = bytes.len().saturating_sub(RECENT);
        let bytes = bytes.get(from..).unwrap_or_default();
        if self.recent.len() + bytes.len() > 2 * RECENT {
            let old = self.recent.len().saturating_sub(RECENT);
            self.recent.drain(..old);
        }
        self.recent.extend_from_slice(bytes);
    }

    /// The acknowledged bytes before the first piece that waits, if they are not captured.
    fn hole(&self) -> Option<Hole> {
        let waiting = self.waiting.keys().next().copied();
        let end = waiting.map_or(self.acknowledged, |it| it.min(self.acknowledged));
        (end > self.next).then_some(Hole {
            end,
            proof: self.proof?,
            may_be_fin: waiting.is_none() && end == self.next + 1 && self.end.is_none(),
        })
    }

    /// Skips the bytes before the first piece that waits.
    fn skip_to_first_waiting(&mut self, sender: Peer, sink: &mut Sink<'_>) -> io::Result<()> {
        let Some((position, piece)) = self.waiting.first_key_value() else {
            return Ok(());
        };
        let hole = Hole {
            end: *position,
            proof: piece.arrival,
            may_be_fin: false,
        };
        self.skip(sender, hole, sink)
    }

    fn skip(&mut self, sender: Peer, hole: Hole, sink: &mut Sink<'_>) -> io::Result<()> {
        if hole.end <= self.next {
            return Ok(());
        }
        let length = (hole.end - self.next).unsigned_abs();
        self.next = hole.end;
        self.may_have_ended = hole.may_be_fin;
        self.recent.clear();
        self.settle();
        sink(Segment {
            sender,
            packet: hole.proof.packet,
            time: hole.proof.time,
            content: if hole.may_be_fin {
                Content::ByteOrFin
            } else {
                Content::Gap(length)
            },
        })
    }

    /// Forgets the proof of missing bytes if none are missing any more.
    fn settle(&mut self) {
        if self.next >= self.acknowledged {
            self.proof = None;
        }
    }
}
