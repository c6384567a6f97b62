//! The bytes of the data types of section 1.5: read, written, and text checked.

pub(crate) mod read;
pub(crate) mod text;
pub(crate) mod varint;
pub(crate) mod write;
