//! Damage to a small collection: bits, lengths and blocks of every file; reported or without effect.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lexivec::storage::{Manifest, MemoryVfs, SegmentReader, SegmentWriter};
use lexivec::{
    Collection, Document, Error, ErrorKind, Filter, Metric, OpenOptions, Options, Rerank,
    SearchRequest,
};
use parking_lot::Mutex;
use serde_json::json;

use super::Outcome;
use crate::Random;

/// Files by name.
pub type Files = BTreeMap<String, Vec<u8>>;
type Counts = BTreeMap<&'static str, usize>;

/// Bytes of a block that is zeroed or changes places.
const BLOCK: usize = 64;

/// A small collection that has everything there is: two segments, a graph, dead rows, writes in the
/// log, a generation before the newest.
pub fn collection() -> Result<Files, String> {
    let disk = MemoryVfs::default();
    fill(&disk).map_err(|e| e.to_string())?;
    Ok(disk.contents())
}

fn fill(disk: &MemoryVfs) -> lexivec::Result<()> {
    let open = OpenOptions::new().background(false).log_file_bytes(2_048).reserve_bytes(0);
    let options = Options::new().vector(4, Metric::Cosine).tokens(3).graph_min_rows(20).open(open);
    let collection = Collection::create(Arc::new(disk.clone()), options)?;
    let (mut random, mut other) = (Random(1), Random(4));
    let mut batch = |ids: std::ops::Range<usize>| -> Vec<Document> {
        ids.map(|i| {
            let tokens = (0..1 + i % 3).map(|_| other.vector(3)).collect();
            Document::new(format!("d{i}"))
                .tokens(tokens)
                .text_in("title", format!("title {i}"))
                .text(format!("wing flow {} heat", ["nose", "cone"][i % 2]))
                .vector(random.vector(4))
                .payload("n", i as u64)
                .payload("tag", ["a", "b", "c"][i % 3])
        })
        .collect()
    };
    let (first, second, third) = (batch(0..40), batch(35..38), batch(38..41));
    collection.upsert(first)?;
    collection.upsert(second)?;
    collection.flush()?;
    collection.upsert(third)?;
    collection.delete(&["d3"])?;
    Ok(())
}

/// Everything a user may see: answers of several kinds, and the rows themselves. Not the number of
/// the generation, as an older one and the log give the same answers.
pub fn look(files: Files) -> Result<String, Error> {
    let disk = MemoryVfs::with_files(files);
    let collection = Collection::open_read_only(Arc::new(disk))?;
    let filter = Filter::from_json(&json!({"n": {"$gte": 5}, "tag": "b"}))?;
    let vector = vec![0.3, -0.2, 0.9, 0.1];
    let tokens = vec![vec![0.1, 0.9, -0.3], vec![-0.7, 0.2, 0.2]];
    let mut seen = String::new();
    for request in [
        SearchRequest::hybrid("nose wing title", vector.clone()).explain(),
        SearchRequest::text("cone heat").filter(filter).limit(30),
        SearchRequest::vector(vector.clone()).limit(40).exact(),
        SearchRequest::vector(vector).limit(5).ef(30),
        SearchRequest::text("wing")
            .limit(50)
            .rerank(Rerank::late_interaction(tokens).budget_ms(60_000)),
    ] {
        let mut answer = collection.search(&request)?;
        (answer.generation, answer.plan) = (0, None);
        seen.push_str(&serde_json::to_string(&answer).unwrap_or_default());
    }
    for i in [0, 3, 7, 36, 39, 99] {
        let document = collection.get(&format!("d{i}"))?;
        seen.push_str(&serde_json::to_string(&document).unwrap_or_default());
    }
    Ok(seen)
}

/// Outcome of one damaged collection.
fn outcome(files: Files, sound: &str) -> &'static str {
    match catch_unwind(AssertUnwindSafe(|| look(files))) {
        Err(_) => "panic",
        Ok(Ok(seen)) if seen == sound => "harmless",
        Ok(Ok(_)) => "wrong",
        Ok(Err(error)) => {
            let text = error.to_string();
            // The error for damage names the file; NotFound is for a manifest that no name leads to.
            let named =
                ["segment-", "MANIFEST-", "log-", "LOG-END"].iter().any(|n| text.contains(n));
            match error.kind() {
                ErrorKind::Corrupt | ErrorKind::NewerFormat if named => "reported",
                ErrorKind::NotFound => "reported",
                _ => "unclear",
            }
        }
    }
}

/// Damages to try: what is changed, and how.
type Damage = Box<dyn Fn(&mut Files) + Send + Sync>;

fn change(name: &str, with: impl Fn(&mut Vec<u8>) + Send + Sync + 'static) -> Damage {
    let name = name.to_owned();
    Box::new(move |files| {
        if let Some(file) = files.get_mut(&name) {
            with(file);
        }
    })
}

/// One bit in every `stride` bits of every file, every `stride`th length, blocks zeroed, exchanged
/// within a file and copied into another.
fn damages(files: &Files, stride: usize) -> Vec<Damage> {
    let mut all = Vec::new();
    let mut random = Random(2);
    let names: Vec<&String> = files.keys().collect();
    for (name, bytes) in files {
        let len = bytes.len();
        let mut bit = if stride > 1 { random.below(stride) } else { 0 };
        while bit < len * 8 {
            all.push(change(name, move |file| file[bit / 8] ^= 1 << (bit % 8)));
            bit += if stride > 1 { 1 + random.below(2 * stride - 1) } else { 1 };
        }
        for cut in (0..len).step_by(stride.min(7)) {
            all.push(change(name, move |file| file.truncate(cut)));
        }
        for at in (0..len).step_by(BLOCK) {
            let end = (at + BLOCK).min(len);
            all.push(change(name, move |file| file[at..end].fill(0)));
            let other = random.below(len / BLOCK + 1) * BLOCK;
            if other + BLOCK <= len && end - at == BLOCK {
                all.push(change(name, move |file| {
                    for i in 0..BLOCK {
                        file.swap(at + i, other + i);
                    }
                }));
            }
            // A write that went to another file.
            let (from, to) = (name.clone(), names[random.below(names.len())].clone());
            all.push(Box::new(move |files: &mut Files| {
                let block = files[&from][at..end].to_vec();
                if let Some(file) = files.get_mut(&to).filter(|f| f.len() >= end) {
                    file[at..end].copy_from_slice(&block);
                }
            }));
        }
    }
    all
}

/// Tries the damages; `stride` 1 is every bit and every length.
pub fn run(stride: usize) -> Outcome {
    let files = collection()?;
    let sound = look(files.clone()).map_err(|e| format!("the sound collection: {e}"))?;
    let all = damages(&files, stride);
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(Counts::new()));
    let first = Mutex::new(None);
    std::thread::scope(|scope| {
        let run = || loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(damage) = all.get(index) else { return };
            let mut damaged = files.clone();
            damage(&mut damaged);
            let found = outcome(damaged, &sound);
            *counts.lock().entry(found).or_default() += 1;
            if !matches!(found, "reported" | "harmless") {
                first.lock().get_or_insert((index, found));
                return;
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (0..cores).for_each(|_| drop(scope.spawn(run)));
    });
    let counts = counts.into_inner();
    if let Some((index, found)) = first.into_inner() {
        return Err(format!("damage {index} of stride {stride} is {found}; {counts:?}"));
    }
    let bytes: usize = files.values().map(Vec::len).sum();
    Ok(format!(
        "{} damages to {} files of {bytes} bytes: {counts:?}, 0 wrong, 0 panics",
        all.len(),
        files.len()
    ))
}

/// The negative control: bytes are changed and all checksums made right again, as if none were
/// checked. Gives how many of these were met with a wrong answer.
pub fn wrong_without_checksums() -> Result<usize, String> {
    let files = collection()?;
    let sound = look(files.clone()).map_err(|e| e.to_string())?;
    let mut wrong = 0;
    for at in 0..200 {
        let damaged = reseal(files.clone(), at).map_err(|e| e.to_string())?;
        wrong += usize::from(outcome(damaged, &sound) == "wrong");
    }
    Ok(wrong)
}

/// Changes a byte of the newest generation's first vectors and rewrites file and manifest.
fn reseal(mut files: Files, at: usize) -> lexivec::storage::Result<Files> {
    let (name, bytes) = files
        .iter()
        .rfind(|(name, _)| name.starts_with("MANIFEST-"))
        .map(|(n, b)| (n.clone(), b.clone()))
        .unwrap_or_default();
    let mut manifest = Manifest::decode(&name, &bytes)?;
    let disk = MemoryVfs::with_files(files.clone());
    if let Some(entry) = manifest.segments.first_mut() {
        let reader = SegmentReader::open(&disk, &entry.file)?;
        let target = MemoryVfs::default();
        let mut writer = SegmentWriter::create(&target, &entry.file.name, entry.segment)?;
        for section in reader.names() {
            let mut bytes = reader.section(section)?.all()?.to_vec();
            if section == "vector/vector/rows"
                && let Some(byte) = bytes.get_mut(at)
            {
                *byte ^= 0x40;
            }
            writer.section(section, &bytes)?;
        }
        entry.file = writer.finish()?;
        files.extend(target.contents());
    }
    files.insert(name, manifest.encode());
    Ok(files)
}
