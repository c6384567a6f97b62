//! Programs pass packets by value and keep them in structs and queues, so no size may change unnoticed.

use std::mem::{offset_of, size_of};

use mqtt_wire::{
    Ack, Auth, ConnAck, Connect, DecodeError, Dialect, Disconnect, EncodeError, FrameRef,
    NextFrame, Packet, Properties, Property, Publish, ReasonCode, SubAck, Subscribe, Subscription,
    TopicName, Unsubscribe, Utf8Str, Will,
};

/// Each type with its bytes.
macro_rules! sizes {
    ($($bytes:literal $type:ty)*) => {
        [$((stringify!($type), size_of::<$type>(), $bytes)),*]
    };
}

#[test]
fn every_type_keeps_its_size() {
    let sizes = sizes! {
        152 Packet
        152 Result<Packet, DecodeError>
        152 Result<Option<Packet>, DecodeError>
        144 Connect
        32  ConnAck
        64  Publish
        32  Ack
        56  Subscribe
        56  SubAck
        56  Unsubscribe
        32  Disconnect
        32  Auth
        64  Will
        64  Option<Will>
        24  Properties
        40  Property
        24  Subscription
        16  TopicName
        16  Option<TopicName>
        16  Utf8Str
        1   ReasonCode
        4   Dialect
        24  FrameRef
        24  NextFrame<FrameRef>
        16  DecodeError
        16  EncodeError
    };
    for (name, bytes, kept) in sizes {
        assert_eq!(bytes, kept, "{name}");
    }
}

/// A caller that moves a packet reads the fields of all packet types before it knows the type. Fields
/// at one place therefore have one size: a processor that reads 8 bytes, which were written as 2 and
/// 1, waits until they have left the store buffer.
#[test]
fn fields_at_one_place_have_one_size() {
    let identifiers = [
        offset_of!(Ack, packet_id),
        offset_of!(Subscribe, packet_id),
        offset_of!(SubAck, packet_id),
        offset_of!(Unsubscribe, packet_id),
        offset_of!(Connect, keep_alive),
    ];
    assert_eq!(identifiers, [0; 5]);
    let bytes = [
        offset_of!(Ack, reason_code),
        offset_of!(Publish, delivery),
        offset_of!(Connect, version),
    ];
    assert_eq!(bytes, [2; 3]);
    let properties = [
        offset_of!(Ack, properties),
        offset_of!(Auth, properties),
        offset_of!(ConnAck, properties),
        offset_of!(Connect, properties),
        offset_of!(Disconnect, properties),
        offset_of!(Publish, properties),
        offset_of!(SubAck, properties),
        offset_of!(Subscribe, properties),
        offset_of!(Unsubscribe, properties),
        offset_of!(Will, properties),
    ];
    assert_eq!(properties, [8; 10]);
}

#[cfg(feature = "bytes")]
#[test]
fn every_frame_keeps_its_size() {
    use mqtt_wire::{Frame, FrameDecoder};

    let sizes = sizes! {
        40 Frame
        40 NextFrame<Frame>
        80 FrameDecoder
    };
    for (name, bytes, kept) in sizes {
        assert_eq!(bytes, kept, "{name}");
    }
}
