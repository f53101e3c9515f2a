//! `inspect`: the manifest and the writes in the log, as they are on disk.

use std::process::ExitCode;

use lexivec::Collection;

use crate::exit::Outcome;
use crate::output;
use crate::target::Target;

pub(super) fn run(target: &Target) -> Outcome<ExitCode> {
    let found = Collection::inspect(&target.dir)?;
    if target.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!("generation  {}", found.generation))?;
    if let Some(damage) = &found.damage {
        output::line(&format!("damage      {damage}"))?;
    }
    output::line(&format!("collection  {}", found.collection))?;
    for (file, rows, live, bytes) in &found.segments {
        let rows = output::count(*rows, "row");
        output::line(&format!("segment     {file}: {rows}, {live} live, {bytes} bytes"))?;
    }
    output::line(&format!(
        "log         from write {} in file {}",
        found.log_start, found.log_file
    ))?;
    for (lsn, bytes, written, deleted) in &found.log {
        let (rows, ids) = (output::count(*written, "row"), output::count(*deleted, "id"));
        output::line(&format!("write       {lsn}: {bytes} bytes, {rows}, {ids} deleted"))?;
    }
    if let Some((file, offset)) = &found.torn {
        output::line(&format!(
            "torn        {file} from byte {offset}: writes that were never acknowledged"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
