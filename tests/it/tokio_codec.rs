//! `Codec` under `tokio_util::codec::Framed`.

use std::io;

use crate::fixtures;
use bytes::{Bytes, BytesMut};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use mqtt_wire::fanout::{Envelope, SharedPublish};
use mqtt_wire::{
    Ack, Codec, ConnAck, Connect, Delivery, Dialect, Disconnect, EncodeError, ErrorKind,
    LendingReader, Limits, OptionalRules, Outgoing, Packet, PacketBuf, PacketId, Properties,
    Property, Publish, QoS, ReasonCode, TopicName, TransportError, Utf8Str, Version, Waivers,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio_util::codec::{Decoder, Encoder, Framed, FramedRead, FramedWrite};

const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p";

#[tokio::test]
async fn recorded_streams_are_read_packet_by_packet_in_pieces_of_any_size() {
    for session in fixtures::chosen_sessions() {
        if !session.every_packet_valid {
            continue;
        }
        for (recording, codec) in [
            (&session.client, Codec::server(Limits::default())),
            (
                &session.server,
                Codec::client(session.version, Limits::default()),
            ),
        ] {
            let (mut from, to) = tokio::io::duplex(7);
            let bytes = recording.bytes.clone();
            let writer = tokio::spawn(async move { from.write_all(&bytes).await });
            let mut frames = FramedRead::new(to, codec);
            let mut count = 0;
            while let Some(packet) = frames.next().await.transpose().unwrap() {
                assert_eq!(packet.dialect().version(), session.version);
                let decoded = Packet::decode(packet.as_ref(), packet.dialect());
                assert_eq!(packet.packet(), decoded.unwrap());
                count += 1;
            }
            writer.await.unwrap().unwrap();
            assert_eq!(count, recording.packets, "{}", session.base);
        }
    }
}

#[tokio::test]
async fn a_server_learns_the_version_and_encodes_in_it() {
    for (connect, version, connack) in [
        (
            &b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x00\x00\x01p"[..],
            Version::V3_1,
            &b"\x20\x02\x00\x00"[..],
        ),
        (CONNECT, Version::V3_1_1, b"\x20\x02\x00\x00"),
        (
            b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01p",
            Version::V5,
            b"\x20\x03\x00\x00\x00",
        ),
    ] {
        let (mut client, server) = tokio::io::duplex(64);
        let mut packets = Framed::new(server, Codec::server(Limits::default()));
        client.write_all(connect).await.unwrap();
        let connect = packets.next().await.unwrap().unwrap();
        assert_eq!(packets.codec().incoming(), Some(connect.dialect()));
        assert_eq!(connect.dialect().version(), version);
        assert!(matches!(connect.packet(), Packet::Connect(_)));

        packets
            .send(ConnAck::new(ReasonCode::Success).into())
            .await
            .unwrap();
        let mut answer = vec![0; connack.len()];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, connack);
    }
}

#[test]
fn encoding_before_the_version_is_known_is_an_error() {
    let mut buffer = BytesMut::new();
    let error = Codec::server(Limits::default()).encode(Packet::PingResp.into(), &mut buffer);
    assert!(matches!(error, Err(TransportError::NoVersion)));
    assert!(buffer.is_empty());
}

#[test]
fn complete_packets_are_read_at_the_end_of_the_stream() {
    let mut codec = Codec::server(Limits::default());
    let mut buffer = BytesMut::from(CONNECT);
    let frame = codec.decode_eof(&mut buffer).unwrap().unwrap();
    assert_eq!(frame.bytes(), CONNECT);
    assert!(codec.decode_eof(&mut buffer).unwrap().is_none());
}

#[test]
fn a_codec_rejects_early_and_stays_failed() {
    let mut codec = Codec::server(Limits::default());
    let mut buffer = BytesMut::from(&b"\x30"[..]);
    for _ in 0..2 {
        let Err(TransportError::Decode(error)) = codec.decode(&mut buffer) else {
            panic!("a PUBLISH is no CONNECT")
        };
        assert_eq!(error.kind(), ErrorKind::FirstPacketNotConnect);
        assert_eq!(&buffer[..], b"\x30");
        buffer.clear();
        buffer.extend_from_slice(b"\x30");
    }
    buffer.clear();
    buffer.extend_from_slice(CONNECT);
    assert!(matches!(
        codec.decode(&mut buffer),
        Err(TransportError::Decode(_))
    ));
    assert!(matches!(
        codec.decode_eof(&mut buffer),
        Err(TransportError::Decode(_))
    ));
}

#[tokio::test]
async fn frames_before_an_invalid_one_are_read_and_none_after_it() {
    let (mut client, server) = tokio::io::duplex(64);
    client.write_all(CONNECT).await.unwrap();
    client.write_all(b"\xc0\x00\xc0\x01\xc0\x00").await.unwrap();
    let mut packets = Framed::new(server, Codec::server(Limits::default()));
    assert!(packets.next().await.unwrap().is_ok());
    assert_eq!(
        &packets.next().await.unwrap().unwrap().bytes()[..],
        b"\xc0\x00"
    );
    for _ in 0..3 {
        let Some(Err(TransportError::Decode(error))) = packets.next().await else {
            panic!("a PINGREQ has no body")
        };
        assert_eq!(error.kind(), ErrorKind::RemainingLength);
        // so does `Framed` end a stream; asked again, it decodes again
        assert!(packets.next().await.is_none());
        client.write_all(b"\xc0\x00").await.unwrap();
    }
}

#[tokio::test]
async fn a_stream_that_ends_inside_a_packet_is_an_error() {
    for end in 0..=CONNECT.len() {
        let mut frames = FramedRead::new(&CONNECT[..end], Codec::server(Limits::default()));
        match frames.next().await {
            None => assert_eq!(end, 0),
            Some(Ok(_)) => {
                assert_eq!(end, CONNECT.len());
                assert!(frames.next().await.is_none());
            }
            Some(Err(error)) => {
                let TransportError::EndInsidePacket { received, missing } = error else {
                    panic!("{error}")
                };
                let at_least = if end < 2 { 1 } else { CONNECT.len() - end };
                assert_eq!((received, missing), (end, at_least));
                assert_eq!(
                    error.to_string(),
                    format!(
                        "the stream ended inside a packet: {end} bytes received, at least \
                         {at_least} missing"
                    )
                );
            }
        }
    }
}

#[test]
fn limits_apply_to_the_first_packet_and_the_others() {
    let limits = Limits::default()
        .with_packet(4)
        .with_first_packet(CONNECT.len() as u32);
    let mut codec = Codec::server(limits);
    let mut buffer = BytesMut::from(CONNECT);
    assert!(codec.decode(&mut buffer).unwrap().is_some());
    buffer.extend_from_slice(b"\x40\x02\x00\x01\x30\x03");
    assert!(codec.decode(&mut buffer).unwrap().is_some());
    let Err(TransportError::Decode(error)) = codec.decode(&mut buffer) else {
        panic!("5 bytes are above the limit")
    };
    assert_eq!(error.kind(), ErrorKind::PacketTooLarge);

    let limits = limits.with_first_packet(CONNECT.len() as u32 - 1);
    let refused = Codec::server(limits).decode(&mut BytesMut::from(&CONNECT[..2]));
    assert!(
        matches!(refused, Err(TransportError::Decode(error)) if error.kind() == ErrorKind::PacketTooLarge)
    );
}

#[test]
fn a_codec_reserves_nothing_for_an_announced_length() {
    let limits = Limits::default()
        .with_packet(u32::MAX)
        .with_first_packet(u32::MAX);
    let mut codec = Codec::client(Version::V5, limits);
    let mut buffer = BytesMut::with_capacity(16);
    buffer.extend_from_slice(b"\x30\xff\xff\xff\x7f\x00\x01a");
    assert!(codec.decode(&mut buffer).unwrap().is_none());
    assert_eq!((buffer.len(), buffer.capacity()), (8, 16));
}

#[test]
fn waivers_apply_to_the_learned_version() {
    let longer = b"\x10\x8d\x00\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p"; // 0d in two bytes
    let decode = |mut codec: Codec| -> Result<(), TransportError<io::Error>> {
        let packet = codec.decode(&mut BytesMut::from(&longer[..]))?.unwrap();
        assert!(matches!(packet.packet(), Packet::Connect(_)));
        Ok(())
    };
    assert!(matches!(
        decode(Codec::server(Limits::default())),
        Err(TransportError::Decode(_))
    ));
    let waivers = Waivers::REMAINING_LENGTH_NOT_SHORTEST;
    let codec = Codec::server(Limits::default()).with_rules(waivers, OptionalRules::NONE);
    assert!(decode(codec).is_ok());
}

#[test]
fn a_forbidden_packet_leaves_the_buffer_unchanged() {
    let mut codec = Codec::client(Version::V3_1_1, Limits::default());
    let mut buffer = BytesMut::new();
    codec.encode(Packet::PingReq.into(), &mut buffer).unwrap();
    let refused = codec.encode(ConnAck::new(ReasonCode::Success).into(), &mut buffer);
    assert!(matches!(refused, Err(TransportError::Encode(_))));
    codec.encode(Packet::PingReq.into(), &mut buffer).unwrap();
    assert_eq!(&buffer[..], b"\xc0\x00\xc0\x00");
}

#[tokio::test]
async fn socket_errors_are_passed_on() {
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<io::Result<()>> {
            std::task::Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }
    let mut frames = FramedRead::new(Broken, Codec::server(Limits::default()));
    let Some(Err(TransportError::Io(error))) = frames.next().await else {
        panic!("the socket is broken")
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// Packets that borrow from a frame may be sent from a task that moves between threads.
#[tokio::test]
async fn packets_are_sent_from_spawned_tasks() {
    let (client, server) = tokio::io::duplex(64);
    let echo = tokio::spawn(async move {
        let mut packets = Framed::new(server, Codec::server(Limits::default()));
        while let Some(packet) = packets.next().await.transpose()? {
            if let Packet::Publish(publish) = packet.packet() {
                packets.feed(publish.into()).await?;
                if let Some(answer) = publish.delivery.answer() {
                    packets.feed(answer.into()).await?;
                }
                packets.flush().await?;
            }
        }
        Ok::<_, TransportError<io::Error>>(())
    });
    let mut packets = Framed::new(client, Codec::client(Version::V3_1_1, Limits::default()));
    packets.get_mut().write_all(CONNECT).await.unwrap();
    let packet_id = PacketId::MIN;
    let publish = Publish {
        delivery: Delivery::AtLeastOnce {
            packet_id,
            dup: false,
        },
        ..Publish::new(TopicName::new("a").unwrap(), b"1")
    };
    packets.send(publish.into()).await.unwrap();
    let echoed = packets.next().await.unwrap().unwrap();
    assert_eq!(echoed.packet(), publish.into());
    let answer = packets.next().await.unwrap().unwrap();
    assert_eq!(answer.packet(), Packet::PubAck(Ack::new(packet_id)));
    drop(packets);
    echo.await.unwrap().unwrap();
}

/// A server that reads and writes in two tasks, and a client that sees its answers.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(socket: S) -> Vec<PacketBuf> {
    let mut client = Framed::new(socket, Codec::client(Version::V5, Limits::default()));
    let connect = Connect::new(Version::V5, Utf8Str::new("c").unwrap());
    client.feed(connect.into()).await.unwrap();
    let topic = TopicName::new("a/b").unwrap();
    let delivery = Delivery::new(QoS::ExactlyOnce, PacketId::MIN);
    for delivery in [Delivery::AtMostOnce, delivery] {
        let publish = Publish::new(topic, b"hello");
        client
            .feed(
                Publish {
                    delivery,
                    ..publish
                }
                .into(),
            )
            .await
            .unwrap();
    }
    client.feed(Packet::PingReq.into()).await.unwrap();
    client.flush().await.unwrap();
    client.get_mut().write_all(b"\x36\x00").await.unwrap(); // QoS 3
    let mut answers = Vec::new();
    while let Some(answer) = client.next().await {
        answers.push(answer.unwrap());
    }
    answers
}

fn expect_answers(answers: &[PacketBuf]) {
    let [connack, pubrec, pingresp, disconnect] = answers else {
        panic!("{answers:?}");
    };
    assert_eq!(connack.packet(), ConnAck::new(ReasonCode::Success).into());
    assert_eq!(pubrec.packet(), Packet::PubRec(Ack::new(PacketId::MIN)));
    assert_eq!(pingresp.packet(), Packet::PingResp);
    assert_eq!(
        disconnect.packet(),
        Disconnect::new(ReasonCode::MalformedPacket).into()
    );
}

/// Reads packets until a bad one, and sends the answers to another task.
async fn read<P>(mut packets: P, answers: Sender<Outgoing<'static>>)
where
    P: Stream<Item = Result<PacketBuf, TransportError<io::Error>>> + Unpin,
{
    let mut connected = false;
    while let Some(packet) = packets.next().await {
        let answer = match packet.as_ref().map(PacketBuf::packet) {
            Ok(Packet::Connect(_)) => Some(ConnAck::new(ReasonCode::Success).into()),
            Ok(Packet::Publish(publish)) => publish.delivery.answer().map(Outgoing::from),
            Ok(Packet::PingReq) => Some(Packet::PingResp.into()),
            Ok(packet) => panic!("{packet:?}"),
            Err(error) => Some(error.answer(connected).into()),
        };
        connected = true;
        if let Some(answer) = answer {
            answers.send(answer).await.unwrap();
        }
    }
}

/// Writes what another task sends, and closes the connection.
async fn write<S>(mut packets: S, mut answers: Receiver<Outgoing<'static>>)
where
    S: Sink<Outgoing<'static>, Error = TransportError<io::Error>> + Unpin,
{
    while let Some(answer) = answers.recv().await {
        packets.send(answer).await.unwrap();
    }
    packets.close().await.unwrap();
}

#[tokio::test]
async fn a_framed_connection_is_split_into_two_tasks() {
    let (client, server) = tokio::io::duplex(64);
    let packets = Framed::new(server, Codec::server(Limits::default()));
    let (writer, reader) = packets.split();
    let (answers, outgoing) = channel(8);
    let tasks = [
        tokio::spawn(read(reader, answers)),
        tokio::spawn(write(writer, outgoing)),
    ];
    expect_answers(&converse(client).await);
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_write_half_is_made_when_the_version_is_known() {
    let (client, server) = tokio::io::duplex(64);
    let (reader, writer) = tokio::io::split(server);
    let mut reader = FramedRead::new(reader, Codec::server(Limits::default()));
    let server = tokio::spawn(async move {
        let connect = reader.next().await.unwrap().unwrap();
        let codec = Codec::new(connect.dialect(), Limits::default());
        assert_eq!(codec.outgoing(), reader.decoder().outgoing());
        let mut writer = FramedWrite::new(writer, codec);
        writer
            .send(ConnAck::new(ReasonCode::Success).into())
            .await
            .unwrap();
        let (answers, outgoing) = channel(8);
        // the first packet that this reader sees is a PUBLISH
        tokio::join!(read(reader, answers), write(writer, outgoing));
    });
    expect_answers(&converse(client).await);
    server.await.unwrap();
}

#[test]
fn a_clone_of_a_codec_knows_the_version() {
    let mut codec = Codec::server(Limits::default());
    codec.decode(&mut BytesMut::from(CONNECT)).unwrap().unwrap();
    let mut buffer = BytesMut::new();
    codec
        .clone()
        .encode(Packet::PingResp.into(), &mut buffer)
        .unwrap();
    assert_eq!(buffer[..], *b"\xd0\x00");
}

#[test]
fn an_answer_needs_no_version() {
    let mut codec = Codec::server(Limits::default());
    let bad = b"\x10\x0d\x00\x04MQTT\x06\x02\x00\x3c\x00\x01p"; // version 6
    let error = codec.decode(&mut BytesMut::from(&bad[..])).unwrap_err();
    let mut buffer = BytesMut::new();
    codec
        .encode(error.answer(false).into(), &mut buffer)
        .unwrap();
    assert_eq!(buffer[..], *b"\x20\x03\x00\x84\x00");
}

#[test]
fn a_bad_packet_stays_in_the_buffer() {
    let mut codec = Codec::client(Version::V5, Limits::default());
    let bad = b"\x30\x06\x00\x01#\x00on"; // a wildcard in a Topic Name
    let mut buffer = BytesMut::from(&[&b"\xd0\x00"[..], bad, b"\xd0\x00"].concat()[..]);
    assert!(codec.decode(&mut buffer).unwrap().is_some());
    let Err(TransportError::Decode(error)) = codec.decode(&mut buffer) else {
        panic!("accepted");
    };
    assert_eq!(
        (error.kind(), error.offset()),
        (ErrorKind::WildcardInTopicName, 4)
    );
    assert_eq!(buffer[..bad.len()], *bad);
    assert!(
        matches!(codec.decode(&mut buffer), Err(TransportError::Decode(again)) if again == error)
    );
}

#[test]
fn the_maximum_packet_size_of_the_peer_is_learned_and_kept() {
    let connect = b"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x05\x27\x00\x00\x00\x14\x00\x01p"; // 20 bytes
    let connack = b"\x20\x08\x00\x00\x05\x27\x00\x00\x00\x14";
    for (mut codec, announcement) in [
        (Codec::server(Limits::default()), &connect[..]),
        (Codec::client(Version::V5, Limits::default()), connack),
    ] {
        assert_eq!(codec.max_outgoing(), None);
        codec
            .decode(&mut BytesMut::from(announcement))
            .unwrap()
            .unwrap();
        assert_eq!(codec.max_outgoing(), Some(20));

        let dialect = codec.outgoing().unwrap();
        let publish = |len| {
            let payload = &b"0123456789abcdef"[..len];
            Packet::from(Publish::new(TopicName::new("a").unwrap(), payload))
        };
        let owned = |len| PacketBuf::encode(&publish(len), dialect).unwrap();
        let envelope = Envelope::new(dialect);
        let shared = |len| {
            let payload = Bytes::from_static(&b"0123456789abcdef"[..len]);
            SharedPublish::new(TopicName::new("a").unwrap(), Properties::EMPTY, payload).unwrap()
        };
        for (item, len) in [
            (Outgoing::from(publish(14)), 20),
            (publish(15).into(), 21),
            (owned(14).into(), 20),
            (owned(15).into(), 21),
            (shared(14).copies(envelope).unwrap().into(), 20),
            (shared(15).copies(envelope).unwrap().into(), 21),
            (shared(14).copy_for(envelope).unwrap().into(), 20),
            (shared(15).copy_for(envelope).unwrap().into(), 21),
        ] {
            let mut buffer = BytesMut::new();
            match codec.encode(item, &mut buffer) {
                Ok(()) => assert_eq!((buffer.len(), len), (20, 20)),
                Err(TransportError::Encode(EncodeError::TooLarge { needed, max, .. })) => {
                    assert_eq!((needed, max, len), (21, 20, 21));
                    assert!(buffer.is_empty());
                }
                Err(error) => panic!("{error}"),
            }
        }

        // a Reason String is left out instead
        let reason = [Property::ReasonString(
            Utf8Str::new("far too long for you").unwrap(),
        )];
        let mut ack = Ack::new(PacketId::MIN);
        ack.reason_code = ReasonCode::QuotaExceeded;
        ack.properties = Properties::from(&reason);
        let mut buffer = BytesMut::new();
        codec
            .encode(Packet::PubAck(ack).into(), &mut buffer)
            .unwrap();
        assert_eq!(buffer[..], *b"\x40\x03\x00\x01\x97");
    }
    // 3.1.1 has none, so the limit of the caller stays
    let mut codec = Codec::server(Limits::default()).with_max_outgoing(7);
    codec.decode(&mut BytesMut::from(CONNECT)).unwrap().unwrap();
    assert_eq!(codec.max_outgoing(), Some(7));
}

#[test]
fn a_codec_writes_whatever_there_is_to_send() {
    let mut codec = Codec::server(Limits::default());
    codec.decode(&mut BytesMut::from(CONNECT)).unwrap().unwrap(); // 3.1.1
    let mut write = |item: Outgoing<'_>| {
        let mut buffer = BytesMut::new();
        codec.encode(item, &mut buffer).unwrap();
        buffer.to_vec()
    };
    let topic = TopicName::new("a").unwrap();
    let expected = b"\x30\x05\x00\x01aon";
    let publish = Publish::new(topic, b"on");
    assert_eq!(write(publish.into()), expected);
    for version in [Version::V3_1_1, Version::V5] {
        // a message from a client of another version
        let owned = PacketBuf::encode(&publish.into(), Dialect::from_client(version)).unwrap();
        assert_eq!(write(owned.into()), expected);
    }
    // a PUBACK of 5.0 that is not in its shortest form stays as it is
    let long = Bytes::from_static(b"\x40\x04\x00\x01\x00\x00");
    let owned = PacketBuf::decode(long.clone(), Dialect::from_server(Version::V5)).unwrap();
    assert_eq!(write(owned.clone().into()), b"\x40\x02\x00\x01"); // in 3.1.1
    let mut to_client = Codec::new(Dialect::from_client(Version::V5), Limits::default());
    let mut buffer = BytesMut::new();
    to_client.encode(owned.into(), &mut buffer).unwrap();
    assert_eq!(buffer, long);

    let shared = SharedPublish::new(topic, Properties::EMPTY, Bytes::from_static(b"on")).unwrap();
    let mut envelope = Envelope::new(Dialect::from_server(Version::V3_1_1));
    assert_eq!(write(shared.copy_for(envelope).unwrap().into()), expected);
    assert_eq!(write(shared.copies(envelope).unwrap().into()), expected);
    envelope.delivery = Delivery::new(QoS::AtLeastOnce, PacketId::MIN);
    let copies = shared.copies(envelope).unwrap();
    let copy = copies.with_id(PacketId::new(258).unwrap(), true);
    assert_eq!(write(copy), b"\x3a\x07\x00\x01a\x01\x02on");

    let payload = Bytes::from(vec![7; 10_000]); // shared, not held by each copy
    let shared = SharedPublish::new(topic, Properties::EMPTY, payload).unwrap();
    envelope.delivery = Delivery::AtMostOnce;
    let copy = write(shared.copies(envelope).unwrap().into());
    assert_eq!(copy, write(shared.copy_for(envelope).unwrap().into()));
    assert_eq!(copy.len(), 10_006);
}

// ---- the lending reader --------------------------------------------------------------------

#[tokio::test]
async fn a_lending_reader_reads_recorded_streams_in_pieces_of_any_size() {
    for session in fixtures::chosen_sessions() {
        if !session.every_packet_valid {
            continue;
        }
        for (recording, from_client) in [(&session.client, true), (&session.server, false)] {
            let (mut from, to) = tokio::io::duplex(7);
            let bytes = recording.bytes.clone();
            let writer = tokio::spawn(async move { from.write_all(&bytes).await });
            let mut reader = match from_client {
                true => LendingReader::accept(to, Limits::default()),
                false => {
                    LendingReader::new(to, Dialect::from_server(session.version), Limits::default())
                }
            };
            let mut kept = Vec::new();
            assert_eq!(reader.dialect().is_none(), from_client);
            while reader.next().await.unwrap().is_some() {
                kept.push(reader.keep().unwrap());
                assert_eq!(reader.dialect(), kept.last().map(PacketBuf::dialect));
                assert_eq!(reader.keep(), None);
            }
            writer.await.unwrap().unwrap();
            assert_eq!(kept.len() as u64, recording.packets, "{}", session.base);
            let bytes = kept.iter().flat_map(|packet| packet.as_ref().to_vec());
            assert!(bytes.eq(recording.bytes.iter().copied()));
        }
    }
}

#[tokio::test]
async fn a_lending_reader_keeps_only_the_last_packet() {
    let stream = b"\xd0\x00\x30\x05\x00\x01aon\x30\x06\x00\x01aoff\xd0\x00";
    let dialect = Dialect::from_server(Version::V3_1_1);
    let mut reader = LendingReader::new(&stream[..], dialect, Limits::default());
    for _ in 0..3 {
        reader.next().await.unwrap().unwrap();
    }
    let kept = reader.keep().unwrap();
    assert_eq!(kept.as_ref(), b"\x30\x06\x00\x01aoff");
    assert_eq!(reader.next().await.unwrap(), Some(Packet::PingResp));
    assert_eq!(reader.next().await.unwrap(), None);
    assert!(matches!(kept.packet(), Packet::Publish(publish) if publish.payload == b"off"));
}

/// The future is dropped whenever it waits, and no byte is lost.
#[tokio::test]
async fn reading_is_cancel_safe() {
    let (mut client, server) = tokio::io::duplex(64);
    let mut reader = LendingReader::accept(server, Limits::default());
    let mut read = 0;
    for byte in [CONNECT, b"\xc0\x00\xe0\x00"].concat() {
        client.write_all(&[byte]).await.unwrap();
        loop {
            tokio::select! {
                biased;
                packet = reader.next() => read += usize::from(packet.unwrap().is_some()),
                () = std::future::ready(()) => break,
            }
        }
    }
    assert_eq!(read, 3);
}

#[tokio::test]
async fn a_lending_reader_stays_failed_and_says_how_the_stream_ended() {
    let dialect = Dialect::from_server(Version::V5);
    let mut reader =
        LendingReader::new(&b"\xd0\x00\x36\x00\xd0\x00"[..], dialect, Limits::default());
    assert_eq!(reader.next().await.unwrap(), Some(Packet::PingResp));
    for _ in 0..2 {
        assert!(matches!(
            reader.next().await,
            Err(TransportError::Decode(_))
        ));
    }
    let mut decoder = reader.into_parts().1;
    assert_eq!(decoder.buffer_mut()[..], *b"\x36\x00\xd0\x00");

    let mut reader = LendingReader::new(&b"\x30\x05\x00"[..], dialect, Limits::default());
    assert!(matches!(
        reader.next().await,
        Err(TransportError::EndInsidePacket {
            received: 3,
            missing: 4
        })
    ));

    let waivers = Waivers::PACKET_ID_ZERO;
    let mut reader = LendingReader::new(&b"\x40\x02\x00\x00"[..], dialect, Limits::default())
        .with_rules(waivers, OptionalRules::NONE);
    assert!(matches!(reader.next().await, Ok(Some(Packet::PubAck(_)))));
    assert!(
        matches!(reader.keep().unwrap().packet(), Packet::PubAck(ack) if ack.packet_id.get() == 0)
    );
}
