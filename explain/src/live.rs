//! A connection that is still open: bytes as they pass, cut into packets with verdicts.

use std::io;
use std::time::Duration;

use mqtt_wire::will::Ending;
use mqtt_wire::{FrameRef, Sender, Version};

use crate::decode_rules::DecodeRules;
use crate::event::{Event, LiveEvent, Record, Verdict};
use crate::fixed_header::{self, starts_with_connect};
use crate::other_protocol;
use crate::stream::{Stream, connect_version};
use crate::watch::{Beginning, Watch};
use crate::will::{Outcome, WillWatch};

/// A packet that is incomplete for this time without a new byte is reported as incomplete.
pub const STALL: Duration = Duration::from_secs(1);

/// The longest packet that is kept until it is complete.
const LONGEST: usize = 1 << 20;

/// The packets of one connection.
pub struct Live {
    /// The version that the user chose.
    wanted: Option<Version>,
    /// The version that CONNECT named.
    learnt: Option<Version>,
    rules: DecodeRules,
    watch: Watch,
    will: WillWatch,
    client: Side,
    server: Side,
}

/// The bytes of one side that are not decoded yet.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// How many bytes came before them.
    offset: usize,
    /// How many bytes the first packet needs to be complete.
    need: usize,
    /// How many of the next bytes belong to a packet that was reported already.
    skip: usize,
    /// The last packet was refused.
    after_error: bool,
    /// No more packets can be found.
    is_lost: bool,
    /// The time of the last bytes.
    last_bytes: Duration,
    /// The incomplete packet was reported.
    is_reported: bool,
}

/// Receives the events.
pub type Report<'r> = dyn FnMut(LiveEvent<'_>) -> io::Result<()> + 'r;

impl Live {
    pub fn new(wanted: Option<Version>, rules: DecodeRules) -> Self {
        Self {
            wanted,
            learnt: None,
            rules,
            watch: Watch::new(Beginning::Seen),
            will: WillWatch::default(),
            client: Side::default(),
            server: Side::default(),
        }
    }

    /// Adds bytes that passed.
    pub fn pass(
        &mut self,
        sender: Sender,
        time: Duration,
        bytes: &[u8],
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let side = self.side(sender);
        side.last_bytes = time;
        side.is_reported = false;
        let skip = side.skip.min(bytes.len());
        side.skip -= skip;
        side.offset += skip;
        let bytes = bytes.get(skip..).unwrap_or_default();
        if side.is_lost || bytes.is_empty() {
            return Ok(());
        }
        side.bytes.extend_from_slice(bytes);
        if side.bytes.len() < side.need {
            return Ok(());
        }
        self.decode(sender, time, Decode::Complete, report)
    }

    /// Skips bytes that were not seen. The next bytes begin with a packet.
    pub fn skip(&mut self, sender: Sender, bytes: u64, report: &mut Report<'_>) -> io::Result<()> {
        let side = self.side(sender);
        if side.is_lost {
            return Ok(());
        }
        let length = bytes + side.bytes.len() as u64;
        *side = Side {
            offset: side.offset + usize::try_from(length).unwrap_or_default(),
            ..Side::default()
        };
        self.watch = Watch::new(Beginning::Unseen);
        self.will.is_unsure |= sender == Sender::Client;
        report(LiveEvent::Skipped { sender, length })
    }

    /// Reports packets that have been incomplete for a while.
    pub fn report_stalled(&mut self, now: Duration, report: &mut Report<'_>) -> io::Result<()> {
        for sender in [Sender::Client, Sender::Server] {
            let side = self.side(sender);
            let is_stalled = now.saturating_sub(side.last_bytes) >= STALL;
            if is_stalled && !side.bytes.is_empty() && !side.is_reported {
                self.decode(sender, now, Decode::All, report)?;
                self.side(sender).is_reported = true;
            }
        }
        Ok(())
    }

    /// Ends one side. Returns whether it ended with a complete packet.
    pub fn end(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        if !self.side(sender).is_reported {
            self.decode(sender, time, Decode::All, report)?;
        }
        let side = self.side(sender);
        Ok(side.bytes.is_empty() && side.skip == 0)
    }

    /// The connection ends like this, unless a packet has ended it.
    pub fn close(&mut self, ending: Ending) {
        self.will.end(ending);
    }

    /// The fate of the Will of a connection that has ended.
    pub fn will(&mut self) -> Option<Outcome<'_>> {
        self.will.is_unsure |= self.client.is_lost;
        self.will.outcome(self.rules)
    }

    fn side(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    fn decode(
        &mut self,
        sender: Sender,
        time: Duration,
        which: Decode,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let (side, other) = match sender {
            Sender::Client => (&mut self.client, &mut self.server),
            Sender::Server => (&mut self.server, &mut self.client),
        };
        let mut bytes = std::mem::take(&mut side.bytes);
        if bytes.is_empty() {
            return Ok(());
        }
        let is_first = side.offset == 0;
        let is_connect = is_first && sender == Sender::Client && starts_with_connect(&bytes);
        if is_connect {
            self.learnt = connect_version(&bytes);
        }
        let version = match self.wanted {
            // a CONNECT names its version
            None if is_connect => None,
            None => self.learnt,
            wanted => wanted,
        };
        let stream = Stream::read(&bytes, version, Some(sender), self.rules);
        let is_valid = stream.records.first().is_some_and(Record::is_accepted);
        let other_protocol = other_protocol::detect(&bytes);
        if let Some(name) = other_protocol.filter(|_| is_first && !is_valid) {
            (side.is_lost, other.is_lost) = (true, true);
            return report(LiveEvent::OtherProtocol(name));
        }
        if side.after_error && FrameRef::split(&bytes, stream.dialect, u32::MAX).is_err() {
            side.is_lost = true;
            return report(LiveEvent::Lost(sender));
        }
        side.need = 0;
        let mut used = 0;
        for mut record in stream.records {
            let (start, len) = (record.offset, record.bytes.len());
            let is_refused = record.is_refused();
            let missing = missing(&record);
            let is_complete = match missing {
                Some(missing) => missing == 0,
                None => len >= fixed_header::MAX_LEN,
            };
            let is_too_long = missing.is_some_and(|missing| len + missing > LONGEST);
            if !is_complete && !is_too_long && which == Decode::Complete {
                side.need = len + missing.unwrap_or(1);
                break;
            }
            if !is_complete && is_too_long && !is_refused {
                report(LiveEvent::TooLong {
                    sender,
                    packet_type: record.packet_type(),
                    length: len + missing.unwrap_or_default(),
                })?;
                self.watch = Watch::new(Beginning::Unseen);
            } else {
                record.offset += side.offset;
                self.will.observe(&record, self.rules);
                let mut event = Event::Packet(record);
                if !other.is_lost {
                    let breaches = self.watch.observe(&event, Some(time));
                    if let Event::Packet(record) = &mut event {
                        record.breaches = breaches;
                    }
                }
                report(LiveEvent::Packet(&event))?;
                if !is_complete && !is_refused {
                    side.need = len + missing.unwrap_or(1);
                    break;
                }
            }
            used = start + len;
            side.after_error = is_refused;
            match missing {
                Some(missing) => side.skip = missing,
                None => side.is_lost = true,
            }
        }
        if stream.unread > 0 {
            side.is_lost = true;
            report(LiveEvent::Lost(sender))?;
        }
        side.offset += used;
        if used < bytes.len() && !side.is_lost {
            bytes.drain(..used);
            side.bytes = bytes;
        }
        Ok(())
    }
}

/// Which packets to decode.
#[derive(Clone, Copy, PartialEq)]
enum Decode {
    Complete,
    /// Also an incomplete one.
    All,
}

/// How many bytes of a packet are missing; `None` if its fixed header has no readable length.
fn missing(record: &Record<'_>) -> Option<usize> {
    match record.verdict {
        Verdict::Accept(_) => Some(0),
        Verdict::Incomplete(missing) => Some(missing),
        Verdict::Reject(_) => {
            let length = fixed_header::packet_len(record.bytes)?;
            Some(length.saturating_sub(record.bytes.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";

    /// The reported events, a line each.
    #[derive(Default)]
    struct Seen {
        lines: Vec<String>,
    }

    impl Seen {
        fn add(&mut self, event: &LiveEvent<'_>) -> io::Result<()> {
            self.lines.push(match event {
                LiveEvent::Packet(event) => {
                    let record = event.record().unwrap();
                    let offset = record.offset;
                    match record.verdict {
                        Verdict::Accept(packet) => format!("{offset}: {packet:?}"),
                        Verdict::Reject(error) => format!("{offset}: INVALID {error}"),
                        Verdict::Incomplete(missing) => {
                            format!("{offset}: INCOMPLETE {missing} missing")
                        }
                    }
                }
                LiveEvent::OtherProtocol(name) => format!("other protocol: {name}"),
                LiveEvent::Lost(_) => String::from("lost"),
                LiveEvent::TooLong { length, .. } => format!("too long: {length}"),
                LiveEvent::Skipped { length, .. } => format!("skipped: {length}"),
            });
            Ok(())
        }
    }

    /// The events of a client that sends these pieces and then closes the connection.
    fn watch<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut seen = Seen::default();
        let mut live = Live::new(None, DecodeRules::default());
        let time = Duration::ZERO;
        for piece in pieces {
            live.pass(Sender::Client, time, piece, &mut |it| seen.add(&it))
                .unwrap();
        }
        live.end(Sender::Client, time, &mut |it| seen.add(&it))
            .unwrap();
        seen.lines
    }

    #[test]
    fn reports_the_same_wherever_the_bytes_are_cut() {
        let wrong_flags = b"\x34\x0a\0\x03a/bhello\x36\x0a\0\x03a/bhello";
        let streams = [
            [CONNECT, b"\x30\x0a\0\x03a/bhello\xc0\0\xe0\0"].concat(),
            [CONNECT, wrong_flags, b"\xc0\0"].concat(),
            [CONNECT, b"\x40\x02\0\0", b"\0\0 and no more"].concat(),
            b"\x10\x0d\0\x04MQTT\x09\x02\0\x3c\0\x01c\xc0\0".to_vec(),
            [CONNECT, b"\x30\x0a\0"].concat(),
            [CONNECT, b"\x36"].concat(),
            [CONNECT, b"\x30\xff\xff\x7f and so on"].concat(),
            b"\xff\xff\xff\xff\xff".to_vec(),
        ];
        for stream in &streams {
            let whole = watch([&stream[..]]);
            assert!(!whole.is_empty());
            assert_eq!(watch(stream.chunks(1)), whole);
            for cut in 0..stream.len() {
                let (first, second) = stream.split_at(cut);
                assert_eq!(watch([first, second]), whole, "cut at {cut}");
            }
        }
    }

    #[test]
    fn reports_another_protocol_once() {
        let request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".repeat(9);
        let seen = watch(request.chunks(10));
        assert_eq!(seen.len(), 1);
        assert!(
            seen[0].starts_with("other protocol: an HTTP request"),
            "{seen:?}"
        );
        let noise = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c\xff\xff\xff\xff\xff".repeat(9);
        let seen = watch(noise.chunks(20));
        assert_eq!(seen.len(), 2, "{seen:?}");
    }

    #[test]
    fn keeps_no_long_packet() {
        let mut live = Live::new(None, DecodeRules::default());
        let mut seen = Seen::default();
        let mut pass = |live: &mut Live, bytes: &[u8]| {
            live.pass(Sender::Client, Duration::ZERO, bytes, &mut |it| {
                seen.add(&it)
            })
            .unwrap();
        };
        pass(&mut live, CONNECT);
        // a refused packet that is as long, and one that is kept
        for header in [
            b"\x30\x80\x80\x80\x01",
            b"\x36\x80\x80\x80\x01",
            b"\x30\xfb\xff\x3f\0",
        ] {
            pass(&mut live, header);
            let length = if header[4] == 0 { 0xf_fffa } else { 1 << 21 };
            for _ in 0..length {
                pass(&mut live, b"\0");
                assert!(live.client.bytes.len() <= LONGEST);
            }
        }
        assert_eq!(live.client.bytes.len(), 0);
        pass(&mut live, b"\xc0\0");
        assert_eq!(seen.lines.len(), 5, "{:?}", seen.lines);
        assert!(seen.lines[1].starts_with("too long: "), "{:?}", seen.lines);
        assert!(seen.lines[2].contains("INVALID"), "{:?}", seen.lines);
        assert!(seen.lines[4].ends_with("PingReq"), "{:?}", seen.lines);
    }

    #[test]
    fn reports_a_stalled_packet() {
        let mut live = Live::new(None, DecodeRules::default());
        let mut seen = Seen::default();
        let mut at = |live: &mut Live, seconds, bytes: &[u8]| {
            let time = Duration::from_secs(seconds);
            let mut report = |it: LiveEvent<'_>| seen.add(&it);
            live.pass(Sender::Client, time, bytes, &mut report).unwrap();
            live.report_stalled(time, &mut report).unwrap();
            live.report_stalled(time + STALL, &mut report).unwrap();
            live.report_stalled(time + STALL, &mut report).unwrap();
            std::mem::take(&mut seen.lines)
        };
        assert_eq!(at(&mut live, 0, CONNECT).len(), 1);
        let stalled = at(&mut live, 5, b"\x30\x0a\0\x03");
        assert_eq!(stalled.len(), 1);
        assert!(stalled[0].contains("INCOMPLETE"), "{stalled:?}");
        let whole = at(&mut live, 10, b"a/bhello");
        assert_eq!(whole.len(), 1);
        assert!(whole[0].contains("Publish"), "{whole:?}");
        // a refused packet is reported once; its last bytes are skipped
        let refused = at(&mut live, 15, b"\x36\x0a\0\x03");
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("INVALID"), "{refused:?}");
        assert_eq!(at(&mut live, 20, b"a/bhell").len(), 0);
        let next = at(&mut live, 25, b"o\xc0\0");
        assert_eq!(next.len(), 1);
        assert!(next[0].ends_with("PingReq"), "{next:?}");
    }

    #[test]
    fn continues_after_skipped_bytes() {
        let mut live = Live::new(None, DecodeRules::default());
        let mut seen = Seen::default();
        let time = Duration::ZERO;
        let mut report = |it: LiveEvent<'_>| seen.add(&it);
        let client = Sender::Client;
        live.pass(client, time, CONNECT, &mut report).unwrap();
        live.pass(client, time, b"\x30\x0a\0", &mut report).unwrap();
        live.skip(client, 100, &mut report).unwrap();
        live.pass(client, time, b"\xc0\0", &mut report).unwrap();
        assert_eq!(seen.lines[1], "skipped: 103");
        let ping = format!("{}: PingReq", CONNECT.len() + 103);
        assert_eq!(seen.lines[2], ping);
    }
}
