//! Files, and the standard input.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

/// Reads a file. An error has the name of the file.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let name =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    fs::read(path).map_err(name)
}

/// Reads the standard input to its end.
pub fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}
