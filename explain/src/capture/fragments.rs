//! From fragments to whole IP packets.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use etherparse::IpFragOffset;
use etherparse::defrag::IpDefragBuf;

use super::ip::{Fragment, IpPayload};

/// The IP packets of which fragments were seen.
#[derive(Default)]
pub(super) struct Fragments {
    packets: HashMap<Key, Packet>,
    /// How many fragments are of packets that will not be complete.
    pub abandoned: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
}

struct Packet {
    /// `None` when it was complete: more copies of its fragments may follow.
    buffer: Option<IpDefragBuf>,
    fragments: u64,
    began: Duration,
    /// The number of the packet with its first fragment.
    first: u64,
}

impl Fragments {
    /// The most packets at the same time. Each has at most 64 KiB.
    const MOST: usize = 128;
    /// After this time, an identification may be used again.
    const LIFETIME: Duration = Duration::from_secs(30);

    /// Adds a fragment. Returns the payload of the packet that it completes.
    pub fn add(
        &mut self,
        ip: &IpPayload<'_>,
        fragment: &Fragment,
        number: u64,
        time: Duration,
    ) -> Option<Vec<u8>> {
        let key = Key {
            source: ip.source,
            destination: ip.destination,
            protocol: ip.protocol.0,
            identification: fragment.identification,
        };
        let is_old = |packet: &Packet| time.saturating_sub(packet.began) > Self::LIFETIME;
        if self.packets.get(&key).is_some_and(is_old) {
            self.abandon(&key);
        }
        if !self.packets.contains_key(&key) && self.packets.len() >= Self::MOST {
            let oldest = self.packets.iter().min_by_key(|(_, packet)| packet.first);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.abandon(&oldest);
            }
        }
        let packet = self.packets.entry(key).or_insert_with(|| Packet {
            buffer: Some(IpDefragBuf::new(ip.protocol, Vec::new(), Vec::new())),
            fragments: 0,
            began: time,
            first: number,
        });
        packet.fragments += 1;
        let buffer = packet.buffer.as_mut()?;
        if ip.cut > 0 {
            return None;
        }
        let offset = IpFragOffset::try_new(fragment.offset / 8).ok()?;
        // a fragment that contradicts the others is left out
        buffer.add(offset, fragment.has_more, ip.bytes).ok()?;
        if !buffer.is_complete() {
            return None;
        }
        packet.buffer.take().map(|buffer| buffer.take_bufs().0)
    }

    /// Gives up all packets that are not complete.
    pub fn finish(&mut self) {
        let keys: Vec<Key> = self.packets.keys().cloned().collect();
        keys.iter().for_each(|key| self.abandon(key));
    }

    fn abandon(&mut self, key: &Key) {
        let packet = self.packets.remove(key);
        if let Some(packet) = packet.filter(|packet| packet.buffer.is_some()) {
            self.abandoned += packet.fragments;
        }
    }
}
