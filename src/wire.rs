//! Reading, writing and checking the bytes of the data types of section 1.5.

pub(crate) mod read;
pub(crate) mod text;
pub(crate) mod varint;
pub(crate) mod write;
