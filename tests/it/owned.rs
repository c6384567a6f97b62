//! Topic names and filters that own their text, frames and packets that own their bytes.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash};

use bytes::BytesMut;
use mqtt_wire::{
    EncodeError, ErrorKind, Frame, List, NextFrame, Packet, PacketBuf, PacketId, Publish, QoS,
    ReasonCode, Subscribe, Subscription, Subscriptions, TopicFilter, TopicFilterBuf, TopicName,
    TopicNameBuf, Version,
};
use mqtt_wire_testkit::strategies;
use proptest::prelude::*;

proptest! {
    #[test]
    fn owned_topics_are_their_texts(
        name in strategies::topic_name(),
        other in strategies::topic_name(),
        filter in strategies::topic_filter(Version::V5),
    ) {
        let borrowed = TopicName::new(&name).unwrap();
        let owned = TopicNameBuf::new(&*name).unwrap();
        prop_assert_eq!(&owned, &borrowed);
        prop_assert_eq!(&owned, &*name);
        prop_assert_eq!(&owned, &TopicNameBuf::from(borrowed));
        prop_assert_eq!(TopicName::from(&owned), borrowed);
        prop_assert_eq!(format!("{owned} {owned:?}"), format!("{borrowed} {borrowed:?}"));
        prop_assert_eq!(&String::from(owned.clone()), &name);
        let second = TopicNameBuf::try_from(other.clone()).unwrap();
        prop_assert_eq!(owned.cmp(&second), name.cmp(&other));
        prop_assert_eq!(owned.cmp(&second), borrowed.cmp(&second.as_topic_name()));

        let owned: TopicFilterBuf = filter.parse().unwrap();
        let borrowed = TopicFilter::new(&filter).unwrap();
        prop_assert_eq!(owned.as_topic_filter(), borrowed);
        let json = serde_json::to_string(&owned).unwrap();
        prop_assert_eq!(&json, &serde_json::to_string(&borrowed).unwrap());
        prop_assert_eq!(serde_json::from_str::<TopicFilterBuf>(&json).unwrap(), owned);
    }

    #[test]
    fn any_text_is_refused_as_the_borrowed_form_refuses_it(text in "[a/+#$\\x00\u{e9}]{0,4}") {
        let borrowed = TopicName::new(&text).map(|name| name.to_string());
        let owned = TopicNameBuf::try_from(&*text).map(String::from);
        prop_assert_eq!(owned, borrowed);
        let borrowed = TopicFilter::new(&text).map(|filter| filter.to_string());
        prop_assert_eq!(TopicFilterBuf::new(&*text).map(String::from), borrowed);
        let json = serde_json::to_string(&text).unwrap();
        let read = serde_json::from_str::<TopicFilterBuf>(&json);
        prop_assert_eq!(read.is_ok(), TopicFilter::new(&text).is_ok());
    }
}

#[test]
fn maps_find_owned_topics_by_their_text() {
    let names = ["a", "a/b", "\u{e9}"].map(|name| TopicNameBuf::new(name).unwrap());
    let hashed: HashMap<_, _> = names.iter().cloned().zip(0..).collect();
    let sorted: BTreeMap<_, _> = names.iter().cloned().zip(0..).collect();
    for (index, name) in names.iter().enumerate() {
        assert_eq!(hashed.get(name.as_str()), Some(&index));
        assert_eq!(sorted.get(name.as_str()), Some(&index));
        assert_eq!(Borrow::<str>::borrow(name), name.as_ref());
    }
    assert_eq!(hashed.get("b"), None);
}

/// A function that makes a packet needs no `map_err` for its values.
#[test]
fn errors_of_constructors_become_encode_errors() {
    fn publish(topic: &str, packet_id: u16) -> Result<Vec<u8>, EncodeError> {
        let mut publish = Publish::new(TopicName::new(topic)?, b"x");
        publish.delivery = mqtt_wire::Delivery::new(QoS::AtLeastOnce, packet_id.try_into()?);
        let mut bytes = Vec::new();
        Packet::from(publish)
            .encode(mqtt_wire::Dialect::from_client(Version::V3_1_1), &mut bytes)?;
        Ok(bytes)
    }
    assert_eq!(publish("a", 1).unwrap(), b"\x32\x06\0\x01a\0\x01x");
    let error = publish("+", 1).unwrap_err();
    assert_eq!(error, EncodeError::Value(ErrorKind::WildcardInTopicName));
    assert_eq!(
        error.to_string(),
        ErrorKind::WildcardInTopicName.to_string()
    );
    assert_eq!(error.statement(), None);
    let error = publish("a", 0).unwrap_err();
    assert_eq!(error, EncodeError::Value(ErrorKind::PacketIdZero));
}

#[test]
fn packets_are_keys_of_maps() {
    let filters = ["a", "b"].map(|filter| TopicFilter::new(filter).unwrap());
    let subscriptions = filters.map(|filter| Subscription::new(filter, QoS::AtMostOnce));
    let subscribe = |subscriptions| {
        Packet::from(Subscribe::new(
            PacketId::MIN,
            Subscriptions::new(subscriptions),
        ))
    };
    let client = mqtt_wire::Dialect::from_client(Version::V5);
    let mut bytes = Vec::new();
    let built = subscribe(&subscriptions);
    built.encode(client, &mut bytes).unwrap();
    // equal lists have equal hashes, whether they are lent or decoded
    let decoded = Packet::decode(&bytes, client).unwrap();
    let mut seen = HashMap::from([(built, 1)]);
    assert_eq!(seen.insert(decoded, 2), Some(1));
    assert_eq!(seen.insert(subscribe(&subscriptions[..1]), 3), None);
    assert_eq!(seen.insert(Packet::PingReq, 4), None);
}

#[test]
fn frames_hash_their_bytes() {
    let client = mqtt_wire::Dialect::from_client(Version::V5);
    let frame = |bytes: &[u8]| match Frame::split(&mut BytesMut::from(bytes), client, u32::MAX) {
        Ok(NextFrame::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    };
    let (ping, disconnect) = (frame(b"\xc0\0"), frame(b"\xe0\0"));
    assert_eq!(hash(&ping), hash(&frame(b"\xc0\0")));
    assert_ne!(hash(&ping), hash(&disconnect));
}

#[test]
fn lists_hash_their_items_and_their_number() {
    let one = List::new(&[ReasonCode::Success]);
    let other = List::new(&[ReasonCode::UnspecifiedError]);
    assert_eq!(hash(&one), hash(&List::from(&[ReasonCode::Success])));
    assert_ne!(hash(&one), hash(&other));
    // an item of one list is not an item of the next
    let none = List::<ReasonCode>::EMPTY;
    assert_ne!(hash(&(one, none)), hash(&(none, one)));
}

fn hash(value: &impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
}

#[test]
fn an_owned_packet_shows_its_packet() {
    let client = mqtt_wire::Dialect::from_client(Version::V5);
    let ping = PacketBuf::encode(&Packet::PingReq, client).unwrap();
    let text = format!("PacketBuf {{ dialect: {client:?}, packet: PingReq }}");
    assert_eq!(format!("{ping:?}"), text);
}

#[test]
fn lists_know_how_many_items_they_may_have() {
    let filters = ["a", "b"].map(|filter| TopicFilter::new(filter).unwrap());
    let subscriptions = filters.map(|filter| Subscription::new(filter, QoS::AtMostOnce));
    let lent = Subscriptions::new(&subscriptions).iter();
    assert_eq!(lent.size_hint(), (2, Some(2)));

    let bytes = b"\x82\x0a\0\x01\0\x01a\0\0\x01b\0";
    let client = mqtt_wire::Dialect::from_client(Version::V3_1_1);
    let Packet::Subscribe(subscribe) = Packet::decode(bytes, client).unwrap() else {
        unreachable!()
    };
    let mut items = subscribe.subscriptions.iter();
    for left in [2, 1, 0] {
        let (least, most) = items.size_hint();
        assert!(least <= left && left <= most.unwrap() && most.unwrap() <= 8);
        assert_eq!(items.next().is_some(), left > 0);
    }
}
