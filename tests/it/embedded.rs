//! `PacketReader` and `PacketWriter` over `embedded-io-async`.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::fixtures;
use embedded_io_async::{ErrorType, Read, Write};
use mqtt_wire::{
    ConnAck, Dialect, EncodeError, ErrorKind, FrameRef, NextFrame, OptionalRules, Packet,
    PacketReader, PacketType, PacketWriter, Publish, ReasonCode, TopicName, TransportError,
    Version, Waivers,
};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p";

/// A transport that yields `size` bytes at a time and, if `waits`, is pending before each.
struct Pieces<'a> {
    bytes: &'a [u8],
    size: usize,
    waits: bool,
}

impl ErrorType for Pieces<'_> {
    type Error = Infallible;
}

impl Read for Pieces<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut waited = !self.waits;
        std::future::poll_fn(|_| {
            if std::mem::replace(&mut waited, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        let count = self.size.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

fn pieces(bytes: &[u8], size: usize) -> Pieces<'_> {
    Pieces {
        bytes,
        size,
        waits: false,
    }
}

/// Runs a future that only waits for itself.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return output;
        }
    }
}

#[test]
fn recorded_streams_are_read_packet_by_packet_in_pieces_of_any_size() {
    for session in fixtures::chosen_sessions() {
        if !session.every_packet_valid {
            continue;
        }
        for size in [1, 7, 4096] {
            let bytes = &session.client.bytes;
            let mut buffer = vec![0; longest_packet(bytes, Dialect::from_client(session.version))];
            let mut client = PacketReader::accept(pieces(bytes, size), &mut buffer);
            assert_eq!(
                count(&mut client),
                session.client.packets,
                "{}",
                session.base
            );

            let (bytes, dialect) = (&session.server.bytes, Dialect::from_server(session.version));
            let mut buffer = vec![0; longest_packet(bytes, dialect)];
            let mut server = PacketReader::new(pieces(bytes, size), &mut buffer, dialect);
            assert_eq!(
                count(&mut server),
                session.server.packets,
                "{}",
                session.base
            );
        }
    }
}

/// As large as the buffer has to be.
fn longest_packet(mut bytes: &[u8], dialect: Dialect) -> usize {
    let mut longest = 2;
    while let NextFrame::Frame(frame) = FrameRef::split(bytes, dialect, u32::MAX).unwrap() {
        longest = longest.max(frame.bytes().len());
        bytes = &bytes[frame.bytes().len()..];
    }
    longest
}

fn count(reader: &mut PacketReader<'_, Pieces<'_>>) -> u64 {
    let mut count = 0;
    while block_on(reader.next_packet()).unwrap().is_some() {
        count += 1;
    }
    count
}

#[test]
fn a_server_learns_the_version() {
    let mut buffer = [0; 64];
    let bytes = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01p\xe0\x01\x04";
    let mut reader = PacketReader::accept(pieces(bytes, 64), &mut buffer);
    let Ok(Some(Packet::Connect(connect))) = block_on(reader.next_packet()) else {
        panic!("a CONNECT")
    };
    let mut answer = [0; 8];
    let mut sent = [0; 8];
    let dialect = Dialect::from_server(connect.version);
    let mut writer = PacketWriter::new(&mut answer[..], &mut sent, dialect);
    block_on(writer.write(ConnAck::new(ReasonCode::Success).into())).unwrap();
    assert_eq!(answer[..5], *b"\x20\x03\x00\x00\x00");

    let Ok(Some(Packet::Disconnect(disconnect))) = block_on(reader.next_packet()) else {
        panic!("a DISCONNECT")
    };
    assert_eq!(
        disconnect.reason_code,
        ReasonCode::DisconnectWithWillMessage
    );
}

#[test]
fn a_packet_as_long_as_the_buffer_fits_and_a_longer_one_is_rejected() {
    let mut buffer = [0; CONNECT.len()];
    let bytes = [CONNECT, b"\x30\x0e\x00\x01a"].concat();
    let mut reader = PacketReader::accept(pieces(&bytes, 3), &mut buffer);
    assert!(matches!(
        block_on(reader.next_packet()),
        Ok(Some(Packet::Connect(_)))
    ));
    for _ in 0..2 {
        let Err(TransportError::Decode(error)) = block_on(reader.next_packet()) else {
            panic!("16 bytes do not fit into 15")
        };
        assert_eq!(error.kind(), ErrorKind::PacketTooLarge);
    }
}

#[test]
fn a_buffer_smaller_than_a_fixed_header_is_not_the_end_of_the_stream() {
    for room in 0..3 {
        let mut buffer = vec![0; room];
        let dialect = Dialect::from_client(Version::V5);
        let mut reader = PacketReader::new(pieces(b"\x30\x80\x80\x01", 1), &mut buffer, dialect);
        let Err(TransportError::Decode(error)) = block_on(reader.next_packet()) else {
            panic!("no packet fits into {room} bytes")
        };
        assert_eq!(error.kind(), ErrorKind::PacketTooLarge);
        let packet_type = (room > 0).then_some(PacketType::Publish);
        assert_eq!(error.packet_type(), packet_type);
    }
}

#[test]
fn rules_apply_to_the_learned_version() {
    let longer = b"\x10\x8d\x00\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p"; // 0d in two bytes
    let (mut room, mut other_room) = ([0; 64], [0; 64]);
    let mut strict = PacketReader::accept(pieces(longer, 64), &mut room);
    let mut lenient = PacketReader::accept(pieces(longer, 64), &mut other_room)
        .with_rules(Waivers::REMAINING_LENGTH_NOT_SHORTEST, OptionalRules::NONE);
    assert_eq!(strict.dialect(), None);
    let Err(TransportError::Decode(error)) = block_on(strict.next_packet()) else {
        panic!("a length in two bytes")
    };
    assert_eq!(error.kind(), ErrorKind::VariableByteIntegerNotShortest);

    assert!(matches!(
        block_on(lenient.next_packet()),
        Ok(Some(Packet::Connect(_)))
    ));
    let version = lenient.dialect().map(Dialect::version);
    assert_eq!(version, Some(Version::V3_1_1));
}

#[test]
fn an_invalid_packet_fails_the_reader_for_good() {
    let mut buffer = [0; 64];
    let bytes = [CONNECT, b"\x82\x02\x00\x01", b"\xc0\x00"].concat(); // SUBSCRIBE to nothing
    let mut reader = PacketReader::accept(pieces(&bytes, 64), &mut buffer);
    assert!(block_on(reader.next_packet()).is_ok());
    for _ in 0..2 {
        let Err(TransportError::Decode(error)) = block_on(reader.next_packet()) else {
            panic!("a SUBSCRIBE to nothing")
        };
        assert_eq!(error.kind(), ErrorKind::EmptySubscription);
    }
}

#[test]
fn a_stream_that_ends_inside_a_packet_is_an_error() {
    for end in 0..=CONNECT.len() {
        let mut buffer = [0; 64];
        let mut reader = PacketReader::accept(pieces(&CONNECT[..end], 64), &mut buffer);
        match block_on(reader.next_packet()) {
            Ok(None) => assert_eq!(end, 0),
            Ok(Some(_)) => {
                assert_eq!(end, CONNECT.len());
                assert!(matches!(block_on(reader.next_packet()), Ok(None)));
            }
            Err(error) => {
                let missing = if end < 2 { 1 } else { CONNECT.len() - end };
                assert_eq!(
                    error,
                    TransportError::EndInsidePacket {
                        received: end,
                        missing
                    }
                );
            }
        }
    }
}

#[test]
fn dropping_a_future_loses_no_bytes() {
    let mut buffer = [0; 64];
    let transport = Pieces {
        bytes: CONNECT,
        size: 4,
        waits: true,
    };
    let mut reader = PacketReader::accept(transport, &mut buffer);
    // each of these reads once more and is dropped while it waits
    for _ in 0..3 {
        let mut context = Context::from_waker(Waker::noop());
        let mut future = pin!(reader.next_packet());
        assert!(future.as_mut().poll(&mut context).is_pending());
        assert!(future.as_mut().poll(&mut context).is_pending());
    }
    assert!(matches!(
        block_on(reader.next_packet()),
        Ok(Some(Packet::Connect(_)))
    ));
}

#[test]
fn a_forbidden_or_too_long_packet_writes_nothing() {
    let mut written = [0xff; 8];
    let mut buffer = [0; 3];
    let dialect = Dialect::from_server(Version::V3_1_1);
    let mut writer = PacketWriter::new(&mut written[..], &mut buffer, dialect);
    let refused = block_on(writer.write(Packet::PingReq));
    assert!(matches!(
        refused,
        Err(TransportError::Encode(EncodeError::Violation(_)))
    ));
    let refused = block_on(writer.write(ConnAck::new(ReasonCode::Success).into()));
    assert_eq!(
        refused,
        Err(EncodeError::BufferTooSmall { needed: 4 }.into())
    );
    block_on(writer.write(Packet::PingResp)).unwrap();
    block_on(writer.flush()).unwrap();
    assert_eq!(written, *b"\xd0\x00\xff\xff\xff\xff\xff\xff");
}

/// A transport that keeps written bytes until it is flushed.
#[derive(Default)]
struct Held {
    held: Vec<u8>,
    sent: Vec<u8>,
}

impl ErrorType for Held {
    type Error = Infallible;
}

impl Write for Held {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.held.extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        self.sent.append(&mut self.held);
        Ok(())
    }
}

#[test]
fn flush_reaches_the_transport() {
    let (mut transport, mut buffer) = (Held::default(), [0; 8]);
    let dialect = Dialect::from_client(Version::V5);
    let mut writer = PacketWriter::new(&mut transport, &mut buffer, dialect);
    block_on(writer.write(Packet::PingReq)).unwrap();
    block_on(writer.flush()).unwrap();
    assert_eq!(transport.sent, b"\xc0\x00");
}

#[test]
fn a_payload_may_be_longer_than_the_buffer() {
    let publish = Publish::new(TopicName::new("a/b").unwrap(), b"hello");
    for room in 0..16 {
        let mut written = [0; 12];
        let mut buffer = vec![0; room];
        let dialect = Dialect::from_client(Version::V3_1_1);
        let mut writer = PacketWriter::new(&mut written[..], &mut buffer, dialect);
        match block_on(writer.write(publish.into())) {
            Ok(()) => {
                assert!(room >= 7);
                assert_eq!(written, *b"\x30\x0a\x00\x03a/bhello");
            }
            Err(error) => {
                assert!(room < 7);
                assert_eq!(error, EncodeError::BufferTooSmall { needed: 7 }.into());
                assert_eq!(written, [0; 12]);
            }
        }
    }
}
