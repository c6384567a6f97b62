//! The packets of a connection, as its bytes pass or as they are read from a capture.

use std::io;
use std::time::Duration;

use mqtt_wire::will::Ending;
use mqtt_wire::{FrameRef, Sender, Version};

use crate::decode_rules::DecodeRules;
use crate::event::{Event, LiveEvent, Missing, Record, Unread, Verdict};
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
    /// In which versions the packets are valid, for a connection whose CONNECT was not seen.
    fits: Fits,
    /// Bytes of the connection were not seen.
    is_partial: bool,
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
    /// Whether `bytes` begin with a packet.
    alignment: Alignment,
    /// The last packet was refused.
    after_error: bool,
    /// No more packets can be found.
    is_lost: bool,
    /// The time of the last bytes.
    last_bytes: Duration,
    /// The incomplete packet was reported.
    is_reported: bool,
}

/// How the beginnings of packets are known.
#[derive(Default)]
enum Alignment {
    /// From the beginning of the stream on.
    #[default]
    Known,
    /// Bytes are missing. After them, packets were found that end where this number of pieces ends.
    Guessed { pieces: u8 },
    /// Bytes are missing, and no packet was found yet.
    Searching {
        /// How many bytes were given up, in front of those that are kept.
        unread: usize,
        /// Where a packet may begin in the bytes that are kept.
        starts: Vec<usize>,
    },
}

/// Receives the events.
pub type Report<'r> = dyn FnMut(LiveEvent<'_>) -> io::Result<()> + 'r;

impl Live {
    /// The packets of a connection. If its beginning was not seen, the next bytes of each side may be
    /// the middle of a packet, unless they are a CONNECT.
    pub fn new(beginning: Beginning, wanted: Option<Version>, rules: DecodeRules) -> Self {
        let side = || Side {
            alignment: match beginning {
                Beginning::Seen => Alignment::Known,
                Beginning::Unseen => Alignment::SEARCHING,
            },
            ..Side::default()
        };
        Self {
            wanted,
            learnt: None,
            fits: Fits::default(),
            is_partial: beginning == Beginning::Unseen,
            rules,
            watch: Watch::new(beginning),
            will: WillWatch::default(),
            client: side(),
            server: side(),
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
        if let Alignment::Searching { .. } = side.alignment {
            return self.search(sender, time, bytes, report);
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
        self.join_anew();
        report(LiveEvent::Skipped { sender, length })
    }

    /// Continues after bytes that are not in the capture. The next bytes may be anything.
    pub fn gap(
        &mut self,
        sender: Sender,
        missing: Missing,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let (Missing::Bytes(length) | Missing::BytesOrFin(length)) = missing;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        self.lose(sender, Some(length), report)?;
        report(LiveEvent::Missing { sender, missing })
    }

    /// The same, without a report about the bytes that are missing. Their number may be unknown.
    pub fn lose(
        &mut self,
        sender: Sender,
        length: Option<usize>,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        self.cut_off(sender, report)?;
        let side = self.side(sender);
        side.offset = side.offset.saturating_add(length.unwrap_or(1));
        match length.and_then(|length| side.skip.checked_sub(length)) {
            Some(left) if !side.is_lost => side.skip = left,
            _ => {
                *side = Side {
                    offset: side.offset,
                    alignment: Alignment::SEARCHING,
                    ..Side::default()
                };
            }
        }
        self.join_anew();
        Ok(())
    }

    /// Decodes no more of both sides, which are another protocol.
    pub fn other_protocol(&mut self, name: &str, report: &mut Report<'_>) -> io::Result<()> {
        (self.client.is_lost, self.server.is_lost) = (true, true);
        report(LiveEvent::OtherProtocol(name))
    }

    /// Bytes were sent again and differ, so it is unknown which of them the receiver has read.
    pub fn changed(&mut self, sender: Sender, report: &mut Report<'_>) -> io::Result<()> {
        self.join_anew();
        report(LiveEvent::Changed(sender))
    }

    /// Gives up the rest of the packet that is not complete. Reports its bytes as not decoded.
    pub fn cut_off(&mut self, sender: Sender, report: &mut Report<'_>) -> io::Result<()> {
        let side = self.side(sender);
        let bytes = std::mem::take(&mut side.bytes);
        side.offset += bytes.len();
        side.need = 0;
        let (length, reason) = match &mut side.alignment {
            Alignment::Searching { unread, starts } => {
                starts.clear();
                let length = bytes.len() + std::mem::take(unread);
                (length, Unread::BeginningMissing)
            }
            Alignment::Known | Alignment::Guessed { .. } => {
                let packet = fixed_header::packet_len(&bytes);
                side.skip += packet.map_or(0, |it| it.saturating_sub(bytes.len()));
                (bytes.len(), Unread::EndMissing)
            }
        };
        if length == 0 || side.is_lost || std::mem::take(&mut side.is_reported) {
            return Ok(());
        }
        report(LiveEvent::Unread {
            sender,
            length,
            reason,
        })
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

    /// Ends one side. Returns whether it ended with a complete packet, as far as that was seen.
    pub fn end(
        &mut self,
        sender: Sender,
        time: Duration,
        report: &mut Report<'_>,
    ) -> io::Result<bool> {
        if !matches!(self.side(sender).alignment, Alignment::Known) {
            self.cut_off(sender, report)?;
            return Ok(true);
        }
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

    /// The version of the connection, and how it is known.
    pub fn version(&self) -> Option<(Version, VersionSource)> {
        let known = self.wanted.or(self.learnt);
        match known {
            Some(version) => Some((version, VersionSource::Known)),
            None => Some((self.fits.best(&Version::ALL)?, VersionSource::Guessed)),
        }
    }

    /// How many bytes are kept.
    pub fn kept(&self) -> usize {
        let sides = [&self.client, &self.server];
        sides
            .map(|side| side.bytes.capacity())
            .iter()
            .sum::<usize>()
            + self.will.kept()
    }

    fn side(&mut self, sender: Sender) -> &mut Side {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }

    /// Bytes were not seen: from here on, earlier packets may have been anything.
    fn join_anew(&mut self) {
        self.is_partial = true;
        self.watch = Watch::new(Beginning::Unseen);
        self.will.is_unsure = true;
    }

    /// Looks for the beginning of a packet, after bytes that are missing. Packets often begin where
    /// a piece of the capture does.
    fn search(
        &mut self,
        sender: Sender,
        time: Duration,
        bytes: &[u8],
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        const MOST_STARTS: usize = 64;
        let side = self.side(sender);
        let Alignment::Searching { unread, starts } = &mut side.alignment else {
            return Ok(());
        };
        let is_first = side.offset == 0 && *unread == 0 && side.bytes.is_empty();
        let mut starts = std::mem::take(starts);
        starts.push(side.bytes.len());
        side.bytes.extend_from_slice(bytes);
        let all = std::mem::take(&mut side.bytes);
        if is_first && sender == Sender::Client && names_version(&all) {
            self.client.bytes = all;
            self.begin();
            return self.decode(sender, time, Decode::Complete, report);
        }
        let mut open = Vec::new();
        for start in starts {
            let candidate = all.get(start..).unwrap_or_default();
            match self.is_beginning(sender, candidate) {
                Some(true) => return self.align(sender, time, all, start, report),
                Some(false) => {}
                None => open.push(start),
            }
        }
        if let Some(name) = other_protocol::detect(&all).filter(|_| is_first && open.is_empty()) {
            return self.other_protocol(name, report);
        }
        let side = self.side(sender);
        let Alignment::Searching { unread, starts } = &mut side.alignment else {
            return Ok(());
        };
        if open.is_empty() || open.len() > MOST_STARTS || all.len() > LONGEST {
            *unread += all.len();
        } else {
            *starts = open;
            side.bytes = all;
        }
        Ok(())
    }

    /// The connection begins here, although its beginning was not expected.
    pub fn begin(&mut self) {
        self.client.alignment = Alignment::Known;
        let server = &mut self.server;
        if server.offset == 0 && server.bytes.is_empty() {
            server.alignment = Alignment::Known;
            self.watch = Watch::new(Beginning::Seen);
            self.is_partial = false;
        }
    }

    /// Whether a packet begins here; `None` if more bytes have to show it.
    fn is_beginning(&self, sender: Sender, bytes: &[u8]) -> Option<bool> {
        let stream = self.read(sender, bytes, false);
        let first = stream.records.first()?;
        if matches!(first.verdict, Verdict::Incomplete(_)) {
            return None;
        }
        Some(stream.first_error().is_none())
    }

    /// Decodes from `start` on, where a packet begins.
    fn align(
        &mut self,
        sender: Sender,
        time: Duration,
        mut bytes: Vec<u8>,
        start: usize,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let side = self.side(sender);
        let after = bytes.split_off(start);
        side.bytes = bytes;
        self.cut_off(sender, report)?;
        let side = self.side(sender);
        side.bytes = after;
        side.alignment = Alignment::Guessed { pieces: 0 };
        self.decode(sender, time, Decode::Complete, report)
    }

    /// Cuts bytes into packets. If the version is unknown, each packet is decoded in the version
    /// that fits most packets so far, or in any other one that fits.
    fn read<'b>(&self, sender: Sender, bytes: &'b [u8], is_connect: bool) -> Stream<'b> {
        let read = |bytes, version| Stream::read(bytes, version, Some(sender), self.rules);
        let version = match self.wanted {
            // a CONNECT names its version
            None if is_connect => return read(bytes, None),
            None => self.learnt,
            wanted => wanted,
        };
        if version.is_some() {
            return read(bytes, version);
        }
        let whole = read(bytes, None);
        let mut records = Vec::new();
        let mut offset = 0;
        let mut unread = 0;
        while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
            let length = fixed_header::packet_len(rest).unwrap_or(rest.len());
            let (packet, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            let mut stream = read(packet, None);
            let valid: Vec<_> = stream.valid_in.iter().map(|it| it.version()).collect();
            if let Some(best) = self.fits.best(&valid) {
                stream = read(packet, Some(best));
            }
            let is_refused = stream.first_error().is_some();
            for mut record in stream.records {
                record.offset += offset;
                record.after = after;
                records.push(record);
            }
            offset += packet.len() - stream.unread;
            if is_refused && FrameRef::split(after, stream.dialect, u32::MAX).is_err() {
                unread = stream.unread + after.len();
                break;
            }
        }
        Stream {
            records,
            unread,
            ..whole
        }
    }

    fn decode(
        &mut self,
        sender: Sender,
        time: Duration,
        which: Decode,
        report: &mut Report<'_>,
    ) -> io::Result<()> {
        let side = self.side(sender);
        let mut bytes = std::mem::take(&mut side.bytes);
        if bytes.is_empty() {
            return Ok(());
        }
        let is_first = side.offset == 0;
        let is_connect = is_first && sender == Sender::Client && starts_with_connect(&bytes);
        if is_connect && has_protocol_level(&bytes) {
            self.learnt = connect_version(&bytes);
        }
        let stream = self.read(sender, &bytes, is_connect);
        let (side, other) = match sender {
            Sender::Client => (&mut self.client, &mut self.server),
            Sender::Server => (&mut self.server, &mut self.client),
        };
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
        let is_guess = matches!(side.alignment, Alignment::Guessed { .. });
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
            if is_guess && (is_refused || is_too_long) {
                let length = bytes.len() - start;
                side.offset += bytes.len();
                side.alignment = Alignment::SEARCHING;
                self.join_anew();
                return report(LiveEvent::Unread {
                    sender,
                    length,
                    reason: Unread::NotAPacket,
                });
            }
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
                let is_version_known = self.wanted.or(self.learnt).is_some();
                if !is_version_known {
                    self.fits.add(&record, self.rules);
                }
                let mut event = Event::Packet(record);
                if !other.is_lost {
                    let breaches = self.watch.observe(&event, Some(time));
                    // what is a breach in one version may be right in another
                    let is_certain = !self.is_partial || is_version_known || self.fits.is_certain();
                    if let Event::Packet(record) = &mut event {
                        record.breaches = breaches.filter(|_| is_certain);
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
        } else {
            side.alignment.confirm();
        }
        Ok(())
    }
}

impl Alignment {
    const SEARCHING: Self = Self::Searching {
        unread: 0,
        starts: Vec::new(),
    };

    /// A packet ends where a piece does. Several times, that is no accident.
    fn confirm(&mut self) {
        const ENOUGH: u8 = 3;
        if let Self::Guessed { pieces } = self {
            *pieces += 1;
            if *pieces == ENOUGH {
                *self = Self::Known;
            }
        }
    }
}

/// How the version of a connection is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionSource {
    /// CONNECT names it, or the user does.
    Known,
    /// It is one in which the packets are valid.
    Guessed,
}

/// The versions in which packets are valid.
#[derive(Default)]
struct Fits {
    packets: usize,
    /// How many packets are valid in each version, the likeliest version first.
    valid: [usize; 3],
}

impl Fits {
    const VERSIONS: [Version; 3] = [Version::V5, Version::V3_1_1, Version::V3_1];

    fn add(&mut self, record: &Record<'_>, rules: DecodeRules) {
        if !record.is_accepted() {
            return;
        }
        self.packets += 1;
        let sender = record.dialect.sender();
        for (valid, version) in self.valid.iter_mut().zip(Self::VERSIONS) {
            let stream = Stream::read(record.bytes, Some(version), Some(sender), rules);
            *valid += usize::from(stream.first_error().is_none());
        }
    }

    /// The one of these versions in which most packets are valid.
    fn best(&self, versions: &[Version]) -> Option<Version> {
        let all = Self::VERSIONS.into_iter().zip(self.valid);
        let candidates = all.filter(|(version, _)| versions.contains(version));
        // the first one among equals
        let best = candidates.rev().max_by_key(|(_, valid)| *valid);
        best.map(|(version, _)| version)
    }

    /// Whether all packets are valid in one version and in no other.
    fn is_certain(&self) -> bool {
        let fitting = self.valid.iter().filter(|valid| **valid == self.packets);
        fitting.count() == 1
    }
}

/// Whether the bytes begin with a CONNECT that names its version.
pub fn names_version(bytes: &[u8]) -> bool {
    starts_with_connect(bytes) && connect_version(bytes).is_some()
}

/// Whether a CONNECT is long enough to have a Protocol Level.
fn has_protocol_level(connect: &[u8]) -> bool {
    let name = connect_version(connect).map(|version| version.protocol_name().len());
    let header = fixed_header::len(connect);
    let level = header.zip(name).map(|(header, name)| header + 2 + name);
    level.is_some_and(|level| level < connect.len())
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
                LiveEvent::Missing { missing, .. } => format!("missing: {missing:?}"),
                LiveEvent::Unread { length, reason, .. } => format!("unread: {length} {reason:?}"),
                LiveEvent::Changed(_) => String::from("changed"),
                LiveEvent::WebSocket { .. } | LiveEvent::Bytes { .. } => unreachable!(),
            });
            Ok(())
        }
    }

    /// The events of a client that sends these pieces and then closes the connection.
    fn watch<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let mut seen = Seen::default();
        let mut live = Live::new(Beginning::Seen, None, DecodeRules::default());
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
        let mut live = Live::new(Beginning::Seen, None, DecodeRules::default());
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
        let mut live = Live::new(Beginning::Seen, None, DecodeRules::default());
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
        let mut live = Live::new(Beginning::Seen, None, DecodeRules::default());
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
