//! The packets of a capture that are in no connection.

use std::collections::BTreeMap;

/// Numbers of packets, by the reason for which they are in no connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// With another protocol than TCP or UDP, or UDP on other ports.
    pub other_protocol: u64,
    /// UDP on a port of MQTT.
    pub udp: u64,
    /// Fragments of IP packets of which other fragments are not in the capture.
    pub fragments: u64,
    /// With headers that are cut off or contradictory.
    pub malformed: u64,
    /// Encrypted by Wi-Fi.
    pub encrypted: u64,
    /// From a kind of link that is not supported, by its number.
    pub unknown_link: BTreeMap<i32, u64>,
    /// TCP, but neither end has the wanted port.
    pub other_port: u64,
}
