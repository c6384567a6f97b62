//! The model for fuzzers.

use arbitrary::{Arbitrary, Result, Unstructured};

use super::make::{self, Choices};
use super::{Conversation, Packet, conversation};
use crate::dialect::{Dialect, Version};
use crate::packet::PacketType;

/// A dialect and a packet that it can say.
///
/// ```
/// use arbitrary::{Arbitrary, Unstructured};
/// use mqtt_wire::model::Valid;
///
/// let mut input = Unstructured::new(b"what a fuzzer makes");
/// let Valid(dialect, packet) = Valid::arbitrary(&mut input)?;
/// assert!(packet.encode(dialect).is_ok());
/// # Ok::<(), arbitrary::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid(pub Dialect, pub Packet);

/// A dialect and a packet with errors, as far as the types allow them: often one, sometimes
/// several. About half have none after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearlyValid(pub Dialect, pub Packet);

/// A conversation in which a [`Monitor`](crate::monitor::Monitor) finds no breach.
///
/// It is one connection from its CONNECT on, with up to some hundred packets; it may end anywhere.
/// Messages come from the Server only after a subscription was granted, whether or not their
/// topics match it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidConversation(pub Conversation);

/// A conversation of packets that are valid by themselves, in which both sides may break rules:
/// often one, sometimes several. Somewhat less than half break none after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearlyValidConversation(pub Conversation);

impl<'b> Arbitrary<'b> for Valid {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = make::dialect(input);
        Ok(Self(dialect, Packet::valid(dialect, input)))
    }
}

impl<'b> Arbitrary<'b> for NearlyValid {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let dialect = make::dialect(input);
        Ok(Self(dialect, Packet::nearly_valid(dialect, input)))
    }
}

impl<'b> Arbitrary<'b> for ValidConversation {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let version = make::version(input);
        Ok(Self(Conversation::valid(version, input)))
    }
}

impl<'b> Arbitrary<'b> for NearlyValidConversation {
    fn arbitrary(input: &mut Unstructured<'b>) -> Result<Self> {
        let version = make::version(input);
        Ok(Self(Conversation::nearly_valid(version, input)))
    }
}

impl Packet {
    /// Any packet that `dialect` can say. Where `input` ends, its parts are as small as may be.
    #[must_use]
    pub fn valid(dialect: Dialect, input: &mut Unstructured<'_>) -> Self {
        make::valid(dialect, input)
    }

    /// Any packet of this type that `dialect` can say, if `dialect` has the type.
    #[must_use]
    pub fn valid_of(
        packet_type: PacketType,
        dialect: Dialect,
        input: &mut Unstructured<'_>,
    ) -> Self {
        make::valid_of(packet_type, dialect, input)
    }

    /// Any packet in which some choices are made without regard to the rules of `dialect`.
    #[must_use]
    pub fn nearly_valid(dialect: Dialect, input: &mut Unstructured<'_>) -> Self {
        make::nearly_valid(dialect, input)
    }
}

impl Conversation {
    /// Any conversation as in [`ValidConversation`].
    #[must_use]
    pub fn valid(version: Version, input: &mut Unstructured<'_>) -> Self {
        conversation::valid(version, input)
    }

    /// Any conversation as in [`NearlyValidConversation`].
    #[must_use]
    pub fn nearly_valid(version: Version, input: &mut Unstructured<'_>) -> Self {
        conversation::nearly_valid(version, input)
    }
}

impl Choices for Unstructured<'_> {
    fn below(&mut self, end: u32) -> u32 {
        // it chooses 0 where it has nothing left
        self.int_in_range(0..=end.saturating_sub(1)).unwrap_or(0)
    }
}
