//! Writing a segment file from documents.

use std::borrow::Cow;

use lexivec_storage::{SegmentFile, SegmentWriter, Vfs};

use super::documents::write_documents;
use crate::document::Document;
use crate::error::Result;
use crate::fields::{KINDS, NewSegment};
use crate::progress::Progress;
use crate::schema::Schema;
use crate::text::write_columns;

/// Builds one segment file.
pub(crate) struct SegmentBuilder<'a> {
    pub(crate) vfs: &'a dyn Vfs,
    pub(crate) schema: &'a Schema,
    /// True to build a graph for segments of enough rows and to use all cores; otherwise the segment is
    /// built quickly on one core.
    pub(crate) graphs: bool,
    pub(crate) progress: &'a Progress<'a>,
}

impl SegmentBuilder<'_> {
    /// Writes and syncs a segment of these documents, row i being document i. It is not part of a
    /// generation until a manifest names it.
    pub(crate) fn write(
        &self,
        name: &str,
        segment: u128,
        documents: &[&Document],
    ) -> Result<SegmentFile> {
        let rows = documents.len() as u32;
        let mut out = SegmentWriter::create(self.vfs, name, segment)?;
        write_documents(&mut out, self.schema, documents)?;
        write_columns(&mut out, rows, documents.iter().map(|d| Ok(Cow::Borrowed(&d.payload))))?;
        let &Self { schema, graphs, progress, .. } = self;
        let new = NewSegment { schema, documents, graphs, progress };
        KINDS.iter().try_for_each(|kind| kind.write(&new, &mut out))?;
        Ok(out.finish()?)
    }
}
