//! Killing the real command at random instants of its work: what it acknowledged is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use lexivec::{Collection, OpenOptions};
use serde_json::{Value, json};

use super::Outcome;
use super::server::{Server, Stream};
use crate::Random;

/// Keys each writer uses; few, so that rows are replaced and deleted often.
const KEYS: usize = 40;
/// Longest time a server works before it is killed, in milliseconds.
const LONGEST_MS: usize = 60;

/// One writer's rows: for each of its keys the value acknowledged last, and those tried since.
#[derive(Default)]
struct Keys {
    acknowledged: BTreeMap<String, Option<u64>>,
    tried: BTreeMap<String, Vec<Option<u64>>>,
}

/// Kills a server under load this many times. With `lose` the frames of its log are wiped out after
/// each kill, which a run has to notice.
pub fn run(kills: usize, seed: u64, lose: bool) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let dir = scratch.path().join("index");
    let made = Command::new(crate::command())
        .args(["create", &dir.to_string_lossy(), "--dim", "4", "--name", "killed"])
        .stderr(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        return Err("the collection cannot be made".to_owned());
    }
    let mut random = Random(seed);
    let mut keys = Keys::default();
    let mut writes = 0;
    for kill in 0..kills {
        let with_seed = |e: String| format!("seed {seed}, kill {kill}: {e}");
        writes += under_load(&dir, &mut keys, &mut random).map_err(with_seed)?;
        if lose {
            wipe_log(&dir).map_err(|e| with_seed(e.to_string()))?;
        }
        check(&dir, &mut keys).map_err(with_seed)?;
    }
    Ok(format!("{kills} kills from seed {seed}, {writes} writes acknowledged, none lost"))
}

/// Puts zeros where the frames of the log are.
fn wipe_log(dir: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|e| e == "wal") {
            let mut bytes = std::fs::read(&path)?;
            // Behind the header and the mark.
            if let Some(frames) = bytes.get_mut(64..) {
                frames.fill(0);
            }
            std::fs::write(&path, bytes)?;
        }
    }
    Ok(())
}

/// Starts a server, writes until a random instant, kills it; gives the writes acknowledged.
fn under_load(dir: &Path, keys: &mut Keys, random: &mut Random) -> Result<usize, String> {
    let server = Server::start(dir)?;
    let instant = Instant::now() + Duration::from_millis(random.below(LONGEST_MS) as u64);
    let pid = server.id();
    // Killed by the clock and not between two writes: in the middle of whatever it does then.
    let killer = std::thread::spawn(move || {
        std::thread::sleep(instant.saturating_duration_since(Instant::now()));
        Command::new("kill").args(["-9", &pid.to_string()]).status()
    });
    let mut acknowledged = 0;
    let mut stream = server.connect();
    while let Some(open) = &mut stream {
        match write(open, keys, random) {
            Some(done) => acknowledged += usize::from(done),
            None => stream = None,
        }
    }
    let _ = killer.join();
    Ok(acknowledged)
}

/// One random write; true if it was acknowledged, `None` if the server has stopped.
fn write(stream: &mut Stream, keys: &mut Keys, random: &mut Random) -> Option<bool> {
    let (method, path, body, changes) = random_write(random);
    for (key, value) in &changes {
        keys.tried.entry(key.clone()).or_default().push(*value);
    }
    if stream.send(method, &format!("/v1/collections/killed/{path}"), &body)?.0 != 200 {
        return Some(false);
    }
    for (key, value) in changes {
        keys.acknowledged.insert(key.clone(), value);
        keys.tried.remove(&key);
    }
    Some(true)
}

type Changes = Vec<(String, Option<u64>)>;

fn random_write(random: &mut Random) -> (&'static str, &'static str, Value, Changes) {
    let key = |random: &mut Random| format!("k{}", random.below(KEYS));
    match random.below(12) {
        0 => ("POST", "flush", json!({}), Vec::new()),
        1 if random.below(4) == 0 => ("POST", "compact", json!({}), Vec::new()),
        2..=3 => {
            let key = key(random);
            ("DELETE", "documents", json!({"ids": [key]}), vec![(key, None)])
        }
        _ => {
            // A batch has one value: half of it there would show.
            let value = random.number() >> 20;
            let mut changes: BTreeMap<String, Option<u64>> = BTreeMap::new();
            for _ in 0..=random.below(4) {
                changes.insert(key(random), Some(value));
            }
            let document = |key: &String| {
                json!({"id": key, "text": "wing flow", "vector": [1, 2, 3, 4],
                       "payload": {"value": value}})
            };
            let documents: Vec<Value> = changes.keys().map(document).collect();
            ("POST", "documents", json!({"documents": documents}), changes.into_iter().collect())
        }
    }
}

/// Opens what is left: every key has the value acknowledged last or one tried since; a batch that was
/// cut off is there whole or not at all. What is found is what is acknowledged from now on.
fn check(dir: &Path, keys: &mut Keys) -> Result<(), String> {
    let report = Collection::verify(dir, lexivec::VerifyLevel::Full).map_err(|e| e.to_string())?;
    if !report.is_sound() {
        return Err(format!("{:?}", report.problems));
    }
    let options = OpenOptions::new().background(false);
    let collection = options.open(dir).map_err(|e| e.to_string())?;
    let mut last_tried: BTreeMap<u64, Vec<bool>> = BTreeMap::new();
    for i in 0..KEYS {
        let key = format!("k{i}");
        let found = collection.get(&key).map_err(|e| e.to_string())?;
        let found = found.map(|d| d.payload.get("value").and_then(Value::as_u64).unwrap_or(0));
        let acknowledged = keys.acknowledged.get(&key).copied().flatten();
        let tried = keys.tried.remove(&key).unwrap_or_default();
        if found != acknowledged && !tried.contains(&found) {
            return Err(format!(
                "{key} is {found:?}, acknowledged {acknowledged:?}, tried {tried:?}"
            ));
        }
        if let Some(Some(value)) = tried.last() {
            last_tried.entry(*value).or_default().push(found == Some(*value));
        }
        keys.acknowledged.insert(key, found);
    }
    match last_tried.iter().find(|(_, there)| there.contains(&true) && there.contains(&false)) {
        Some((value, _)) => Err(format!("the batch {value} is half there")),
        None => Ok(()),
    }
}
