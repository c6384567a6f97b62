//! Forwarding is idempotent: a copy that is forwarded again in the same envelope does not change. It also composes: a copy of a
//! copy is the copy that the message itself would give.

use bytes::{Buf, Bytes, BytesMut};
use mqtt_wire::fanout::{Envelope, Forward, ForwardError, SharedPublish};
use mqtt_wire::{Packet, Properties, Property, Publish, Version, Will};

/// Makes the bytes of a copy. The message has a Topic Name.
pub type Forwarder = fn(Publish<'_>, Envelope<'_>) -> Result<Vec<u8>, ForwardError>;

/// The forwarders of this library.
pub const FORWARDERS: [Forwarder; 3] = [forward, copy_for, copies];

/// A copy has the fields of the message and of the envelope. Forwarded again at once and in the same envelope, it does not
/// change. Forwarded in `next`, it is the copy that the message would give there, after the time that both have waited.
pub fn forwarding_is_idempotent(
    forwarder: Forwarder,
    message: Publish<'_>,
    envelope: Envelope<'_>,
    next: Envelope<'_>,
) -> Result<(), String> {
    let expected = by_hand(message, envelope);
    let once = match (forwarder(message, envelope), &expected) {
        (Ok(once), Some(_)) => once,
        (Err(ForwardError::Expired), None) => return Ok(()),
        // the envelope breaks a rule
        (Err(ForwardError::Encode(_)), _) => return Ok(()),
        (result, _) => return Err(format!("{message:?} in {envelope:?} gives {result:02x?}")),
    };
    let Ok(Packet::Publish(copy)) = Packet::decode(&once, envelope.dialect) else {
        return Err(format!("{once:02x?} is no PUBLISH in {envelope:?}"));
    };
    let expected = Publish {
        delivery: envelope.delivery,
        retain: envelope.retain,
        properties: Properties::new(expected.as_deref().unwrap_or_default()),
        ..message
    };
    if copy != expected {
        return Err(format!(
            "{copy:?} is the copy of {message:?} in {envelope:?}"
        ));
    }

    let mut same = envelope;
    same.waited = 0;
    let twice = forwarder(copy, same);
    if twice.as_ref() != Ok(&once) {
        return Err(format!("{once:02x?} becomes {twice:02x?} in {same:?}"));
    }

    let mut both = next;
    let mut kept = message;
    match envelope.dialect.version() {
        Version::V5 => both.waited = next.waited.saturating_add(envelope.waited),
        // this copy cannot carry them
        Version::V3_1 | Version::V3_1_1 => kept.properties = Properties::EMPTY,
    }
    let (through, directly) = (forwarder(copy, next), forwarder(kept, both));
    if through != directly {
        return Err(format!(
            "{message:?} in {envelope:?} and then in {next:?} gives {through:02x?}, and directly {directly:02x?}"
        ));
    }
    Ok(())
}

/// A Will is forwarded like the PUBLISH of the Will.
pub fn a_will_is_forwarded_like_its_publish(
    forwarder: Forwarder,
    will: Will<'_>,
    envelope: Envelope<'_>,
) -> Result<(), String> {
    let publish = will.to_publish(envelope.delivery);
    let own = Publish {
        properties: will.properties,
        ..publish
    };
    match (forwarder(own, envelope), forwarder(publish, envelope)) {
        (own, publish) if own == publish => Ok(()),
        (own, publish) => Err(format!(
            "{will:?} in {envelope:?} gives {own:02x?}, and its PUBLISH {publish:02x?}"
        )),
    }
}

/// The properties of a copy; `None` if the message has expired.
pub fn by_hand<'a>(publish: Publish<'a>, envelope: Envelope<'_>) -> Option<Vec<Property<'a>>> {
    let mut properties = Vec::new();
    if let Some(seconds) = publish.message_expiry_interval() {
        if envelope.waited > 0 && seconds <= envelope.waited {
            return None;
        }
        properties.push(Property::MessageExpiryInterval(seconds - envelope.waited));
    }
    let ids = envelope.subscription_ids.iter().copied();
    properties.extend(ids.map(Property::SubscriptionIdentifier));
    properties.extend(publish.properties.iter().filter(|property| {
        !matches!(
            property,
            Property::MessageExpiryInterval(_)
                | Property::SubscriptionIdentifier(_)
                | Property::TopicAlias(_)
                | Property::WillDelayInterval(_)
        )
    }));
    if envelope.dialect.version() != Version::V5 {
        properties.clear();
    }
    Some(properties)
}

fn forward(message: Publish<'_>, envelope: Envelope<'_>) -> Result<Vec<u8>, ForwardError> {
    let topic_name = message.topic_name.expect("a message has a Topic Name");
    let length = message.payload.len() as u32;
    let forward = Forward::new(topic_name, message.properties, length, envelope)?;
    let mut bytes = Vec::new();
    forward.encode(&mut bytes)?;
    bytes.extend(message.payload);
    Ok(bytes)
}

fn copy_for(message: Publish<'_>, envelope: Envelope<'_>) -> Result<Vec<u8>, ForwardError> {
    let mut copy = shared(message)?.copy_for(envelope)?;
    Ok(copy.copy_to_bytes(copy.remaining()).into())
}

fn copies(message: Publish<'_>, envelope: Envelope<'_>) -> Result<Vec<u8>, ForwardError> {
    let copies = shared(message)?.copies(envelope)?;
    let mut bytes = BytesMut::new();
    copies.append(&mut bytes);
    bytes.extend(copies.payload().cloned());
    Ok(bytes.into())
}

fn shared(message: Publish<'_>) -> Result<SharedPublish, ForwardError> {
    let topic_name = message.topic_name.expect("a message has a Topic Name");
    let payload = Bytes::copy_from_slice(message.payload);
    Ok(SharedPublish::new(topic_name, message.properties, payload)?)
}
