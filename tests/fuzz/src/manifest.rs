//! Any bytes as a manifest.

use std::sync::Arc;

use lexivec::{Collection, VerifyLevel};
use lexivec::storage::{Manifest, MemoryVfs, SegmentEntry, SegmentFile};

use crate::{edits, seal};

/// Reads the bytes as they are, and with their checksum made right.
pub fn run(data: &[u8]) {
    read(data);
    read(&seal::manifest(data.to_vec()));
}

fn read(bytes: &[u8]) {
    // The file name has the generation that the bytes encode.
    let generation = bytes.get(16..24).and_then(|b| b.first_chunk()).copied().unwrap_or_default();
    let name = format!("MANIFEST-{:016x}", u64::from_le_bytes(generation));
    let disk = Arc::new(MemoryVfs::with_files([(name.clone(), bytes.to_vec())]));
    // Its schema goes through the engine.
    let _ = Collection::open_read_only(disk.clone());
    let _ = Collection::verify(disk, VerifyLevel::Deep);
    let Ok(manifest) = Manifest::decode(&name, bytes) else {
        return;
    };
    // A manifest of an older format is rewritten in the newest.
    let rewritten = manifest.encode();
    let old = bytes.get(8..12) != rewritten.get(8..12);
    assert!(old || rewritten == bytes, "the encoding has all bytes");
    assert_eq!(manifest.file_name(), name);
    if cfg!(feature = "planted") {
        // Trusts the number of rows over the length of the alive set.
        for entry in manifest.segments.iter().filter(|e| e.rows > 0 && !e.alive.is_empty()) {
            assert!(entry.alive[(entry.rows as usize - 1) / 8] < u8::MAX, "planted");
        }
    }
}

/// Manifests of collections, and one made by hand.
pub fn seeds() -> Vec<Vec<u8>> {
    let entry = |i: u32| SegmentEntry {
        file: SegmentFile { name: format!("segment-{i:016x}.lxv"), len: 1_000, tail_hash: 7 },
        segment: 3,
        rows: 60,
        alive: vec![1; 8 * i as usize],
        statistics: vec![2; 4],
        curves: vec![3; 4],
    };
    let by_hand = Manifest {
        generation: 5,
        collection: 0xfeed,
        log_start: 4,
        next_file: 8,
        log_file: 2,
        schema: b"{}".to_vec(),
        segments: vec![entry(0), entry(1)],
    };
    let empty = Manifest { schema: Vec::new(), segments: Vec::new(), ..by_hand.clone() };
    let bases = edits::bases().iter().map(|base| base.manifest().encode());
    [by_hand.encode(), empty.encode()].into_iter().chain(bases).collect()
}
