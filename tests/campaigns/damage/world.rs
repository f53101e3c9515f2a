//! The collection that is damaged: segments, a log, a snapshot, feedback and an active adapter, profiles, synonyms and
//! token vectors; as it was before its last writes; and another collection of the same kind.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lexivec::query::profile::Profile;
use lexivec::{
    AdapterOptions, Collection, Document, Feedback, Filter, Metric, OpenOptions, Options, Rerank,
    SearchRequest, Snapshot,
};

use crate::Random;

/// Name of the snapshot.
pub(super) const SNAPSHOT: &str = "kept";
pub(super) const DIM: usize = 16;
const ROWS: usize = 400;

/// The files of a directory and its folders by their paths in it.
pub(super) type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// Three directories.
pub(super) struct World {
    /// The collection.
    pub(super) sound: Tree,
    /// The collection before its last writes.
    pub(super) older: Tree,
    /// Another one.
    pub(super) other: Tree,
}

impl World {
    /// Makes the collections in a scratch directory.
    pub(super) fn new(scratch: &Path) -> Result<Self, String> {
        let (first, second) = (scratch.join("first"), scratch.join("second"));
        let older = fill(&first, 11)?;
        fill(&second, 12)?;
        Ok(Self { sound: read_tree(&first)?, older, other: read_tree(&second)? })
    }
}

/// All that a user sees of a collection.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    pub(super) answers: String,
    /// True if an answer or the collection says that something is left out.
    pub(super) reported: bool,
}

pub(super) fn requests() -> Vec<SearchRequest> {
    let vector = Random(5).vector(DIM);
    let tokens = vec![vec![0.1, 0.9, -0.3], vec![-0.7, 0.2, 0.2]];
    let filter: Filter = "n >= 5 AND tag = 'b'".parse().unwrap_or_default();
    vec![
        SearchRequest::hybrid("nose wing title", vector.clone()).explain(),
        SearchRequest::text("cone heat").filter(filter).limit(30),
        SearchRequest::text("airfoil").limit(5),
        SearchRequest::vector(vector.clone()).limit(40).exact(),
        SearchRequest::text("airfoil").limit(5).profile("narrow"),
        SearchRequest::vector(vector).limit(5),
        // All rows have one score, so that ids decide.
        SearchRequest::text("flow").limit(50),
        SearchRequest::text("wing")
            .limit(20)
            .rerank(Rerank::late_interaction(tokens).budget_ms(60_000)),
    ]
}

/// Looks at a closed collection by everything that reads.
pub(super) fn look(dir: &Path) -> Result<Seen, String> {
    see(dir).map_err(|error| error.to_string())
}

fn see(dir: &Path) -> lexivec::Result<Seen> {
    let collection = Collection::open_read_only(dir)?;
    let mut reported = collection.damage().is_some();
    let mut answers = String::new();
    let mut show = |value: &dyn Fn() -> serde_json::Result<String>| {
        answers.push_str(&value().unwrap_or_default());
        answers.push('\n');
    };
    for request in requests() {
        let mut answer = collection.search(&request)?;
        (answer.generation, answer.plan) = (0, None);
        reported |= !std::mem::take(&mut answer.notices).is_empty();
        show(&|| serde_json::to_string(&answer));
    }
    let mut after: Option<String> = None;
    loop {
        let page = collection.scroll(&Filter::All, after.as_deref(), 300)?;
        show(&|| serde_json::to_string(&page.documents));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !reported {
        let adapters = collection.adapters()?;
        show(&|| serde_json::to_string(&adapters));
    }
    let (profiles, synonyms) = (collection.profiles(), collection.synonyms());
    show(&|| serde_json::to_string(&*profiles));
    show(&|| serde_json::to_string(&synonyms));
    let snapshots = Snapshot::list(dir)?;
    reported |= !snapshots.damaged.is_empty();
    show(&|| serde_json::to_string(&snapshots.snapshots));
    Ok(Seen { answers, reported })
}

/// Makes the collection; returns its files as they were before the last writes.
fn fill(dir: &Path, seed: u64) -> Result<Tree, String> {
    write(dir, seed).map_err(|e| e.to_string()).and_then(|older| older)
}

/// Options of the collection: small log files and a small reserve.
pub(super) fn open_options() -> OpenOptions {
    OpenOptions::new().background(false).log_file_bytes(4_096).reserve_bytes(4_096)
}

fn write(dir: &Path, seed: u64) -> lexivec::Result<Result<Tree, String>> {
    let options = Options::new().name("damaged").vector(DIM, Metric::Cosine);
    let options = options.tokens(3).graph_min_rows(50);
    let collection = Collection::create(dir, options.open(open_options()))?;
    let mut random = Random(seed);
    let vectors: Vec<Vec<f32>> = (0..ROWS).map(|_| random.vector(DIM)).collect();
    let row = |i: usize| {
        let tokens = (0..1 + i % 3).map(|t| vectors[(i + t) % ROWS][..3].to_vec()).collect();
        Document::new(format!("d{i}"))
            .tokens(tokens)
            .text_in("title", format!("title {i}"))
            .text(format!("wing flow {} heat of collection {seed}", ["nose", "cone"][i % 2]))
            .vector(vectors[i].clone())
            .payload("n", i as u64)
            .payload("tag", ["a", "b", "c"][i % 3])
    };
    for part in [0..250, 240..320, 320..380] {
        collection.upsert(part.map(row).collect::<Vec<_>>())?;
        collection.flush()?;
    }
    collection.set_profile("narrow", Profile { synonyms: Some(false), ..Profile::default() })?;
    collection.set_synonyms("airfoil, wing\n".parse()?)?;
    collection.add_feedback(&feedback(&vectors))?;
    let mut options = AdapterOptions::default();
    (options.training.alpha, options.training.rate) = (64.0, 3e-3);
    options.training.epochs = 40;
    let version = collection.train_adapter(&options)?.version;
    collection.activate_adapter(version)?;
    collection.snapshot(SNAPSHOT)?;
    collection.upsert((380..385).map(row).collect::<Vec<_>>())?;
    let older = read_tree(dir);
    collection.upsert((385..ROWS).map(row).collect::<Vec<_>>())?;
    collection.delete(&["d3"])?;
    Ok(version.ok_or_else(|| "no adapter was trained".to_owned()).and(older))
}

/// Queries that are each near one row but for two components, which are exchanged.
fn feedback(vectors: &[Vec<f32>]) -> Vec<Feedback> {
    let ask = |i: usize| {
        let mut vector = vectors[i].clone();
        vector.swap(0, 1);
        let shown = vec![format!("d{}", (i + 7) % 380), format!("d{i}")];
        Feedback { text: None, vector: Some(vector), relevant: vec![format!("d{i}")], shown }
    };
    (0..200).map(ask).collect()
}

/// Reads all files below a directory.
fn read_tree(root: &Path) -> Result<Tree, String> {
    let (mut tree, mut folders) = (Tree::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder)).map_err(|e| e.to_string())? {
            let entry = entry.map_err(|e| e.to_string())?;
            let path = folder.join(entry.file_name());
            match entry.path().is_dir() {
                true => folders.push(path),
                false => {
                    let bytes = fs::read(entry.path()).map_err(|e| e.to_string())?;
                    tree.insert(path, bytes);
                }
            }
        }
    }
    Ok(tree)
}

/// Writes all files of a tree.
pub(super) fn write_tree(root: &Path, tree: &Tree) -> std::io::Result<()> {
    for (path, bytes) in tree {
        let path = root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}
