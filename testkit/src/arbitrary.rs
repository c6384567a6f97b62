//! Packets and conversations from the bytes of a fuzzer.

use arbitrary::{Arbitrary, Result, Unstructured};
use mqtt_wire::{Dialect, PacketType, Version};

use crate::generate::{self, Chooser};
use crate::{Conversation, Packet};

/// A dialect and a packet that the dialect allows.
///
/// ```
/// use arbitrary::{Arbitrary, Unstructured};
/// use mqtt_wire_testkit::Valid;
///
/// let mut input = Unstructured::new(b"bytes from a fuzzer");
/// let Valid(dialect, packet) = Valid::arbitrary(&mut input)?;
/// assert!(packet.encode(dialect).is_ok());
/// # Ok::<(), arbitrary::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid(pub Dialect, pub Packet);

/// A dialect and a packet that often breaks a rule of the dialect, sometimes several rules. About
/// half of these packets are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearlyValid(pub Dialect, pub Packet);

/// A conversation in which a [`Monitor`](mqtt_wire::monitor::Monitor) finds no breach.
///
/// It is one connection. It starts with CONNECT, has up to some hundred packets, and may end
/// anywhere. The Server sends messages only after it granted a subscription, but their topics need
/// not match a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidConversation(pub Conversation);

/// A conversation of valid packets, in which the two sides often break a rule, sometimes several
/// rules. Somewhat less than half of these conversations are valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearlyValidConversation(pub Conversation);

impl<'b> Arbitrary<'b> for Valid {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = generate::dialect(input);
        Ok(Self(dialect, Packet::valid(dialect, input)))
    }
}

impl<'b> Arbitrary<'b> for NearlyValid {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = generate::dialect(input);
        Ok(Self(dialect, Packet::nearly_valid(dialect, input)))
    }
}

impl<'b> Arbitrary<'b> for ValidConversation {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let version = generate::version(input);
        Ok(Self(Conversation::valid(version, input)))
    }
}

impl<'b> Arbitrary<'b> for NearlyValidConversation {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let version = generate::version(input);
        Ok(Self(Conversation::nearly_valid(version, input)))
    }
}

impl Packet {
    /// A packet that `dialect` allows. Once `input` is used up, the remaining parts are the smallest.
    #[must_use]
    pub fn valid(dialect: Dialect, input: &mut Unstructured<'_>) -> Self {
        generate::valid(dialect, input)
    }

    /// A packet of this type that `dialect` allows, if `dialect` has the type.
    #[must_use]
    pub fn valid_of(
        packet_type: PacketType,
        dialect: Dialect,
        input: &mut Unstructured<'_>,
    ) -> Self {
        generate::valid_of(packet_type, dialect, input)
    }

    /// A packet as in [`NearlyValid`].
    #[must_use]
    pub fn nearly_valid(dialect: Dialect, input: &mut Unstructured<'_>) -> Self {
        generate::nearly_valid(dialect, input)
    }
}

impl Conversation {
    /// A conversation as in [`ValidConversation`].
    #[must_use]
    pub fn valid(version: Version, input: &mut Unstructured<'_>) -> Self {
        generate::valid_conversation(version, input)
    }

    /// A conversation as in [`NearlyValidConversation`].
    #[must_use]
    pub fn nearly_valid(version: Version, input: &mut Unstructured<'_>) -> Self {
        generate::nearly_valid_conversation(version, input)
    }
}

impl Chooser for Unstructured<'_> {
    fn below(&mut self, end: u32) -> u32 {
        // 0 once no bytes are left
        self.int_in_range(0..=end.saturating_sub(1)).unwrap_or(0)
    }
}
