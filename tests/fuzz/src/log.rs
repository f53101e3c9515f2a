//! Any bytes as the log of a collection.

use std::sync::{Arc, OnceLock};

use lexivec::storage::{Directory, Manifest, MemoryVfs};
use lexivec::{Collection, Document, Filter, Metric, OpenOptions, Options, VerifyLevel};

use crate::seal;

const LOG: &str = "log-0000000000000000.wal";

/// Reads the bytes as they are, and with their checksums made right.
pub fn run(data: &[u8]) {
    read(data.to_vec());
    read(seal::log(data.to_vec(), base().0.collection, 0));
}

/// Opens the collection for reading and for writing: both show the same rows, or damage.
fn read(log: Vec<u8>) {
    let manifest = &base().0;
    let disk = MemoryVfs::with_files([
        (manifest.file_name(), manifest.encode()),
        (LOG.to_owned(), log),
    ]);
    let _ = Collection::verify(Arc::new(disk.clone()), VerifyLevel::Quick);
    let rows = |collection: Collection| {
        let page = collection.scroll(&Filter::All, None, 1_000).ok()?;
        Some(page.documents.len())
    };
    let reader = Collection::open_read_only(Arc::new(disk.clone())).ok().and_then(rows);
    let writer = options().open(Arc::new(disk.clone())).ok().and_then(rows);
    assert_eq!(reader, writer, "a reader and a writer show other rows");
    if cfg!(feature = "planted") {
        // Trusts that no log has three rows.
        assert!(writer.is_none_or(|rows| rows != 3), "planted");
    }
    // What a recovery made of it, the next one shows as well.
    let again = options().open(Arc::new(disk)).ok().and_then(rows);
    assert_eq!(writer, again, "a second recovery shows other rows");
}

fn options() -> OpenOptions {
    OpenOptions::new().background(false).log_file_bytes(1_024).reserve_bytes(0)
}

/// The manifest of an empty collection, and logs of it.
fn base() -> &'static (Manifest, Vec<Vec<u8>>) {
    static BASE: OnceLock<(Manifest, Vec<Vec<u8>>)> = OnceLock::new();
    BASE.get_or_init(|| {
        let disk = MemoryVfs::default();
        let own = Options::new().vector(2, Metric::L2).tokens(2).open(options());
        let collection = Collection::create(Arc::new(disk.clone()), own).expect("created");
        let directory = Directory::open_read_only(Arc::new(disk.clone())).expect("sound");
        let mut logs = Vec::new();
        let row = |i: usize| {
            Document::new(format!("d{i}")).text("wing flow").vector(vec![i as f32, 1.0])
        };
        for i in 0..4 {
            collection.upsert(vec![row(i), row(i + 1).payload("n", i as u64)]).expect("written");
            logs.extend(disk.contents().remove(LOG));
        }
        let tokens = vec![vec![1.0, -2.0], vec![0.5, 0.0]];
        collection.upsert(vec![row(7).tokens(tokens), row(8)]).expect("written");
        logs.extend(disk.contents().remove(LOG));
        collection.delete(&["d1", "d2"]).expect("deleted");
        drop(collection);
        logs.extend(disk.contents().remove(LOG));
        (directory.manifest().clone(), logs)
    })
}

/// Logs after each of a few writes, and one that was closed.
pub fn seeds() -> Vec<Vec<u8>> {
    base().1.clone()
}
