//! Eclipse Paho's client in C, version 1.3.12 as Debian packages it (`libpaho-mqtt-dev`): 3.1.1 and
//! 5.0. It copies the topic and the properties; the payload stays in the caller's buffer.
//!
//! The library exports the parser of each packet type that a Server sends, but has no header that
//! declares them. The caller frames. The library records every allocation in a tree and traces every
//! call, in these functions too, so both are part of the times. (A build with `PAHO_HIGH_PERFORMANCE`
//! does neither.) Its allocations are not counted.

use std::ffi::{c_char, c_int, c_uchar, c_uint};
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;
use std::sync::Once;

use bytes::BytesMut;

use crate::fields::{Field, Fields, Sum};
use crate::peer::{Open, Peer, Task, Verdict, varint};
use crate::workload::{LARGE, Version, Wire};

pub struct Paho<const LEVEL: u8>;

impl<const LEVEL: u8> Peer for Paho<LEVEL> {
    const NAME: &'static str = "paho.mqtt.c";
    const VERSION: Version = match LEVEL {
        4 => Version::V4,
        _ => Version::V5,
    };
    const TASKS: &'static [Task] = &[Task::Decode];
    const CELLS: &'static [&'static str] = &[
        "PUBLISH 16 B",
        "PUBLISH 256 B, properties",
        LARGE,
        "PUBACK",
        "SUBACK 10",
        "64 KiB buffer",
    ];
    const COUNTS_ALLOCATIONS: bool = false;

    type Input = Received;
    type Packet = ();
    type Output = BytesMut;

    /// A packet cannot be returned from here: it has to be freed, and its payload is in the input.
    fn decode(_: &mut Received) -> Option<()> {
        None
    }

    fn fields<F: Fields>((): &(), _: &mut F) {}

    #[inline(always)]
    fn visit<F: Fields>(input: &mut Received, to: &mut F) -> Option<()> {
        let Body { first, data, len } = input.frame()?;
        let level = LEVEL.into();
        // SAFETY: the parsers only read the body, which is part of the input. It is not changed
        // before `with` has freed the packet. In 5.0 they initialize all fields.
        unsafe {
            match first >> 4 {
                3 => with(
                    MQTTPacket_publish(level, first, data, len),
                    MQTTPacket_freePublish,
                    |packet| publish::<LEVEL, F>(packet, to),
                ),
                4..=7 => with(
                    MQTTPacket_ack(level, first, data, len),
                    MQTTPacket_freeAck,
                    |packet| {
                        to.identified(first >> 4, packet.packet_id as u16);
                        if LEVEL == 5 {
                            to.code(packet.reason_code.assume_init());
                        }
                    },
                ),
                9 => with(
                    MQTTPacket_suback(level, first, data, len),
                    MQTTPacket_freeSuback,
                    |packet| suback(packet, to),
                ),
                _ => None,
            }
        }
    }

    fn encode((): &mut (), _: &mut BytesMut) -> Option<()> {
        None
    }

    fn verdict(bytes: Wire) -> Verdict {
        match Self::visit(&mut Received::open(bytes), &mut Sum::default()) {
            Some(()) => Verdict::Accepts,
            None => Verdict::Refuses,
        }
    }
}

/// Reads a packet, unless the parser has refused it, and frees it.
///
/// # Safety
///
/// A parser has just returned the packet, and `free` belongs to its type.
unsafe fn with<T>(
    packet: Option<NonNull<T>>,
    free: unsafe extern "C" fn(NonNull<T>),
    read: impl FnOnce(&T),
) -> Option<()> {
    let packet = packet?;
    // SAFETY: the caller upholds that the packet is valid; nothing uses it after `free`.
    unsafe {
        read(packet.as_ref());
        free(packet);
    }
    Some(())
}

/// # Safety
///
/// A parser of packets of this level has returned the packet, and its input is unchanged.
#[inline(always)]
unsafe fn publish<const LEVEL: u8, F: Fields>(packet: &Publish, to: &mut F) {
    let first = packet.header.byte;
    let flags = (first & 8 != 0, first >> 1 & 3, first & 1 != 0);
    let id = (first & 6 != 0).then_some(packet.packet_id as u16);
    // SAFETY: the caller upholds that the pointers and lengths are those of the parser.
    let properties = unsafe {
        let topic = array(packet.topic, packet.topic_len);
        let payload = array(packet.payload, packet.payload_len);
        to.publish(flags, topic, id, payload);
        if LEVEL == 5 {
            let properties = packet.properties.assume_init_ref();
            array(properties.array, properties.count)
        } else {
            &[]
        }
    };
    for Property { id, value } in properties {
        // SAFETY: the parser has set the variant of this property.
        unsafe {
            match id {
                0x02 => to.number(Field::MessageExpiry, value.four_bytes),
                0x03 => to.bytes(Field::ContentType, value.strings[0].bytes()),
                0x23 => to.number(Field::TopicAlias, value.two_bytes.into()),
                0x26 => to.user_property(value.strings[0].bytes(), value.strings[1].bytes()),
                _ => (),
            }
        }
    }
}

/// # Safety
///
/// A parser has returned the packet.
#[inline(always)]
unsafe fn suback<F: Fields>(packet: &SubAck, to: &mut F) {
    to.identified(9, packet.packet_id as u16);
    // SAFETY: the caller upholds that the list is that of the parser.
    unsafe {
        let mut next = packet.codes.and_then(|codes| codes.as_ref().first);
        while let Some(element) = next {
            let element = element.as_ref();
            to.code(*element.code.as_ref() as u8);
            next = element.next;
        }
    }
}

/// # Safety
///
/// `start` has `len` items, which live as long as the result, or it is null.
#[inline(always)]
unsafe fn array<'a, T>(start: *const T, len: c_int) -> &'a [T] {
    match usize::try_from(len) {
        // SAFETY: the caller upholds it.
        Ok(len) if !start.is_null() => unsafe { slice::from_raw_parts(start, len) },
        _ => &[],
    }
}

/// A read buffer. Zeros follow its packets, because the parsers read beyond the end of some invalid
/// packets; a property with the identifier 0 ends that.
pub struct Received {
    bytes: Vec<u8>,
    at: usize,
    end: usize,
}

const ZEROS: usize = 16;

struct Body {
    first: u8,
    data: *mut c_char,
    len: usize,
}

impl Open for Received {
    fn open(wire: Wire) -> Self {
        static INITIALIZED: Once = Once::new();
        // SAFETY: it is called once, before any other function of the library.
        INITIALIZED.call_once(|| unsafe {
            Heap_initialize();
        });
        Received {
            bytes: [wire, &[0; ZEROS]].concat(),
            at: 0,
            end: wire.len(),
        }
    }
}

impl Received {
    #[inline(always)]
    fn frame(&mut self) -> Option<Body> {
        let mut rest = &self.bytes[self.at..self.end];
        let first = *rest.split_off_first()?;
        let len = varint(&mut rest)?;
        let start = self.end - rest.len();
        rest.get(..len)?;
        self.at = start + len;
        let data = self.bytes[start..].as_mut_ptr().cast();
        Some(Body { first, data, len })
    }
}

#[link(name = "libpaho-mqtt3c.a", kind = "dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn Heap_initialize() -> c_int;
    fn MQTTPacket_publish(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> Option<NonNull<Publish>>;
    fn MQTTPacket_freePublish(packet: NonNull<Publish>);
    fn MQTTPacket_ack(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> Option<NonNull<Ack>>;
    fn MQTTPacket_freeAck(packet: NonNull<Ack>);
    fn MQTTPacket_suback(
        level: c_int,
        first: c_uchar,
        data: *mut c_char,
        len: usize,
    ) -> Option<NonNull<SubAck>>;
    fn MQTTPacket_freeSuback(packet: NonNull<SubAck>);
}

/// The first byte, in the size of an `unsigned int` of bit fields.
#[repr(C, align(4))]
struct Header {
    byte: u8,
}

#[repr(C)]
struct Publish {
    header: Header,
    topic: *const u8,
    topic_len: c_int,
    packet_id: c_int,
    payload: *const u8,
    payload_len: c_int,
    level: c_int,
    /// Initialized in 5.0.
    properties: MaybeUninit<Properties>,
}

#[repr(C)]
struct Ack {
    header: Header,
    packet_id: c_int,
    /// Initialized in 5.0.
    reason_code: MaybeUninit<c_uchar>,
    level: c_int,
    /// Initialized in 5.0.
    properties: MaybeUninit<Properties>,
}

#[repr(C)]
struct SubAck {
    header: Header,
    packet_id: c_int,
    level: c_int,
    /// Initialized in 5.0.
    properties: MaybeUninit<Properties>,
    codes: Option<NonNull<Codes>>,
}

#[repr(C)]
struct Codes {
    first: Option<NonNull<Code>>,
}

#[repr(C)]
struct Code {
    previous: Option<NonNull<Code>>,
    next: Option<NonNull<Code>>,
    code: NonNull<c_int>,
}

#[repr(C)]
struct Properties {
    count: c_int,
    max_count: c_int,
    length: c_int,
    array: *const Property,
}

#[repr(C)]
struct Property {
    id: c_uint,
    value: Value,
}

#[repr(C)]
union Value {
    two_bytes: u16,
    four_bytes: u32,
    strings: [LenString; 2],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct LenString {
    len: c_int,
    data: *const u8,
}

impl LenString {
    /// # Safety
    ///
    /// A parser has returned the string.
    #[inline(always)]
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: the caller upholds it.
        unsafe { array(self.data, self.len) }
    }
}
