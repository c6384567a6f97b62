//! How much to show.

use crate::dissect::Secrets;

#[derive(Debug, Clone, Copy, Default)]
pub struct View {
    /// Everything in full length.
    pub full: bool,
    /// The fields of every packet, not only of refused ones.
    pub tree: bool,
    pub secrets: Secrets,
    /// More members in JSON, for the page.
    pub for_page: bool,
}

impl View {
    /// A limit on the length of texts and lists; none if everything is shown.
    pub fn limit(self, usual: usize) -> usize {
        if self.full { usize::MAX } else { usual }
    }
}
