//! Compressed files.

use std::borrow::Cow;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use super::error::InputError;

/// The most bytes to which a file is unpacked.
pub(super) const MAX_UNPACKED: u64 = 1 << 30;

const GZIP: &[u8] = b"\x1f\x8b\x08";

/// Formats that are recognised and not unpacked, by the beginnings of their files.
const OTHERS: [(&[u8], &str); 4] = [
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "zip"),
];

/// The content of a file that is compressed with gzip, and the input itself if it is not
/// compressed.
pub(super) fn unpack(input: &[u8]) -> Result<Cow<'_, [u8]>, InputError> {
    let refuse = |problem: String| Err(InputError::new("", 0, problem));
    let is_other = |(magic, _): &&(&[u8], &str)| input.starts_with(magic);
    if let Some((_, name)) = OTHERS.iter().find(is_other) {
        return refuse(format!(
            "the file is compressed with {name}; unpack it first"
        ));
    }
    if !input.starts_with(GZIP) {
        return Ok(Cow::Borrowed(input));
    }
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(input).take(MAX_UNPACKED + 1);
    match decoder.read_to_end(&mut unpacked) {
        Err(error) => refuse(format!("the gzip file is damaged: {error}")),
        Ok(_) if unpacked.len() as u64 > MAX_UNPACKED => refuse(format!(
            "the gzip file unpacks to more than {MAX_UNPACKED} bytes"
        )),
        Ok(_) => Ok(Cow::Owned(unpacked)),
    }
}
