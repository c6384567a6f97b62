//! Whole captures, made packet by packet.

use std::net::SocketAddr;
use std::time::Duration;

use etherparse::PacketBuilder;

use super::connections::Skipped;
use super::flow::Segment;
use super::tcp::MAX_WAITING;
use super::*;

const CLIENT: ([u8; 4], u16) = ([10, 0, 0, 1], 50_000);
const BROKER: ([u8; 4], u16) = ([10, 0, 0, 2], 1883);
const MICROSECONDS_LE: u32 = 0xa1b2_c3d4;

type End = ([u8; 4], u16);

/// An IPv4 packet; `flags` of "SAFR", where A acknowledges `ack`.
fn ip_packet(from: End, to: End, seq: u32, flags: &str, ack: u32, data: &[u8]) -> Vec<u8> {
    let mut tcp = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, seq, 1000);
    for flag in flags.chars() {
        tcp = match flag {
            'S' => tcp.syn(),
            'A' => tcp.ack(ack),
            'F' => tcp.fin(),
            'R' => tcp.rst(),
            _ => panic!("unknown flag"),
        };
    }
    let mut packet = Vec::new();
    tcp.write(&mut packet, data).unwrap();
    packet
}

fn up(seq: u32, data: &[u8]) -> Vec<u8> {
    ip_packet(CLIENT, BROKER, seq, "A", 501, data)
}

fn down(seq: u32, data: &[u8]) -> Vec<u8> {
    ip_packet(BROKER, CLIENT, seq, "A", 101, data)
}

/// Client begins with 101, broker with 501.
fn handshake() -> Vec<Vec<u8>> {
    vec![
        ip_packet(CLIENT, BROKER, 100, "S", 0, b""),
        ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
        up(101, b""),
    ]
}

fn with_handshake(more: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    handshake().into_iter().chain(more).collect()
}

/// Packet `n` (from 1) is captured `n` seconds and 5 units after 1970.
fn pcap(link: u32, big_endian: bool, magic: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let u32 = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let u16 = |n: u16| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut file = [&u32(magic)[..], &u16(2), &u16(4)].concat();
    for field in [0, 0, 65_535, link] {
        file.extend(u32(field));
    }
    for (index, packet) in packets.iter().enumerate() {
        for field in [
            index as u32 + 1,
            5,
            packet.len() as u32,
            packet.len() as u32,
        ] {
            file.extend(u32(field));
        }
        file.extend(packet);
    }
    file
}

fn raw_pcap(packets: &[Vec<u8>]) -> Vec<u8> {
    pcap(101, false, MICROSECONDS_LE, packets)
}

fn read(packets: &[Vec<u8>]) -> Capture {
    crate::capture::read(&raw_pcap(packets), None).unwrap()
}

/// The segments of a flow, in short.
fn segments(flow: &Flow) -> Vec<String> {
    let say = |segment: &Segment| {
        let arrow = if segment.direction == Direction::ClientToServer {
            '>'
        } else {
            '<'
        };
        match &segment.data {
            Data::Bytes(bytes) => format!("{arrow}{}", String::from_utf8_lossy(bytes)),
            Data::Gap(length) => format!("{arrow}[{length} missing]"),
        }
    };
    flow.segments.iter().map(say).collect()
}

fn only_flow(packets: &[Vec<u8>]) -> Flow {
    let mut capture = read(packets);
    assert_eq!(capture.flows.len(), 1);
    assert_eq!(capture.broken_at, None);
    capture.flows.remove(0)
}

#[test]
fn reassembles_a_conversation() {
    let flow = only_flow(&with_handshake([
        up(101, b"connect"),
        down(501, b"connack"),
        up(108, b"bye"),
        ip_packet(CLIENT, BROKER, 111, "FA", 508, b""),
        ip_packet(BROKER, CLIENT, 508, "RA", 112, b"go away"),
    ]));
    assert_eq!(flow.client, SocketAddr::from(CLIENT));
    assert_eq!(flow.server, SocketAddr::from(BROKER));
    assert!(flow.from_start);
    assert_eq!(segments(&flow), [">connect", "<connack", ">bye"]);
    assert_eq!(flow.segments[1].packet, 5);
    assert_eq!(flow.segments[1].time, Duration::new(5, 5_000));
    let ending = flow.ending.unwrap();
    assert_eq!(
        (ending.by, ending.reset),
        (Direction::ClientToServer, false)
    );
    assert_eq!((ending.packet, ending.time.as_secs()), (7, 7));
}

#[test]
fn reads_both_byte_orders_and_time_units() {
    let packets = with_handshake([up(101, b"x")]);
    for (magic, nanoseconds) in [(MICROSECONDS_LE, 5_000), (0xa1b2_3c4d, 5)] {
        for big_endian in [false, true] {
            let file = pcap(101, big_endian, magic, &packets);
            assert!(is_capture(&file));
            let capture = crate::capture::read(&file, None).unwrap();
            assert_eq!(segments(&capture.flows[0]), [">x"]);
            assert_eq!(
                capture.flows[0].segments[0].time,
                Duration::new(4, nanoseconds)
            );
        }
    }
}

#[test]
fn reorders_packets() {
    let flow = only_flow(&with_handshake([
        up(103, b"cd"),
        up(105, b"ef"),
        down(501, b"early"),
        up(101, b"ab"),
        up(107, b"gh"),
    ]));
    // A piece that waits is readable only after the earlier piece.
    assert_eq!(segments(&flow), ["<early", ">ab", ">cd", ">ef", ">gh"]);
    assert_eq!(flow.segments[2].packet, 4);
}

#[test]
fn merges_retransmissions_and_overlaps() {
    let flow = only_flow(&with_handshake([
        up(101, b"abcd"),
        up(101, b"abcd"),
        up(101, b"abcdef"),
        up(105, b"efgh"),
        // Waiting pieces that overlap each other and the piece before them.
        up(111, b"kl"),
        up(111, b"klmn"),
        up(113, b"mnop"),
        up(107, b"ghijk"),
    ]));
    assert_eq!(
        segments(&flow),
        [">abcd", ">ef", ">gh", ">ijk", ">lmn", ">op"]
    );
}

#[test]
fn sequence_numbers_wrap_around() {
    let start = u32::MAX - 2;
    let flow = only_flow(&[
        ip_packet(CLIENT, BROKER, start.wrapping_sub(1), "S", 0, b""),
        ip_packet(BROKER, CLIENT, u32::MAX, "SA", start, b""),
        up(start.wrapping_add(6), b"gh"),
        up(start, b"abcdef"),
        up(start, b"abc"),
        down(0, b"zero"),
    ]);
    assert_eq!(segments(&flow), [">abcdef", ">gh", "<zero"]);
    assert!(flow.from_start);
}

#[test]
fn gaps_are_reported_where_they_are() {
    let flow = only_flow(&with_handshake([
        up(101, b"ab"),
        up(105, b"ef"),
        down(501, b"reply"),
        up(110, b"kl"),
        ip_packet(CLIENT, BROKER, 120, "FA", 506, b""),
    ]));
    assert_eq!(
        segments(&flow),
        [
            ">ab",
            ">[2 missing]",
            ">ef",
            "<reply",
            ">[3 missing]",
            ">kl",
            ">[8 missing]"
        ]
    );
}

#[test]
fn a_gap_is_given_up_when_too_much_waits() {
    let later = (0..=MAX_WAITING as u32).map(|n| up(103 + n, b"x"));
    let flow = only_flow(&with_handshake(later.chain([up(101, b"ab")])));
    assert_eq!(segments(&flow)[0], ">[2 missing]");
    assert_eq!(flow.segments.len(), MAX_WAITING + 2);
}

#[test]
fn a_short_snapshot_length_is_a_gap() {
    let mut cut = up(101, b"abcdef");
    cut.truncate(cut.len() - 4);
    let flow = only_flow(&with_handshake([cut.clone(), up(107, b"gh")]));
    assert_eq!(segments(&flow), [">ab", ">[4 missing]", ">gh"]);
    let flow = only_flow(&with_handshake([cut]));
    assert_eq!(segments(&flow), [">ab", ">[4 missing]"]);
}

#[test]
fn a_late_capture_guesses_the_client() {
    let flow = only_flow(&[down(7, b"news"), up(3, b"ack")]);
    assert_eq!(flow.client, SocketAddr::from(CLIENT));
    assert_eq!(segments(&flow), ["<news", ">ack"]);
    assert!(!flow.from_start);

    let other = ([10, 0, 0, 3], 9000);
    let flow = only_flow(&[ip_packet(other, CLIENT, 1, "A", 1, b"hi")]);
    assert_eq!(flow.client, SocketAddr::from(other));

    // The accepting side is the server, even without the opening SYN.
    let flow = only_flow(&[ip_packet(CLIENT, other, 1, "SA", 1, b"")]);
    assert_eq!(flow.client, SocketAddr::from(other));
}

#[test]
fn a_keep_alive_at_the_beginning_makes_no_gap() {
    let flow = only_flow(&[up(100, b""), up(101, b"ab")]);
    assert_eq!(segments(&flow), [">ab"]);
}

#[test]
fn a_reused_port_is_a_new_connection() {
    let again = |seq, flags, data: &[u8]| ip_packet(CLIENT, BROKER, seq, flags, 0, data);
    let capture = read(&with_handshake([
        up(101, b"one"),
        again(100, "S", b""),
        again(9000, "S", b""),
        again(9000, "S", b""),
        ip_packet(BROKER, CLIENT, 70, "SA", 9001, b""),
        up(9001, b"two"),
        down(71, b"answer"),
    ]));
    assert_eq!(capture.flows.len(), 2);
    assert_eq!(segments(&capture.flows[0]), [">one"]);
    assert_eq!(segments(&capture.flows[1]), [">two", "<answer"]);
    assert!(capture.flows[1].from_start);
}

#[test]
fn a_new_connection_after_one_without_its_beginning() {
    let capture = read(&[
        down(1000, b"old"),
        ip_packet(CLIENT, BROKER, 100, "S", 0, b""),
        ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
        up(101, b"new"),
    ]);
    assert_eq!(capture.flows.len(), 2);
    assert_eq!(segments(&capture.flows[0]), ["<old"]);
    assert_eq!(segments(&capture.flows[1]), [">new"]);
}

#[test]
fn several_flows_and_the_port_filter() {
    let web = ([10, 0, 0, 9], 80);
    let packets = [
        up(101, b"mqtt"),
        ip_packet(CLIENT, web, 1, "A", 1, b"web"),
        up(105, b"more"),
    ];
    let capture = read(&packets);
    assert_eq!(capture.flows.len(), 2);
    assert_eq!(segments(&capture.flows[0]), [">mqtt", ">more"]);
    assert_eq!(segments(&capture.flows[1]), [">web"]);

    let capture = crate::capture::read(&raw_pcap(&packets), Some(1883)).unwrap();
    assert_eq!(capture.flows.len(), 1);
    assert_eq!(capture.skipped.other_port, 1);
}

#[test]
fn a_reset_is_recorded() {
    let flow = only_flow(&[up(1, b"x"), ip_packet(BROKER, CLIENT, 5, "R", 0, b"")]);
    let ending = flow.ending.unwrap();
    assert_eq!((ending.by, ending.reset), (Direction::ServerToClient, true));
}

#[test]
fn reads_all_kinds_of_links() {
    let ip = up(101, b"data");
    let with = |header: &[u8]| [header, &ip].concat();
    let ethernet = [&[2; 12][..], &[8, 0]].concat();
    let vlan = [&[2; 12][..], &[0x81, 0, 0, 7, 8, 0]].concat();
    let two_vlans = [&[2; 12][..], &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 8, 0]].concat();
    let cooked = [&[0; 14][..], &[8, 0]].concat();
    let cooked2 = [&[8, 0][..], &[0; 18]].concat();
    for (link, bytes) in [
        (1, with(&ethernet)),
        (1, with(&vlan)),
        (1, with(&two_vlans)),
        (101, ip.clone()),
        (12, ip.clone()),
        (228, ip.clone()),
        (0, with(&[2, 0, 0, 0])),
        (108, with(&[0, 0, 0, 2])),
        (113, with(&cooked)),
        (276, with(&cooked2)),
        (0xf000_0001, with(&ethernet)),
    ] {
        let file = pcap(link, false, MICROSECONDS_LE, &[bytes]);
        let capture = crate::capture::read(&file, None).unwrap();
        assert_eq!(capture.flows.len(), 1, "link {link}: {:?}", capture.skipped);
        assert_eq!(segments(&capture.flows[0]), [">data"]);
    }
}

#[test]
fn ethernet_padding_is_not_data() {
    let padded = [&[2; 12][..], &[8, 0], &up(101, b"xy"), &[0; 4]].concat();
    let capture = crate::capture::read(&pcap(1, false, MICROSECONDS_LE, &[padded]), None).unwrap();
    assert_eq!(segments(&capture.flows[0]), [">xy"]);
}

#[test]
fn reads_ipv6() {
    let mut packet = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 64)
        .tcp(40_000, 1883, 7, 1000)
        .write(&mut packet, b"six")
        .unwrap();
    let flow = only_flow(&[packet]);
    assert!(flow.client.is_ipv6());
    assert_eq!(segments(&flow), [">six"]);
}

#[test]
fn counts_skipped_packets() {
    let mut udp = Vec::new();
    PacketBuilder::ipv4([1; 4], [2; 4], 64)
        .udp(1, 2)
        .write(&mut udp, b"x")
        .unwrap();
    let mut fragment = up(101, b"x");
    fragment[6] = 0x20;
    let short = up(101, b"x")[..30].to_vec();
    let capture = read(&[udp, fragment, short, vec![], up(101, b"x")]);
    assert_eq!(capture.packets, 5);
    assert_eq!(capture.flows.len(), 1);
    let skipped = Skipped {
        not_tcp: 1,
        fragments: 1,
        malformed: 2,
        unknown_link: 0,
        other_port: 0,
    };
    assert_eq!(capture.skipped, skipped);

    let capture =
        crate::capture::read(&pcap(147, false, MICROSECONDS_LE, &[up(1, b"x")]), None).unwrap();
    assert_eq!(capture.skipped.unknown_link, 1);
}

// ---- pcapng ----

fn block(big_endian: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let u32 = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32(body.len() as u32 + 12);
    [&u32(kind)[..], &length, &body, &length].concat()
}

/// A section with one interface of nanoseconds that is 100 seconds ahead.
fn section(big_endian: bool, link: u16) -> Vec<u8> {
    let u32 = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let u16 = |n: u16| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let offset = if big_endian {
        100_i64.to_be_bytes()
    } else {
        100_i64.to_le_bytes()
    };
    let header = [&u32(0x1a2b_3c4d)[..], &u16(1), &u16(0), &[0xff; 8]].concat();
    let resolution = [&u16(9)[..], &u16(1), &[9, 0, 0, 0]].concat();
    let offset = [&u16(14)[..], &u16(8), &offset].concat();
    let interface = [
        &u16(link)[..],
        &u16(0),
        &u32(0),
        &resolution,
        &offset,
        &[0; 4],
    ]
    .concat();
    [
        block(big_endian, 0x0a0d_0d0a, &header),
        block(big_endian, 1, &interface),
    ]
    .concat()
}

fn enhanced(big_endian: bool, interface: u32, nanoseconds: u64, packet: &[u8]) -> Vec<u8> {
    let u32 = |n: u32| {
        if big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let length = u32(packet.len() as u32);
    let time = [u32((nanoseconds >> 32) as u32), u32(nanoseconds as u32)].concat();
    let body = [&u32(interface)[..], &time, &length, &length, packet].concat();
    block(big_endian, 6, &body)
}

#[test]
fn pcapng_of_both_byte_orders_in_one_file() {
    let mut file = Vec::new();
    for (big_endian, packet) in [(false, up(101, b"ab")), (true, up(103, b"cde"))] {
        file.extend(section(big_endian, 101));
        // A name resolution, a process and an unknown block: the first two are malformed.
        file.extend(block(big_endian, 4, &[0xff; 4]));
        file.extend(block(big_endian, 0x8000_0001, &[]));
        file.extend(block(big_endian, 0x0bad, &[1, 2, 3]));
        file.extend(enhanced(big_endian, 0, 5_000_000_007, &packet));
    }
    assert!(is_capture(&file));
    let capture = crate::capture::read(&file, None).unwrap();
    assert_eq!(capture.broken_at, None);
    assert_eq!(segments(&capture.flows[0]), [">ab", ">cde"]);
    for segment in &capture.flows[0].segments {
        assert_eq!(segment.time, Duration::new(105, 7));
    }
}

#[test]
fn pcapng_simple_packets() {
    let packet = up(101, b"x");
    let body = [&(packet.len() as u32).to_le_bytes()[..], &packet].concat();
    let file = [section(false, 101), block(false, 3, &body)].concat();
    let capture = crate::capture::read(&file, None).unwrap();
    assert_eq!(segments(&capture.flows[0]), [">x"]);
    assert_eq!(capture.flows[0].segments[0].time, Duration::ZERO);
}

#[test]
fn pcapng_damaged_packets_are_skipped() {
    let mut absurd = enhanced(false, 0, 0, &up(101, b"x"));
    absurd[20..24].copy_from_slice(&[0xff, 0xff, 0xff, 0x7f]);
    let file = [
        section(false, 101),
        absurd,
        enhanced(false, 8, 0, &up(101, b"x")),
        enhanced(false, 0, 0, &up(101, b"y")),
    ]
    .concat();
    let capture = crate::capture::read(&file, None).unwrap();
    assert_eq!(capture.skipped.malformed, 2);
    assert_eq!(segments(&capture.flows[0]), [">y"]);
}

// ---- Damaged files ----

#[test]
fn rejects_other_files() {
    assert_eq!(
        crate::capture::read(b"", None),
        Err(CaptureError::NotACapture)
    );
    assert_eq!(
        crate::capture::read(b"MQTT", None),
        Err(CaptureError::NotACapture)
    );
    let header = &raw_pcap(&[])[..20];
    assert_eq!(
        crate::capture::read(header, None),
        Err(CaptureError::BrokenHeader)
    );
    let header = &section(false, 1)[..20];
    assert_eq!(
        crate::capture::read(header, None),
        Err(CaptureError::BrokenHeader)
    );
}

#[test]
fn a_truncated_file_gives_what_precedes() {
    let file = raw_pcap(&[up(101, b"ab"), up(103, b"cd")]);
    let second = raw_pcap(&[up(101, b"ab")]).len();
    for length in second + 1..file.len() {
        let capture = crate::capture::read(&file[..length], None).unwrap();
        assert_eq!(capture.broken_at, Some(second));
        assert_eq!(segments(&capture.flows[0]), [">ab"]);
    }
    let file = [section(true, 101), enhanced(true, 0, 0, &up(101, b"ab"))].concat();
    let whole = file.len();
    let file = [file, enhanced(true, 0, 0, &up(103, b"cd"))].concat();
    for length in whole + 1..file.len() {
        let capture = crate::capture::read(&file[..length], None).unwrap();
        assert_eq!(capture.broken_at, Some(whole));
        assert_eq!(segments(&capture.flows[0]), [">ab"]);
    }
}

#[test]
fn stops_at_impossible_lengths() {
    let mut file = raw_pcap(&[up(101, b"ab")]);
    let end = file.len();
    file.extend([0xff; 40]);
    assert_eq!(
        crate::capture::read(&file, None).unwrap().broken_at,
        Some(end)
    );

    for length in [0_u32, 4, 8, 13, u32::MAX] {
        let start = section(false, 101);
        let bad = [6_u32.to_le_bytes(), length.to_le_bytes(), [0; 4], [0; 4]].concat();
        let file = [&start[..], &bad].concat();
        assert_eq!(
            crate::capture::read(&file, None).unwrap().broken_at,
            Some(start.len())
        );
    }
}

#[test]
fn no_single_byte_causes_a_panic() {
    let packets = with_handshake([up(101, b"ab"), up(105, b"cd"), down(501, b"ef")]);
    let ng: Vec<u8> = packets
        .iter()
        .flat_map(|packet| enhanced(false, 0, 1, packet))
        .collect();
    for file in [raw_pcap(&packets), [section(false, 101), ng].concat()] {
        for at in 0..file.len() {
            for byte in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] = byte;
                let _ = crate::capture::read(&damaged, None);
            }
        }
    }
}
