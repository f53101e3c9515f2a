//! A fault at every operation of a workload: it is reported, no acknowledged write is lost, and work
//! resumes once the fault is over.

use std::sync::Arc;

use lexivec::storage::{CrashPolicy, Fault, FaultyVfs};
use lexivec::{Collection, Durability, ErrorKind};

use super::Outcome;
use super::steps::{self, Step};
use crate::Random;
use crate::model::Model;

/// The faults.
const FAULTS: [Fault; 6] =
    [Fault::Eio, Fault::Enospc, Fault::ShortWrite, Fault::SyncEio, Fault::Eintr, Fault::Emfile];
/// Steps of the workload.
const STEPS: usize = 14;

/// Injects each fault, once and for good, at each operation of the workload of a seed. With `lost`
/// writes to the log vanish from that number on, which a run has to notice.
pub fn run(seed: u64, lost: Option<usize>) -> Outcome {
    let new_disk = || {
        let disk = FaultyVfs::new();
        if let Some(first) = lost {
            disk.lose_log_writes(first);
        }
        disk
    };
    let clean = new_disk();
    attempt(&clean, seed).map_err(|e| format!("seed {seed}, without a fault: {e}"))?;
    let operations = clean.tried();
    let (mut runs, mut met) = (0, 0);
    for fault in FAULTS {
        for persistent in [false, true] {
            for at in 0..operations {
                let disk = new_disk();
                disk.fail_at(at, fault, persistent);
                let with_seed = |e: String| {
                    format!("seed {seed}, {fault:?} at {at}, persistent {persistent}: {e}")
                };
                runs += 1;
                met += usize::from(attempt(&disk, seed).map_err(with_seed)?);
            }
        }
    }
    let every = format!("{operations} operations, {} faults each, once and for good", FAULTS.len());
    Ok(format!("{runs} runs ({every}) from seed {seed}, {met} with an error, no violation"))
}

/// The states allowed after a failed step: the one before it, or the one after it.
struct Maybe {
    acknowledged: Model,
    unknown: Vec<Model>,
}

/// Runs the workload; true if it met the fault. An error is a violation.
fn attempt(disk: &FaultyVfs, seed: u64) -> Result<bool, String> {
    let mut random = Random(seed);
    let mut state = Maybe { acknowledged: Model::default(), unknown: Vec::new() };
    let mut failed = false;
    match Collection::create(Arc::new(disk.clone()), steps::options()) {
        Err(error) => {
            check_kind(&error)?;
            disk.heal();
            // Nothing was acknowledged; making it again works.
            return match steps::open(Arc::new(disk.clone())) {
                Ok(_) => Ok(true),
                Err(e) if e.kind() == ErrorKind::NotFound => {
                    let again = Collection::create(Arc::new(disk.clone()), steps::options());
                    again.map(|_| true).map_err(|e| format!("create again: {e}"))
                }
                Err(e) => Err(format!("open after a failed create: {e}")),
            };
        }
        Ok(collection) => {
            for _ in 0..STEPS {
                let step = Step::random(&mut random);
                let mut after = state.acknowledged.clone();
                step.apply_to_model(&mut after);
                match step.apply(&collection) {
                    Ok(_) => (state.acknowledged, state.unknown) = (after, Vec::new()),
                    Err(error) => {
                        check_kind(&error)?;
                        failed = true;
                        state.unknown.push(after);
                    }
                }
                // Reads of what is open go on, and show what was acknowledged. A write that is
                // unknown may be among it if it was durable when the step failed behind it.
                match steps::rows(&collection) {
                    Ok(rows) if state.allows(&rows) => {
                        state.settle(rows);
                    }
                    Ok(rows) => {
                        return Err(format!("after {step:?} the rows are {:?}", ids(&rows)));
                    }
                    Err(error) => return Err(format!("after {step:?} reads fail: {error}")),
                }
            }
            disk.heal();
            recovers_by_itself(&collection, &mut state, &mut random)?;
        }
    }
    let image = disk.crash_image(disk.ops(), CrashPolicy::KeepAll, 0);
    let opened = steps::open(Arc::new(FaultyVfs::over(&image)));
    let rows = opened
        .and_then(|c| steps::rows(&c))
        .map_err(|e| format!("does not open once the fault is over: {e}"))?;
    if !state.allows(&rows) {
        return Err(format!("after it was opened again the rows are {:?}", ids(&rows)));
    }
    Ok(failed)
}

/// Once the fault is over a write is either taken, or refused with the reason that stands.
fn recovers_by_itself(
    collection: &Collection,
    state: &mut Maybe,
    random: &mut Random,
) -> Result<(), String> {
    let step = Step::Upsert(vec![crate::model::document(random, 0)], Durability::Sync);
    let mut after = state.acknowledged.clone();
    step.apply_to_model(&mut after);
    match step.apply(collection) {
        Ok(_) => {
            let unknown = state.unknown.drain(..).map(|mut m| {
                step.apply_to_model(&mut m);
                m
            });
            state.unknown = unknown.collect();
            state.acknowledged = after;
            Ok(())
        }
        Err(error) if error.to_string().contains("writes are refused") => Ok(()),
        Err(error) => Err(format!("a write after the fault: {error}")),
    }
}

impl Maybe {
    fn allows(&self, rows: &Model) -> bool {
        *rows == self.acknowledged || self.unknown.contains(rows)
    }

    fn settle(&mut self, rows: Model) {
        if rows != self.acknowledged {
            self.acknowledged = rows;
        }
    }
}

fn ids(model: &Model) -> Vec<&String> {
    model.rows.keys().collect()
}

/// A fault of the machine is reported as one.
fn check_kind(error: &lexivec::Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::Io
        | ErrorKind::OutOfSpace
        | ErrorKind::NoDescriptors
        | ErrorKind::Poisoned
        | ErrorKind::DurabilityUnknown => Ok(()),
        kind => Err(format!("reported as {kind:?}: {error}")),
    }
}
