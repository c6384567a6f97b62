//! Files, and the standard input.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads a file. An error has the name of the file.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    fs::read(path).map_err(|error| named(path, &error))
}

/// Reads the standard input to its end.
pub fn read_stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A file or the standard input, of which the beginning was read.
pub struct Opened {
    pub head: Vec<u8>,
    rest: Box<dyn Read>,
    /// The length of the whole, if it is known.
    pub len: Option<u64>,
}

impl Opened {
    /// Opens a file and reads `head` bytes of it, or fewer if it is shorter.
    pub fn file(path: &Path, head: usize) -> io::Result<Self> {
        let open = || {
            let file = File::open(path)?;
            let len = file.metadata().ok().map(|it| it.len());
            Self::new(file, head, len)
        };
        open().map_err(|error| named(path, &error))
    }

    /// Reads the first bytes of the standard input.
    pub fn stdin(head: usize) -> io::Result<Self> {
        Self::new(io::stdin().lock(), head, None)
    }

    fn new(mut input: impl Read + 'static, head: usize, len: Option<u64>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        input.by_ref().take(head as u64).read_to_end(&mut bytes)?;
        Ok(Self {
            head: bytes,
            rest: Box::new(input),
            len,
        })
    }

    /// All bytes, to be read as they come.
    pub fn into_reader(self) -> impl Read {
        io::Cursor::new(self.head).chain(self.rest)
    }

    /// All bytes.
    pub fn read_all(mut self) -> io::Result<Vec<u8>> {
        self.rest.read_to_end(&mut self.head)?;
        Ok(self.head)
    }
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
