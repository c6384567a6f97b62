//! Entry points for proofs about the compiled library: see ../../PROOFS.md.
//!
//! Each reads plain arguments and writes an [`Answer`] of plain numbers, so that a proof can compare every field with its
//! specification. Unsafe code is here only, for the raw pointers of the arguments.

use std::slice;

use mqtt_wire::stream::PublishHead;
use mqtt_wire::{
    DecodeError, Dialect, ErrorKind, Field, FrameRef, NextFrame, Packet, PacketType, Properties,
    Property, PropertyId, Sender, SubscriptionId, TopicName, Utf8Str, Version,
};

/// The result of an entry point. Fields that do not belong to the verdict are 0.
#[repr(C)]
#[derive(Default)]
pub struct Answer {
    verdict: u32,
    packet_type: u32,
    kind: u32,
    field: u32,
    /// Where the frame begins, or the place of the error.
    offset: u64,
    /// The length of the frame, or the number of missing bytes.
    length: u64,
    value: u32,
    packet_id: u32,
    reason_code: u32,
    session_present: u32,
    /// The length of the body of a frame, or of the bytes that were encoded; 1 if a packet has properties or codes.
    content: u64,
    /// Up to eight bytes that were encoded.
    output: u64,
}

const NEED_MORE: u32 = 1;
const ACCEPTED: u32 = 2;
const REFUSED: u32 = 3;

/// Framing. Dialects 0 to 5 are those of [`dialect`]; any other number means that the version is not known.
///
/// # Safety
///
/// `bytes` points to `len` bytes, `answer` to an `Answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove_framing(
    number: u8,
    bytes: *const u8,
    len: usize,
    limit: u32,
    answer: *mut Answer,
) {
    // SAFETY: the caller's promise
    let input = unsafe { slice::from_raw_parts(bytes, len) };
    let next = match dialect(number) {
        Some(dialect) => FrameRef::split(input, dialect, limit),
        None => FrameRef::split_connect(input, limit),
    };
    let result = match next {
        Ok(NextFrame::NeedMore(missing)) => Answer {
            verdict: NEED_MORE,
            length: missing.get() as u64,
            ..Answer::default()
        },
        Ok(NextFrame::Frame(frame)) => Answer {
            verdict: ACCEPTED,
            packet_type: frame.packet_type() as u32,
            offset: (frame.bytes().as_ptr() as u64).wrapping_sub(bytes as u64),
            length: frame.bytes().len() as u64,
            content: frame.body().len() as u64,
            ..Answer::default()
        },
        Err(error) => refused(&error),
    };
    // SAFETY: the caller's promise
    unsafe { answer.write(result) };
}

/// Decoding of exactly one packet.
///
/// # Safety
///
/// As [`prove_framing`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove_packet(
    number: u8,
    bytes: *const u8,
    len: usize,
    answer: *mut Answer,
) {
    // SAFETY: the caller's promise
    let input = unsafe { slice::from_raw_parts(bytes, len) };
    let Some(dialect) = dialect(number) else {
        return;
    };
    let result = match Packet::decode(input, dialect) {
        Ok(packet) => accepted(&packet),
        Err(error) => refused(&error),
    };
    // SAFETY: the caller's promise
    unsafe { answer.write(result) };
}

/// The check of text.
///
/// # Safety
///
/// As [`prove_framing`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove_text(bytes: *const u8, len: usize, answer: *mut Answer) {
    // SAFETY: the caller's promise
    let input = unsafe { slice::from_raw_parts(bytes, len) };
    let verdict = match Utf8Str::try_from(input) {
        Ok(_) => ACCEPTED,
        Err(_) => REFUSED,
    };
    let result = Answer {
        verdict,
        ..Answer::default()
    };
    // SAFETY: the caller's promise
    unsafe { answer.write(result) };
}

/// Encodes the head of a PUBLISH in 3.1.1 whose payload has `payload_len` bytes, and frames it. No verdict if it cannot be
/// encoded.
///
/// # Safety
///
/// `answer` points to an `Answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove_remaining_length(payload_len: u32, answer: *mut Answer) {
    let dialect = Dialect::from_client(Version::V3_1_1);
    let mut output = [0; 8];
    let mut result = Answer::default();
    let head = TopicName::new("a").map(|topic| PublishHead::new(topic, payload_len));
    let written = head.map(|head| head.encode_to_slice(dialect, &mut output));
    if let Ok(Ok(len)) = written {
        result.content = len as u64;
        result.output = u64::from_le_bytes(output);
        match FrameRef::split(&output, dialect, u32::MAX) {
            Ok(NextFrame::NeedMore(missing)) => {
                result.verdict = NEED_MORE;
                result.length = missing.get() as u64;
            }
            Ok(NextFrame::Frame(frame)) => {
                result.verdict = ACCEPTED;
                result.length = frame.bytes().len() as u64;
            }
            Err(_) => result.verdict = REFUSED,
        }
    }
    // SAFETY: the caller's promise
    unsafe { answer.write(result) };
}

/// Encodes a block of properties with one Subscription Identifier, and decodes it. No verdict if it cannot be encoded.
///
/// # Safety
///
/// `answer` points to an `Answer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn prove_subscription_id(value: u32, answer: *mut Answer) {
    let dialect = Dialect::from_client(Version::V5);
    let carrier = PacketType::Subscribe;
    let mut output = [0; 8];
    let mut result = Answer::default();
    if let Some(id) = SubscriptionId::new(value) {
        let properties = [Property::SubscriptionIdentifier(id)];
        let properties = Properties::from(&properties);
        if let Ok(len) = properties.encode_to_slice(carrier, dialect, &mut output) {
            result.content = len as u64;
            result.output = u64::from_le_bytes(output);
            result.verdict = REFUSED;
            if let Ok((decoded, rest)) = Properties::decode(&output, carrier, dialect) {
                let id = decoded.get(PropertyId::SubscriptionIdentifier);
                if let Some(Property::SubscriptionIdentifier(id)) = id {
                    result.verdict = ACCEPTED;
                    result.value = id.get();
                    result.length = (output.len() - rest.len()) as u64;
                }
            }
        }
    }
    // SAFETY: the caller's promise
    unsafe { answer.write(result) };
}

/// Writes the name of the kind of error with this number, as [`Answer`] has it, to at most `room` bytes of `output`. Returns
/// the length of the name, or 0 if there is no such kind.
///
/// # Safety
///
/// `output` points to `room` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kind_name(number: u32, output: *mut u8, room: usize) -> usize {
    let Some(kind) = ErrorKind::ALL.iter().find(|kind| **kind as u32 == number) else {
        return 0;
    };
    // SAFETY: the caller's promise
    let output = unsafe { slice::from_raw_parts_mut(output, room) };
    let name = kind.name().as_bytes();
    output
        .iter_mut()
        .zip(name)
        .for_each(|(to, from)| *to = *from);
    name.len()
}

/// 0 and 1 are Client and Server in 3.1, 2 and 3 in 3.1.1, 4 and 5 in 5.0.
fn dialect(number: u8) -> Option<Dialect> {
    let version = match number >> 1 {
        0 => Version::V3_1,
        1 => Version::V3_1_1,
        2 => Version::V5,
        _ => return None,
    };
    let sender = match number & 1 {
        0 => Sender::Client,
        _ => Sender::Server,
    };
    Some(Dialect::new(version, sender))
}

fn accepted(packet: &Packet<'_>) -> Answer {
    let mut answer = Answer {
        verdict: ACCEPTED,
        packet_type: packet.packet_type() as u32,
        packet_id: packet.packet_id().map_or(0, |id| u32::from(id.get())),
        ..Answer::default()
    };
    match *packet {
        Packet::PubAck(it) | Packet::PubRec(it) | Packet::PubRel(it) | Packet::PubComp(it) => {
            answer.reason_code = it.reason_code as u32;
            answer.content = u64::from(!it.properties.is_empty());
        }
        Packet::ConnAck(it) => {
            answer.reason_code = it.reason_code as u32;
            answer.session_present = u32::from(it.session_present);
            answer.content = u64::from(!it.properties.is_empty());
        }
        Packet::UnsubAck(it) => {
            answer.content = u64::from(!it.properties.is_empty() || !it.reason_codes.is_empty());
        }
        Packet::Disconnect(it) => {
            answer.reason_code = it.reason_code as u32;
            answer.content = u64::from(!it.properties.is_empty());
        }
        _ => {}
    }
    answer
}

fn refused(error: &DecodeError) -> Answer {
    Answer {
        verdict: REFUSED,
        packet_type: error.packet_type().map_or(0, |it| it as u32),
        kind: error.kind() as u32,
        field: field_number(error.field()),
        offset: error.offset() as u64,
        value: error.value(),
        ..Answer::default()
    }
}

fn field_number(field: Field) -> u32 {
    match field {
        Field::PacketType => 1,
        Field::Flags => 2,
        Field::RemainingLength => 3,
        Field::PacketId => 4,
        Field::ReasonCode => 5,
        Field::PropertyLength => 6,
        Field::ConnAckFlags => 7,
        Field::ConnectFlags => 8,
        Field::KeepAlive => 9,
        Field::Packet => 10,
        _ => 0,
    }
}
