//! Programs pass packets by value and keep them in structs and queues, so no size may change unnoticed.

use std::mem::size_of;

use mqtt_wire::{
    Ack, Auth, ConnAck, Connect, DecodeError, Dialect, Disconnect, EncodeError, FrameRef, Framed,
    Packet, Properties, Property, Publish, ReasonCode, SubAck, Subscribe, Subscription, TopicName,
    Unsubscribe, Utf8Str, Will,
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
        144 Packet
        144 Result<Packet, DecodeError>
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
        24  Framed<FrameRef>
        16  DecodeError
        16  EncodeError
    };
    for (name, bytes, kept) in sizes {
        assert_eq!(bytes, kept, "{name}");
    }
}

#[cfg(feature = "bytes")]
#[test]
fn every_frame_keeps_its_size() {
    use mqtt_wire::{Frame, FrameDecoder};

    let sizes = sizes! {
        40 Frame
        40 Framed<Frame>
        80 FrameDecoder
    };
    for (name, bytes, kept) in sizes {
        assert_eq!(bytes, kept, "{name}");
    }
}
