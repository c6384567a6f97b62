//! From bytes to judged packets, and which dialect the bytes are in.

use mqtt_wire::monitor::Breach;
use mqtt_wire::{
    DecodeError, Dialect, FrameRef, Framed, Packet, PacketType, Sender, Version, Waivers,
};

use crate::dissect::{dissect, not_understood};
use crate::terms::{self, Remedy, Terms, is_same};

/// A run of bytes from one side, cut into packets.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    pub records: Vec<Record<'a>>,
    /// How many bytes at the end were not looked at, because a broken packet hides where the next
    /// one begins.
    pub unread: usize,
    /// What the bytes were read as.
    pub dialect: Dialect,
    /// All dialects in which nothing is wrong with the bytes; empty where there was no need to
    /// try.
    pub fits: Vec<Dialect>,
    /// The others, with the reason.
    pub misfits: Vec<(Dialect, DecodeError)>,
}

/// A packet and what is to be said about it.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// Where it begins in the stream.
    pub offset: usize,
    /// Its bytes; for packets without an end that can be relied on, all bytes that are left.
    pub bytes: &'a [u8],
    /// What follows it.
    pub after: &'a [u8],
    /// What it was read as. The version is a guess if the error of a refused CONNECT has none.
    pub dialect: Dialect,
    pub verdict: Verdict<'a>,
    /// The rules that it breaks, but that are waived.
    pub waived: Vec<DecodeError>,
    /// What would let it pass where it is refused.
    pub remedy: Remedy,
    /// The rules of the conversation that it breaks; `None` if it is not judged as part of one.
    pub breaches: Option<Vec<Breach>>,
}

#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant)] // most packets are accepted
pub enum Verdict<'a> {
    Accept(Packet<'a>),
    Reject(DecodeError),
    /// At least so many bytes are missing.
    Incomplete(usize),
}

impl<'a> Stream<'a> {
    /// Reads bytes in the given version and from the given side; what is not given is found out.
    pub fn read(
        bytes: &'a [u8],
        version: Option<Version>,
        sender: Option<Sender>,
        terms: Terms,
    ) -> Self {
        let from_client = sender != Some(Sender::Server);
        if version.is_none() && from_client && starts_with_connect(bytes) {
            let version = sniff_version(bytes).unwrap_or_else(|| guess_version(bytes));
            return Self::read_as(bytes, Dialect::from_client(version), true, terms);
        }
        if let (Some(version), Some(sender)) = (version, sender) {
            return Self::read_as(bytes, Dialect::new(version, sender), false, terms);
        }
        let mut streams: Vec<Self> = candidates(version, sender)
            .map(|dialect| Self::read_as(bytes, dialect, false, terms))
            .collect();
        let fits = streams.iter().filter(|stream| stream.fault().is_none());
        let fits: Vec<_> = fits.map(|stream| stream.dialect).collect();
        let misfits = streams.iter();
        let misfits = misfits
            .filter_map(|stream| Some((stream.dialect, stream.fault()?)))
            .collect();
        // the first of the best
        streams.reverse();
        let best = streams.into_iter().max_by_key(Self::plausibility);
        let mut best = best.unwrap_or_else(|| {
            let dialect = Dialect::from_client(Version::V5);
            Self::read_as(bytes, dialect, false, terms)
        });
        best.fits = fits;
        best.misfits = misfits;
        best
    }

    /// Reads bytes in one dialect. A CONNECT at the beginning may name any version if
    /// `any_connect`; the guess in the dialect is for what cannot be decoded.
    fn read_as(bytes: &'a [u8], dialect: Dialect, any_connect: bool, terms: Terms) -> Self {
        let on_terms = terms.applied_to(dialect);
        let mut stream = Self {
            records: Vec::new(),
            unread: 0,
            dialect,
            fits: Vec::new(),
            misfits: Vec::new(),
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = bytes.len() - rest.len();
            let any_connect = any_connect && offset == 0;
            let mut waived = Vec::new();
            let (verdict, length) = judge(rest, on_terms, any_connect, &mut waived);
            let after_error = matches!(verdict, Verdict::Reject(_));
            let (packet, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            stream.records.push(Record {
                offset,
                bytes: packet,
                after,
                dialect,
                verdict,
                waived,
                remedy: match verdict {
                    Verdict::Reject(error) => Remedy::find(error, packet, on_terms),
                    _ => Remedy::default(),
                },
                breaches: None,
            });
            if after_error && FrameRef::split(after, on_terms, u32::MAX).is_err() {
                stream.unread = after.len();
                break;
            }
            rest = after;
        }
        stream
    }

    /// The first error.
    pub fn fault(&self) -> Option<DecodeError> {
        self.records.iter().find_map(|record| match record.verdict {
            Verdict::Reject(error) => Some(error),
            _ => None,
        })
    }

    /// The one version in which the bytes are valid, where several were tried.
    pub fn only_version(&self) -> Option<Version> {
        let version = self.fits.first()?.version();
        let others_tried = !self.misfits.is_empty();
        let only = self.fits.iter().all(|dialect| dialect.version() == version);
        (others_tried && only).then_some(version)
    }

    /// The more, the likelier is the dialect that the bytes were read in.
    fn plausibility(&self) -> impl Ord + use<> {
        let at_fault = |record: &&Record<'_>| matches!(record.verdict, Verdict::Reject(_));
        let first_fault = self.records.iter().position(|record| at_fault(&record));
        let fault = self.records.iter().find(at_fault);
        let understood = fault.map(|record| {
            let fields = dissect(record.bytes, record.dialect);
            std::cmp::Reverse(not_understood(&fields))
        });
        (
            fault.is_none(),
            first_fault,
            understood,
            self.fault().map(|error| error.offset()),
        )
    }
}

impl Record<'_> {
    /// The type that the first byte names.
    pub fn packet_type(&self) -> Option<PacketType> {
        packet_type(self.bytes)
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self.verdict, Verdict::Accept(_))
    }

    pub fn has_breaches(&self) -> bool {
        self.breaches.as_ref().is_some_and(|it| !it.is_empty())
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.verdict, Verdict::Reject(_))
    }
}

/// The version that the CONNECT at the beginning of `bytes` names, or nearly names.
pub fn sniff_version(bytes: &[u8]) -> Option<Version> {
    let header = 1 + remaining_length(bytes)?.1;
    let body = bytes.get(header..)?;
    let is_named = |version: &Version| {
        let name = version.protocol_name().as_bytes();
        let level = body.get(2 + name.len());
        body.get(2..2 + name.len()) == Some(name)
            && level.is_none_or(|level| level & 0x7f == version.protocol_level())
    };
    Version::ALL.into_iter().rev().find(is_named)
}

/// The version whose layout a CONNECT of no known version follows best.
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

pub fn starts_with_connect(bytes: &[u8]) -> bool {
    packet_type(bytes) == Some(PacketType::Connect)
}

/// All dialects that are not ruled out, the likeliest first.
pub fn candidates(
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

/// The Remaining Length, in its shortest form or not, and how many bytes it has.
pub fn remaining_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, place + 1));
        }
    }
    None
}

/// The verdict on the packet at the beginning of `bytes`, and its length.
fn judge<'a>(
    bytes: &'a [u8],
    dialect: Dialect,
    any_connect: bool,
    waived: &mut Vec<DecodeError>,
) -> (Verdict<'a>, usize) {
    let framed = if any_connect {
        FrameRef::split_connect(bytes, u32::MAX)
    } else {
        FrameRef::split(bytes, dialect, u32::MAX)
    };
    let frame = match framed {
        Ok(Framed::Frame(frame)) => frame,
        Ok(Framed::NeedMore(missing)) => {
            return (Verdict::Incomplete(missing.get()), bytes.len());
        }
        Err(error) => return (Verdict::Reject(error), likely_end(bytes)),
    };
    let decoded = if any_connect {
        decode_connect(frame, dialect, waived)
    } else {
        terms::decode(frame, dialect, waived)
    };
    match decoded {
        Ok(packet) => (Verdict::Accept(packet), frame.bytes().len()),
        Err(error) => (Verdict::Reject(error), likely_end(bytes)),
    }
}

/// Decodes a CONNECT of any version on the terms of `dialect`, whose version is a guess for a
/// CONNECT that names none.
fn decode_connect<'a>(
    frame: FrameRef<'a>,
    dialect: Dialect,
    waived: &mut Vec<DecodeError>,
) -> Result<Packet<'a>, DecodeError> {
    let terms = Terms::of(dialect);
    let (version, strict) = match frame.decode_connect() {
        Ok(connect) => (connect.version, None),
        Err(error) => match Waivers::of(&error.violation()) {
            Some(waiver) if terms.waivers.contains(waiver) => (dialect.version(), Some(error)),
            _ => return Err(error),
        },
    };
    let named = terms.applied_to(Dialect::from_client(version));
    let decoded = terms::decode(frame, named, waived);
    // what was not waived after all is told without the guess
    decoded.map_err(|error| match strict {
        Some(strict) if is_same(strict, error) => strict,
        _ => error,
    })
}

/// Where a refused packet ends in all likelihood.
fn likely_end(bytes: &[u8]) -> usize {
    let all = bytes.len();
    match (remaining_length(bytes), bytes.get(1)) {
        (_, Some(length)) if is_length_in_one_byte(bytes) => 2 + usize::from(*length),
        (Some((length, of_length)), _) => all.min(1 + of_length + length),
        (None, _) => all,
    }
}

/// Whether a Remaining Length of 128 to 255 seems to be written in one byte: the next one adds
/// nothing to it, and with the first alone all bytes are one packet.
pub fn is_length_in_one_byte(bytes: &[u8]) -> bool {
    match bytes {
        [_, length @ 0x80..=0xff, 0, ..] => bytes.len() == 2 + usize::from(*length),
        _ => false,
    }
}

fn packet_type(bytes: &[u8]) -> Option<PacketType> {
    let nibble = bytes.first()? >> 4;
    PacketType::ALL
        .into_iter()
        .find(|packet_type| *packet_type as u8 == nibble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_the_dialect_from_connect() {
        let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01p\xc0\x00\xe0\x00";
        let stream = Stream::read(bytes, None, None, Terms::default());
        assert_eq!(stream.dialect, Dialect::from_client(Version::V3_1_1));
        let offsets: Vec<_> = stream.records.iter().map(|record| record.offset).collect();
        assert_eq!(offsets, [0, 15, 17]);
        assert!(stream.fault().is_none());
    }

    #[test]
    fn finds_all_dialects_that_fit() {
        let stream = Stream::read(b"\x40\x02\x00\x01", None, None, Terms::default());
        assert_eq!(stream.fits.len(), 6);
        let stream = Stream::read(b"\x90\x04\x00\x01\x00\x80", None, None, Terms::default());
        assert_eq!(
            stream.fits,
            [
                Dialect::from_server(Version::V5),
                Dialect::from_server(Version::V3_1_1)
            ]
        );
    }

    #[test]
    fn prefers_the_dialect_that_explains_most() {
        // Packet Identifier 0 is wrong in all versions, but the rest is 3.1.1
        let stream = Stream::read(
            b"\x82\x06\x00\x00\x00\x01a\x00",
            None,
            None,
            Terms::default(),
        );
        assert_eq!(stream.dialect, Dialect::from_client(Version::V3_1_1));
        assert!(stream.fits.is_empty());
        assert_eq!(stream.misfits.len(), 6);
    }

    #[test]
    fn goes_on_after_a_packet_whose_end_is_known() {
        let bytes = b"\x40\x02\x00\x00\xc0\x00";
        let stream = Stream::read(
            bytes,
            Some(Version::V3_1_1),
            Some(Sender::Client),
            Terms::default(),
        );
        assert_eq!(stream.records.len(), 2);
        assert!(matches!(stream.records[1].verdict, Verdict::Accept(_)));
        assert_eq!(stream.unread, 0);
    }

    #[test]
    fn takes_a_length_in_one_byte_for_what_it_was_meant_to_be() {
        let mut connect = b"\x10\x8d\x00\x04MQTT\x04\x02\x00\x3c\x00\x81".to_vec();
        connect.resize(2 + 0x8d, b'p');
        let stream = Stream::read(&connect, None, None, Terms::default());
        assert!(stream.fault().is_some());
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
            Terms::default(),
        );
        assert_eq!(stream.records.len(), 1);
        assert_eq!(stream.unread, 5);
    }

    #[test]
    fn knows_how_many_bytes_are_missing() {
        let stream = Stream::read(b"\xc0\x00\x30\x05\x00", None, None, Terms::default());
        assert!(matches!(stream.records[1].verdict, Verdict::Incomplete(4)));
    }

    #[test]
    fn guesses_the_version_of_a_connect_that_is_refused() {
        let connect = b"\x10\x0d\x00\x04MQTT\x84\x02\x00\x3c\x00\x01p";
        let stream = Stream::read(connect, None, None, Terms::default());
        assert_eq!(stream.dialect.version(), Version::V3_1_1);
        assert_eq!(stream.fault().unwrap().version(), None);
    }
}
