//! Embedding anew: the vectors of another model are written beside the old ones, and one manifest swap takes them in.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use lexivec_query::Profile;
use lexivec_query::request::Leg;
use lexivec_storage::{DiskVfs, SegmentEntry, Vfs};
use serde::Serialize;

use super::Collection;
use crate::document::Document;
use crate::embed::embed;
use crate::error::{Error, Result};
use crate::limits::{REEMBED_BYTES, REEMBED_ROWS};
use crate::model::Embedder;
use crate::options::OpenOptions;
use crate::schema::Schema;
use crate::segment::{NEVER, Progress, SegmentBuilder, Stage};

/// How a collection is embedded anew.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReembedOptions<'a> {
    /// How it is opened.
    pub open: OpenOptions,
    /// Told the stage, rows done of a segment, and its rows.
    pub progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
    /// Set by somebody who does not want it any more; the collection is as it was then.
    pub cancelled: &'a AtomicBool,
}

impl Default for ReembedOptions<'_> {
    fn default() -> Self {
        Self { open: OpenOptions::new(), progress: &|_, _, _| {}, cancelled: &NEVER }
    }
}

/// What embedding anew did.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ReembedReport {
    /// The generation with the new vectors.
    pub generation: u64,
    /// Rows.
    pub rows: u64,
    /// Rows of whose text the model makes no vector.
    pub without_vector: u64,
    /// Profiles whose floor is a similarity of the old vectors, and tells nothing of the new ones.
    pub floors: Vec<String>,
}

impl Collection {
    /// Gives every row the vector, and where the model fills them the token vectors, that another model makes of its
    /// text, in place of those of the model the collection has now, and those that were given in that field. The new ones are written beside the old ones; one manifest
    /// swap takes them in. A crash before it leaves the collection as it was, but for files that the next open sweeps.
    /// It takes as much space again as the collection has, until it is done.
    ///
    /// The collection is opened for writing meanwhile; readers go on with the old vectors until they open it again.
    /// Query adapters of the old model apply no more. A model that is the collection's own already does nothing.
    ///
    /// # Errors
    /// A collection without a model, which has vectors from outside; a model that fails; [`Error::Cancelled`].
    pub fn reembed(
        path: impl AsRef<Path>,
        model: Arc<dyn Embedder>,
        options: &ReembedOptions<'_>,
    ) -> Result<ReembedReport> {
        Self::reembed_on(Arc::new(DiskVfs::open_root(path.as_ref())?), model, options)
    }

    /// As [`reembed`](Self::reembed), on any [`Vfs`].
    pub fn reembed_on(
        vfs: Arc<dyn Vfs>,
        model: Arc<dyn Embedder>,
        options: &ReembedOptions<'_>,
    ) -> Result<ReembedReport> {
        let collection = Self::open_on(vfs, options.open.clone().background(false))?;
        let shared = &collection.shared;
        let _watch = shared.poison.watch();
        let Some(record) = shared.schema.embedder.clone() else {
            return Err(Error::Embedder(
                "the collection has no model; its vectors come from outside and are written anew from there"
                    .to_owned(),
            ));
        };
        shared.flush()?;
        let profiles = collection.profiles();
        let by_vectors = |profile: &Profile| profile.floor.is_some_and(|f| f.leg == Leg::Vector);
        let floors = profiles.iter().filter(|(_, profile)| by_vectors(profile));
        let mut report = ReembedReport {
            generation: collection.generation(),
            rows: 0,
            without_vector: 0,
            floors: floors.map(|(name, _)| name.clone()).collect(),
        };
        // The hash alone does not say it: behind an address there may be another model now.
        if record.check(model.as_ref()).is_ok() {
            report.floors.clear();
            return Ok(report);
        }
        let schema = Schema { profiles: (*profiles).clone(), ..(*shared.schema).clone() };
        let schema = schema.with_model(model.as_ref(), &record.field)?;
        let progress = Progress { tell: options.progress, cancelled: options.cancelled };
        let mut written = Vec::new();
        let made =
            collection.write_anew(&schema, model.as_ref(), &progress, &mut written, &mut report);
        let committed = made.and_then(|()| {
            let _maintenance = shared.maintenance.lock();
            shared.commit_with(Some(schema.to_bytes()?), written.clone(), None, &None)?;
            // Again, so that a damaged newest manifest falls back to the same vectors. If that fails it is done all
            // the same: the next commit is the second one.
            shared.note(shared.commit_with(None, written.clone(), None, &None).map(drop));
            Ok(shared.directory.lock().manifest().generation)
        });
        match committed {
            Ok(generation) => Ok(ReembedReport { generation, ..report }),
            Err(error) => {
                if shared.poison.check().is_ok() {
                    for entry in &written {
                        // No manifest names them; what cannot go now, the next open sweeps.
                        let _ = shared.vfs.remove(&entry.file.name);
                    }
                }
                Err(error)
            }
        }
    }

    /// Writes segment files of all live rows with the vectors of a model.
    fn write_anew(
        &self,
        schema: &Schema,
        model: &dyn Embedder,
        progress: &Progress<'_>,
        written: &mut Vec<SegmentEntry>,
        report: &mut ReembedReport,
    ) -> Result<()> {
        let shared = &self.shared;
        let field = schema.embedder.as_ref().map(|r| r.field.clone()).unwrap_or_default();
        let tokens = schema.embedder.as_ref().and_then(|r| r.tokens.as_ref());
        // A list of token vectors is as long as hundreds of vectors.
        let most = if tokens.is_some() { REEMBED_ROWS / 50 } else { REEMBED_ROWS };
        let generation = shared.current.load_full();
        for live in &generation.segments {
            let rows: Vec<u32> = live.alive.iter().collect();
            let mut rows = rows.into_iter().peekable();
            while rows.peek().is_some() {
                let (mut documents, mut bytes) = (Vec::new(), 0);
                while let Some(row) =
                    rows.next_if(|_| documents.len() < most && bytes < REEMBED_BYTES)
                {
                    let mut document = live.segment.document(&shared.schema, row)?;
                    document.vectors.remove(&field);
                    tokens.map(|tokens| document.tokens.remove(tokens));
                    bytes += document.text.values().map(String::len).sum::<usize>();
                    documents.push(document);
                }
                embed(schema, Some(model), &mut documents, progress)?;
                let lacks = documents.iter().filter(|d| !d.vectors.contains_key(&field));
                report.without_vector += lacks.count() as u64;
                report.rows += documents.len() as u64;
                let refs: Vec<&Document> = documents.iter().collect();
                let vfs = shared.vfs.as_ref();
                let builder = SegmentBuilder { vfs, schema, graphs: true, progress };
                let build = |name: &str, id| builder.write(name, id, &refs);
                let made = shared.write_segment_of(schema, refs.len() as u32, build)?;
                written.extend(made.entry);
            }
        }
        Ok(())
    }
}
