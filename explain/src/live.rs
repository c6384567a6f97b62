//! A connection while it is open: bytes as they pass, cut into packets that are judged.

use std::io;
use std::time::Duration;

use mqtt_wire::{Ending, FrameRef, PacketType, Sender, Version};

use crate::conversation::Event;
use crate::hint;
use crate::order::Watch;
use crate::stream::{
    Record, Stream, Verdict, remaining_length, sniff_version, starts_with_connect,
};
use crate::terms::Terms;
use crate::will::{Outcome, WillWatch};

/// After so long without a byte, a packet that is not whole is told.
pub const STALL: Duration = Duration::from_secs(1);

/// The longest packet that is kept until it is whole.
const LONGEST: usize = 1 << 20;

/// The longest fixed header.
const LONGEST_HEADER: usize = 5;

/// The packets of one connection.
pub struct Live {
    /// The version that the user wants.
    wanted: Option<Version>,
    /// The version that CONNECT named.
    learnt: Option<Version>,
    terms: Terms,
    watch: Watch,
    will: WillWatch,
    client: Side,
    server: Side,
}

/// The bytes of one side that are yet to be looked at.
#[derive(Default)]
struct Side {
    bytes: Vec<u8>,
    /// How many bytes came before them.
    offset: usize,
    /// So many of them there have to be for a packet to be whole.
    need: usize,
    /// How many bytes that are yet to come belong to a packet that was told.
    skip: usize,
    /// The last packet was refused.
    after_error: bool,
    /// No packet will be found any more.
    is_lost: bool,
    /// When bytes came last.
    heard: Duration,
    /// The packet that is not whole was told.
    is_told: bool,
}

/// What is seen on a connection.
pub enum Sight<'a> {
    /// A packet.
    Packet(&'a Event<'a>),
    /// Another protocol, on both sides.
    Foreign(&'static str),
    /// No packet begins here; nothing further of this side will be seen.
    Lost(Sender),
    /// A packet that is not looked at, and its length.
    TooLong(Sender, Option<PacketType>, usize),
    /// So many bytes passed unseen.
    Unseen(Sender, u64),
}

/// Takes what is seen.
pub type Report<'r> = dyn FnMut(Sight<'_>) -> io::Result<()> + 'r;

impl Live {
    pub fn new(wanted: Option<Version>, terms: Terms) -> Self {
        Self {
            wanted,
            learnt: None,
            terms,
            watch: Watch::new(false),
            will: WillWatch::default(),
            client: Side::default(),
            server: Side::default(),
        }
    }

    /// Looks at bytes that passed.
    pub fn pass(
        &mut self,
        sender: Sender,
        time: Duration,
        bytes: &[u8],
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let side = self.side(sender);
        side.heard = time;
        side.is_told = false;
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
        self.look(sender, time, Ripe::Whole, report)
    }

    /// So many bytes passed that will not be seen; what follows begins with a packet.
    pub fn miss(&mut self, sender: Sender, bytes: u64, report: &mut Report<'_>) -> io::Result<()> {
        let side = self.side(sender);
        if side.is_lost {
            return Ok(());
        }
        let unseen = bytes + side.bytes.len() as u64;
        *side = Side {
            offset: side.offset + usize::try_from(unseen).unwrap_or_default(),
            ..Side::default()
        };
        self.watch = Watch::new(true);
        self.will.is_unsure |= sender == Sender::Client;
        report(Sight::Unseen(sender, unseen))
    }

    /// Tells of packets that have not been whole for a while.
    pub fn wait(&mut self, now: Duration, report: &mut Report<'_>) -> io::Result<()> {
        for sender in [Sender::Client, Sender::Server] {
            let side = self.side(sender);
            let is_stalled = now.saturating_sub(side.heard) >= STALL;
            if is_stalled && !side.bytes.is_empty() && !side.is_told {
                self.look(sender, now, Ripe::All, report)?;
                self.side(sender).is_told = true;
            }
        }
        Ok(())
    }

    /// Nothing more will come from a side; the answer is whether it ends with a whole packet.
    pub fn end(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        if !self.side(sender).is_told {
            self.look(sender, time, Ripe::All, report)?;
        }
        let side = self.side(sender);
        Ok(side.bytes.is_empty() && side.skip == 0)
    }

    /// The connection ends in this way, unless a packet has ended it.
    pub fn close(&mut self, ending: Ending) {
        self.will.end(ending);
    }

    /// What becomes of the Will of a connection that has ended.
    pub fn will(&mut self) -> Option<Outcome<'_>> {
        self.will.is_unsure |= self.client.is_lost;
        self.will.outcome(self.terms)
    }

    fn side(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    fn look(
        &mut self,
        sender: Sender,
        time: Duration,
        ripe: Ripe,
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
            self.learnt = sniff_version(&bytes);
        }
        let version = match self.wanted {
            // a CONNECT is to be read as what it says it is
            None if is_connect => None,
            None => self.learnt,
            wanted => wanted,
        };
        let stream = Stream::read(&bytes, version, Some(sender), self.terms);
        let is_valid = stream.records.first().is_some_and(Record::is_accepted);
        if let Some(what) = hint::foreign(&bytes).filter(|_| is_first && !is_valid) {
            (side.is_lost, other.is_lost) = (true, true);
            return report(Sight::Foreign(what));
        }
        if side.after_error && FrameRef::split(&bytes, stream.dialect, u32::MAX).is_err() {
            side.is_lost = true;
            return report(Sight::Lost(sender));
        }
        side.need = 0;
        let mut used = 0;
        for mut record in stream.records {
            let (start, len) = (record.offset, record.bytes.len());
            let is_refused = record.is_refused();
            let missing = missing(&record);
            let is_whole = match missing {
                Some(missing) => missing == 0,
                None => len >= LONGEST_HEADER,
            };
            let is_too_long = missing.is_some_and(|missing| len + missing > LONGEST);
            if !is_whole && !is_too_long && ripe == Ripe::Whole {
                side.need = len + missing.unwrap_or(1);
                break;
            }
            if !is_whole && is_too_long && !is_refused {
                let len = len + missing.unwrap_or_default();
                report(Sight::TooLong(sender, record.packet_type(), len))?;
                self.watch = Watch::new(true);
            } else {
                record.offset += side.offset;
                self.will.observe(&record, self.terms);
                let mut event = Event::Packet(record);
                if !other.is_lost {
                    let breaches = self.watch.observe(&event, Some(time));
                    if let Event::Packet(record) = &mut event {
                        record.breaches = breaches;
                    }
                }
                report(Sight::Packet(&event))?;
                if !is_whole && !is_refused {
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
            report(Sight::Lost(sender))?;
        }
        side.offset += used;
        if used < bytes.len() && !side.is_lost {
            bytes.drain(..used);
            side.bytes = bytes;
        }
        Ok(())
    }
}

/// Which packets to look at.
#[derive(Clone, Copy, PartialEq)]
enum Ripe {
    Whole,
    /// Also one that is not whole.
    All,
}

/// How many bytes of a packet are missing; `None` if its fixed header does not tell.
fn missing(record: &Record<'_>) -> Option<usize> {
    match record.verdict {
        Verdict::Accept(_) => Some(0),
        Verdict::Incomplete(missing) => Some(missing),
        Verdict::Reject(_) => {
            let (length, of_length) = remaining_length(record.bytes)?;
            Some((1 + of_length + length).saturating_sub(record.bytes.len()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{self, View};

    const CONNECT: &[u8] = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c";

    /// What is seen, a line each.
    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Seen {
        fn add(&mut self, sight: &Sight<'_>) -> io::Result<()> {
            self.0.push(match sight {
                Sight::Packet(event) => {
                    let mut out = Vec::new();
                    report::event(&mut out, event, false, View::default())?;
                    let text = String::from_utf8_lossy(&out);
                    let line = text.lines().next().unwrap_or_default();
                    anstream::adapter::strip_str(line).to_string()
                }
                Sight::Foreign(what) => format!("foreign: {what}"),
                Sight::Lost(_) => String::from("lost"),
                Sight::TooLong(_, _, length) => format!("too long: {length}"),
                Sight::Unseen(_, length) => format!("unseen: {length}"),
            });
            Ok(())
        }
    }

    /// What is seen of a client that sends these pieces, and is then gone.
    fn watch<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut seen = Seen::default();
        let mut live = Live::new(None, Terms::default());
        let time = Duration::ZERO;
        for piece in pieces {
            live.pass(Sender::Client, time, piece, &mut |it| seen.add(&it))
                .unwrap();
        }
        live.end(Sender::Client, time, &mut |it| seen.add(&it))
            .unwrap();
        seen.0
    }

    #[test]
    fn sees_the_same_wherever_the_bytes_are_cut() {
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
    fn reports_what_is_not_mqtt_once() {
        let request = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n".repeat(9);
        let seen = watch(request.chunks(10));
        assert_eq!(seen.len(), 1);
        assert!(seen[0].starts_with("foreign: an HTTP request"), "{seen:?}");
        let noise = b"\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01c\xff\xff\xff\xff\xff".repeat(9);
        let seen = watch(noise.chunks(20));
        assert_eq!(seen.len(), 2, "{seen:?}");
    }

    #[test]
    fn keeps_no_long_packet() {
        let mut live = Live::new(None, Terms::default());
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
        assert_eq!(seen.0.len(), 5, "{:?}", seen.0);
        assert!(seen.0[1].starts_with("too long: "), "{:?}", seen.0);
        assert!(seen.0[2].contains("INVALID"), "{:?}", seen.0);
        assert!(seen.0[4].ends_with("PINGREQ"), "{:?}", seen.0);
    }

    #[test]
    fn tells_of_a_packet_that_stalls() {
        let mut live = Live::new(None, Terms::default());
        let mut seen = Seen::default();
        let mut at = |live: &mut Live, seconds, bytes: &[u8]| {
            let time = Duration::from_secs(seconds);
            let mut report = |it: Sight<'_>| seen.add(&it);
            live.pass(Sender::Client, time, bytes, &mut report).unwrap();
            live.wait(time, &mut report).unwrap();
            live.wait(time + STALL, &mut report).unwrap();
            live.wait(time + STALL, &mut report).unwrap();
            std::mem::take(&mut seen.0)
        };
        assert_eq!(at(&mut live, 0, CONNECT).len(), 1);
        let stalled = at(&mut live, 5, b"\x30\x0a\0\x03");
        assert_eq!(stalled.len(), 1);
        assert!(stalled[0].contains("INCOMPLETE"), "{stalled:?}");
        let whole = at(&mut live, 10, b"a/bhello");
        assert_eq!(whole.len(), 1);
        assert!(whole[0].ends_with("\"hello\""), "{whole:?}");
        // what is refused is told once, and the rest of it passes
        let refused = at(&mut live, 15, b"\x36\x0a\0\x03");
        assert_eq!(refused.len(), 1);
        assert!(refused[0].contains("INVALID"), "{refused:?}");
        assert_eq!(at(&mut live, 20, b"a/bhell").len(), 0);
        let next = at(&mut live, 25, b"o\xc0\0");
        assert_eq!(next.len(), 1);
        assert!(next[0].ends_with("PINGREQ"), "{next:?}");
    }

    #[test]
    fn goes_on_after_bytes_that_were_not_seen() {
        let mut live = Live::new(None, Terms::default());
        let mut seen = Seen::default();
        let time = Duration::ZERO;
        let mut report = |it: Sight<'_>| seen.add(&it);
        let client = Sender::Client;
        live.pass(client, time, CONNECT, &mut report).unwrap();
        live.pass(client, time, b"\x30\x0a\0", &mut report).unwrap();
        live.miss(client, 100, &mut report).unwrap();
        live.pass(client, time, b"\xc0\0", &mut report).unwrap();
        assert_eq!(seen.0[1], "unseen: 103");
        let ping = format!("{:>8}  → PINGREQ", CONNECT.len() + 103);
        assert!(seen.0[2].ends_with(&ping), "{:?}", seen.0);
    }
}
