//! From the bytes of one side to packets with verdicts, and the dialect of the bytes.

use mqtt_wire::{DecodeError, Dialect, FrameRef, NextFrame, Packet, Sender, Version, Waivers};

use crate::decode_rules::{DecodeRules, NeededWaivers, decode, is_same};
use crate::dissect::{dissect, not_understood};
use crate::event::{Record, Verdict};
use crate::fixed_header;

/// Bytes of one side without a gap, cut into packets.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    pub records: Vec<Record<'a>>,
    /// How many bytes at the end were not decoded, because a broken packet hides the beginning of
    /// the next one.
    pub unread: usize,
    /// The dialect in which the bytes were decoded.
    pub dialect: Dialect,
    /// All dialects in which the bytes are valid; empty if no others had to be tried.
    pub valid_in: Vec<Dialect>,
    /// The other dialects, with their first errors.
    pub invalid_in: Vec<(Dialect, DecodeError)>,
}

/// How to decode the first packet.
#[derive(Clone, Copy)]
enum First {
    /// As a CONNECT, which names its version. The version of the dialect is a guess, for a CONNECT
    /// that cannot be decoded.
    AnyConnect,
    /// As the dialect requires.
    InDialect,
}

impl<'a> Stream<'a> {
    /// Decodes bytes. A missing version or side is detected.
    pub fn read(
        bytes: &'a [u8],
        version: Option<Version>,
        sender: Option<Sender>,
        rules: DecodeRules,
    ) -> Self {
        let from_client = sender != Some(Sender::Server);
        if version.is_none() && from_client && fixed_header::starts_with_connect(bytes) {
            let version = connect_version(bytes).unwrap_or_else(|| guess_version(bytes));
            return Self::read_as(
                bytes,
                Dialect::from_client(version),
                First::AnyConnect,
                rules,
            );
        }
        if let (Some(version), Some(sender)) = (version, sender) {
            return Self::read_as(
                bytes,
                Dialect::new(version, sender),
                First::InDialect,
                rules,
            );
        }
        let mut streams: Vec<Self> = possible_dialects(version, sender)
            .map(|dialect| Self::read_as(bytes, dialect, First::InDialect, rules))
            .collect();
        let valid = streams
            .iter()
            .filter(|stream| stream.first_error().is_none());
        let valid_in: Vec<_> = valid.map(|stream| stream.dialect).collect();
        let invalid = streams.iter();
        let invalid_in = invalid
            .filter_map(|stream| Some((stream.dialect, stream.first_error()?)))
            .collect();
        // the first of the best
        streams.reverse();
        let best = streams.into_iter().max_by_key(Self::plausibility);
        let mut best = best.unwrap_or_else(|| {
            let dialect = Dialect::from_client(Version::V5);
            Self::read_as(bytes, dialect, First::InDialect, rules)
        });
        best.valid_in = valid_in;
        best.invalid_in = invalid_in;
        best
    }

    /// Decodes bytes in one dialect.
    fn read_as(bytes: &'a [u8], dialect: Dialect, first: First, rules: DecodeRules) -> Self {
        let by_rules = rules.apply_to(dialect);
        let mut stream = Self {
            records: Vec::new(),
            unread: 0,
            dialect,
            valid_in: Vec::new(),
            invalid_in: Vec::new(),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let first = if offset == 0 { first } else { First::InDialect };
            let mut waived = Vec::new();
            let (verdict, length) = decode_first(rest, by_rules, first, &mut waived);
            let after_error = matches!(verdict, Verdict::Reject(_));
            let (packet, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            stream.records.push(Record {
                offset,
                bytes: packet,
                after,
                dialect,
                verdict,
                waived,
                needed_waivers: match verdict {
                    Verdict::Reject(error) => NeededWaivers::find(error, packet, by_rules),
                    _ => NeededWaivers::default(),
                },
                breaches: None,
            });
            if after_error && FrameRef::split(after, by_rules, u32::MAX).is_err() {
                stream.unread = after.len();
                break;
            }
            rest = after;
        }
        stream
    }

    /// The first error.
    pub fn first_error(&self) -> Option<DecodeError> {
        self.records.iter().find_map(|record| match record.verdict {
            Verdict::Reject(error) => Some(error),
            _ => None,
        })
    }

    /// The only version in which the bytes are valid, if several were tried.
    pub fn only_version(&self) -> Option<Version> {
        let version = self.valid_in.first()?.version();
        let others_tried = !self.invalid_in.is_empty();
        let only = self
            .valid_in
            .iter()
            .all(|dialect| dialect.version() == version);
        (others_tried && only).then_some(version)
    }

    /// The greater, the likelier is the dialect of this stream.
    fn plausibility(&self) -> impl Ord + use<> {
        let position = self.records.iter().position(Record::is_refused);
        let refused = self.records.iter().find(|record| record.is_refused());
        let understood = refused.map(|record| {
            let fields = dissect(record.bytes, record.dialect);
            std::cmp::Reverse(not_understood(&fields))
        });
        (
            refused.is_none(),
            position,
            understood,
            self.first_error().map(|error| error.offset()),
        )
    }
}

/// The version that the CONNECT at the beginning of `bytes` names, even if it is not complete.
pub fn connect_version(bytes: &[u8]) -> Option<Version> {
    let body = bytes.get(fixed_header::len(bytes)?..)?;
    let is_named = |version: &Version| {
        let name = version.protocol_name().as_bytes();
        let level = body.get(2 + name.len());
        body.get(2..2 + name.len()) == Some(name)
            && level.is_none_or(|level| level & 0x7f == version.protocol_level())
    };
    Version::ALL.into_iter().rev().find(is_named)
}

/// The version whose layout fits a CONNECT of an unknown version best.
fn guess_version(connect: &[u8]) -> Version {
    let unclear = |version: &Version| {
        let fields = dissect(connect, Dialect::from_client(*version));
        not_understood(&fields)
    };
    let versions = [Version::V5, Version::V3_1_1];
    versions
        .into_iter()
        .min_by_key(unclear)
        .unwrap_or(Version::V5)
}

/// All dialects with this version and side, the likeliest first.
pub fn possible_dialects(
    version: Option<Version>,
    sender: Option<Sender>,
) -> impl Iterator<Item = Dialect> {
    let versions = [Version::V5, Version::V3_1_1, Version::V3_1];
    let senders = [Sender::Client, Sender::Server];
    senders
        .into_iter()
        .filter(move |it| sender.is_none_or(|wanted| wanted == *it))
        .flat_map(move |sender| versions.map(|version| Dialect::new(version, sender)))
        .filter(move |dialect| version.is_none_or(|wanted| wanted == dialect.version()))
}

/// The verdict on the packet at the beginning of `bytes`, and its length.
fn decode_first<'a>(
    bytes: &'a [u8],
    dialect: Dialect,
    first: First,
    waived: &mut Vec<DecodeError>,
) -> (Verdict<'a>, usize) {
    let framed = match first {
        First::AnyConnect => FrameRef::split_connect(bytes, u32::MAX),
        First::InDialect => FrameRef::split(bytes, dialect, u32::MAX),
    };
    let frame = match framed {
        Ok(NextFrame::Frame(frame)) => frame,
        Ok(NextFrame::NeedMore(missing)) => {
            return (Verdict::Incomplete(missing.get()), bytes.len());
        }
        Err(error) => return (Verdict::Reject(error), likely_end(bytes)),
    };
    let decoded = match first {
        First::AnyConnect => decode_connect(frame, dialect, waived),
        First::InDialect => decode(frame, dialect, waived),
    };
    match decoded {
        Ok(packet) => (Verdict::Accept(packet), frame.bytes().len()),
        Err(error) => (Verdict::Reject(error), likely_end(bytes)),
    }
}

/// Decodes a CONNECT of any version by the rules of `dialect`. The version of the dialect is for a
/// CONNECT that names none.
fn decode_connect<'a>(
    frame: FrameRef<'a>,
    dialect: Dialect,
    waived: &mut Vec<DecodeError>,
) -> Result<Packet<'a>, DecodeError> {
    let rules = DecodeRules::of(dialect);
    let (version, strict) = match frame.decode_connect() {
        Ok(connect) => (connect.version, None),
        Err(error) => match Waivers::of(&error.violation()) {
            Some(waiver) if rules.waivers.contains(waiver) => (dialect.version(), Some(error)),
            _ => return Err(error),
        },
    };
    let named = rules.apply_to(Dialect::from_client(version));
    let decoded = decode(frame, named, waived);
    // an error that no waiver covers keeps its unknown version
    decoded.map_err(|error| match strict {
        Some(strict) if is_same(strict, error) => strict,
        _ => error,
    })
}

/// The likely length of a refused packet.
fn likely_end(bytes: &[u8]) -> usize {
    if fixed_header::is_length_in_one_byte(bytes) {
        return bytes.len();
    }
    fixed_header::packet_len(bytes).map_or(bytes.len(), |length| length.min(bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_the_dialect_from_connect() {
        let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0\x00\xe0\x00";
        let stream = Stream::read(bytes, None, None, DecodeRules::default());
        assert_eq!(stream.dialect, Dialect::from_client(Version::V3_1_1));
        let offsets: Vec<_> = stream.records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [0, 15, 17]);
        assert!(stream.first_error().is_none());
    }

    #[test]
    fn finds_all_dialects_in_which_bytes_are_valid() {
        let stream = Stream::read(b"\x40\x02\x00\x01", None, None, DecodeRules::default());
        assert_eq!(stream.valid_in.len(), 6);
        let stream = Stream::read(
            b"\x90\x04\x00\x01\x00\x80",
            None,
            None,
            DecodeRules::default(),
        );
        assert_eq!(
            stream.valid_in,
            [
                Dialect::from_server(Version::V5),
                Dialect::from_server(Version::V3_1_1)
            ]
        );
    }

    #[test]
    fn prefers_the_dialect_that_explains_most_bytes() {
        // Packet Identifier 0 is wrong in all versions, but the rest is 3.1.1
        let stream = Stream::read(
            b"\x82\x06\x00\x00\x00\x01a\x00",
            None,
            None,
            DecodeRules::default(),
        );
        assert_eq!(stream.dialect, Dialect::from_client(Version::V3_1_1));
        assert!(stream.valid_in.is_empty());
        assert_eq!(stream.invalid_in.len(), 6);
    }

    #[test]
    fn continues_after_a_refused_packet_whose_end_is_known() {
        let bytes = b"\x40\x02\x00\x00\xc0\x00";
        let stream = Stream::read(
            bytes,
            Some(Version::V3_1_1),
            Some(Sender::Client),
            DecodeRules::default(),
        );
        assert_eq!(stream.records.len(), 2);
        assert!(matches!(stream.records[1].verdict, Verdict::Accept(_)));
        assert_eq!(stream.unread, 0);
    }

    #[test]
    fn accepts_a_remaining_length_in_one_byte_as_the_end() {
        let mut connect = b"\x10\x8d\x00\x04MQTT\x04\x02\x00\x3c\x00\x81".to_vec();
        connect.resize(2 + 0x8d, b'p');
        let stream = Stream::read(&connect, None, None, DecodeRules::default());
        assert!(stream.first_error().is_some());
        assert_eq!(stream.records[0].bytes.len(), connect.len());
        assert_eq!(stream.unread, 0);
    }

    #[test]
    fn stops_when_no_packet_follows_a_broken_one() {
        let bytes = b"\x30\x02\x00\x05hello";
        let stream = Stream::read(
            bytes,
            Some(Version::V3_1_1),
            Some(Sender::Client),
            DecodeRules::default(),
        );
        assert_eq!(stream.records.len(), 1);
        assert_eq!(stream.unread, 5);
    }

    #[test]
    fn counts_missing_bytes() {
        let stream = Stream::read(b"\xc0\x00\x30\x05\x00", None, None, DecodeRules::default());
        assert!(matches!(stream.records[1].verdict, Verdict::Incomplete(4)));
    }

    #[test]
    fn guesses_the_version_of_a_connect_that_is_refused() {
        let connect = b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01p";
        let stream = Stream::read(connect, None, None, DecodeRules::default());
        assert_eq!(stream.dialect.version(), Version::V3_1_1);
        assert_eq!(stream.first_error().unwrap().version(), None);
    }
}
