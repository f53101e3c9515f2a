//! Real collections in memory, and edits of what the engine keeps in their files, sealed again.
//!
//! tantivy's own bytes (`text/tantivy/*`, `payload/columns`) are left as they are: their inner
//! structure is trusted once the checksums hold, as FORMAT.md says.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use lexivec::schema::{TextField, VectorField};
use lexivec::storage::codec::{Decoder, Encoder};
use lexivec::storage::{Directory, Manifest, MemoryVfs, Result, SegmentReader, SegmentWriter};
use lexivec::{Collection, Document, Metric, OpenOptions, Options};

/// Sections that are the engine's own, by how their names start.
const OURS: [&str; 6] =
    ["documents/", "vector/", "tokens/", "text/lengths/", "text/max-frequency", "payload/residual"];
/// Most edits of one input: more would only slow the search for those that matter.
const MAX_EDITS: usize = 16;
/// Most bytes that an edit adds to a section.
const MAX_GROWTH: usize = 256;
/// Documents of the small base.
const SMALL_IDS: usize = 68;
/// Rows of the large base's first segment: as few as have codes.
const WALKED_ROWS: usize = 1_000;
/// Documents of the large base.
const WALKED_IDS: usize = 1_030;

/// A sound collection, taken apart.
pub struct Base {
    manifest: Manifest,
    /// Of each segment its sections, in order.
    segments: Vec<Vec<(String, Vec<u8>)>>,
    /// The parts that can be edited.
    parts: Vec<(usize, Part)>,
}

/// A run of bytes of a segment, or of what the manifest says of it.
#[derive(Clone, Copy, Debug)]
enum Part {
    Section(usize),
    Rows,
    Alive,
    Statistics,
    Curves,
    Schema,
}

/// The two bases: a small one with every kind of section, and one whose graph is walked.
pub fn bases() -> &'static [Base; 2] {
    static BASES: OnceLock<[Base; 2]> = OnceLock::new();
    BASES.get_or_init(|| [Base::of(small()), Base::of(walked())])
}

impl Base {
    fn of(disk: MemoryVfs) -> Self {
        let directory = Directory::open_read_only(Arc::new(disk.clone())).expect("sound");
        let manifest = directory.manifest().clone();
        let mut segments = Vec::new();
        let mut parts = vec![(0, Part::Schema)];
        for (index, entry) in manifest.segments.iter().enumerate() {
            let reader = SegmentReader::open(&disk, &entry.file).expect("sound");
            let mut sections = Vec::new();
            for (i, name) in reader.names().enumerate() {
                let section = reader.section(name).expect("it is there");
                sections.push((name.to_owned(), section.all().expect("sound").to_vec()));
                if OURS.iter().any(|ours| name.starts_with(ours)) {
                    parts.push((index, Part::Section(i)));
                }
            }
            segments.push(sections);
            parts.extend([Part::Rows, Part::Alive, Part::Statistics, Part::Curves].map(|part| (index, part)));
        }
        Self { manifest, segments, parts }
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Number of parts that can be edited.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// The collection after the edits that these bytes encode, with every checksum right.
    pub fn edited(&self, edits: &[u8]) -> MemoryVfs {
        let mut manifest = self.manifest.clone();
        let mut segments: Vec<BTreeMap<usize, Option<Vec<u8>>>> =
            vec![BTreeMap::new(); self.segments.len()];
        let mut input = Decoder::new("edits", edits);
        for _ in 0..MAX_EDITS {
            let Ok(edit) = Edit::read(&mut input) else {
                break;
            };
            let (index, part) = self.parts[edit.part % self.parts.len()];
            let rows = self.manifest.segments[index].rows;
            let entry = &mut manifest.segments[index];
            match part {
                Part::Schema => edit.apply(&mut manifest.schema, rows),
                Part::Alive => edit.apply(&mut entry.alive, rows),
                Part::Statistics => edit.apply(&mut entry.statistics, rows),
                Part::Curves => edit.apply(&mut entry.curves, rows),
                Part::Rows => {
                    let mut bytes = entry.rows.to_le_bytes().to_vec();
                    edit.apply(&mut bytes, rows);
                    entry.rows = Decoder::new("rows", &bytes).u32().unwrap_or(0);
                }
                Part::Section(i) => {
                    let sound = || Some(self.segments[index][i].1.clone());
                    let section = segments[index].entry(i).or_insert_with(sound);
                    match (&edit.change, section.as_mut()) {
                        (Change::Remove, _) => *section = None,
                        (_, Some(bytes)) => edit.apply(bytes, rows),
                        _ => {}
                    }
                }
            }
        }
        self.written(manifest, &segments)
    }

    /// Rewrites all files, so that the writer makes the checksums.
    fn written(
        &self,
        mut manifest: Manifest,
        edited: &[BTreeMap<usize, Option<Vec<u8>>>],
    ) -> MemoryVfs {
        let disk = MemoryVfs::default();
        for ((entry, sections), edited) in
            manifest.segments.iter_mut().zip(&self.segments).zip(edited)
        {
            let name = entry.file.name.clone();
            let mut writer =
                SegmentWriter::create(&disk, &name, entry.segment).expect("a new name");
            for (i, (name, sound)) in sections.iter().enumerate() {
                let bytes = match edited.get(&i) {
                    None => Some(sound),
                    Some(bytes) => bytes.as_ref(),
                };
                if let Some(bytes) = bytes {
                    writer.section(name, bytes).expect("written");
                }
            }
            entry.file = writer.finish().expect("finished");
        }
        let mut file = lexivec::storage::Vfs::create(&disk, &manifest.file_name()).expect("new");
        file.write_all(&manifest.encode()).expect("written");
        disk
    }
}

/// One edit: the part, and the change of its bytes.
struct Edit<'a> {
    part: usize,
    at: usize,
    change: Change<'a>,
}

enum Change<'a> {
    /// Overwrites bytes.
    Bytes(&'a [u8]),
    /// Overwrites an aligned word with a number that sits on an edge.
    Word(u8),
    /// Overwrites an aligned word of 64 bits in the same way.
    Long(u8),
    /// Overwrites an aligned word with another of the same part.
    Copy(usize),
    /// Cuts the part, or extends it with zeros.
    Resize(usize),
    /// Leaves a section out.
    Remove,
}

impl<'a> Edit<'a> {
    fn read(input: &mut Decoder<'a>) -> Result<Self> {
        let (part, kind) = (input.u8()? as usize, input.u8()?);
        let at = input.u32()? as usize;
        let change = match kind % 6 {
            0 => {
                let len = input.u8()? as usize % 16 + 1;
                Change::Bytes(input.take(len)?)
            }
            1 => Change::Word(input.u8()?),
            2 => Change::Long(input.u8()?),
            3 => Change::Copy(input.u32()? as usize),
            4 => Change::Resize(input.u32()? as usize),
            _ => Change::Remove,
        };
        Ok(Self { part, at, change })
    }

    fn apply(&self, bytes: &mut Vec<u8>, rows: u32) {
        let len = bytes.len();
        let aligned = |at: usize, width: usize| at % (len / width).max(1) * width;
        let mut put = |at: usize, value: &[u8]| {
            for (byte, &new) in bytes.iter_mut().skip(at).zip(value) {
                *byte = new;
            }
        };
        match self.change {
            Change::Bytes(value) => put(self.at % len.max(1), value),
            Change::Word(which) => put(aligned(self.at, 4), &word(which, rows).to_le_bytes()),
            Change::Long(which) => put(aligned(self.at, 8), &long(which, len).to_le_bytes()),
            Change::Copy(from) => {
                let from = aligned(from, 4);
                let word = bytes.get(from..from + 4).map(<[u8]>::to_vec).unwrap_or_default();
                let to = aligned(self.at, 4);
                bytes.iter_mut().skip(to).zip(word).for_each(|(byte, new)| *byte = new);
            }
            Change::Resize(to) => bytes.resize(to % (len + MAX_GROWTH), 0),
            Change::Remove => bytes.clear(),
        }
    }
}

/// Numbers on the edges of what a word may be: a row, a slot, a marker, a float.
fn word(which: u8, rows: u32) -> u32 {
    let words = [
        0,
        1,
        rows - 1,
        rows,
        rows + 1,
        u32::MAX,
        u32::MAX - 1,
        1 << 31,
        i32::MAX as u32,
        f32::NAN.to_bits(),
        (-f32::NAN).to_bits(),
        f32::INFINITY.to_bits(),
        f32::NEG_INFINITY.to_bits(),
        f32::MAX.to_bits(),
        1f32.to_bits(),
    ];
    words[which as usize % words.len()]
}

/// Numbers on the edges of what 64 bits may be: a place in a section, a count.
fn long(which: u8, len: usize) -> u64 {
    let len = len as u64;
    let longs = [0, 1, len, len + 1, u64::MAX, u64::MAX - 1, 1 << 63, 1 << 32, u64::MAX << 1];
    longs[which as usize % longs.len()]
}

/// Inputs that edit each part once in every way.
pub fn seeds(base: &Base) -> Vec<Vec<u8>> {
    let mut seeds = vec![Vec::new()];
    for part in 0..base.parts() {
        for kind in 0..6 {
            let mut seed = Encoder::new();
            seed.u8(part as u8);
            seed.u8(kind);
            seed.u32(part as u32);
            match kind {
                0 => {
                    seed.u8(3);
                    seed.raw(b"\xfd\x01\0\0");
                }
                1 | 2 => seed.u8(3),
                3 => seed.u32(2),
                4 => seed.u32(8),
                _ => {}
            }
            seeds.push(seed.into_bytes());
        }
    }
    seeds
}

/// Two segments, dead rows, two vector fields with graphs, rows without vectors, residual rows.
fn small() -> MemoryVfs {
    let field = |name: &str, dim, metric| VectorField {
        m: 2,
        ef_construction: 8,
        ..VectorField::new(name, dim, metric)
    };
    let options = Options::new()
        .text_fields(vec![TextField::new("title"), TextField::new("text")])
        .join_text(false)
        .vector_field(field("vector", 4, Metric::Cosine))
        .vector_field(field("other", 3, Metric::L2))
        .tokens(3)
        .graph_min_rows(8);
    let document = |i: usize| {
        let angle = i as f32;
        // Ids in another order than rows.
        let mut document = Document::new(format!("d{:02}", i * 29 % SMALL_IDS))
            .text_in("title", format!("title {}", i % 5))
            .payload("n", i as u64)
            .payload("tag", ["a", "b", "c"][i % 3]);
        if !i.is_multiple_of(7) {
            document = document.text(["wing flow heat", "nose cone heat heat"][i % 2]);
        }
        if !i.is_multiple_of(5) {
            let vector = vec![angle.sin(), angle.cos(), (2.0 * angle).sin(), 0.5];
            document = document.vector(vector);
        }
        if i.is_multiple_of(2) {
            document = document.vector_in("other", vec![angle, angle / 2.0, 1.0]);
        }
        if !i.is_multiple_of(3) {
            let token = |j: usize| vec![angle.sin(), angle.cos(), j as f32];
            document = document.tokens((0..1 + i % 4).map(token).collect());
        }
        if i.is_multiple_of(11) {
            // No double equals it, so a filter reads the row.
            document = document.payload("big", 1u64 << 60 | 1);
        }
        document
    };
    written(options, [(0..48).map(document).collect(), (44..SMALL_IDS).map(document).collect()])
}

/// One segment whose graph is walked by codes, and a small one.
fn walked() -> MemoryVfs {
    let field =
        VectorField { m: 2, ef_construction: 8, ..VectorField::new("vector", 2, Metric::L2) };
    let options = Options::new().vector_field(field).graph_min_rows(8);
    let document = |i: usize| {
        let document = Document::new(format!("r{:04}", i * 1_009 % WALKED_IDS))
            .vector(vec![(i % 48) as f32, (i / 48) as f32])
            .payload("n", (i % 23) as u64);
        // Text is the other collection's matter.
        if i.is_multiple_of(50) { document.text("wing") } else { document }
    };
    let second = (WALKED_ROWS..WALKED_IDS).map(document).collect();
    written(options, [(0..WALKED_ROWS).map(document).collect(), second])
}

fn written(options: Options, batches: [Vec<Document>; 2]) -> MemoryVfs {
    let disk = MemoryVfs::default();
    let options = options.open(OpenOptions::new().background(false).reserve_bytes(0));
    let collection = Collection::create(Arc::new(disk.clone()), options).expect("created");
    for batch in batches {
        collection.upsert(batch).expect("written");
    }
    let segments = collection.stats().expect("counted").segments;
    assert!(segments.len() == 2 && segments.iter().all(|s| s.bytes > 0), "two files");
    disk
}
