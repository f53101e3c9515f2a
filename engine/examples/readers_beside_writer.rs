//! Many readers next to one writer: each searcher reads one generation, and is never blocked by a write.
#![allow(clippy::print_stdout)] // an example prints its results

use std::thread;

use lexivec::prelude::*;

/// Searches that each reader runs.
const SEARCHES: usize = 200;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let notes = Collection::create(folder.path().join("notes"), Options::new())?;
    notes
        .upsert((0..1_000).map(|i| Document::new(format!("first-{i}")).text("a note on wings")))?;

    // A searcher is one state of the collection: clone it, send it to any thread, keep it as long as needed.
    let before = notes.searcher()?;
    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                let searcher = before.clone();
                scope.spawn(move || -> lexivec::Result<u64> {
                    let request = SearchRequest::text("wings").limit(5);
                    let mut matching = 0;
                    for _ in 0..SEARCHES {
                        matching = searcher.search(&request)?.matching;
                    }
                    Ok(matching)
                })
            })
            .collect();
        // The writer goes on next to them; one handle at a time may write.
        for batch in 0..10 {
            let row = |i: usize| Document::new(format!("batch-{batch}-{i}")).text("more wings");
            notes.upsert((0..100).map(row))?;
        }
        for reader in readers {
            let matching = reader.join().map_err(|_| "a reader panicked")??;
            println!("a reader saw {matching} rows in each of {SEARCHES} searches");
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;

    println!("the old searcher still has {}", before.count(&Filter::All)?);
    println!("a new searcher has {}", notes.searcher()?.count(&Filter::All)?);
    Ok(())
}
