//! Reassembly: from TCP segments to the bytes of both directions.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::flow::{Data, Direction, Ending, Flow, Segment};
use super::ip::TcpPacket;

/// How many packets of one direction may wait for an earlier one. After that, the earlier one
/// counts as missing from the capture.
pub(super) const MAX_WAITING: usize = 16_384;

/// A connection under reassembly. Only the end of the capture shows which side is the client, so
/// here the sides are the sender of the first captured packet and the other one.
pub(super) struct Connection<'a> {
    first: SocketAddr,
    second: SocketAddr,
    from_first: Stream<'a>,
    from_second: Stream<'a>,
    opened_by: Option<SocketAddr>,
    ended: Option<Ended>,
}

struct Ended {
    by: SocketAddr,
    reset: bool,
    packet: u64,
    time: Duration,
}

impl<'a> Connection<'a> {
    pub fn new(packet: &TcpPacket<'a>) -> Connection<'a> {
        Connection {
            first: packet.source,
            second: packet.destination,
            from_first: Stream::default(),
            from_second: Stream::default(),
            opened_by: None,
            ended: None,
        }
    }

    /// Whether the packet opens another connection between the same addresses.
    pub fn is_replaced_by(&self, packet: &TcpPacket<'a>) -> bool {
        if !packet.syn {
            return false;
        }
        let (own, other) = if packet.source == self.first {
            (&self.from_first, &self.from_second)
        } else {
            (&self.from_second, &self.from_first)
        };
        match (own.start, other.start, packet.acknowledged) {
            // A repeated or late SYN has the start that is already known.
            (Some(start), _, _) => start as u32 != packet.sequence.wrapping_add(1),
            (None, Some(_), Some(acknowledged)) => !other.covers(acknowledged),
            (None, Some(start), None) => other.reached > start,
            (None, None, _) => false,
        }
    }

    pub fn packet(&mut self, packet: &TcpPacket<'a>) {
        if packet.syn && self.opened_by.is_none() {
            let accepts = packet.acknowledged.is_some();
            self.opened_by = Some(if accepts {
                packet.destination
            } else {
                packet.source
            });
        }
        if (packet.fin || packet.reset) && self.ended.is_none() {
            self.ended = Some(Ended {
                by: packet.source,
                reset: packet.reset,
                packet: packet.number,
                time: packet.time,
            });
        }
        // The data of a reset is a message for people, not a part of the stream.
        if !packet.reset {
            let own = if packet.source == self.first {
                &mut self.from_first
            } else {
                &mut self.from_second
            };
            own.packet(packet);
        }
    }

    pub fn into_flow(self) -> Flow {
        let Connection { first, second, .. } = self;
        let client = match self.opened_by {
            Some(opener) => opener,
            None if is_mqtt_port(first.port()) && !is_mqtt_port(second.port()) => second,
            None => first,
        };
        let server = if client == first { second } else { first };
        let direction_from = |sender| {
            if sender == client {
                Direction::ClientToServer
            } else {
                Direction::ServerToClient
            }
        };
        let from_start = self.from_first.syn_seen && self.from_second.syn_seen;

        let both = [(first, self.from_first), (second, self.from_second)];
        let mut chunks: Vec<(Direction, Chunk<'a>)> = Vec::new();
        for (sender, stream) in both {
            let direction = direction_from(sender);
            chunks.extend(
                stream
                    .into_chunks()
                    .into_iter()
                    .map(|chunk| (direction, chunk)),
            );
        }
        chunks.sort_by_key(|(_, chunk)| chunk.readable_at);
        let segments = chunks
            .into_iter()
            .map(|(direction, chunk)| Segment {
                direction,
                packet: chunk.packet,
                time: chunk.time,
                data: match chunk.data {
                    ChunkData::Bytes(bytes) => Data::Bytes(bytes.to_vec()),
                    ChunkData::Gap(length) => Data::Gap(length),
                },
            })
            .collect();

        Flow {
            client,
            server,
            segments,
            from_start,
            ending: self.ended.map(|ended| Ending {
                by: direction_from(ended.by),
                reset: ended.reset,
                packet: ended.packet,
                time: ended.time,
            }),
        }
    }
}

/// One direction of a connection under reassembly.
///
/// Positions are sequence numbers that do not wrap around.
#[derive(Default)]
struct Stream<'a> {
    /// Where the stream begins: after the SYN, or at the first captured bytes.
    start: Option<i64>,
    syn_seen: bool,
    /// Everything before this position is in `chunks`.
    next: i64,
    /// The highest position that was sent for certain, and the packet that sent it.
    reached: i64,
    reached_by: (u64, Duration),
    /// The number of the packet that completed the stream up to `next`.
    readable_at: u64,
    /// Pieces that wait for earlier ones, by position.
    waiting: BTreeMap<i64, Piece<'a>>,
    chunks: Vec<Chunk<'a>>,
}

/// The payload of one packet.
struct Piece<'a> {
    packet: u64,
    time: Duration,
    bytes: &'a [u8],
}

/// A piece of the stream in its order.
struct Chunk<'a> {
    packet: u64,
    time: Duration,
    /// The number of the packet that made it readable; never descending in a stream.
    readable_at: u64,
    data: ChunkData<'a>,
}

enum ChunkData<'a> {
    Bytes(&'a [u8]),
    Gap(u64),
}

impl<'a> Stream<'a> {
    /// The position with this sequence number that is nearest to `next`.
    fn position(&self, sequence: u32) -> i64 {
        self.next + i64::from(sequence.wrapping_sub(self.next as u32) as i32)
    }

    /// Whether the acknowledgement can be about this stream.
    fn covers(&self, acknowledged: u32) -> bool {
        let position = self.position(acknowledged);
        self.start
            .is_some_and(|start| (start..=self.reached).contains(&position))
    }

    fn packet(&mut self, packet: &TcpPacket<'a>) {
        let first_byte = packet.sequence.wrapping_add(u32::from(packet.syn));
        if self.start.is_none() {
            // A packet without data has no use here: a keep-alive points one byte back.
            if !packet.syn && packet.payload.is_empty() {
                return;
            }
            self.next = i64::from(first_byte);
            self.reached = self.next;
            self.start = Some(self.next);
        }
        self.syn_seen |= packet.syn;

        let position = self.position(first_byte);
        let end = position + packet.payload.len() as i64;
        if end + packet.cut as i64 > self.reached {
            self.reached = end + packet.cut as i64;
            self.reached_by = (packet.number, packet.time);
        }
        let piece = Piece {
            packet: packet.number,
            time: packet.time,
            bytes: packet.payload,
        };
        if position <= self.next {
            self.deliver(position, &piece);
            self.deliver_waiting();
        } else if end > position {
            let known = self
                .waiting
                .get(&position)
                .map_or(0, |known| known.bytes.len());
            if piece.bytes.len() > known {
                self.waiting.insert(position, piece);
            }
            if self.waiting.len() > MAX_WAITING {
                self.give_up_waiting();
            }
        }
    }

    /// Appends the new bytes of a piece that begins at or before `next`.
    fn deliver(&mut self, position: i64, piece: &Piece<'a>) {
        let known = usize::try_from(self.next - position).unwrap_or(usize::MAX);
        let Some(bytes) = piece.bytes.get(known..).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        self.next += bytes.len() as i64;
        self.push((piece.packet, piece.time), ChunkData::Bytes(bytes));
    }

    fn deliver_waiting(&mut self) {
        while let Some(entry) = self.waiting.first_entry() {
            if *entry.key() > self.next {
                break;
            }
            let (position, piece) = entry.remove_entry();
            self.deliver(position, &piece);
        }
    }

    /// Gives up the bytes before the first waiting piece.
    fn give_up_waiting(&mut self) {
        if let Some((&position, piece)) = self.waiting.first_key_value() {
            self.gap_until(position, (piece.packet, piece.time));
            self.deliver_waiting();
        }
    }

    fn gap_until(&mut self, position: i64, by: (u64, Duration)) {
        let length = (position - self.next).unsigned_abs();
        self.next = position;
        self.push(by, ChunkData::Gap(length));
    }

    fn push(&mut self, (packet, time): (u64, Duration), data: ChunkData<'a>) {
        self.readable_at = self.readable_at.max(packet);
        self.chunks.push(Chunk {
            packet,
            time,
            readable_at: self.readable_at,
            data,
        });
    }

    fn into_chunks(mut self) -> Vec<Chunk<'a>> {
        while !self.waiting.is_empty() {
            self.give_up_waiting();
        }
        if self.reached > self.next {
            self.gap_until(self.reached, self.reached_by);
        }
        self.chunks
    }
}

/// The usual ports of MQTT brokers, plain and with TLS, and their neighbours.
fn is_mqtt_port(port: u16) -> bool {
    matches!(port, 1883..=1889 | 8883..=8889)
}
