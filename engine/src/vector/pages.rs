//! The pages of files that a search touches, counted and bounded: the most it reads from a disk if a
//! collection is larger than memory.

use std::collections::HashSet;
use std::ops::Range;

use lexivec_query::limits::PAGE_BYTES;
use lexivec_storage::Section;

/// Distinct pages of one segment file touched so far, and their limit.
pub(crate) struct Pages {
    most: usize,
    touched: HashSet<usize>,
}

impl Pages {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, touched: HashSet::new() }
    }

    /// Counts the pages that these bytes of a section lie on.
    pub(crate) fn touch(&mut self, section: &Section, bytes: Range<usize>) {
        if !bytes.is_empty() {
            let (first, last) = (section.offset() + bytes.start, section.offset() + bytes.end - 1);
            self.touched.extend(first / PAGE_BYTES..=last / PAGE_BYTES);
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.touched.len()
    }

    /// Number of pages that may still be touched.
    pub(crate) fn left(&self) -> usize {
        self.most.saturating_sub(self.touched.len())
    }
}
