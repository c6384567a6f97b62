//! The state that every reader of a stream keeps between packets.

use super::{FrameRef, NextFrame};
use crate::dialect::Dialect;
use crate::error::DecodeError;
use crate::rules::{OptionalRules, Waivers};

/// The dialect of a stream, known from the start or learnt from the CONNECT; and the first error,
/// which every later read returns again.
#[derive(Debug, Clone)]
pub(crate) struct StreamState {
    dialect: Option<Dialect>,
    waivers: Waivers,
    rules: OptionalRules,
    failed: Option<DecodeError>,
}

impl StreamState {
    pub(crate) const fn new(dialect: Dialect) -> Self {
        Self {
            dialect: Some(dialect),
            ..Self::accept()
        }
    }

    /// The state of a Server that waits for a CONNECT.
    pub(crate) const fn accept() -> Self {
        Self {
            dialect: None,
            waivers: Waivers::NONE,
            rules: OptionalRules::NONE,
            failed: None,
        }
    }

    /// The same state with these rules waived and added, in a known or a learnt dialect.
    pub(crate) fn with_rules(mut self, waivers: Waivers, rules: OptionalRules) -> Self {
        (self.waivers, self.rules) = (waivers, rules);
        self.dialect = self
            .dialect
            .map(|dialect| dialect.with_rules(waivers, rules));
        self
    }

    /// The dialect; `None` before the CONNECT.
    #[inline]
    pub(crate) const fn dialect(&self) -> Option<Dialect> {
        self.dialect
    }

    /// The first error, if there was one.
    #[inline]
    pub(crate) const fn check(&self) -> Result<(), DecodeError> {
        match self.failed {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Records an error, which every later read returns again. It takes a reference: an error that is
    /// passed in registers makes the compiler read the packet of a success in words of that size.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, error: &DecodeError) {
        self.failed = Some(*error);
    }

    /// Finds the next packet; without a dialect, it must be a CONNECT. Records an error.
    #[cfg(any(feature = "bytes", feature = "embedded-io-async"))]
    #[inline(always)]
    pub(crate) fn next_frame<'a>(
        &mut self,
        bytes: &'a [u8],
        max_len: u32,
    ) -> Result<NextFrame<FrameRef<'a>>, DecodeError> {
        match self.running() {
            Some(dialect) => {
                let found = FrameRef::peek(bytes, Some(dialect), max_len);
                found.inspect_err(|error| self.fail(error))
            }
            None => self.first_frame(bytes, max_len),
        }
    }

    /// The dialect, if it is known and there was no error.
    #[cfg(any(feature = "bytes", feature = "embedded-io-async"))]
    #[inline(always)]
    pub(crate) const fn running(&self) -> Option<Dialect> {
        match self.failed {
            None => self.dialect,
            Some(_) => None,
        }
    }

    /// [`next_frame`](Self::next_frame) of the first packet, and after an error. Kept apart, because
    /// a result that may come from a function is kept in memory.
    #[cfg(any(feature = "bytes", feature = "embedded-io-async"))]
    #[cold]
    #[inline(never)]
    pub(crate) fn first_frame<'a>(
        &mut self,
        bytes: &'a [u8],
        max_len: u32,
    ) -> Result<NextFrame<FrameRef<'a>>, DecodeError> {
        self.check()?;
        let found = self.find_frame(bytes, max_len);
        found.inspect_err(|error| self.fail(error))
    }

    /// Finds the next packet; without a dialect, it must be a CONNECT. Does not record an error.
    #[inline]
    pub(crate) fn find_frame<'a>(
        &mut self,
        bytes: &'a [u8],
        max_len: u32,
    ) -> Result<NextFrame<FrameRef<'a>>, DecodeError> {
        let framed = FrameRef::peek(bytes, self.dialect, max_len)?;
        if let (None, NextFrame::Frame(connect)) = (self.dialect, &framed) {
            let version = connect.connect_version(self.waivers)?;
            let dialect = Dialect::from_client(version);
            self.dialect = Some(dialect.with_rules(self.waivers, self.rules));
        }
        Ok(framed)
    }
}
