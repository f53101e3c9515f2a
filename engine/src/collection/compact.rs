//! Compaction: segments are merged tier by tier, under a memory budget, a check of the free disk space
//! and a gate on recall.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use lexivec_storage::{Error as StorageError, SegmentEntry, SegmentFile};
use serde::Serialize;

use super::Collection;
use super::flush::kept_segments;
use super::shared::{Shared, is_full, is_out_of_space};
use crate::error::{Error, Result};
use crate::fields::{GraphSource, MergeInput, largest_graph};
use crate::generation::{Generation, LiveSegment, Renumbering};
use crate::limits::{
    DEAD_SHARE, GATE_MARGIN, GATE_QUERIES, MAX_MERGED_SEGMENTS, TIER_GROWTH, TIER_SEGMENTS,
};
use crate::progress::{Progress, Stage};
use crate::rows::RowSet;
use crate::search::measure_recall;
use crate::segment::{Input, Segment, SegmentMerger};

/// Fixed bytes of memory of a merge: buffers of the file and the pool.
const MERGE_BASE_BYTES: u64 = 32 << 20;
/// Bytes that a row takes while it is merged, besides its text and its links: its vector's slice, its
/// index by id and in the graph, and twice the memory dropped when one of these grows.
const MERGE_ROW_BYTES: u64 = 120;

/// Options of [`Collection::compact`].
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct CompactOptions<'a> {
    /// Most bytes of memory it takes besides the mapped files; no limit if not set.
    pub memory: Option<u64>,
    /// Receives the stage, the rows done and all rows.
    pub progress: &'a (dyn Fn(Stage, usize, usize) + Sync),
}

impl Default for CompactOptions<'_> {
    fn default() -> Self {
        Self { memory: None, progress: &|_, _, _| {} }
    }
}

impl<'a> CompactOptions<'a> {
    /// No limit of memory and no progress reports.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`memory`](Self::memory).
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// See [`progress`](Self::progress).
    #[must_use]
    pub fn progress(mut self, progress: &'a (dyn Fn(Stage, usize, usize) + Sync)) -> Self {
        self.progress = progress;
        self
    }
}

/// Report of a compaction.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct CompactReport {
    /// The generation afterwards.
    pub generation: u64,
    /// Segments before and after.
    pub segments: (usize, usize),
    /// Bytes of segment files before and after.
    pub bytes: (u64, u64),
    /// Each merge.
    pub merges: Vec<MergeReport>,
    /// Segments not merged because the memory budget holds none of their merges.
    pub over_budget: usize,
}

/// One merge.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct MergeReport {
    /// Segments merged.
    pub segments: usize,
    /// Live rows of the new segment.
    pub rows: u32,
    /// Rows whose space was freed.
    pub freed: u64,
    /// Recall@10 measured on the replaced segments; `None` without graphs.
    pub recall_before: Option<f64>,
    /// Recall@10 measured on the new segment.
    pub recall_after: Option<f64>,
    /// False if the recall gate refused the new segment and the old ones stay.
    pub published: bool,
}

impl Collection {
    /// Merges all segments into one and frees the space of rows that were deleted or replaced. Searches and writes go
    /// on while it runs. Each merge is committed by itself, so that what is done stays done if a later one is cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`] after [`cancel_compaction`](Self::cancel_compaction); no space on the
    /// disk; a budget in which not even one merge fits.
    pub fn compact(&self, options: CompactOptions<'_>) -> Result<CompactReport> {
        self.shared.compact_all(options)
    }

    /// Cancels a running compaction at its next step; merges it has not committed are dropped.
    pub fn cancel_compaction(&self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
    }
}

/// A merge that is written and not committed.
struct Merged {
    inputs: Vec<SegmentEntry>,
    renumbering: Renumbering,
    new: Option<LiveSegment>,
    report: MergeReport,
}

impl Shared {
    fn compact_all(&self, options: CompactOptions<'_>) -> Result<CompactReport> {
        // Waits for a running compaction, whose segments need no second merge.
        let _compacting = self.compacting.lock();
        self.cancelled.store(false, Ordering::Relaxed);
        // On a full disk a merge may free the space that the flush needs.
        let flushed = self.flush();
        let full = is_full(&flushed);
        if !full {
            flushed?;
        }
        let before = self.disk_entries();
        let mut report = CompactReport {
            segments: (before.len(), before.len()),
            bytes: (total(&before), total(&before)),
            ..CompactReport::default()
        };
        let dirty = before.len() > 1 || before.iter().any(|e| live_rows(e) < e.rows);
        if dirty {
            let (groups, over) = self.groups(before, options.memory)?;
            report.over_budget = over;
            for group in groups {
                match self.merge(group.clone(), options.progress).map(|merged| vec![merged]) {
                    Err(error) if is_out_of_space(&error) => {
                        let singly = self.merge_singly(group, options.progress)?;
                        if singly.is_empty() {
                            return Err(error);
                        }
                        report.merges.extend(singly);
                    }
                    merged => report.merges.extend(merged?),
                }
            }
            // The merged files are removed now, not with the next commit.
            let _maintenance = self.maintenance.lock();
            self.commit_again()?;
        }
        if full {
            self.flush()?;
        }
        self.retake_reserve_if_free();
        let after = self.disk_entries();
        report.generation = self.current.load().number;
        (report.segments.1, report.bytes.1) = (after.len(), total(&after));
        Ok(report)
    }

    /// Runs the due merges: tiers with enough segments, and segments with many dead rows.
    pub(super) fn compact_tiers(&self) -> Result<()> {
        let Some(_compacting) = self.compacting.try_lock() else { return Ok(()) };
        {
            // Stops once the handle is being dropped.
            let state = self.wake_up.state.lock();
            if state.stop {
                return Ok(());
            }
            self.cancelled.store(false, Ordering::Relaxed);
        }
        while let Some(group) = due(self.disk_entries()) {
            let names: Vec<String> = group.iter().map(|e| e.file.name.clone()).collect();
            // A merge that the gate refused is skipped: it would be refused again, after the same work.
            if self.refused.lock().as_ref() == Some(&names) {
                return Ok(());
            }
            if !self.merge(group, &|_, _, _| {})?.published {
                *self.refused.lock() = Some(names);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Rewrites the segments with dead rows one by one, the smallest first, as each frees the space for the next. Those
    /// that find no space are left.
    fn merge_singly(
        &self,
        mut group: Vec<SegmentEntry>,
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<Vec<MergeReport>> {
        group.retain(|e| live_rows(e) < e.rows);
        group.sort_by_key(live_bytes);
        let mut merges = Vec::new();
        for entry in group {
            match self.merge(vec![entry], progress) {
                Err(error) if is_out_of_space(&error) => break,
                merged => merges.push(merged?),
            }
            let _maintenance = self.maintenance.lock();
            self.commit_again()?;
        }
        Ok(merges)
    }

    fn disk_entries(&self) -> Vec<SegmentEntry> {
        self.directory.lock().manifest().segments.clone()
    }

    /// Groups of segments to merge within a budget, and the number of segments that fit in no group.
    fn groups(
        &self,
        mut entries: Vec<SegmentEntry>,
        memory: Option<u64>,
    ) -> Result<(Vec<Vec<SegmentEntry>>, usize)> {
        let Some(memory) = memory else {
            return Ok((entries.chunks(MAX_MERGED_SEGMENTS).map(<[_]>::to_vec).collect(), 0));
        };
        entries.sort_by_key(|e| (live_rows(e), e.file.name.clone()));
        let (mut groups, mut over, mut least) = (Vec::new(), 0, u64::MAX);
        let (mut group, mut needed) = (Vec::new(), MERGE_BASE_BYTES);
        for entry in entries {
            let more = self.memory_of(&entry)?;
            least = least.min(MERGE_BASE_BYTES + more);
            if MERGE_BASE_BYTES + more > memory {
                over += 1;
                continue;
            }
            if needed + more > memory || group.len() == MAX_MERGED_SEGMENTS {
                groups.push(std::mem::take(&mut group));
                needed = MERGE_BASE_BYTES;
            }
            needed += more;
            group.push(entry);
        }
        groups.push(group);
        // A single segment without dead rows needs no merge.
        groups.retain(|g| g.len() > 1 || g.iter().any(|e| live_rows(e) < e.rows));
        if groups.is_empty() && over > 0 {
            return Err(Error::invalid(
                "memory",
                format!(
                    "{memory} bytes are not enough for any merge; the smallest one needs {least}"
                ),
            ));
        }
        Ok((groups, over))
    }

    /// Bytes of memory that merging a segment takes: its columns and fields, and the indices of its rows.
    fn memory_of(&self, entry: &SegmentEntry) -> Result<u64> {
        let segment = self.open_segment(entry)?;
        Ok(segment.merge_bytes(&self.schema, entry) + u64::from(entry.rows) * MERGE_ROW_BYTES)
    }

    fn open_segment(&self, entry: &SegmentEntry) -> Result<Arc<Segment>> {
        let view = self.current.load();
        match view.segment_of(&entry.file) {
            Some(live) => Ok(live.segment.clone()),
            None => Ok(Arc::new(Segment::open(self.vfs.as_ref(), &self.schema, entry)?)),
        }
    }

    /// Merges these segments, and commits the result unless its recall is lower.
    fn merge(
        &self,
        inputs: Vec<SegmentEntry>,
        progress: &(dyn Fn(Stage, usize, usize) + Sync),
    ) -> Result<MergeReport> {
        let _guard = self.poison.panic_guard();
        self.writable()?;
        self.check_space(&inputs)?;
        let progress = Progress { report: progress, cancelled: &self.cancelled };
        let mut merged = self.build_merged(inputs, &progress)?;
        if merged.report.published {
            self.commit_merged(&mut merged)?;
        }
        Ok(merged.report)
    }

    /// Refuses a merge without enough free disk space; a small merge may use the reserve.
    fn check_space(&self, inputs: &[SegmentEntry]) -> Result<()> {
        let needed: u64 = inputs.iter().map(live_bytes).sum::<u64>() * 11 / 10;
        let free = || self.vfs.free_bytes();
        if free()?.is_none_or(|bytes| bytes >= needed) {
            return Ok(());
        }
        if self.release_reserve() && free()?.is_none_or(|bytes| bytes >= needed) {
            return Ok(());
        }
        let path = format!("a merged segment of about {needed} bytes in {}", self.vfs.describe());
        Err(StorageError::OutOfSpace { path }.into())
    }

    fn build_merged(&self, entries: Vec<SegmentEntry>, progress: &Progress<'_>) -> Result<Merged> {
        let mut inputs = Vec::with_capacity(entries.len());
        for entry in &entries {
            // Rows alive by the manifest: a row that a write in the log replaces is replaced again when
            // the log is replayed, so it must stay until that write is in the manifest.
            inputs.push(Input { segment: self.open_segment(entry)?, alive: RowSet::of(entry)? });
        }
        let all: u64 = entries.iter().map(|e| u64::from(e.rows)).sum();
        let rows = inputs.iter().map(|i| i.alive.count()).sum();
        let mut report = MergeReport {
            segments: entries.len(),
            rows,
            freed: all - u64::from(rows),
            recall_before: None,
            recall_after: None,
            published: true,
        };
        let before: Vec<(&Segment, &RowSet)> =
            inputs.iter().map(|i| (i.segment.as_ref(), &i.alive)).collect();
        let mut new = None;
        for graph in attempts(&inputs, &self.schema) {
            let (vfs, schema) = (self.vfs.as_ref(), &self.schema);
            let (inputs, analyze) = (&inputs, false);
            let merger = SegmentMerger { vfs, schema, inputs, graph, analyze, progress };
            let made = self.write_segment(rows, |name, id| merger.write(name, id))?;
            let alive = made.segment.all_rows();
            let after = [(made.segment.as_ref(), &alive)];
            (report.recall_before, report.recall_after) = (None, None);
            let graphs = schema.vectors.iter().filter(|f| made.segment.fields.has_graph(&f.name));
            let gate = graphs.map(|field| {
                let (old, new) =
                    measure_recall(&before, &after, &field.name, GATE_QUERIES, schema.seed)?;
                report.recall_before = Some(report.recall_before.map_or(old, |r| r.min(old)));
                report.recall_after = Some(report.recall_after.map_or(new, |r| r.min(new)));
                Ok(new >= old - GATE_MARGIN)
            });
            let passed: Result<Vec<bool>> = gate.collect();
            report.published = matches!(&passed, Ok(passed) if passed.iter().all(|&p| p));
            if report.published {
                new = Some(made);
                break;
            }
            self.discard(&made.segment.name);
            passed?;
        }
        for Input { segment, .. } in &inputs {
            if let Err(error) = segment.check_whole(&*self.vfs) {
                new.iter().for_each(|new: &LiveSegment| self.discard(&new.segment.name));
                return Err(error);
            }
        }
        let rows = inputs.into_iter().map(|i| Arc::new(i.alive)).collect();
        Ok(Merged { inputs: entries, renumbering: Renumbering::new(rows), new, report })
    }

    fn commit_merged(&self, merged: &mut Merged) -> Result<()> {
        let _maintenance = self.maintenance.lock();
        let entries = self.disk_entries();
        let input = |e: &SegmentEntry| merged.inputs.iter().any(|i| i.file == e.file);
        let mut alive = Vec::with_capacity(entries.len());
        for entry in &entries {
            alive.push((entry.file.clone(), Arc::new(RowSet::of(entry)?)));
        }
        let committed = merged.survivors(|file| {
            alive.iter().find(|(other, _)| other == file).map(|(_, rows)| rows.clone())
        });
        let mut kept: Vec<SegmentEntry> = entries.iter().filter(|e| !input(e)).cloned().collect();
        if let Some(new) = &mut merged.new {
            new.text = new.segment.text().statistics(&committed)?;
            new.alive = Arc::new(committed);
            new.entry = new.current_entry();
            if new.alive.count() == 0 {
                self.discard(&new.segment.name);
                merged.new = None;
            }
        }
        kept.extend(merged.new.iter().filter_map(|s| s.entry.clone()));
        let number = self.commit(kept.clone(), None, &merged.new)?;

        let _building = self.building.lock();
        let current = self.current.load_full();
        let mut segments = kept_segments(&current, &kept);
        let alive =
            merged.survivors(|file| current.segment_of(file).map(|live| live.alive.clone()));
        if let Some(new) = merged.new.take() {
            let text = new.segment.text().statistics(&alive)?;
            segments.push(LiveSegment { alive: Arc::new(alive), text, ..new });
        }
        segments.extend(current.segments.iter().filter(|s| s.in_memory()).cloned());
        let next = Generation::of(number, current.seq, &self.schema, segments);
        self.current.store(Arc::new(next));
        Ok(())
    }
}

impl Merged {
    /// Rows of the new segment that are alive in their source segments, by `alive` of each file.
    fn survivors(&self, alive: impl Fn(&SegmentFile) -> Option<Arc<RowSet>>) -> RowSet {
        self.renumbering.alive_where(|input| self.inputs.get(input).and_then(|e| alive(&e.file)))
    }
}

/// The ways to build the graph of a merged segment, tried until one passes the gate. If none does, the
/// old segments stay.
fn attempts(inputs: &[Input], schema: &crate::schema::Schema) -> Vec<GraphSource> {
    if inputs.iter().all(|input| input.alive.count() == 0) {
        return Vec::new();
    }
    let fields: Vec<MergeInput<'_>> = inputs.iter().map(Input::fields).collect();
    let reused = schema.vectors.iter().any(|field| largest_graph(&fields, &field.name).is_some());
    let graphs = |field: &str| fields.iter().any(|input| input.fields.has_graph(field));
    let mut attempts = Vec::new();
    if reused {
        attempts.push(GraphSource::Largest);
    }
    attempts.extend([GraphSource::Scratch(1), GraphSource::Scratch(2)]);
    // Segments without graphs were scanned before and are scanned after the merge as well.
    if !schema.vectors.iter().any(|field| graphs(&field.name)) {
        attempts.push(GraphSource::None);
    }
    attempts
}

/// About the bytes of a segment that its live rows take.
fn live_bytes(entry: &SegmentEntry) -> u64 {
    entry.file.len.saturating_mul(u64::from(live_rows(entry))) / u64::from(entry.rows.max(1))
}

/// Live rows of a segment, by its entry.
fn live_rows(entry: &SegmentEntry) -> u32 {
    RowSet::of(entry).map_or(0, |rows| rows.count())
}

fn total(entries: &[SegmentEntry]) -> u64 {
    entries.iter().map(|e| e.file.len).sum()
}

/// The due merge, if any: the smallest full tier, or a segment with too many dead rows.
fn due(entries: Vec<SegmentEntry>) -> Option<Vec<SegmentEntry>> {
    let tier = |e: &SegmentEntry| live_rows(e).max(1).ilog(TIER_GROWTH);
    let mut tiers: Vec<u32> = entries.iter().map(tier).collect();
    tiers.sort_unstable();
    let full = tiers
        .chunk_by(|a, b| a == b)
        .find(|tier| tier.len() >= TIER_SEGMENTS)
        .and_then(|tier| tier.first().copied());
    if let Some(full) = full {
        return Some(
            entries.into_iter().filter(|e| tier(e) <= full).take(MAX_MERGED_SEGMENTS).collect(),
        );
    }
    let dead = |e: &SegmentEntry| e.rows - live_rows(e) > e.rows / DEAD_SHARE;
    entries.into_iter().find(dead).map(|e| vec![e])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: usize, rows: u32, dead: u32) -> SegmentEntry {
        let mut alive = RowSet::full(rows);
        (0..dead).for_each(|row| alive.remove(row));
        let file = SegmentFile { name: format!("{name}"), len: 0, tail_hash: 0 };
        SegmentEntry { alive: alive.to_bytes(), ..SegmentEntry::new(file, 0, rows) }
    }

    #[test]
    fn full_tiers_and_dead_segments_are_due() {
        for (sizes, expected) in [
            (&[(10, 0), (11, 0), (9, 0)][..], 0),
            (&[(10, 0), (11, 0), (9, 0), (5, 0)], 4),
            (&[(1_000, 0), (10, 0), (11, 0), (9, 0), (5, 0), (1, 0)], 5),
            (&[(1_000, 0), (100, 33)], 0),
            (&[(1_000, 0), (100, 40)], 1),
            (&[(100, 100)], 1),
        ] {
            let entries = sizes.iter().enumerate().map(|(i, &(r, d))| entry(i, r, d)).collect();
            assert_eq!(due(entries).map_or(0, |g| g.len()), expected, "{sizes:?}");
        }
    }
}
