//! The normative statements that the decoder, the encoder and the monitor can cite.

mod table;

use core::fmt;

use crate::dialect::Version;
use crate::packet_type::PacketType;

/// A normative statement of one version of the standard.
///
/// The same id has different meanings in different versions, so a statement always has both.
/// Rules that a standard states without a number have names that begin with `U`.
#[derive(Clone, Copy)]
pub struct Statement(&'static table::Row);

impl Statement {
    /// The version of the standard.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.0.version
    }

    /// The id, for example `MQTT-3.1.2-3`. A rule without an id has a name such as `U-remlen`.
    #[must_use]
    pub const fn id(&self) -> &'static str {
        self.0.id
    }

    /// The section of the standard. MQTT 3.1 has titles instead of numbers.
    #[must_use]
    pub const fn section(&self) -> &'static str {
        self.0.section
    }

    /// The rule, in our words.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.0.rule
    }

    /// All statements that this crate can cite.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + DoubleEndedIterator {
        table::ROWS.iter().map(Self)
    }

    /// The statement with this id. If several rows share the id, this returns the row for the
    /// packet type, or the first row if none names it.
    pub(crate) fn find(
        version: Version,
        id: &str,
        packet_type: Option<PacketType>,
    ) -> Option<Self> {
        let mut rows = table::ROWS
            .iter()
            .filter(|row| row.version == version && row.id == id);
        let first = rows.next()?;
        let name = packet_type.map_or("", PacketType::name);
        let row = core::iter::once(first)
            .chain(rows)
            .find(|row| row.packets.split(' ').any(|packet| packet == name))
            .unwrap_or(first);
        Some(Self(row))
    }
}

impl PartialEq for Statement {
    fn eq(&self, other: &Self) -> bool {
        self.version() == other.version()
            && self.id() == other.id()
            && self.section() == other.section()
    }
}

impl Eq for Statement {}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Statement({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Statement {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} {=str}", self.version(), self.id());
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v{} {}", self.version(), self.id())
    }
}
