//! `Codec` under `tokio_util::codec::Framed`.

use std::io;

use crate::fixtures;
use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use mqtt_wire::{
    Ack, Codec, ConnAck, Delivery, ErrorKind, Frame, Limits, OptionalRules, Packet, PacketId,
    Publish, ReasonCode, TopicName, TransportError, Version, Waivers,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_util::codec::{Decoder, Encoder, Framed, FramedRead};

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
            while let Some(frame) = frames.next().await.transpose().unwrap() {
                let incoming = frames.decoder().incoming().unwrap();
                assert_eq!(incoming.version(), session.version);
                frame.decode(incoming).unwrap();
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
        let frame = packets.next().await.unwrap().unwrap();
        let incoming = packets.codec().incoming().unwrap();
        assert_eq!(incoming.version(), version);
        assert!(matches!(frame.decode(incoming), Ok(Packet::Connect(_))));

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
    let error = Codec::server(Limits::default()).encode(Packet::PingResp, &mut buffer);
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
    let limits = Limits {
        packet: 4,
        first_packet: CONNECT.len() as u32,
    };
    let mut codec = Codec::server(limits);
    let mut buffer = BytesMut::from(CONNECT);
    assert!(codec.decode(&mut buffer).unwrap().is_some());
    buffer.extend_from_slice(b"\x40\x02\x00\x01\x30\x03");
    assert!(codec.decode(&mut buffer).unwrap().is_some());
    let Err(TransportError::Decode(error)) = codec.decode(&mut buffer) else {
        panic!("5 bytes are above the limit")
    };
    assert_eq!(error.kind(), ErrorKind::PacketTooLarge);

    let limits = Limits {
        first_packet: CONNECT.len() as u32 - 1,
        ..limits
    };
    let refused = Codec::server(limits).decode(&mut BytesMut::from(&CONNECT[..2]));
    assert!(
        matches!(refused, Err(TransportError::Decode(error)) if error.kind() == ErrorKind::PacketTooLarge)
    );
}

#[test]
fn a_codec_reserves_nothing_for_an_announced_length() {
    let limits = Limits {
        packet: u32::MAX,
        first_packet: u32::MAX,
    };
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
        let frame: Frame = codec.decode(&mut BytesMut::from(&longer[..]))?.unwrap();
        frame.decode(codec.incoming().unwrap())?;
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
    codec.encode(Packet::PingReq, &mut buffer).unwrap();
    let refused = codec.encode(ConnAck::new(ReasonCode::Success).into(), &mut buffer);
    assert!(matches!(refused, Err(TransportError::Encode(_))));
    codec.encode(Packet::PingReq, &mut buffer).unwrap();
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
        while let Some(frame) = packets.next().await.transpose()? {
            let incoming = packets.codec().incoming().unwrap();
            if let Packet::Publish(publish) = frame.decode(incoming)? {
                packets.feed(publish.into()).await?;
                if let Some(packet_id) = publish.delivery.packet_id() {
                    packets.feed(Packet::PubAck(Ack::new(packet_id))).await?;
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
    let incoming = packets.codec().incoming().unwrap();
    let echoed = packets.next().await.unwrap().unwrap();
    assert_eq!(echoed.decode(incoming), Ok(publish.into()));
    let answer = packets.next().await.unwrap().unwrap();
    assert_eq!(
        answer.decode(incoming),
        Ok(Packet::PubAck(Ack::new(packet_id)))
    );
    drop(packets);
    echo.await.unwrap().unwrap();
}
