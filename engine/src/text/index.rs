//! The inverted index of one segment: written once by tantivy, read through our sections.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lexivec_storage::{Section, SegmentReader, SegmentWriter};
use parking_lot::RwLock;
use rayon::prelude::*;
use tantivy::directory::RamDirectory;
use tantivy::postings::{Postings, SegmentPostings, TermInfo};
use tantivy::query::FuzzyTermQuery;
use tantivy::schema::{
    Field, IndexRecordOption, Schema as TantivySchema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    Directory, DocSet, Index, IndexSettings, InvertedIndexReader, SegmentReader as Reader,
    TantivyDocument, Term,
};

use super::analyzer::{Analysis, length};
use super::directory::{META, PREFIX, SEGMENT_ID, SectionDirectory, section_name};
use super::postings::{frequency_at, intersect};
use super::weights::Counts;
use super::{SegmentStatistics, tantivy_error};
use crate::deadline::{Deadline, Watch};
use crate::error::{Error, Result, corrupt};
use crate::rows::RowSet;
use crate::schema::TextField;

/// Memory budget of tantivy's writer for one segment; it never spills here, so the budget only sizes
/// its first hash table.
const WRITER_MEMORY_BYTES: usize = 256 << 20;
/// Memory budget for each row of a small segment: for a few rows the full table would cost more than
/// the rows.
const WRITER_MEMORY_ROW_BYTES: usize = 32 << 10;
/// Steps of a watch that a term counts: its postings are opened, or it is compared with another.
pub(super) const TERM_STEPS: usize = 16;
/// Postings from which a list's impacts save more than they cost to compute.
const IMPACTS_MIN_POSTINGS: u32 = 128;
/// Most terms of a segment whose impacts are cached: a few megabytes.
const MAX_CACHED_IMPACTS: usize = 1 << 15;
/// Most terms that are looked at as near one: far more than count, and few enough to be read in a moment.
const MAX_NEAR_TERMS: usize = 4_096;
/// Rows analyzed at once while a segment is built; bounds the tokens held in memory, which take sixteen times the bytes of
/// a text: 256 MiB of the largest rows.
const ANALYZE_BATCH: usize = 16;

fn tantivy_schema(fields: &[TextField]) -> TantivySchema {
    let mut schema = TantivySchema::builder();
    let indexing = TextFieldIndexing::default()
        .set_index_option(IndexRecordOption::WithFreqsAndPositions)
        .set_fieldnorms(true);
    let options = TextOptions::default().set_indexing_options(indexing);
    for field in fields {
        schema.add_text_field(&field.name, options.clone());
    }
    schema.build()
}

/// Writes the sections of the text leg: tantivy's files, the exact token counts of every row, and
/// the largest term frequency of each field. `text(row, field)` gives the text to index. Not `parallel`
/// where a search waits for it: the threads may be busy with a long merge.
pub(crate) fn write_text(
    out: &mut SegmentWriter,
    fields: &[TextField],
    rows: u32,
    parallel: bool,
    text: &(dyn Fn(u32, usize) -> Result<String> + Sync),
) -> Result<()> {
    let failed = |e| tantivy_error("a new segment", e);
    let ram = RamDirectory::create();
    let memory = WRITER_MEMORY_BYTES.min((rows as usize + 4) * WRITER_MEMORY_ROW_BYTES);
    let mut writer = Index::builder()
        .schema(tantivy_schema(fields))
        .settings(IndexSettings::default())
        .single_segment_index_writer::<TantivyDocument>(ram.clone(), memory)
        .map_err(failed)?;
    let mut lengths: Vec<Vec<u32>> = vec![Vec::with_capacity(rows as usize); fields.len()];
    let mut max_term_freqs = vec![0u32; fields.len()];
    let analyses: Vec<Analysis> =
        fields.iter().map(|f| Analysis::of_documents(&f.analyzer)).collect();
    let all: Vec<u32> = (0..rows).collect();
    for batch in all.chunks(ANALYZE_BATCH) {
        let analyze = |analyses: &mut Vec<Analysis>, &row: &u32| -> Result<Vec<_>> {
            let tokens = |(field, analysis): (usize, &mut Analysis)| {
                let tokens = analysis.tokens(&text(row, field)?);
                Ok(PreTokenizedString { tokens, text: String::new() })
            };
            analyses.iter_mut().enumerate().map(tokens).collect()
        };
        let analyzed: Vec<Vec<PreTokenizedString>> = if parallel {
            batch.par_iter().map_init(|| analyses.clone(), analyze).collect::<Result<_>>()?
        } else {
            let mut analyses = analyses.clone();
            batch.iter().map(|row| analyze(&mut analyses, row)).collect::<Result<_>>()?
        };
        for row in analyzed {
            let mut document = TantivyDocument::new();
            for (field, tokens) in row.into_iter().enumerate() {
                lengths[field].push(length(&tokens.tokens));
                let most = &mut max_term_freqs[field];
                *most = (*most).max(most_frequent(&tokens));
                document.add_pre_tokenized_text(Field::from_field_id(field as u32), tokens);
            }
            writer.add_document(document).map_err(failed)?;
        }
    }
    let index = writer.finalize().map_err(failed)?;
    let counts = TokenCounts { lengths: &lengths, max_term_freqs: &max_term_freqs };
    write_index(out, fields, &index, &ram, counts)
}

/// Token counts of a new segment, by text field.
pub(super) struct TokenCounts<'a> {
    /// Tokens of each row.
    pub(super) lengths: &'a [Vec<u32>],
    /// Largest frequency of any term in any row.
    pub(super) max_term_freqs: &'a [u32],
}

/// Writes the sections of a segment's text leg from a tantivy index of one segment and the counts.
pub(super) fn write_index(
    out: &mut SegmentWriter,
    fields: &[TextField],
    index: &Index,
    ram: &RamDirectory,
    TokenCounts { lengths, max_term_freqs }: TokenCounts<'_>,
) -> Result<()> {
    copy_files(out, index, ram)?;
    for (field, counts) in fields.iter().zip(lengths) {
        out.section(&lengths_section(&field.name), bytemuck::cast_slice(counts))?;
    }
    let frequencies: Vec<u8> = max_term_freqs.iter().flat_map(|f| f.to_le_bytes()).collect();
    Ok(out.section(MAX_TERM_FREQS, &frequencies)?)
}

/// Section with the largest term frequency of each indexed field.
const MAX_TERM_FREQS: &str = "text/max-frequency";

fn lengths_section(field: &str) -> String {
    format!("text/lengths/{field}")
}

fn most_frequent(tokens: &PreTokenizedString) -> u32 {
    let mut terms: Vec<&str> = tokens.tokens.iter().map(|t| t.text.as_str()).collect();
    terms.sort_unstable();
    terms.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0) as u32
}

/// Copies tantivy's files into sections, under the one segment id all our segments use.
fn copy_files(out: &mut SegmentWriter, index: &Index, ram: &RamDirectory) -> Result<()> {
    let failed = |e| tantivy_error("a new segment", e);
    let metas = index.load_metas().map_err(failed)?;
    let Some(meta) = metas.segments.first() else {
        return Err(Error::TextIndex {
            file: "a new segment".to_owned(),
            detail: "tantivy made no segment".to_owned(),
        });
    };
    let mut files: Vec<_> = metas.list_segment_files().into_iter().collect();
    files.sort_by_key(|f| f.extension().map(std::ffi::OsStr::to_os_string));
    for path in files {
        if !ram.exists(&path).map_err(|e| tantivy_error("a new segment", e))? {
            continue;
        }
        let bytes = ram
            .open_read(&path)
            .map_err(|e| tantivy_error("a new segment", e))?
            .read_bytes()
            .map_err(|e| tantivy_error("a new segment", e))?;
        if let Some(name) = section_name(&path) {
            out.section(&name, &bytes)?;
        }
    }
    let json = ram
        .atomic_read(std::path::Path::new(META))
        .map_err(|e| tantivy_error("a new segment", e))?;
    let id = uuid::Uuid::parse_str(&meta.id().uuid_string()).map_err(|e| Error::TextIndex {
        file: "a new segment".to_owned(),
        detail: format!("tantivy's segment id: {e}"),
    })?;
    let json = String::from_utf8_lossy(&json).replace(&id.hyphenated().to_string(), SEGMENT_ID);
    out.section(&format!("{PREFIX}{META}"), json.as_bytes())?;
    Ok(())
}

/// The inverted index of an open segment.
pub(crate) struct TextIndex {
    file: String,
    /// tantivy's handle, which merges take.
    pub(super) handle: tantivy::Segment,
    reader: Reader,
    lengths: Vec<Section>,
    max_term_freqs: Vec<u32>,
    impacts: RwLock<HashMap<(Vec<usize>, String), Impacts>>,
    rows: u32,
}

/// Frequencies of a term in a field and in others, each with the least length of the rows that have it this often
/// (Lucene's competitive impacts). No row scores higher than the best of these, for any average lengths, weights of
/// the fields and constants of the formula.
type Impacts = Arc<[Impact]>;
pub(super) type Impact = Box<[Counts]>;

/// Token counts of a field, one for each row.
#[derive(Clone, Copy)]
pub(crate) struct Lengths<'a>(&'a [[u8; 4]]);

impl Lengths<'_> {
    /// Tokens of one row.
    #[inline]
    pub(crate) fn of(&self, row: u32) -> u32 {
        self.0.get(row as usize).map_or(0, |b| u32::from_le_bytes(*b))
    }
}

impl TextIndex {
    pub(crate) fn open(
        segment: &Arc<SegmentReader>,
        file: &str,
        fields: &[TextField],
        rows: u32,
    ) -> Result<Self> {
        let failed = |e| tantivy_error(file, e);
        let index = Index::open(SectionDirectory::new(segment.clone())).map_err(failed)?;
        let segments = index.searchable_segments().map_err(failed)?;
        let [one] = segments.as_slice() else {
            return Err(corrupt(file, PREFIX, "not exactly one tantivy segment"));
        };
        let reader = Reader::open(one).map_err(failed)?;
        if reader.max_doc() != rows || index.schema() != tantivy_schema(fields) {
            return Err(corrupt(file, PREFIX, "its rows or fields are not those of the segment"));
        }
        let lengths = fields
            .iter()
            .map(|f| segment.section(&lengths_section(&f.name)))
            .collect::<lexivec_storage::Result<Vec<_>>>()?;
        let frequencies = segment.section(MAX_TERM_FREQS)?;
        let max_term_freqs: Vec<u32> =
            frequencies.all()?.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        if lengths.iter().any(|l| l.len() != rows as usize * 4)
            || max_term_freqs.len() != fields.len()
        {
            return Err(corrupt(file, "text/lengths", "not one count for each row"));
        }
        let handle = one.clone();
        let impacts = RwLock::default();
        Ok(Self { file: file.to_owned(), handle, reader, lengths, max_term_freqs, impacts, rows })
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Name of the segment's file.
    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn inverted(&self, field: usize) -> Result<Arc<InvertedIndexReader>> {
        self.reader
            .inverted_index(Field::from_field_id(field as u32))
            .map_err(|e| tantivy_error(&self.file, e))
    }

    /// The rows a term occurs in, with its frequency in each; `None` if it occurs in none.
    pub(crate) fn postings(&self, field: usize, term: &str) -> Result<Option<SegmentPostings>> {
        self.read(field, term, IndexRecordOption::WithFreqs)
    }

    /// Like [`postings`](Self::postings), with the positions of the term in each row.
    pub(crate) fn positions(&self, field: usize, term: &str) -> Result<Option<SegmentPostings>> {
        self.read(field, term, IndexRecordOption::WithFreqsAndPositions)
    }

    fn read(
        &self,
        field: usize,
        term: &str,
        what: IndexRecordOption,
    ) -> Result<Option<SegmentPostings>> {
        let term = Term::from_field_text(Field::from_field_id(field as u32), term);
        self.inverted(field)?.read_postings(&term, what).map_err(|e| tantivy_error(&self.file, e))
    }

    /// The rows of `among` with a term that begins with `start`.
    pub(crate) fn rows_of_prefix(
        &self,
        field: usize,
        start: &str,
        among: &RowSet,
        watch: &mut Watch,
    ) -> Result<RowSet> {
        let inverted = self.inverted(field)?;
        let stream = inverted.terms().range().ge(start).into_stream();
        let mut terms = stream.map_err(|e| tantivy_error(&self.file, e))?;
        let mut rows = RowSet::empty(self.rows);
        while terms.advance() && terms.key().starts_with(start.as_bytes()) {
            watch.steps(TERM_STEPS)?;
            self.unite(&inverted, terms.value(), among, watch, &mut rows)?;
        }
        Ok(rows)
    }

    /// The rows of `among` with a term at most `edits` edits away; a swap of neighbouring characters is
    /// one edit.
    pub(crate) fn rows_of_fuzzy(
        &self,
        field: usize,
        term: &str,
        edits: u8,
        among: &RowSet,
        watch: &mut Watch,
    ) -> Result<RowSet> {
        let inverted = self.inverted(field)?;
        let term = Term::from_field_text(Field::from_field_id(field as u32), term);
        let automaton = FuzzyTermQuery::new(term, edits, true)
            .automaton()
            .map_err(|e| tantivy_error(&self.file, e))?;
        let stream = inverted.terms().search(automaton).into_stream();
        let mut terms = stream.map_err(|e| tantivy_error(&self.file, e))?;
        let mut rows = RowSet::empty(self.rows);
        while terms.advance() {
            watch.steps(TERM_STEPS)?;
            self.unite(&inverted, terms.value(), among, watch, &mut rows)?;
        }
        Ok(rows)
    }

    /// Terms of live rows at most `edits` edits away from one, and the live rows of each: the first [`MAX_NEAR_TERMS`]
    /// of the dictionary.
    pub(crate) fn near(
        &self,
        field: usize,
        term: &str,
        edits: u8,
        alive: &RowSet,
        time: Deadline,
    ) -> Result<Vec<(String, u64)>> {
        let inverted = self.inverted(field)?;
        let key = Term::from_field_text(Field::from_field_id(field as u32), term);
        let failed = |e| tantivy_error(&self.file, e);
        let automaton = FuzzyTermQuery::new(key, edits, true).automaton().map_err(failed)?;
        let stream = inverted.terms().search(automaton).into_stream();
        let mut terms = stream.map_err(|e| tantivy_error(&self.file, e))?;
        let mut found = Vec::new();
        while found.len() < MAX_NEAR_TERMS && terms.advance() {
            time.check()?;
            let near = String::from_utf8_lossy(terms.key()).into_owned();
            let rows = match alive.is_full() {
                true => u64::from(terms.value().doc_freq),
                false => self.doc_freq(field, &near, alive)?,
            };
            if rows > 0 {
                found.push((near, rows));
            }
        }
        Ok(found)
    }

    fn unite(
        &self,
        inverted: &InvertedIndexReader,
        term: &TermInfo,
        among: &RowSet,
        watch: &mut Watch,
        rows: &mut RowSet,
    ) -> Result<()> {
        let postings = inverted
            .read_postings_from_terminfo(term, IndexRecordOption::Basic)
            .map_err(|e| tantivy_error(&self.file, e))?;
        intersect(&mut [postings], among, watch, |row, _, _| {
            rows.insert(row);
            Ok(())
        })
    }

    /// Rows with a text that has all the words, in `field` if one is named. No rows if analysis leaves
    /// no word.
    pub(crate) fn rows_with(
        &self,
        fields: &[TextField],
        field: Option<&str>,
        words: &str,
    ) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.rows);
        for (index, settings) in fields.iter().enumerate() {
            if field.is_some_and(|name| name != settings.name) {
                continue;
            }
            let mut among = RowSet::full(self.rows);
            let (mut parts, mut any) = (Vec::new(), false);
            for word in Analysis::of_queries(&settings.analyzer).words(words) {
                match word.wholes.get(..1) {
                    None => parts.extend(word.parts),
                    Some(whole) => {
                        let mut either = self.rows_with_all(index, whole, &among)?;
                        either.unite(&self.rows_with_all(index, &word.parts, &among)?);
                        among = either;
                        any = true;
                    }
                }
            }
            match parts.is_empty() {
                false => rows.unite(&self.rows_with_all(index, &parts, &among)?),
                true if any => rows.unite(&among),
                true => {}
            }
        }
        Ok(rows)
    }

    /// Rows of `among` with all terms; none without terms.
    fn rows_with_all(&self, field: usize, terms: &[Token], among: &RowSet) -> Result<RowSet> {
        let mut rows = RowSet::empty(self.rows);
        let lists = terms.iter().map(|term| self.postings(field, &term.text));
        // One term without postings is enough to exclude all rows.
        if let Some(mut lists) = lists.collect::<Result<Option<Vec<_>>>>()? {
            let mut watch = Watch::new(Deadline::NEVER);
            intersect(&mut lists, among, &mut watch, |row, _, _| {
                rows.insert(row);
                Ok(())
            })?;
        }
        Ok(rows)
    }

    /// Live rows a term occurs in.
    pub(crate) fn doc_freq(&self, field: usize, term: &str, alive: &RowSet) -> Result<u64> {
        if alive.is_full() {
            let key = Term::from_field_text(Field::from_field_id(field as u32), term);
            let doc_freq =
                self.inverted(field)?.doc_freq(&key).map_err(|e| tantivy_error(&self.file, e))?;
            return Ok(u64::from(doc_freq));
        }
        let mut live = 0;
        if let Some(postings) = self.postings(field, term)? {
            let mut watch = Watch::new(Deadline::NEVER);
            intersect(&mut [postings], alive, &mut watch, |_, _, _| {
                live += 1;
                Ok(())
            })?;
        }
        Ok(live)
    }

    /// Exact token counts of a field, one for each row.
    pub(crate) fn lengths(&self, field: usize) -> Result<Lengths<'_>> {
        let bytes = self.lengths.get(field).map_or(Ok(&[][..]), |lengths| lengths.all())?;
        Ok(Lengths(bytes.as_chunks::<4>().0))
    }

    /// The largest frequency of any term of a field in any row.
    pub(crate) fn max_term_freq(&self, field: usize) -> u32 {
        self.max_term_freqs.get(field).copied().unwrap_or(0)
    }

    /// The impacts of a term in the rows that its postings in the first of these fields have, which bound its
    /// contribution to any score. For a long list they are computed once, in one pass, and cached.
    pub(super) fn impacts(
        &self,
        fields: &[usize],
        term: &str,
        postings: &SegmentPostings,
    ) -> Result<Impacts> {
        // A row of the highest frequency has the highest score; it may be one word of many parts.
        let loose = |&field: &usize| Counts { tf: self.max_term_freq(field), length: 0 };
        if postings.doc_freq() < IMPACTS_MIN_POSTINGS {
            return Ok(Impacts::from([fields.iter().map(loose).collect()]));
        }
        let key = (fields.to_vec(), term.to_owned());
        if let Some(known) = self.impacts.read().get(&key) {
            return Ok(known.clone());
        }
        let lengths = fields.iter().map(|&f| self.lengths(f)).collect::<Result<Vec<_>>>()?;
        let inner = fields.iter().skip(1).map(|&field| self.postings(field, term));
        let mut inner = inner.collect::<Result<Vec<_>>>()?;
        let mut least: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        let (mut postings, mut key_of_row) = (postings.clone(), Vec::new());
        while postings.doc() < self.rows {
            let row = postings.doc();
            key_of_row.clear();
            key_of_row.push(postings.term_freq());
            key_of_row.extend(inner.iter_mut().map(|list| frequency_at(list, row)));
            let of_row = lengths.iter().map(|lengths| lengths.of(row));
            match least.get_mut(&key_of_row) {
                Some(known) => {
                    known.iter_mut().zip(of_row).for_each(|(known, own)| *known = own.min(*known));
                }
                None => {
                    least.insert(key_of_row.clone(), of_row.collect());
                }
            }
            postings.advance();
        }
        let impact = |(frequencies, lengths): (Vec<u32>, Vec<u32>)| {
            frequencies.into_iter().zip(lengths).map(|(tf, length)| Counts { tf, length }).collect()
        };
        let impacts: Impacts = least.into_iter().map(impact).collect();
        let mut cached = self.impacts.write();
        if cached.len() < MAX_CACHED_IMPACTS {
            cached.insert(key, impacts.clone());
        }
        Ok(impacts)
    }

    /// Takes a row that is no longer alive out of the statistics.
    pub(crate) fn subtract_row(&self, row: u32, statistics: &mut SegmentStatistics) -> Result<()> {
        statistics.live = statistics.live.saturating_sub(1);
        for (field, sum) in statistics.tokens.iter_mut().enumerate() {
            let Some(lengths) = self.lengths.get(field) else { continue };
            // Only the block of this row is verified.
            let lengths = Lengths(lengths.records(4, &[row])?.as_chunks::<4>().0);
            *sum = sum.saturating_sub(u64::from(lengths.of(row)));
        }
        Ok(())
    }

    /// Live rows and their tokens.
    pub(crate) fn statistics(&self, alive: &RowSet) -> Result<SegmentStatistics> {
        let mut tokens = vec![0u64; self.lengths.len()];
        for (field, sum) in tokens.iter_mut().enumerate() {
            let lengths = self.lengths(field)?;
            *sum = alive.iter().map(|row| u64::from(lengths.of(row))).sum();
        }
        Ok(SegmentStatistics { live: alive.count(), tokens })
    }

    /// Checks the index against the texts: the token count of each row equals that of its analysis, in
    /// the lengths and in all postings, and no frequency is above the recorded largest one.
    pub(crate) fn check(
        &self,
        fields: &[TextField],
        text: &dyn Fn(u32, &str) -> Result<String>,
    ) -> Result<()> {
        for (index, field) in fields.iter().enumerate() {
            let bad =
                |detail: String| Err(corrupt(&self.file, &lengths_section(&field.name), detail));
            let mut analysis = Analysis::of_documents(&field.analyzer);
            let mut posted = vec![0u64; self.rows as usize];
            let inverted = self.inverted(index)?;
            let failed = |e: std::io::Error| tantivy_error(&self.file, e);
            let mut terms = inverted.terms().stream().map_err(failed)?;
            while terms.advance() {
                let mut postings = inverted
                    .read_postings_from_terminfo(terms.value(), IndexRecordOption::WithFreqs)
                    .map_err(failed)?;
                while postings.doc() < self.rows {
                    if postings.term_freq() > self.max_term_freq(index) {
                        return bad("a term is more frequent than the largest frequency".to_owned());
                    }
                    posted[postings.doc() as usize] += u64::from(postings.term_freq());
                    postings.advance();
                }
            }
            let lengths = self.lengths(index)?;
            for (row, posted) in (0..self.rows).zip(posted) {
                let tokens = analysis.tokens(&text(row, &field.name)?);
                let (words, recorded) = (length(&tokens), lengths.of(row));
                let tokens = tokens.len() as u64;
                if words != recorded || tokens != posted {
                    return bad(format!(
                        "row {row} has {words} words, {recorded} are recorded; it has {tokens} tokens, {posted} are indexed"
                    ));
                }
            }
        }
        Ok(())
    }

    /// tantivy's reader, so that a test compares its scorer with ours.
    #[cfg(test)]
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// Frequency of the current posting.
#[inline]
pub(super) fn term_frequency(postings: &SegmentPostings) -> u32 {
    postings.term_freq()
}
