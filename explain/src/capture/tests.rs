//! Whole captures, made packet by packet.

use std::io::{self, Cursor, Read};
use std::net::SocketAddr;
use std::time::Duration;

use etherparse::PacketBuilder;

use super::error::CaptureError;
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

/// A connection with all of its segments.
struct Flow {
    ends: Ends,
    segments: Vec<(Segment<'static>, String)>,
    outcome: Option<Outcome>,
}

/// A capture that was read to its end.
struct Capture {
    flows: Vec<Flow>,
    packets: u64,
    skipped: Skipped,
    damage: Option<Damage>,
}

impl Observer for Vec<Flow> {
    fn segment(&mut self, ends: &Ends, segment: Segment<'_>) -> io::Result<Followed> {
        if self.iter().all(|it| it.ends.number != ends.number) {
            self.push(Flow {
                ends: *ends,
                segments: Vec::new(),
                outcome: None,
            });
        }
        let mut flows = self.iter_mut();
        let flow = flows.find(|it| it.ends.number == ends.number).unwrap();
        assert_eq!(flow.outcome, None);
        flow.ends = *ends;
        let arrow = if segment.sender == Peer::First {
            '>'
        } else {
            '<'
        };
        let text = match segment.content {
            Content::Bytes(bytes) => format!("{arrow}{}", String::from_utf8_lossy(bytes)),
            Content::Gap(length) => format!("{arrow}[{length} missing]"),
            Content::GapOrFin(length) => format!("{arrow}[{length} missing or FIN]"),
            other => format!("{arrow}[{other:?}]"),
        };
        let Segment {
            sender,
            packet,
            time,
            ..
        } = segment;
        let segment = Segment {
            sender,
            packet,
            time,
            content: Content::Fin,
        };
        flow.segments.push((segment, text));
        Ok(Followed::Yes { kept: 0 })
    }

    fn outcome(&mut self, ends: &Ends, outcome: Outcome) -> io::Result<()> {
        let mut flows = self.iter_mut();
        if let Some(flow) = flows.find(|it| it.ends.number == ends.number) {
            flow.outcome = Some(outcome);
        }
        Ok(())
    }
}

/// Reads a file that comes in pieces of this length.
fn read_pieces(file: &[u8], piece: usize, port: Option<u16>) -> Result<Capture, CaptureError> {
    struct Pieces<'a>(Cursor<&'a [u8]>, usize);
    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }
    let mut reader = PacketReader::new(Pieces(Cursor::new(file), piece));
    let mut connections = Connections::new(port, &[1883]);
    let mut flows = Vec::new();
    loop {
        match reader.next()? {
            Next::Packet(packet) => connections.packet(&packet, &mut flows).unwrap(),
            Next::Malformed => connections.malformed(),
            Next::NeedsInput => reader.fill().unwrap(),
            Next::End => break,
        }
    }
    connections.finish(&mut flows).unwrap();
    Ok(Capture {
        packets: connections.packets(),
        skipped: connections.skipped().clone(),
        damage: reader.damage(),
        flows,
    })
}

fn read_file(file: &[u8]) -> Result<Capture, CaptureError> {
    read_pieces(file, usize::MAX, None)
}

/// Packets that were captured at the same time.
fn at_once(packets: &[Vec<u8>]) -> Flow {
    let file = write_pcap(pcap_parser::Linktype::RAW, packets);
    let mut capture = read_file(&file).unwrap();
    assert_eq!(capture.flows.len(), 1);
    capture.flows.remove(0)
}

fn read(packets: &[Vec<u8>]) -> Capture {
    read_file(&raw_pcap(packets)).unwrap()
}

/// A capture that is not at its end. Packet `n` is captured `n` seconds after 1970.
fn follow(packets: &[Vec<u8>]) -> (Connections, Vec<Flow>) {
    let mut connections = Connections::new(None, &[1883]);
    let mut flows = Vec::new();
    for (bytes, second) in packets.iter().zip(1..) {
        let raw = raw::RawPacket {
            link: pcap_parser::Linktype::RAW,
            time: Duration::from_secs(second),
            cut: 0,
            bytes,
        };
        connections.packet(&raw, &mut flows).unwrap();
    }
    (connections, flows)
}

/// The segments of a flow, in short.
fn segments(flow: &Flow) -> Vec<&str> {
    let segments = flow.segments.iter();
    segments.map(|(_, text)| text.as_str()).collect()
}

fn only_flow(packets: &[Vec<u8>]) -> Flow {
    let mut capture = read(packets);
    assert_eq!(capture.flows.len(), 1);
    assert_eq!(capture.damage, None);
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
    assert_eq!(flow.ends.first, SocketAddr::from(CLIENT));
    assert_eq!(flow.ends.second, SocketAddr::from(BROKER));
    assert_eq!(flow.ends.opener, Some(Peer::First));
    assert!(flow.ends.from_start);
    assert_eq!(
        segments(&flow),
        [">connect", "<connack", ">bye", ">[Fin]", "<[Reset]"]
    );
    assert_eq!(flow.segments[1].0.packet, 5);
    assert_eq!(flow.segments[1].0.time, Duration::new(5, 5_000));
    assert_eq!(flow.outcome, Some(Outcome::Ended));
}

/// The acknowledgements after a FIN count its sequence number.
#[test]
fn a_fin_is_no_byte() {
    let flow = only_flow(&with_handshake([
        up(101, b"bye"),
        ip_packet(CLIENT, BROKER, 104, "FA", 501, b""),
        ip_packet(BROKER, CLIENT, 501, "A", 105, b""),
        ip_packet(BROKER, CLIENT, 501, "FA", 105, b"last"),
        ip_packet(CLIENT, BROKER, 105, "A", 506, b""),
    ]));
    assert_eq!(segments(&flow), [">bye", ">[Fin]", "<last", "<[Fin]"]);
    assert_eq!(flow.outcome, Some(Outcome::Ended));
    // even if the acknowledgement was captured first
    let packets = with_handshake([
        up(101, b"bye"),
        ip_packet(BROKER, CLIENT, 501, "A", 105, b""),
        ip_packet(CLIENT, BROKER, 104, "FA", 501, b""),
        ip_packet(BROKER, CLIENT, 501, "A", 105, b"last"),
    ]);
    assert_eq!(segments(&at_once(&packets)), [">bye", ">[Fin]", "<last"]);
    assert_eq!(
        segments(&only_flow(&packets)),
        [">bye", ">[1 missing or FIN]", ">[Fin]", "<last"]
    );
    // a FIN that was not captured may have been a byte
    let flow = only_flow(&with_handshake([
        up(101, b"bye"),
        ip_packet(BROKER, CLIENT, 501, "FA", 105, b""),
    ]));
    assert_eq!(segments(&flow), [">bye", ">[1 missing or FIN]", "<[Fin]"]);
}

#[test]
fn a_fin_waits_for_the_bytes_before_it() {
    let fin = |seq| ip_packet(CLIENT, BROKER, seq, "FA", 501, b"");
    let close = ip_packet(BROKER, CLIENT, 501, "FA", 106, b"");
    // they come later
    let late = with_handshake([up(101, b"ab"), fin(105), up(103, b"cd"), close.clone()]);
    let flow = only_flow(&late);
    assert_eq!(segments(&flow), [">ab", ">cd", ">[Fin]", "<[Fin]"]);
    // they never come
    let lost = with_handshake([up(101, b"ab"), fin(105), close.clone()]);
    let flow = only_flow(&lost);
    assert_eq!(segments(&flow), [">ab", ">[2 missing]", ">[Fin]", "<[Fin]"]);
    assert_eq!(flow.outcome, Some(Outcome::Ended));
    // the FIN itself comes after they were given up, or not at all
    let mut packets = with_handshake([up(101, b"ab"), close]);
    let flow = only_flow(&packets);
    assert_eq!(segments(&flow), [">ab", ">[3 missing or FIN]", "<[Fin]"]);
    assert_eq!(flow.outcome, Some(Outcome::CaptureEnds));
    packets.push(up(101, b"ab"));
    packets.push(fin(105));
    let flow = only_flow(&packets);
    assert_eq!(
        segments(&flow),
        [">ab", ">[3 missing or FIN]", "<[Fin]", ">[Fin]"]
    );
    assert_eq!(flow.outcome, Some(Outcome::Ended));
}

#[test]
fn nothing_follows_a_fin() {
    let flow = only_flow(&with_handshake([
        up(101, b"ab"),
        ip_packet(CLIENT, BROKER, 103, "FA", 501, b""),
        up(110, b"damaged"),
        ip_packet(BROKER, CLIENT, 501, "A", 130, b"answer"),
    ]));
    assert_eq!(segments(&flow), [">ab", ">[Fin]", "<answer"]);
}

#[test]
fn a_late_fin_does_not_hold_up_the_other_end() {
    let down = |seq, data: &[u8]| ip_packet(BROKER, CLIENT, seq, "A", 105, data);
    let (_, flows) = follow(&with_handshake([
        up(101, b"bye"),
        down(505, b"late"),
        ip_packet(CLIENT, BROKER, 104, "FA", 501, b""),
        down(501, b"news"),
    ]));
    assert_eq!(
        segments(&flows[0]),
        [">bye", ">[1 missing or FIN]", ">[Fin]", "<news", "<late"]
    );
}

#[test]
fn bytes_that_never_come_do_not_fill_the_memory() {
    let down = |seq, ack, data: &[u8]| ip_packet(BROKER, CLIENT, seq, "A", ack, data);
    // "x" waits for bytes of the client up to 110; then the client begins anew, at 101
    let mut packets = vec![down(501, 110, b"a"), down(503, 110, b"x"), up(101, b"hi")];
    packets.push(down(502, 103, b"b"));
    packets.extend((504..4000).map(|seq| down(seq, 103, b"y")));
    let (connections, flows) = follow(&packets);
    assert!(connections.kept() < MAX_WAITING * 200);
    let delivered = segments(&flows[0]);
    assert_eq!(delivered[..4], [">a", "<hi", ">b", ">x"]);
    assert!(delivered.len() > 2000);
}

#[test]
fn an_acknowledgement_proves_a_gap() {
    let acknowledge = |seq, ack, data: &[u8]| ip_packet(BROKER, CLIENT, seq, "A", ack, data);
    let flow = only_flow(&with_handshake([
        up(101, b"ab"),
        acknowledge(501, 105, b"both"),
        up(105, b"ef"),
    ]));
    let gap = ">[2 missing or FIN]";
    assert_eq!(segments(&flow), [">ab", gap, "<both", ">ef"]);
    assert_eq!(flow.segments[1].0.packet, 5);
    // without data, it is known when the next packets are there
    let flow = only_flow(&with_handshake([
        up(101, b"ab"),
        acknowledge(501, 105, b""),
    ]));
    assert_eq!(segments(&flow), [">ab", gap]);
    // a packet that was captured a little late is not missing
    let mut packets = with_handshake([acknowledge(501, 105, b"both"), up(101, b"ab")]);
    packets.push(up(103, b"cd"));
    assert_eq!(segments(&at_once(&packets)), [">ab", ">cd", "<both"]);
    // but one that comes a second later comes too late
    let flow = only_flow(&packets);
    assert_eq!(segments(&flow), [">[4 missing or FIN]", "<both"]);
}

#[test]
fn a_retransmission_of_bytes_that_were_not_captured_fills_their_place() {
    let flow = at_once(&with_handshake([
        ip_packet(BROKER, CLIENT, 501, "A", 103, b"answer"),
        ip_packet(CLIENT, BROKER, 101, "A", 507, b"ab"),
        up(103, b"cd"),
    ]));
    assert_eq!(segments(&flow), [">ab", "<answer", ">cd"]);
}

#[test]
fn a_retransmission_with_other_bytes_is_reported() {
    let flow = only_flow(&with_handshake([
        up(101, b"abcd"),
        up(101, b"abXd"),
        up(103, b"cdef"),
        // the probe of a keep-alive may have any byte
        up(106, b"?"),
        up(106, b"Xg"),
    ]));
    assert_eq!(
        segments(&flow),
        [">abcd", ">[Changed]", ">ef", ">[Changed]", ">g"]
    );
}

#[test]
fn reads_both_byte_orders_and_time_units() {
    let packets = with_handshake([up(101, b"x")]);
    for (magic, nanoseconds) in [(MICROSECONDS_LE, 5_000), (0xa1b2_3c4d, 5)] {
        for big_endian in [false, true] {
            let file = pcap(101, big_endian, magic, &packets);
            assert!(is_capture(&file));
            let capture = read_file(&file).unwrap();
            assert_eq!(segments(&capture.flows[0]), [">x"]);
            assert_eq!(
                capture.flows[0].segments[0].0.time,
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
    assert_eq!(flow.segments[2].0.packet, 4);
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
    let up = |seq, data: &[u8]| ip_packet(CLIENT, BROKER, seq, "A", 0, data);
    let flow = only_flow(&[
        ip_packet(CLIENT, BROKER, start.wrapping_sub(1), "S", 0, b""),
        ip_packet(BROKER, CLIENT, u32::MAX, "SA", start, b""),
        up(start.wrapping_add(6), b"gh"),
        up(start, b"abcdef"),
        up(start, b"abc"),
        ip_packet(BROKER, CLIENT, 0, "A", start.wrapping_add(8), b"zero"),
    ]);
    assert_eq!(segments(&flow), [">abcdef", ">gh", "<zero"]);
    assert!(flow.ends.from_start);
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
            // it does not acknowledge what is missing, so that may still come
            "<reply",
            ">[2 missing]",
            ">ef",
            ">[3 missing]",
            ">kl",
            ">[8 missing]",
            ">[Fin]",
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
fn a_late_capture_has_no_beginning() {
    let flow = only_flow(&[down(501, b"news"), up(101, b"ack")]);
    assert_eq!(flow.ends.first, SocketAddr::from(BROKER));
    assert_eq!(flow.ends.opener, None);
    assert_eq!(segments(&flow), [">news", "<ack"]);
    assert!(!flow.ends.from_start);
    assert_eq!(flow.outcome, Some(Outcome::CaptureEnds));
    // The accepting side is the server, even without the opening SYN.
    let flow = only_flow(&[
        ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
        up(101, b"hi"),
    ]);
    assert_eq!(flow.ends.opener, Some(Peer::Second));
    assert_eq!(segments(&flow), ["<hi"]);
    // The first acknowledgement shows where the other direction begins.
    let flow = only_flow(&[down(501, b"news"), up(105, b"later")]);
    assert_eq!(segments(&flow), [">news", "<[4 missing]", "<later"]);
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
        ip_packet(CLIENT, BROKER, 9001, "A", 71, b"two"),
        ip_packet(BROKER, CLIENT, 71, "A", 9004, b"answer"),
    ]));
    assert_eq!(capture.flows.len(), 2);
    assert_eq!(segments(&capture.flows[0]), [">one"]);
    assert_eq!(segments(&capture.flows[1]), [">two", "<answer"]);
    assert!(capture.flows[1].ends.from_start);
}

#[test]
fn a_new_connection_after_one_without_its_beginning() {
    let capture = read(&[
        ip_packet(BROKER, CLIENT, 1000, "A", 77, b"old"),
        ip_packet(CLIENT, BROKER, 100, "S", 0, b""),
        ip_packet(BROKER, CLIENT, 500, "SA", 101, b""),
        up(101, b"new"),
    ]);
    assert_eq!(capture.flows.len(), 2);
    assert_eq!(segments(&capture.flows[0]), [">old"]);
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

    let capture = read_pieces(&raw_pcap(&packets), usize::MAX, Some(1883)).unwrap();
    assert_eq!(capture.flows.len(), 1);
    assert_eq!(capture.skipped.other_port, 1);
}

#[test]
fn a_reset_is_recorded() {
    let flow = only_flow(&[up(1, b"x"), ip_packet(BROKER, CLIENT, 501, "R", 0, b"")]);
    assert_eq!(segments(&flow), [">x", "<[Reset]"]);
    assert_eq!(flow.outcome, Some(Outcome::Ended));
    // receivers ignore one from outside of the window
    let flow = only_flow(&with_handshake([
        up(101, b"ab"),
        ip_packet(CLIENT, BROKER, 50, "R", 0, b""),
        up(103, b"cd"),
    ]));
    assert_eq!(segments(&flow), [">ab", ">cd"]);
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
        (9, with(&[0xff, 3, 0, 0x21])),
        (9, with(&[0, 0x21])),
        (50, with(&[0x21])),
        (113, with(&cooked)),
        (276, with(&cooked2)),
        (0xf000_0001, with(&ethernet)),
    ] {
        let file = pcap(link, false, MICROSECONDS_LE, &[bytes]);
        let capture = read_file(&file).unwrap();
        assert_eq!(capture.flows.len(), 1, "link {link}: {:?}", capture.skipped);
        assert_eq!(segments(&capture.flows[0]), [">data"]);
    }
}

#[test]
fn ethernet_padding_is_not_data() {
    let padded = [&[2; 12][..], &[8, 0], &up(101, b"xy"), &[0; 4]].concat();
    let capture = read_file(&pcap(1, false, MICROSECONDS_LE, &[padded])).unwrap();
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
    assert!(flow.ends.first.is_ipv6());
    assert_eq!(segments(&flow), [">six"]);
}

#[test]
fn counts_skipped_packets() {
    let udp = |port| {
        let mut udp = Vec::new();
        PacketBuilder::ipv4([1; 4], [2; 4], 64)
            .udp(1, port)
            .write(&mut udp, b"x")
            .unwrap();
        udp
    };
    let mut fragment = up(101, b"x");
    fragment[6] = 0x20;
    let short = up(101, b"x")[..30].to_vec();
    let capture = read(&[udp(2), udp(1883), fragment, short, vec![], up(101, b"x")]);
    assert_eq!(capture.packets, 6);
    assert_eq!(capture.flows.len(), 1);
    let skipped = Skipped {
        other_protocol: 1,
        udp: 1,
        fragments: 1,
        malformed: 2,
        ..Skipped::default()
    };
    assert_eq!(capture.skipped, skipped);

    let capture = read_file(&pcap(147, false, MICROSECONDS_LE, &[up(1, b"x")])).unwrap();
    assert_eq!(capture.skipped.unknown_link.get(&147), Some(&1));
}

/// The fragments of an IPv4 packet; all lengths but the last one are multiples of 8.
fn fragments(packet: &[u8], lengths: &[usize]) -> Vec<Vec<u8>> {
    let (header, mut payload) = packet.split_at(20);
    let mut offset = 0;
    let mut fragments = Vec::new();
    while !payload.is_empty() {
        let length = lengths.get(fragments.len()).copied();
        let length = length.unwrap_or(payload.len()).min(payload.len());
        let (part, rest) = payload.split_at(length);
        let mut fragment = [header, part].concat();
        let total = fragment.len() as u16;
        fragment[2..4].copy_from_slice(&total.to_be_bytes());
        let more = if rest.is_empty() { 0 } else { 0x2000 };
        let place = more | (offset / 8) as u16;
        fragment[6..8].copy_from_slice(&place.to_be_bytes());
        fragments.push(fragment);
        offset += length;
        payload = rest;
    }
    fragments
}

#[test]
fn puts_fragments_together() {
    let packet = up(101, b"0123456789abcdef0123456789");
    let parts = fragments(&packet, &[24, 8]);
    assert_eq!(parts.len(), 3);
    let whole = [">0123456789abcdef0123456789"];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let mut packets = handshake();
        packets.extend(order.map(|part| parts[part].clone()));
        // and each once more
        packets.extend(parts.clone());
        let capture = read(&packets);
        assert_eq!(segments(&capture.flows[0]), whole);
        assert_eq!(capture.skipped.fragments, 0);
    }
    // one is missing: the bytes are a gap, and the others are counted
    let lost = with_handshake([
        parts[0].clone(),
        parts[2].clone(),
        ip_packet(BROKER, CLIENT, 501, "A", 127, b"ok"),
    ]);
    let capture = read(&lost);
    assert_eq!(segments(&capture.flows[0]), [">[26 missing or FIN]", "<ok"]);
    assert_eq!(capture.skipped.fragments, 2);
}

#[test]
fn puts_fragments_of_ipv6_together() {
    let mut packet = Vec::new();
    PacketBuilder::ipv6([1; 16], [2; 16], 64)
        .tcp(40_000, 1883, 7, 1000)
        .write(&mut packet, b"0123456789")
        .unwrap();
    let (header, payload) = packet.split_at(40);
    let fragment = |offset: u16, more: u16, part: &[u8]| {
        let place = (offset | more).to_be_bytes();
        let mut fragment = [header, &[6, 0], &place, &[0, 0, 0, 9], part].concat();
        let length = (fragment.len() - 40) as u16;
        fragment[4..6].copy_from_slice(&length.to_be_bytes());
        fragment[6] = 44;
        fragment
    };
    let (first, second) = payload.split_at(24);
    let packets = [fragment(24, 0, second), fragment(0, 1, first)];
    assert_eq!(segments(&only_flow(&packets)), [">0123456789"]);
}

#[test]
fn forgets_old_fragments_and_limits_their_number() {
    let mut packets = Vec::new();
    for id in 0..1000_u16 {
        let mut part = fragments(&up(101, b"0123456789"), &[24]).remove(0);
        part[4..6].copy_from_slice(&id.to_be_bytes());
        packets.push(part);
    }
    assert_eq!(read(&packets).skipped.fragments, 1000);
}

#[test]
fn reads_vxlan() {
    let inner = [&[2; 12][..], &[8, 0], &up(101, b"inside")].concat();
    let vxlan = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner].concat();
    let mut outer = Vec::new();
    PacketBuilder::ipv4([1; 4], [2; 4], 64)
        .udp(5000, 4789)
        .write(&mut outer, &vxlan)
        .unwrap();
    assert_eq!(segments(&only_flow(&[outer])), [">inside"]);
}

#[test]
fn reads_wifi() {
    let snap = [&[0xaa, 0xaa, 3, 0, 0, 0, 8, 0][..], &up(101, b"air")].concat();
    let frame = |kind: u8, flags: u8, more: &[u8]| {
        [&[kind, flags, 0, 0][..], &[2; 20], more, &snap].concat()
    };
    let plain = frame(0x08, 1, b"");
    let qos = frame(0x88, 1, b"\0\0");
    let radiotap = |header: &[u8], frame: &[u8]| {
        let length = (header.len() as u8 + 4).to_le_bytes();
        [&[0, 0, length[0], 0][..], header, frame].concat()
    };
    let padded = frame(0x88, 1, b"\0\0\0\0");
    let frames = [
        (105, plain.clone()),
        (105, qos.clone()),
        // with a relay's fourth address, and with HT Control
        (105, frame(0x08, 3, &[2; 6])),
        (105, frame(0x88, 0x81, &[0; 6])),
        (127, radiotap(&[0; 4], &plain)),
        // with a timer and flags that announce padding
        (
            127,
            radiotap(&[&[3, 0, 0, 0][..], &[0; 8], &[0x20]].concat(), &padded),
        ),
        // with two words of bits, and flags
        (
            127,
            radiotap(&[&[2, 0, 0, 0x80][..], &[0; 4], &[0]].concat(), &qos),
        ),
    ];
    for (link, bytes) in frames {
        let capture = read_file(&pcap(link, false, MICROSECONDS_LE, &[bytes])).unwrap();
        assert_eq!(capture.flows.len(), 1, "{:?}", capture.skipped);
        assert_eq!(segments(&capture.flows[0]), [">air"]);
    }
    let others = [
        frame(0x08, 0x41, b""),
        frame(0x80, 0, b""),
        frame(0x48, 1, b""),
        frame(0x88, 1, b"\x80\0"),
        plain[..20].to_vec(),
    ];
    let capture = read_file(&pcap(105, false, MICROSECONDS_LE, &others)).unwrap();
    assert_eq!(capture.flows.len(), 0);
    let skipped = Skipped {
        encrypted: 1,
        other_protocol: 3,
        malformed: 1,
        ..Skipped::default()
    };
    assert_eq!(capture.skipped, skipped);
}

#[test]
fn memory_is_limited() {
    let open = |number: u32| {
        let port = (number % 60_000) as u16;
        let host = ([10, 1, (number / 60_000) as u8, 1], port);
        ip_packet(host, BROKER, 1, "S", 0, b"")
    };
    let mut connections = Connections::new(None, &[1883]);
    let mut flows: Vec<Flow> = Vec::new();
    for number in 0..100_000 {
        let raw = raw::RawPacket {
            link: pcap_parser::Linktype::RAW,
            time: Duration::ZERO,
            cut: 0,
            bytes: &open(number),
        };
        connections.packet(&raw, &mut flows).unwrap();
        assert!(connections.kept() <= 41 << 20);
    }
    assert!(flows.is_empty());
}

#[test]
fn reads_pieces_of_any_length() {
    let packets = with_handshake([up(101, b"ab"), down(501, b"ef")]);
    let ng: Vec<u8> = packets
        .iter()
        .flat_map(|packet| enhanced(false, 0, 1, packet))
        .collect();
    for file in [raw_pcap(&packets), [section(false, 101), ng].concat()] {
        for piece in [1, 2, 7, 50] {
            let capture = read_pieces(&file, piece, None).unwrap();
            assert_eq!(segments(&capture.flows[0]), [">ab", "<ef"]);
            assert_eq!(capture.damage, None);
        }
    }
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
    let capture = read_file(&file).unwrap();
    assert_eq!(capture.damage, None);
    assert_eq!(segments(&capture.flows[0]), [">ab", ">cde"]);
    for (segment, _) in &capture.flows[0].segments {
        assert_eq!(segment.time, Duration::new(105, 7));
    }
}

#[test]
fn pcapng_simple_packets() {
    let packet = up(101, b"x");
    let body = [&(packet.len() as u32).to_le_bytes()[..], &packet].concat();
    let file = [section(false, 101), block(false, 3, &body)].concat();
    let capture = read_file(&file).unwrap();
    assert_eq!(segments(&capture.flows[0]), [">x"]);
    assert_eq!(capture.flows[0].segments[0].0.time, Duration::ZERO);
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
    let capture = read_file(&file).unwrap();
    assert_eq!(capture.skipped.malformed, 2);
    assert_eq!(segments(&capture.flows[0]), [">y"]);
}

// ---- Damaged files ----

#[test]
fn rejects_other_files() {
    assert!(matches!(read_file(b""), Err(CaptureError::NotACapture)));
    assert!(matches!(read_file(b"MQTT"), Err(CaptureError::NotACapture)));
    let header = &raw_pcap(&[])[..20];
    assert!(matches!(read_file(header), Err(CaptureError::BrokenHeader)));
    let header = &section(false, 1)[..20];
    assert!(matches!(read_file(header), Err(CaptureError::BrokenHeader)));
}

fn damage(record: u64, offset: usize, is_cut: bool) -> Option<Damage> {
    Some(Damage {
        record,
        offset: offset as u64,
        is_cut,
    })
}

#[test]
fn a_truncated_file_gives_what_precedes() {
    let file = raw_pcap(&[up(101, b"ab"), up(103, b"cd")]);
    let second = raw_pcap(&[up(101, b"ab")]).len();
    for length in second + 1..file.len() {
        let capture = read_file(&file[..length]).unwrap();
        assert_eq!(capture.damage, damage(2, second, true));
        assert_eq!(segments(&capture.flows[0]), [">ab"]);
    }
    let file = [section(true, 101), enhanced(true, 0, 0, &up(101, b"ab"))].concat();
    let whole = file.len();
    let file = [file, enhanced(true, 0, 0, &up(103, b"cd"))].concat();
    for length in whole + 1..file.len() {
        let capture = read_file(&file[..length]).unwrap();
        assert_eq!(capture.damage, damage(4, whole, true));
        assert_eq!(segments(&capture.flows[0]), [">ab"]);
    }
}

#[test]
fn stops_at_impossible_lengths() {
    let mut file = raw_pcap(&[up(101, b"ab")]);
    let end = file.len();
    file.extend([0xff; 40]);
    assert_eq!(read_file(&file).unwrap().damage, damage(2, end, false));

    for length in [0_u32, 4, 8, 13, u32::MAX] {
        let start = section(false, 101);
        let bad = [6_u32.to_le_bytes(), length.to_le_bytes(), [0; 4], [0; 4]].concat();
        let file = [&start[..], &bad].concat();
        assert_eq!(
            read_file(&file).unwrap().damage,
            damage(3, start.len(), false)
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
                let _ = read_file(&damaged);
            }
        }
    }
}
