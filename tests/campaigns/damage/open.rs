//! Damage under an open server: each request is answered as before or refused, the damage is shown, and the server
//! lives on.

use std::collections::BTreeMap;
use std::path::Path;

use lexivec::SearchRequest;
use serde_json::{Value, json};

use super::files::damages;
use super::world::{World, open_options, requests, write_tree};
use crate::campaigns::Outcome;
use crate::campaigns::server::{Server, Stream};

/// Violations that are shown.
const SHOWN: usize = 30;
/// Id of the row that is written after a damage.
const WRITTEN: &str = "new";
const COLLECTION: &str = "/v1/collections/damaged";

/// Tries damages to every file under a server, each put in the place of the file and written over it; then the collection
/// is opened again, and has what was acknowledged. With `lose` all files are first taken back to those from before the
/// write, which the run has to notice.
pub fn run(places: usize, seed: u64, lose: bool) -> Outcome {
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    let world = World::new(scratch.path())?;
    let root = scratch.path().join("served");
    let sound = {
        write_tree(&root, &world.sound).map_err(|e| e.to_string())?;
        look(&Server::start(&root)?)?
    };
    let mut counts = BTreeMap::<String, usize>::new();
    let (mut violations, mut tried) = (Vec::new(), 0);
    for damage in damages(&world, places, seed) {
        for in_place in [false, true] {
            let _ = std::fs::remove_dir_all(&root);
            write_tree(&root, &world.sound).map_err(|e| e.to_string())?;
            let mut server = Server::start(&root)?;
            // Half of the collection is read before the damage.
            let before = answers(&mut server.connect().ok_or("no connection")?, &requests()[..3]);
            before.ok_or("the sound server does not answer")?;
            // An opened log goes on in a new file.
            if !root.join(&damage.file).exists() {
                continue;
            }
            let outside = root.with_extension("outside");
            let changed = damage.apply(&world, &root, &outside, in_place);
            if !changed.map_err(|e| format!("{damage}: {e}"))? {
                continue;
            }
            tried += 1;
            let how = if in_place { "written over" } else { "put in place" };
            let judged = judge(&mut server, &sound).and_then(|(found, written)| {
                drop(server);
                if lose {
                    let _ = std::fs::remove_dir_all(&root);
                    write_tree(&root, &world.sound).map_err(|e| e.to_string())?;
                }
                if written { kept(&root).map(|()| found) } else { Ok(found) }
            });
            match judged {
                Ok(found) => {
                    *counts.entry(format!("{} {found}", damage.kind.name())).or_default() += 1;
                }
                Err(violation) => violations.push(format!("{damage}, {how}: {violation}")),
            }
        }
    }
    if violations.is_empty() {
        return Ok(format!(
            "{tried} damages under a server, none silent, none ended it: {counts:?}"
        ));
    }
    violations.truncate(SHOWN);
    Err(format!("of {tried}:\n{}", violations.join("\n")))
}

/// All answers of a sound server.
fn look(server: &Server) -> Result<Vec<(u16, Value)>, String> {
    let mut stream = server.connect().ok_or("no connection")?;
    let seen = answers(&mut stream, &requests()).ok_or("no answer")?;
    match seen.iter().all(|(status, answer)| *status == 200 && !reports(answer)) {
        true => Ok(seen),
        false => Err(format!("the sound server answers {seen:?}")),
    }
}

/// Gives the outcome of a damage, and whether a write was acknowledged after it.
fn judge(server: &mut Server, sound: &[(u16, Value)]) -> Result<(&'static str, bool), String> {
    let seen = server.connect().and_then(|mut stream| answers(&mut stream, &requests()));
    if let Some(status) = server.ended() {
        return Err(format!("the server ended: {status}"));
    }
    let seen = seen.ok_or("no answer in time")?;
    let written = server.connect().and_then(|mut stream| write(&mut stream));
    if let Some(status) = server.ended() {
        return Err(format!("a write ended the server: {status}"));
    }
    let written = written.ok_or("no answer to a write in time")?;
    let mut outcome = if written { "harmless" } else { "write refused" };
    for (seen, sound) in seen.iter().zip(sound) {
        if seen == sound {
            continue;
        }
        if seen.0 == 200 && !reports(&seen.1) {
            return Err("an answer differs and nothing says so".to_owned());
        }
        outcome = "reported";
    }
    Ok((outcome, written))
}

/// Fails if a row that was acknowledged is not there once the collection is opened again, and nothing says so.
fn kept(root: &Path) -> Result<(), String> {
    let Ok(collection) = open_options().open(root) else { return Ok(()) };
    match (collection.get(WRITTEN), collection.damage()) {
        (Ok(None), None) => Err("an acknowledged row is not there, and nothing says so".to_owned()),
        _ => Ok(()),
    }
}

/// True if an answer says that something is left out.
fn reports(answer: &Value) -> bool {
    answer["notices"].as_array().is_some_and(|notices| !notices.is_empty())
}

/// Answers to requests and to a scroll; without what differs from one time to the next. `None` if one does not come.
fn answers(stream: &mut Stream, requests: &[SearchRequest]) -> Option<Vec<(u16, Value)>> {
    let mut all = Vec::new();
    for request in requests {
        let body = serde_json::to_value(request).ok()?;
        let (status, answer) = stream.send("POST", &format!("{COLLECTION}/search"), &body)?;
        let mut answer: Value = serde_json::from_str(&answer).ok()?;
        for volatile in ["took_ms", "timings", "generation", "plan", "seq"] {
            answer.as_object_mut().map(|answer| answer.remove(volatile));
        }
        all.push((status, answer));
    }
    let body = json!({"limit": 500});
    let (status, answer) = stream.send("POST", &format!("{COLLECTION}/scroll"), &body)?;
    all.push((status, serde_json::from_str(&answer).ok()?));
    Some(all)
}

/// A write and a flush; false if one is refused.
fn write(stream: &mut Stream) -> Option<bool> {
    let document = json!({"documents": [{"id": WRITTEN, "text": "new wing"}]});
    let (written, _) = stream.send("POST", &format!("{COLLECTION}/documents"), &document)?;
    let (flushed, _) = stream.send("POST", &format!("{COLLECTION}/flush"), &json!({}))?;
    Some(written == 200 && flushed == 200)
}
