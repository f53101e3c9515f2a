//! Power cuts: writes to a simulated disk that is cut after every operation, and cut again while
//! what is left is recovered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use lexivec::storage::{CrashPolicy, FaultyVfs, IgnoredSync, MemoryVfs};
use lexivec::{Collection, ErrorKind, VerifyLevel};

use super::Outcome;
use super::steps::{self, Step};
use crate::Random;
use crate::model::Model;

/// Steps of one workload.
const STEPS: usize = 9;
/// One image in this many is crashed again during its recovery.
const RECRASH: usize = 6;

/// A fault of the disk that a run has to notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planted {
    /// No fault: a run finds no violation.
    Nothing,
    /// Syncs that do nothing.
    IgnoredSync(IgnoredSync),
    /// Writes to the log that vanish, from this one on.
    LostLogWrites(usize),
}

/// The state after a step.
struct Point {
    /// Operations of the disk when the step was acknowledged.
    ops: usize,
    /// The model; `None` before the collection was created.
    model: Option<Model>,
    /// True if all of it was acknowledged as durable.
    durable: bool,
}

fn workload(disk: &FaultyVfs, seed: u64) -> Result<Vec<Point>, String> {
    let fail = |e: lexivec::Error| format!("seed {seed}: a step failed: {e}");
    let mut random = Random(seed);
    let mut model = Model::default();
    let mut points = vec![Point { ops: 0, model: None, durable: true }];
    let mut collection =
        Collection::create(Arc::new(disk.clone()), steps::options()).map_err(fail)?;
    points.push(Point { ops: disk.ops(), model: Some(model.clone()), durable: true });
    for _ in 0..STEPS {
        if random.below(8) == 0 {
            drop(collection);
            collection = steps::open(Arc::new(disk.clone())).map_err(fail)?;
            continue;
        }
        let step = Step::random(&mut random);
        step.apply_to_model(&mut model);
        let durable = step.apply(&collection).map_err(fail)?;
        points.push(Point { ops: disk.ops(), model: Some(model.clone()), durable });
    }
    Ok(points)
}

/// Everything that can be read of a collection; `None` if there is no collection.
fn look(disk: Arc<FaultyVfs>, random: &mut Random) -> Result<Option<Model>, String> {
    let collection = match steps::open(disk.clone()) {
        Ok(collection) => collection,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(format!("does not open: {e}")),
    };
    let found = steps::rows(&collection).map_err(|e| e.to_string())?;
    steps::compare(&collection, &found, random)?;
    drop(collection);
    let report = Collection::verify(disk, VerifyLevel::Full).map_err(|e| e.to_string())?;
    if report.is_sound() { Ok(Some(found)) } else { Err(format!("{:?}", report.problems)) }
}

/// Checks one state: it opens, verifies, and shows what was acknowledged or the step under way.
fn check(
    points: &[Point],
    cut: usize,
    image: &MemoryVfs,
    random: &mut Random,
    states: &AtomicUsize,
) -> Result<(), String> {
    let reached = points.iter().rposition(|p| p.ops <= cut).unwrap_or(0);
    let floor = points[..=reached].iter().rposition(|p| p.durable).unwrap_or(0);
    let allowed = &points[floor..(reached + 2).min(points.len())];
    let again = Arc::new(FaultyVfs::over(image));
    let found = look(again.clone(), random)?;
    let Some(index) = allowed.iter().position(|p| p.model == found) else {
        let ids = found.map(|m| m.rows.into_keys().collect::<Vec<_>>());
        return Err(format!("step {floor} was acknowledged; found the rows {ids:?}"));
    };
    if random.below(RECRASH) == 0 && again.ops() > 0 {
        for _ in 0..3 {
            let second = random.below(again.ops() + 1);
            let image = again.crash_image(second, CrashPolicy::Random, random.number());
            states.fetch_add(1, Ordering::Relaxed);
            let left = look(Arc::new(FaultyVfs::over(&image)), random)
                .map_err(|e| format!("cut again at {second}: {e}"))?;
            // What one recovery showed, the next one shows as well, once it was durable.
            if !allowed.iter().any(|p| p.model == left) {
                return Err(format!("cut again at {second}: {index} is lost"));
            }
        }
    }
    Ok(())
}

fn enumerate(seed: u64, planted: Planted, states: &AtomicUsize) -> Result<(), String> {
    let disk = FaultyVfs::new();
    match planted {
        Planted::Nothing => {}
        Planted::IgnoredSync(ignored) => disk.ignore_syncs(ignored),
        Planted::LostLogWrites(first) => disk.lose_log_writes(first),
    }
    let points = workload(&disk, seed)?;
    for cut in 0..=disk.ops() {
        for (index, policy) in [
            CrashPolicy::DropUnsynced,
            CrashPolicy::KeepAll,
            CrashPolicy::Torn,
            CrashPolicy::Random,
            CrashPolicy::Random,
        ]
        .into_iter()
        .enumerate()
        {
            let chance = seed.wrapping_mul(0x9e37_79b9) ^ ((cut as u64) << 8) ^ index as u64;
            let image = disk.crash_image(cut, policy, chance);
            states.fetch_add(1, Ordering::Relaxed);
            check(&points, cut, &image, &mut Random(chance), states)
                .map_err(|e| format!("seed {seed}, cut {cut}, {policy:?}: {e}"))?;
        }
    }
    Ok(())
}

/// Looks at this many states at least, workload after workload, on all cores.
pub fn run(states: usize, first_seed: u64, planted: Planted) -> Outcome {
    let (looked, next) = (AtomicUsize::new(0), AtomicU64::new(first_seed));
    let stop = AtomicBool::new(false);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let violation = std::thread::scope(|scope| {
        let run = || {
            while looked.load(Ordering::Relaxed) < states && !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if let Err(violation) = enumerate(seed, planted, &looked) {
                    stop.store(true, Ordering::Relaxed);
                    return Some(violation);
                }
            }
            None
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(run)).collect();
        threads.into_iter().find_map(|t| t.join().unwrap_or(Some("a panic".to_owned())))
    });
    match violation {
        Some(violation) => Err(violation),
        None => Ok(format!(
            "{} crash states of {} workloads from seed {first_seed}, no violation",
            looked.load(Ordering::Relaxed),
            next.load(Ordering::Relaxed) - first_seed
        )),
    }
}
