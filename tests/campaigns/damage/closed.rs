//! Damage to a closed collection: its answers, its verification, and the restore of its snapshot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use lexivec::{Collection, CopyOptions, Document, Snapshot, VerifyLevel};
use parking_lot::Mutex;

use super::files::{Damage, damages};
use super::world::{DIM, SNAPSHOT, Seen, World, look, open_options, write_tree};
use crate::campaigns::Outcome;

/// Longest time that one look may take.
const LONGEST: Duration = Duration::from_secs(5);
/// Violations that are shown.
const SHOWN: usize = 30;

/// Outcome of one damage.
type Found = Result<&'static str, String>;

/// Tries damages to every file: the whole-file kinds, and `places` of each kind that has a place. With `roll_back` all
/// files are first taken back to an earlier state, which no check can find and the run has to notice.
pub fn run(places: usize, seed: u64, roll_back: bool) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut world = World::new(scratch.path())?;
    let sound = Sound::new(&world, &scratch.path().join("sound"))?;
    if roll_back {
        world.sound = world.older.clone();
    }
    let all = damages(&world, places, seed);
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<String, usize>::new()));
    let violations = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = |worker: usize| -> Result<(), String> {
        let root = scratch.path().join(format!("worker-{worker}"));
        write_tree(&root, &world.sound).map_err(|e| e.to_string())?;
        while let Some(damage) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let failed = |e: std::io::Error| format!("{damage}: {e}");
            let outside = root.with_extension("outside");
            if !damage.apply(&world, &root, &outside, false).map_err(failed)? && !roll_back {
                damage.mend(&world, &root).map_err(failed)?;
                continue;
            }
            let judged = sound.judge(damage, &root).and_then(|found| {
                let written = root.with_extension("written");
                let _ = std::fs::remove_dir_all(&written);
                write_tree(&written, &world.sound).map_err(failed)?;
                damage.apply(&world, &written, &outside, false).map_err(failed)?;
                sound.judge_after_writer(&written).map(|()| found)
            });
            match judged {
                Ok(found) => {
                    *counts.lock().entry(format!("{} {found}", damage.kind.name())).or_default() +=
                        1;
                }
                Err(violation) => violations.lock().push(format!("{damage}: {violation}")),
            }
            damage.mend(&world, &root).map_err(failed)?;
        }
        Ok(())
    };
    let failures: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
        let ended = running.into_iter().map(|w| w.join().unwrap_or_else(|_| Err("a panic".into())));
        ended.filter_map(Result::err).collect()
    });
    totals(counts.into_inner(), violations.into_inner(), failures, &world)
}

fn totals(
    counts: BTreeMap<String, usize>,
    violations: Vec<String>,
    failures: Vec<String>,
    world: &World,
) -> Outcome {
    let tried: usize = counts.values().sum::<usize>() + violations.len();
    if !violations.is_empty() || !failures.is_empty() {
        let shown: Vec<String> =
            failures.into_iter().chain(violations.iter().take(SHOWN).cloned()).collect();
        return Err(format!("{} of {tried}:\n{}", violations.len(), shown.join("\n")));
    }
    let files = world.sound.len();
    Ok(format!("{tried} damages to {files} files, none silent, no hang: {counts:?}"))
}

/// The undamaged collection, as it is seen.
struct Sound {
    seen: Seen,
    restored: Seen,
    /// After a writer was there.
    written: Seen,
}

impl Sound {
    fn new(world: &World, root: &Path) -> Result<Self, String> {
        write_tree(root, &world.sound).map_err(|e| e.to_string())?;
        let seen = look(root)?;
        let restored = restore(root)?;
        match seen.reported || restored.reported || !verified(root)?.is_empty() {
            true => Err(format!("the sound collection is damaged: {:?}", verified(root)?)),
            false => {
                write_and_remove(root).map_err(|e| e.to_string())?;
                Ok(Self { seen, restored, written: look(root)? })
            }
        }
    }

    /// The outcome of a damage: harmless or reported; a violation if answers differ and nothing says so, or the
    /// verification does not find what a search met.
    fn judge(&self, damage: &Damage, root: &Path) -> Found {
        let looked = in_time(root, |root| look(&root))?;
        let met = self.outcome(&looked, &self.seen)?;
        let problems = in_time(root, |root| verified(&root))?;
        let found = problems.as_ref().map_or(true, |problems| !problems.is_empty());
        if met == "reported" && !found {
            return Err(format!("verify finds nothing, and a look {:?}", looked.err()));
        }
        if damage.file.starts_with("snapshots") {
            let restored = in_time(root, |root| restore(&root))?;
            let restore = self.outcome(&restored, &self.restored)?;
            if restore == "reported" && !found {
                return Err(format!("verify finds nothing, and a restore {:?}", restored.err()));
            }
        }
        Ok(if met == "harmless" && found { "found by verify" } else { met })
    }

    /// Opens the collection for writing, which replays the log, sweeps and copies, writes a row and removes it: a
    /// violation if the answers after that differ and nothing says so.
    fn judge_after_writer(&self, root: &Path) -> Result<(), String> {
        let opened = in_time(root, |root| write_and_remove(&root))?;
        // What the writer met, it has reported.
        let reported = opened.unwrap_or(true);
        let looked = in_time(root, |root| look(&root))?;
        match self.outcome(&looked, &self.written) {
            Err(violation) if !reported => Err(format!("after a writer, {violation}")),
            _ => Ok(()),
        }
    }

    fn outcome(&self, seen: &Result<Seen, String>, sound: &Seen) -> Found {
        match seen {
            Err(_) => Ok("reported"),
            Ok(seen) if seen.reported => Ok("reported"),
            Ok(seen) if seen == sound => Ok("harmless"),
            Ok(seen) => {
                let differs = |(a, b): &(&str, &str)| a != b;
                let lines = seen.answers.lines().zip(sound.answers.lines());
                let place = lines.clone().position(|pair| differs(&pair));
                Err(format!("answers differ and nothing says so, first in line {place:?}"))
            }
        }
    }
}

/// Opens a collection for writing, and writes a row and removes it; true if the collection reports damage.
fn write_and_remove(root: &Path) -> lexivec::Result<bool> {
    let collection = open_options().open(root)?;
    let row = Document::new("of the writer").text("wing").vector(vec![0.5; DIM]);
    collection.upsert([row])?;
    collection.flush()?;
    collection.delete(&["of the writer"])?;
    collection.flush()?;
    Ok(collection.damage().is_some())
}

/// The problems that a verification finds.
fn verified(root: &Path) -> Result<Vec<String>, String> {
    let report = Collection::verify(root, VerifyLevel::Full).map_err(|e| e.to_string())?;
    Ok(report.problems.into_iter().map(|p| format!("{}: {}", p.file, p.detail)).collect())
}

/// The collection that the snapshot restores.
fn restore(root: &Path) -> Result<Seen, String> {
    let target = root.with_extension("restored");
    let _ = std::fs::remove_dir_all(&target);
    let snapshot = Snapshot::path(root, SNAPSHOT).map_err(|e| e.to_string())?;
    Snapshot::restore(snapshot, &target, CopyOptions::new()).map_err(|e| e.to_string())?;
    look(&target)
}

/// The result of some work on a directory; an error if it does not end in time or panics.
fn in_time<T: Send + 'static>(
    root: &Path,
    work: impl FnOnce(PathBuf) -> T + Send + 'static,
) -> Result<T, String> {
    let (send, receive) = mpsc::channel();
    let root = root.to_owned();
    std::thread::spawn(move || send.send(work(root)));
    receive.recv_timeout(LONGEST).map_err(|e| format!("a hang or a panic: {e}"))
}
