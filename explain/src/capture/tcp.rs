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
            if own.waiting.is_empty() && position <= own.next && needs <= other.reached() {
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
            while self.stream(peer).is_full() {
                self.release_first_waiting(peer, sink)?;
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
                Some((peer, hole)) => {
                    self.both(peer).0.skip(peer, hole, sink)?;
                    self.advance(sink)?;
                }
                None => match self.repetition() {
                    Some(peer) => self.release_first_waiting(peer, sink)?,
                    None => break,
                },
            }
        }
        Ok(())
    }

    /// Gives up all bytes for which others wait.
    pub fn flush(&mut self, sink: &mut Sink<'_>) -> io::Result<()> {
        self.give_up_acknowledged(sink)?;
        while let Some(peer) = self.first_to_wait() {
            self.release_first_waiting(peer, sink)?;
            self.give_up_acknowledged(sink)?;
        }
        Ok(())
    }

    /// Delivers the first piece that waits, after a gap if bytes before it are missing. Whatever a
    /// damaged capture has, one piece less waits then.
    fn release_first_waiting(&mut self, peer: Peer, sink: &mut Sink<'_>) -> io::Result<()> {
        let (stream, _) = self.both(peer);
        if let Some((position, piece)) = stream.take_first_waiting() {
            let piece = piece.borrow();
            let hole = Hole {
                end: position,
                proof: piece.arrival,
                may_end_with_fin: false,
            };
            stream.skip(peer, hole, sink)?;
            stream.deliver(peer, position, &piece, sink)?;
        }
        self.advance(sink)
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
                let other = self.stream(peer.other()).reached();
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

    /// The end whose first waiting piece was captured before that of the other end.
    fn first_to_wait(&self) -> Option<Peer> {
        let waiting = Peer::BOTH.into_iter();
        let waiting = waiting.filter_map(|peer| Some((self.stream(peer).first_waiting()?, peer)));
        waiting
            .min_by_key(|(packet, _)| *packet)
            .map(|(_, peer)| peer)
    }

    /// Of two pieces that wait for each other, the sender of the one that was captured later. It
    /// repeats bytes that were sent before, with a newer acknowledgement.
    fn repetition(&self) -> Option<Peer> {
        let first = self.first_to_wait()?;
        let other = first.other();
        Some(if self.stream(other).waiting.is_empty() {
            first
        } else {
            other
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
    /// The last sequence number may be the FIN instead of a byte.
    may_end_with_fin: bool,
}

impl Stream {
    /// The position with this sequence number that is nearest to `next`.
    fn position(&self, sequence: u32) -> i64 {
        self.next + i64::from(sequence.wrapping_sub(self.next as u32) as i32)
    }

    fn is_far_from(&self, packet: &TcpPacket<'_>) -> bool {
        self.start.is_some() && (self.position(packet.sequence) - self.next).abs() > FAR
    }

    /// The highest acknowledgement of what is delivered. That of the FIN may have been read before
    /// the FIN.
    fn reached(&self) -> i64 {
        self.next + i64::from(self.fin_delivered)
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

    /// Whether too much waits.
    fn is_full(&self) -> bool {
        self.waiting.len() > MAX_WAITING || self.waiting_bytes > MAX_WAITING_BYTES
    }

    /// The packet of the first piece that waits.
    fn first_waiting(&self) -> Option<u64> {
        let piece = self.waiting.values().next()?;
        Some(piece.arrival.packet)
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
            self.may_have_ended = false;
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
            self.may_have_ended = false;
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
            may_end_with_fin: waiting.is_none() && self.end.is_none(),
        })
    }

    fn skip(&mut self, sender: Peer, hole: Hole, sink: &mut Sink<'_>) -> io::Result<()> {
        if hole.end <= self.next {
            return Ok(());
        }
        let length = (hole.end - self.next).unsigned_abs();
        self.next = hole.end;
        self.may_have_ended = hole.may_end_with_fin;
        self.recent.clear();
        self.settle();
        if self.fin_delivered {
            // nothing was sent after the FIN
            return Ok(());
        }
        sink(Segment {
            sender,
            packet: hole.proof.packet,
            time: hole.proof.time,
            content: if hole.may_end_with_fin {
                Content::GapOrFin(length)
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
