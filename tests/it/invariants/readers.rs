//! Framing commutes with decoding: every reader returns the same packets and then ends in the same way, wherever its stream is
//! cut, as [`FrameRef::split`](mqtt_wire::FrameRef::split) and [`Packet::decode`] do over the whole stream.
//!
//! It needs all features, so the programs that use it name this file themselves.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use mqtt_wire::{
    Codec, DecodeError, Dialect, FrameDecoder, LendingReader, Limits, NextFrame, Packet,
    PacketReader, TransportError,
};
use tokio::io::ReadBuf;
use tokio_util::codec::Decoder;

use crate::invariants::Start;

/// Reads a stream that arrives in pieces. Calls the function with each packet and its dialect.
pub type Reader = fn(Start, u32, Pieces<'_>, &mut dyn FnMut(Dialect, Packet<'_>)) -> Ending;

/// The readers of this library, with their names.
pub const READERS: [(&str, Reader); 7] = [
    ("FrameDecoder::next_frame", next_frame),
    ("FrameDecoder::next_packet", next_packet),
    ("FrameDecoder::keep", keep),
    ("FrameDecoder::read_packet", read_packet),
    ("Codec", codec),
    ("LendingReader", lending_reader),
    ("PacketReader", packet_reader),
];

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ending {
    BetweenPackets,
    InsidePacket { received: usize, missing: usize },
    Refused(DecodeError),
}

/// The packets and the ending do not depend on the pieces. No packet may be longer than `limit`.
pub fn cuts_make_no_difference(
    reader: impl Fn(Start, u32, Pieces<'_>, &mut dyn FnMut(Dialect, Packet<'_>)) -> Ending,
    start: Start,
    limit: u32,
    pieces: &[&[u8]],
) -> Result<(), String> {
    let stream = pieces.concat();
    let mut rest = &stream[..];
    let whole = start.take_apart_whole(limits(limit), &stream);
    let mut difference = None;
    let mut count = 0;
    let ending = reader(start, limit, Pieces::new(pieces), &mut |dialect, packet| {
        let frame = whole.frames.get(count);
        let expected = frame.and_then(|frame| Packet::decode(frame, dialect).ok());
        if expected != Some(packet) || whole.dialect != Some(dialect) {
            let found = format!("packet {count} is {packet:?}, not {expected:?}");
            difference.get_or_insert(found);
        }
        rest = rest.get(frame.map_or(0, Vec::len)..).unwrap_or_default();
        count += 1;
    });
    let expected = match (whole.frames.get(count), whole.dialect, whole.ending) {
        (Some(frame), Some(dialect), _) => match Packet::decode(frame, dialect) {
            Ok(packet) => return Err(format!("{pieces:02x?}: {packet:?} is lost, {ending:?}")),
            Err(error) => Ending::Refused(error),
        },
        (_, _, Err(error)) => Ending::Refused(error),
        (_, _, Ok(missing)) => at_end(rest.len(), missing),
    };
    match difference {
        Some(difference) => Err(format!("{pieces:02x?}: {difference}")),
        None if ending != expected => Err(format!(
            "{pieces:02x?}: ends with {ending:?}, not {expected:?}"
        )),
        None => Ok(()),
    }
}

/// All readers, with the stream cut once at each place, and in pieces of each size up to five and of 4,096 bytes.
pub fn no_cut_makes_a_difference(start: Start, limit: u32, stream: &[u8]) -> Result<(), String> {
    for (name, reader) in READERS {
        let check = |pieces: &[&[u8]]| {
            cuts_make_no_difference(reader, start, limit, pieces)
                .map_err(|error| format!("{name}, {start:?}: {error}"))
        };
        for place in 0..=stream.len() {
            let (one, other) = stream.split_at(place);
            check(&[one, other])?;
        }
        for size in [1, 2, 3, 4, 5, 4096] {
            check(&stream.chunks(size).collect::<Vec<_>>())?;
        }
    }
    Ok(())
}

fn limits(limit: u32) -> Limits {
    Limits::DEFAULT.with_packet(limit).with_first_packet(limit)
}

fn at_end(received: usize, missing: usize) -> Ending {
    match received {
        0 => Ending::BetweenPackets,
        received => Ending::InsidePacket { received, missing },
    }
}

impl<E: std::fmt::Debug> From<TransportError<E>> for Ending {
    fn from(error: TransportError<E>) -> Self {
        match error {
            TransportError::Decode(error) => Self::Refused(error),
            TransportError::EndInsidePacket { received, missing } => {
                Self::InsidePacket { received, missing }
            }
            other => panic!("{other:?}"),
        }
    }
}

/// A transport that returns a piece for each read, or as much of it as there is room for. Every second read waits first.
pub struct Pieces<'a> {
    pieces: VecDeque<&'a [u8]>,
    has_waited: bool,
}

impl<'a> Pieces<'a> {
    pub fn new(pieces: &[&'a [u8]]) -> Self {
        let some = pieces.iter().copied().filter(|piece| !piece.is_empty());
        Self {
            pieces: some.collect(),
            has_waited: false,
        }
    }

    /// Moves bytes of the first piece into `room`. Returns their number.
    fn fill(&mut self, room: &mut [u8]) -> usize {
        let Some(piece) = self.pieces.front_mut() else {
            return 0;
        };
        let (now, later) = piece.split_at(room.len().min(piece.len()));
        room[..now.len()].copy_from_slice(now);
        if later.is_empty() {
            self.pieces.pop_front();
        } else {
            *piece = later;
        }
        now.len()
    }

    fn waits(&mut self) -> bool {
        self.has_waited = !self.has_waited;
        self.has_waited
    }
}

impl Iterator for Pieces<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        self.pieces.pop_front().map(<[u8]>::to_vec)
    }
}

impl io::Read for Pieces<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        Ok(self.fill(room))
    }
}

impl tokio::io::AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.waits() {
            return Poll::Pending;
        }
        let count = self.fill(room.initialize_unfilled());
        room.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl embedded_io_async::ErrorType for Pieces<'_> {
    type Error = Infallible;
}

impl embedded_io_async::Read for Pieces<'_> {
    async fn read(&mut self, room: &mut [u8]) -> Result<usize, Infallible> {
        std::future::poll_fn(|_| match self.waits() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
        Ok(self.fill(room))
    }
}

/// Runs a future that only waits for itself.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// Adds each piece to a decoder, and calls `take` until it returns no packet.
fn in_decoder(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    mut take: impl FnMut(&mut FrameDecoder) -> Result<bool, DecodeError>,
) -> Ending {
    let mut decoder = start.decoder(limits(limit));
    for piece in pieces {
        decoder.extend(&piece);
        loop {
            match take(&mut decoder) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Ending::Refused(error),
            }
        }
    }
    let received = decoder.buffer_mut().len();
    match decoder.next_frame() {
        Ok(NextFrame::NeedMore(missing)) => at_end(received, missing.get()),
        other => panic!("{other:?} although no packet was left"),
    }
}

pub fn next_frame(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    in_decoder(start, limit, pieces, |decoder| {
        let NextFrame::Frame(frame) = decoder.next_frame()? else {
            return Ok(false);
        };
        let dialect = decoder.dialect().expect("a CONNECT has the version");
        each(dialect, frame.decode(dialect)?);
        Ok(true)
    })
}

fn next_packet(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    // the version of the first packet is known when it was lent
    let mut dialect = start.decoder(limits(limit)).dialect();
    in_decoder(start, limit, pieces, |decoder| {
        let Some(packet) = decoder.next_packet()? else {
            return Ok(false);
        };
        if let Packet::Connect(connect) = packet {
            dialect.get_or_insert(Dialect::from_client(connect.version));
        }
        each(dialect.expect("a CONNECT has the version"), packet);
        Ok(true)
    })
}

fn keep(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    in_decoder(start, limit, pieces, |decoder| {
        if decoder.next_packet()?.is_none() {
            return Ok(false);
        }
        let kept = decoder.keep().expect("it was lent");
        each(kept.dialect(), kept.packet());
        Ok(true)
    })
}

fn read_packet(
    start: Start,
    limit: u32,
    mut pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    let mut decoder = start.decoder(limits(limit));
    loop {
        match decoder.read_packet(&mut pieces) {
            Ok(Some(_)) => {}
            Ok(None) => return Ending::BetweenPackets,
            Err(error) => return error.into(),
        }
        let kept = decoder.keep().expect("it was lent");
        each(kept.dialect(), kept.packet());
    }
}

fn codec(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    let mut codec = match start {
        Start::In(dialect) => Codec::new(dialect, limits(limit)),
        Start::Accept => Codec::server(limits(limit)),
    };
    let mut buffer = BytesMut::new();
    for piece in pieces {
        buffer.extend_from_slice(&piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(packet)) => each(packet.dialect(), packet.packet()),
                Ok(None) => break,
                Err(error) => return error.into(),
            }
        }
    }
    match codec.decode_eof(&mut buffer) {
        Ok(None) => Ending::BetweenPackets,
        Ok(Some(packet)) => panic!("{packet:?} although no packet was left"),
        Err(error) => error.into(),
    }
}

fn lending_reader(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    let mut reader = match start {
        Start::In(dialect) => LendingReader::new(pieces, dialect, limits(limit)),
        Start::Accept => LendingReader::accept(pieces, limits(limit)),
    };
    loop {
        match block_on(reader.next()) {
            Ok(Some(_)) => {}
            Ok(None) => return Ending::BetweenPackets,
            Err(error) => return error.into(),
        }
        let kept = reader.keep().expect("it was lent");
        each(kept.dialect(), kept.packet());
    }
}

/// Its limit is the length of its buffer, which has to hold a fixed header.
fn packet_reader(
    start: Start,
    limit: u32,
    pieces: Pieces<'_>,
    each: &mut dyn FnMut(Dialect, Packet<'_>),
) -> Ending {
    let mut buffer = vec![0; limit as usize];
    let mut dialect = start.decoder(limits(limit)).dialect();
    let mut reader = match dialect {
        Some(dialect) => PacketReader::new(pieces, &mut buffer, dialect),
        None => PacketReader::accept(pieces, &mut buffer),
    };
    loop {
        match block_on(reader.next_packet()) {
            Ok(Some(packet)) => {
                if let Packet::Connect(connect) = packet {
                    dialect.get_or_insert(Dialect::from_client(connect.version));
                }
                each(dialect.expect("a CONNECT has the version"), packet);
            }
            Ok(None) => return Ending::BetweenPackets,
            Err(error) => return error.into(),
        }
    }
}
