//! Properties of streams that are split into whole packets, heads and payload.

use mqtt_wire::stream::{Part, PublishHead, Splitter, StreamDecoder, StreamLimits};
use mqtt_wire::{DecodeError, Dialect, ErrorKind, FrameRef, NextFrame, Packet};

/// The parts of a stream, with the payload of each packet in one piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    pub packets: Vec<Taken>,
    pub ending: Result<(), DecodeError>,
    /// The number of bytes in these packets.
    pub taken: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    Whole(Vec<u8>),
    InParts { head: Vec<u8>, payload: Vec<u8> },
}

/// Splits a stream that arrives in pieces, without and with the decoder's buffer.
pub fn take_apart<'p>(
    dialect: Dialect,
    limits: StreamLimits,
    pieces: impl IntoIterator<Item = &'p [u8]> + Clone,
) -> Parts {
    let parts = take_apart_slices(dialect, limits, pieces.clone());
    let buffered = take_apart_buffered(dialect, limits, pieces);
    assert_eq!(buffered, parts);
    parts
}

fn take_apart_slices<'p>(
    dialect: Dialect,
    limits: StreamLimits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Parts {
    let mut splitter = Splitter::new(dialect, limits);
    let mut parts = Parts::new();
    let mut buffer = Vec::new();
    for piece in pieces {
        buffer.extend(piece);
        let mut input = &buffer[..];
        parts.ending = loop {
            let before = input.len();
            let part = match splitter.next_part(&mut input) {
                Ok(part) => part,
                Err(error) => {
                    assert_eq!(splitter.next_part(&mut input), Err(error));
                    assert_eq!(input.len(), before, "consumes bytes and fails");
                    break Err(error);
                }
            };
            parts.taken += before - input.len();
            match part {
                Part::NeedMore(missing) => {
                    let wanted = before + missing.get();
                    // a fixed header may have five bytes
                    let most = limits.whole.max(5) as usize;
                    assert!(wanted <= most, "{wanted} bytes to buffer");
                    break Ok(());
                }
                Part::Frame(frame) => parts.packets.push(Taken::Whole(frame.bytes().into())),
                Part::Head(head) => {
                    assert!(head.bytes().len() <= limits.whole as usize);
                    head.decode(dialect).unwrap();
                    parts.push_head(head.bytes());
                }
                Part::Payload { chunk, left } => parts.push_payload(chunk, left, dialect),
            }
        };
        buffer = input.to_vec();
    }
    parts
}

fn take_apart_buffered<'p>(
    dialect: Dialect,
    limits: StreamLimits,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Parts {
    let mut decoder = StreamDecoder::new(dialect, limits);
    let mut parts = Parts::new();
    for piece in pieces {
        decoder.extend(piece);
        parts.ending = loop {
            let before = decoder.buffer_mut().len();
            let part = decoder.next_part();
            parts.taken += before - decoder.buffer_mut().len();
            match part {
                Err(error) => break Err(error),
                Ok(Part::NeedMore(_)) => break Ok(()),
                Ok(Part::Frame(frame)) => {
                    parts.packets.push(Taken::Whole(frame.bytes().to_vec()));
                }
                Ok(Part::Head(head)) => {
                    head.decode(dialect).unwrap();
                    parts.push_head(head.bytes());
                }
                Ok(Part::Payload { chunk, left }) => parts.push_payload(&chunk, left, dialect),
            }
        };
    }
    parts
}

impl Parts {
    const fn new() -> Self {
        Self {
            packets: Vec::new(),
            ending: Ok(()),
            taken: 0,
        }
    }

    fn push_head(&mut self, head: &[u8]) {
        self.packets.push(Taken::InParts {
            head: head.to_vec(),
            payload: Vec::new(),
        });
    }

    fn push_payload(&mut self, chunk: &[u8], left: u32, dialect: Dialect) {
        assert!(!chunk.is_empty());
        let Some(Taken::InParts { head, payload }) = self.packets.last_mut() else {
            panic!("payload without a head");
        };
        payload.extend(chunk);
        if left == 0 {
            let packet = [&head[..], payload].concat();
            Packet::decode(&packet, dialect).unwrap();
        }
    }
}

/// Packets and errors do not depend on the pieces of a stream, nor on which packets come in parts. Only a packet above a
/// limit is rejected for its length.
pub fn parts_match_whole_packets(stream: &[u8], dialect: Dialect, limits: StreamLimits) {
    let parts = take_apart(dialect, limits, [stream]);
    let piece_len = 1 + stream.len() / 1_000;
    let pieces = stream.chunks(piece_len);
    assert_eq!(take_apart(dialect, limits, pieces), parts);

    let mut rest = stream;
    for taken in &parts.packets {
        let limit = match rest[0] >> 4 {
            3 => limits.publish,
            _ => limits.whole,
        };
        let framed = FrameRef::split(rest, dialect, limit).unwrap();
        match taken {
            Taken::Whole(bytes) => {
                let NextFrame::Frame(frame) = framed else {
                    panic!("{framed:?} is returned");
                };
                assert_eq!(frame.bytes(), bytes);
                assert!(bytes.len() <= limits.whole as usize);
                rest = &rest[bytes.len()..];
            }
            Taken::InParts { head, payload } => {
                let bytes = [&head[..], payload].concat();
                assert_eq!(rest[..bytes.len()], bytes);
                rest = &rest[bytes.len()..];
                if let NextFrame::Frame(frame) = framed {
                    assert_eq!(frame.bytes(), bytes);
                    assert!(bytes.len() > limits.whole as usize);
                    head_matches_packet(head, &frame, dialect);
                }
            }
        }
    }
    assert_eq!(parts.taken, stream.len() - rest.len());
    let Err(error) = parts.ending else {
        return;
    };
    if error.kind() == ErrorKind::HeadTooLarge {
        assert!(error.value() > limits.whole, "{error:?}");
        assert!(error.offset() <= rest.len());
        return;
    }
    let limit = match rest[0] >> 4 {
        3 => limits.publish,
        _ => limits.whole,
    };
    match FrameRef::split(rest, dialect, limit) {
        Ok(NextFrame::Frame(frame)) => assert_eq!(frame.decode(dialect), Err(error)),
        Ok(NextFrame::NeedMore(missing)) => {
            // any bytes may follow
            let end = vec![b'x'; missing.get()];
            let whole = [rest, &end].concat();
            assert_eq!(Packet::decode(&whole, dialect), Err(error));
        }
        Err(refused) => assert_eq!(error, refused),
    }
}

/// A head ends where the payload of the whole packet begins, and has the same fields.
fn head_matches_packet(head: &[u8], frame: &FrameRef<'_>, dialect: Dialect) {
    let Ok(Packet::Publish(publish)) = frame.decode(dialect) else {
        panic!("{frame:?} is returned in parts");
    };
    assert_eq!(head.len() + publish.payload.len(), frame.bytes().len());
    let limits = StreamLimits::new(head.len() as u32, u32::MAX);
    let mut input = frame.bytes();
    let part = Splitter::new(dialect, limits).next_part(&mut input);
    let Ok(Part::Head(head)) = part else {
        panic!("{part:?}");
    };
    assert_eq!(head.decode(dialect), Ok(PublishHead::from(publish)));
}
