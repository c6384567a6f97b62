//! Compares how we decode packets from a Server with a codec in C: Eclipse Paho's client, as
//! packaged by Debian (libpaho-mqtt-dev 1.3.12). The table below lists its known differences, by
//! rule; any other difference is a crash.
//!
//! Paho writes packets only to sockets. So this target encodes the packets that Paho has decoded,
//! except their properties, which Paho can encode. It also replaces Paho's allocator, because Paho
//! leaks memory, too much for an hour of fuzzing.
#![no_main]

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_uchar, c_uint, c_void};
use std::{ptr, slice};

use libfuzzer_sys::fuzz_target;
use mqtt_wire::{Dialect, ErrorKind, Packet, PacketType, Property, Sender, Version};

use ErrorKind as K;
use invariants::frame;
use peer::{Case, Outcome, Peer};

#[path = "../../tests/it/invariants/mod.rs"]
mod invariants;
mod peer;

fuzz_target!(|input: &[u8]| peer::compare(&[PAHO], input));

const PAHO: Peer = Peer {
    name: "paho.mqtt.c 1.3.12",
    knows: |it: Dialect| it.sender() == Sender::Server,
    read,
    ignores: &[
        K::AuthenticationDataWithoutMethod,
        K::ConnAckFlags,
        K::DupWithQos0,
        K::DuplicateProperty,
        K::EmptyTopicName,
        K::FixedHeaderFlags,
        K::InvalidUtf8,
        K::NullCharacter,
        K::PacketIdZero,
        K::PropertyLength,
        K::PropertyNotAllowed,
        K::PropertyValue,
        K::PropertyWrongSender,
        K::PublishQos3,
        K::ReasonCodeNotAllowed,
        K::ReasonCodeWrongSender,
        K::RemainingLength,
        K::SessionPresentWithRefusal,
        K::Surrogate,
        K::TrailingBytes,
        K::Truncated,
        K::VariableByteIntegerNotShortest,
        K::VariableByteIntegerTooLong,
        K::WildcardInTopicName,
    ],
    panics: false,
    fails_for: &[
        ("expects a Packet Identifier in AUTH", |it| {
            matches!(it.packet, Packet::Auth(_))
        }),
        (
            "requires codes in 3.1",
            |it| matches!(it.packet, Packet::SubAck(it) if it.reason_codes.is_empty()),
        ),
        (
            "decodes four-byte integers from 0x8000_0000 on to other values",
            has_large_numbers,
        ),
    ],
};

fn has_large_numbers(case: &Case<'_>) -> bool {
    let properties = match case.packet {
        Packet::ConnAck(it) => it.properties,
        Packet::Publish(it) => it.properties,
        _ => return false,
    };
    properties.iter().any(|it| {
        let number = match it {
            Property::SessionExpiryInterval(it) | Property::MessageExpiryInterval(it) => it,
            Property::MaximumPacketSize(it) => it.get(),
            _ => 0,
        };
        number >= 0x8000_0000
    })
}

fn read(version: Version, bytes: &[u8]) -> Outcome {
    // Paho reads a property beyond the end of its packet, and then the next one: 0 is no property.
    let length_ends = 1 + bytes[1..].iter().take_while(|it| **it >= 0x80).count() + 1;
    let mut body = bytes[length_ends..].to_vec();
    let length = body.len();
    body.extend([0; 16]);
    // SAFETY: the functions belong to the packet type, the bytes outlive the packet, and nothing
    // uses the packet after `ALLOCATED` is emptied.
    let again = unsafe { say_again(version, bytes[0], &mut body, length) };
    ALLOCATED.with_borrow_mut(Vec::clear);
    again.map_or(Outcome::Refused, |body| {
        Outcome::Read(Some(frame(bytes[0], &body)))
    })
}

unsafe fn say_again(
    version: Version,
    first_byte: u8,
    body: &mut [u8],
    length: usize,
) -> Option<Vec<u8>> {
    use PacketType as P;

    let is_v5 = version == Version::V5;
    let packet_type = *PacketType::ALL
        .iter()
        .find(|it| **it as u8 == first_byte >> 4)?;
    let parse: Parse = match packet_type {
        P::ConnAck => MQTTPacket_connack,
        P::Publish => MQTTPacket_publish,
        P::PubAck | P::PubRec | P::PubRel | P::PubComp => MQTTPacket_ack,
        P::Disconnect if is_v5 => MQTTPacket_ack,
        P::SubAck => MQTTPacket_suback,
        P::UnsubAck => MQTTPacket_unsuback,
        P::PingResp => return Some(vec![]),
        _ => return None,
    };
    let level = match version {
        Version::V3_1 => 3,
        Version::V3_1_1 => 4,
        Version::V5 => 5,
    };
    let data: *mut c_char = body.as_mut_ptr().cast();
    // SAFETY: the body has `length` bytes, and more for a parser that reads beyond them.
    let packet = unsafe { parse(level, first_byte, data, length) };
    if packet.is_null() {
        return None;
    }

    let mut again = Vec::new();
    // SAFETY: a parser returns a packet of its type with valid pointers.
    unsafe {
        match packet_type {
            P::ConnAck => {
                let packet = &*packet.cast::<ConnAck>();
                again.extend([packet.flags as u8, packet.reason_code]);
                if is_v5 {
                    again.extend(packet.properties.write());
                }
            }
            P::Publish => {
                let packet = &*packet.cast::<Publish>();
                let topic = slice::from_raw_parts(packet.topic, packet.topic_length as usize);
                again.extend((topic.len() as u16).to_be_bytes());
                again.extend(topic);
                if first_byte & 0x06 != 0 {
                    again.extend((packet.packet_id as u16).to_be_bytes());
                }
                if is_v5 {
                    again.extend(packet.properties.write());
                }
                if let Ok(length) = usize::try_from(packet.payload_length) {
                    again.extend(slice::from_raw_parts(packet.payload, length));
                }
            }
            P::SubAck | P::UnsubAck => {
                let packet = &*packet.cast::<SubAck>();
                again.extend((packet.packet_id as u16).to_be_bytes());
                if is_v5 {
                    again.extend(packet.properties.write());
                }
                let mut element = match packet.codes.as_ref() {
                    Some(codes) => codes.first,
                    None => ptr::null(),
                };
                while let Some(it) = element.as_ref() {
                    again.push(*it.content as u8);
                    element = it.next;
                }
            }
            _ => {
                let packet = &*packet.cast::<Ack>();
                if packet_type != P::Disconnect {
                    again.extend((packet.packet_id as u16).to_be_bytes());
                }
                if is_v5 {
                    again.push(packet.reason_code);
                    again.extend(packet.properties.write());
                }
            }
        }
    }
    Some(again)
}

// ---- Paho's packets and functions ---------------------------------------------------------

type Parse = unsafe extern "C" fn(c_int, c_uchar, *mut c_char, usize) -> *mut c_void;

#[link(name = "libpaho-mqtt3c.a", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn MQTTPacket_connack(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> *mut c_void;
    fn MQTTPacket_publish(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> *mut c_void;
    fn MQTTPacket_ack(level: c_int, first: c_uchar, data: *mut c_char, len: usize) -> *mut c_void;
    fn MQTTPacket_suback(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> *mut c_void;
    fn MQTTPacket_unsuback(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> *mut c_void;
    fn MQTTProperties_len(properties: *const Properties) -> c_int;
    fn MQTTProperties_write(at: *mut *mut c_char, properties: *const Properties) -> c_int;
}

#[repr(C)]
struct ConnAck {
    header: c_uint,
    flags: c_uint,
    reason_code: c_uchar,
    level: c_uint,
    properties: Properties,
}

#[repr(C)]
struct Publish {
    header: c_uint,
    topic: *const u8,
    topic_length: c_int,
    packet_id: c_int,
    payload: *const u8,
    payload_length: c_int,
    level: c_int,
    properties: Properties,
}

#[repr(C)]
struct Ack {
    header: c_uint,
    packet_id: c_int,
    reason_code: c_uchar,
    level: c_int,
    properties: Properties,
}

#[repr(C)]
struct SubAck {
    header: c_uint,
    packet_id: c_int,
    level: c_int,
    properties: Properties,
    codes: *const Codes,
}

#[repr(C)]
struct Codes {
    first: *const Code,
}

#[repr(C)]
struct Code {
    previous: *const Code,
    next: *const Code,
    content: *const c_uint,
}

#[repr(C)]
struct Properties {
    count: c_int,
    max_count: c_int,
    length: c_int,
    array: *mut c_void,
}

impl Properties {
    unsafe fn write(&self) -> Vec<u8> {
        // SAFETY: the properties are unchanged since their parser returned them.
        let length = unsafe { MQTTProperties_len(self) };
        let mut bytes = vec![0; length as usize];
        let mut at = bytes.as_mut_ptr().cast();
        // SAFETY: as above, and Paho writes as many bytes as it has counted.
        unsafe { MQTTProperties_write(&mut at, self) };
        bytes
    }
}

// ---- Paho's allocator ---------------------------------------------------------------------

thread_local! {
    static ALLOCATED: RefCell<Vec<Vec<u128>>> = const { RefCell::new(Vec::new()) };
}

#[unsafe(no_mangle)]
extern "C" fn mymalloc(_file: *const c_char, _line: c_int, size: usize) -> *mut c_void {
    let mut place = vec![0; size.div_ceil(size_of::<u128>()).max(1)];
    let start = place.as_mut_ptr().cast();
    ALLOCATED.with_borrow_mut(|all| all.push(place));
    start
}

#[unsafe(no_mangle)]
extern "C" fn myrealloc(
    file: *const c_char,
    line: c_int,
    old: *mut c_void,
    size: usize,
) -> *mut c_void {
    let new = mymalloc(file, line, size);
    ALLOCATED.with_borrow_mut(|all| {
        let found = all
            .iter()
            .position(|it| it.as_ptr().cast() == old.cast_const());
        let old = all.swap_remove(found.unwrap());
        let new = all
            .iter_mut()
            .find(|it| it.as_ptr().cast() == new.cast_const())
            .unwrap();
        let kept = old.len().min(new.len());
        new[..kept].copy_from_slice(&old[..kept]);
    });
    new
}

#[unsafe(no_mangle)]
extern "C" fn myfree(_file: *const c_char, _line: c_int, _place: *mut c_void) {}

/// The other functions of the library's heap, which nothing here calls.
mod rest_of_the_heap {
    #[unsafe(no_mangle)]
    extern "C" fn Heap_initialize() {}
    #[unsafe(no_mangle)]
    extern "C" fn Heap_terminate() {}
    #[unsafe(no_mangle)]
    extern "C" fn Heap_unlink() {}
}
