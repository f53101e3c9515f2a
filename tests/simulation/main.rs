//! Power cuts and failing disks: batches written to a simulated disk that is cut after every
//! operation, and one operation after another made to fail.
//!
//! `LEXIVEC_STATES` and `LEXIVEC_SEED` make a longer or another run.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's ways to fail and tell

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec::storage::{CrashPolicy, Fault, FaultyVfs, IgnoredSync, MemoryVfs};
use lexivec::{Collection, Document, ErrorKind, Metric, Options, SearchRequest};
use lexivec_tests::Random;

/// Crash states of one run, unless `LEXIVEC_STATES` says otherwise.
const STATES: usize = 2_000;

type Model = BTreeMap<String, String>;

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

fn options() -> Options {
    Options::new().vector(2, Metric::L2)
}

/// One batch, and the rows it leaves.
fn batch(random: &mut Random, model: &mut Model) -> Vec<Document> {
    let mut rows = BTreeMap::new();
    for _ in 0..=random.below(4) {
        let text = format!("wing {}", random.below(1_000));
        rows.insert(format!("d{}", random.below(12)), text);
    }
    model.extend(rows.clone());
    let row = |(id, text)| Document::new(id).text("text", text).vector(vec![1.0, 2.0]);
    rows.into_iter().map(row).collect()
}

/// A workload on a disk: what was there after each acknowledged step, and how many operations the
/// disk had seen by then.
fn workload(disk: &FaultyVfs, seed: u64, batches: usize) -> Vec<(usize, Option<Model>)> {
    let mut random = Random(seed);
    let mut model = Model::new();
    let mut steps = vec![(0, None)];
    let collection = Collection::create_on(Arc::new(disk.clone()), options()).expect("created");
    steps.push((disk.ops(), Some(model.clone())));
    for _ in 0..batches {
        let rows = batch(&mut random, &mut model);
        collection.upsert(rows).expect("written");
        steps.push((disk.ops(), Some(model.clone())));
    }
    steps
}

/// The rows of a collection as every way to read it shows them; `None` where there is none.
fn rows(disk: MemoryVfs) -> Result<Option<Model>, String> {
    let disk = Arc::new(disk);
    let collection = match Collection::open_on(disk.clone()) {
        Ok(collection) => collection,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("does not open: {e}")),
    };
    let mut model = Model::new();
    let fail = |e: lexivec::Error| e.to_string();
    let vector =
        collection.search(&SearchRequest::vector(vec![1.0, 2.0]).limit(100)).map_err(fail)?;
    for hit in &vector.hits {
        let row = collection.get(&hit.id).map_err(fail)?.ok_or("a hit is not there")?;
        model.insert(row.id, row.text["text"].clone());
    }
    let text = collection.search(&SearchRequest::text("wing").limit(100)).map_err(fail)?;
    if text.hits.len() != model.len() || vector.hits.len() != model.len() {
        return Err("the legs show different rows".to_owned());
    }
    drop(collection);
    let report = Collection::verify_on(disk).map_err(fail)?;
    if report.is_sound() { Ok(Some(model)) } else { Err(format!("{report:?}")) }
}

/// Cuts the power at every operation of workloads and counts the states looked at; the first
/// violation is told with the seed that repeats it.
fn enumerate(states: usize, first_seed: u64, ignored: IgnoredSync) -> Result<usize, String> {
    let mut looked = 0;
    let mut seed = first_seed;
    while looked < states {
        let disk = FaultyVfs::new();
        disk.ignore_syncs(ignored);
        let steps = workload(&disk, seed, 5);
        for cut in 0..=disk.ops() {
            let acknowledged = steps.iter().rposition(|(ops, _)| *ops <= cut).unwrap_or(0);
            for policy in [
                CrashPolicy::DropUnsynced,
                CrashPolicy::KeepAll,
                CrashPolicy::Torn,
                CrashPolicy::Random,
                CrashPolicy::Random,
            ] {
                looked += 1;
                let image = disk.crash_image(cut, policy, seed.wrapping_mul(31) + looked as u64);
                let told = |what: String| format!("seed {seed}, cut {cut}, {policy:?}: {what}");
                let found = rows(image).map_err(told)?;
                // What was acknowledged is there; the step under way wholly or not at all.
                let allowed = &steps[acknowledged..(acknowledged + 2).min(steps.len())];
                if !allowed.iter().any(|(_, model)| *model == found) {
                    return Err(told(format!(
                        "step {acknowledged} was acknowledged, found {found:?}"
                    )));
                }
            }
        }
        seed += 1;
    }
    Ok(looked)
}

#[test]
fn a_power_cut_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let (states, seed) = (number("LEXIVEC_STATES", STATES), number("LEXIVEC_SEED", 1));
    let looked = enumerate(states, seed as u64, IgnoredSync::None).expect("no violation");
    println!("{looked} crash states from seed {seed}, no violation");
}

#[test]
fn a_missing_sync_is_noticed() {
    for ignored in [IgnoredSync::Files, IgnoredSync::Directory] {
        enumerate(STATES, 1, ignored).expect_err("a violation must be found");
    }
}

#[test]
fn a_failing_operation_is_told_and_the_collection_goes_on() {
    let clean = FaultyVfs::new();
    workload(&clean, 3, 3);
    let operations = clean.tried();
    for (fault, persistent) in [
        (Fault::Eio, false),
        (Fault::Eio, true),
        (Fault::Enospc, false),
        (Fault::Enospc, true),
        (Fault::ShortWrite, false),
    ] {
        for at in 0..operations {
            let told = format!("{fault:?} at operation {at}, persistent {persistent}");
            let disk = FaultyVfs::new();
            disk.fail_at(at, fault, persistent);
            let mut random = Random(3);
            let (mut acknowledged, mut tried) = (None, Vec::new());
            if let Ok(collection) = Collection::create_on(Arc::new(disk.clone()), options()) {
                let mut model = Model::new();
                acknowledged = Some(model.clone());
                for _ in 0..3 {
                    let before = model.clone();
                    let rows = batch(&mut random, &mut model);
                    match collection.upsert(rows) {
                        Ok(_) => acknowledged = Some(model.clone()),
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Machine, "{told}: {error}");
                            tried.push(std::mem::replace(&mut model, before));
                            let seen = collection.search(&SearchRequest::text("wing").limit(100));
                            // Reads of what is open go on; only opening anew may meet the fault.
                            let seen = seen.expect("reads go on").hits.len();
                            let was = acknowledged.as_ref().map_or(0, Model::len);
                            assert_eq!(seen, was, "{told}");
                        }
                    }
                }
            } else {
                tried.push(Model::new());
            }
            disk.heal();
            let found = rows(disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0));
            let found = found.unwrap_or_else(|e| panic!("{told}: {e}"));
            let allowed = found == acknowledged || tried.iter().any(|m| Some(m) == found.as_ref());
            assert!(allowed, "{told}: {found:?}, acknowledged {acknowledged:?}");
        }
    }
    println!("{operations} operations, 5 faults each");
}
