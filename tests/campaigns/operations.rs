//! Random operations against the model, with crashes and reopens; every answer exactly equal.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec::storage::{CrashPolicy, FaultyVfs};
use lexivec::{Collection, VerifyLevel};

use super::Outcome;
use super::steps::{self, Step};
use crate::Random;
use crate::model::Model;

/// Operations after which the simulated disk begins with what is on it: its trace grows.
const FRESH_DISK: usize = 120;

/// A collection on a simulated disk, its model, and the states it may fall back to.
struct Run {
    random: Random,
    disk: FaultyVfs,
    lost: Option<usize>,
    collection: Option<Collection>,
    model: Model,
    /// States since the last durable one, by the number of their last write.
    history: BTreeMap<u64, Model>,
    crashes: usize,
}

/// Does this many operations. With `lost` the writes to the log of each disk vanish from that number
/// on, which a run has to notice.
pub fn run(operations: usize, seed: u64, lost: Option<usize>) -> Outcome {
    let disk = FaultyVfs::new();
    if let Some(first) = lost {
        disk.lose_log_writes(first);
    }
    let collection = Collection::create(Arc::new(disk.clone()), steps::options());
    let collection = Some(collection.map_err(|e| format!("seed {seed}: {e}"))?);
    let (model, history) = (Model::default(), BTreeMap::from([(0, Model::default())]));
    let random = Random(seed);
    let mut run = Run { random, disk, lost, collection, model, history, crashes: 0 };
    let mut reopens = 0;
    for operation in 0..operations {
        let with_seed = |e: String| format!("seed {seed}, operation {operation}: {e}");
        let outcome = match run.random.below(60) {
            0 => run.crash(),
            1 => {
                reopens += 1;
                run.reopen(false)
            }
            _ if operation % FRESH_DISK == FRESH_DISK - 1 => run.reopen(true),
            2..=24 => run.compare(),
            _ => run.step(),
        };
        outcome.map_err(with_seed)?;
    }
    Ok(format!(
        "{operations} operations from seed {seed}, {} crashes and {reopens} reopens, no difference",
        run.crashes
    ))
}

impl Run {
    fn collection(&self) -> Result<&Collection, String> {
        self.collection.as_ref().ok_or_else(|| "it is closed".to_owned())
    }

    fn compare(&mut self) -> Result<(), String> {
        let collection = self.collection.take().ok_or("it is closed")?;
        let compared = steps::compare(&collection, &self.model, &mut self.random);
        self.collection = Some(collection);
        compared
    }

    fn step(&mut self) -> Result<(), String> {
        let step = Step::random(&mut self.random);
        let durable =
            step.apply(self.collection()?).map_err(|e| format!("{step:?} failed: {e}"))?;
        step.apply_to_model(&mut self.model);
        let seq = self.collection()?.stats().map_err(|e| e.to_string())?.seq;
        if durable {
            self.history.clear();
        }
        self.history.insert(seq, self.model.clone());
        Ok(())
    }

    /// The power goes: what is left is a state since the last durable one, and the model goes on
    /// from it.
    fn crash(&mut self) -> Result<(), String> {
        self.crashes += 1;
        let policy = [CrashPolicy::DropUnsynced, CrashPolicy::Torn, CrashPolicy::Random];
        let policy = policy[self.random.below(3)];
        let image = self.disk.crash_image(self.disk.ops(), policy, self.random.number());
        self.begin_on(FaultyVfs::over(&image))?;
        let seq = self.collection()?.stats().map_err(|e| e.to_string())?.seq;
        let Some(model) = self.history.get(&seq).cloned() else {
            let known: Vec<&u64> = self.history.keys().collect();
            return Err(format!("write {seq} is the last after {policy:?}, {known:?} may be"));
        };
        self.model = model;
        self.settle(seq)
    }

    fn reopen(&mut self, fresh: bool) -> Result<(), String> {
        self.collection = None;
        let disk = match fresh {
            // A disk of the same contents, all of them durable.
            true => {
                let image = self.disk.crash_image(self.disk.ops(), CrashPolicy::KeepAll, 0);
                FaultyVfs::over(&image)
            }
            false => self.disk.clone(),
        };
        self.begin_on(disk)?;
        let seq = self.collection()?.stats().map_err(|e| e.to_string())?.seq;
        self.settle(seq)
    }

    fn begin_on(&mut self, disk: FaultyVfs) -> Result<(), String> {
        self.collection = None;
        if let Some(first) = self.lost {
            disk.lose_log_writes(first);
        }
        let opened = steps::open(Arc::new(disk.clone())).map_err(|e| format!("open: {e}"))?;
        self.collection = Some(opened);
        self.disk = disk;
        Ok(())
    }

    /// After an open: the rows are the model's, the files are sound, and all of it is durable.
    fn settle(&mut self, seq: u64) -> Result<(), String> {
        self.history = BTreeMap::from([(seq, self.model.clone())]);
        let rows = steps::rows(self.collection()?).map_err(|e| e.to_string())?;
        if rows != self.model {
            return Err("the rows are others than before".to_owned());
        }
        let disk = Arc::new(self.disk.clone());
        let report = Collection::verify(disk, VerifyLevel::Deep).map_err(|e| e.to_string())?;
        if report.is_sound() { Ok(()) } else { Err(format!("{:?}", report.problems)) }
    }
}
