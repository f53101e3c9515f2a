//! `get`: documents by id, and the chunks of a file around one.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::{Collection, Document};

use crate::exit::{Failure, Outcome};
use crate::output::{self, in_line};
use lexivec_ingest::{chunk_id, chunk_of};

#[derive(clap::Args)]
pub(crate) struct Get {
    /// Directory of the collection.
    dir: PathBuf,
    /// Ids of the documents.
    #[arg(required = true)]
    ids: Vec<String>,
    /// Also print this number of chunks of the same file before and after each.
    #[arg(long, value_name = "N", default_value_t = 0)]
    neighbours: u64,
    /// Print JSON, one document a line, with its vectors.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Get) -> Outcome<ExitCode> {
    let collection = Collection::open_read_only(&args.dir)?;
    let mut missing = false;
    for id in &args.ids {
        let Some(document) = collection.get(id)? else {
            output::note(&format!("there is no document {id:?}"));
            missing = true;
            continue;
        };
        for neighbour in before_and_after(&collection, &document, args.neighbours)? {
            print(&neighbour, args.json)?;
        }
    }
    Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A document between its neighbours: chunks of the same file by their numbers.
fn before_and_after(
    collection: &Collection,
    document: &Document,
    reach: u64,
) -> Outcome<Vec<Document>> {
    if reach == 0 {
        return Ok(vec![document.clone()]);
    }
    let (parent, number) = chunk_of(&document.payload).ok_or_else(|| {
        let detail = format!("{:?} is no chunk of a file: it has no neighbours", document.id);
        Failure::new(detail)
    })?;
    let mut found = Vec::new();
    for step in (1..=reach.min(number)).rev() {
        found.extend(collection.get(&chunk_id(parent, number - step))?);
    }
    found.push(document.clone());
    for step in 1..=reach {
        // After the last one there is none.
        let Some(next) = collection.get(&chunk_id(parent, number.saturating_add(step)))? else {
            break;
        };
        found.push(next);
    }
    Ok(found)
}

fn print(document: &Document, json: bool) -> Outcome<()> {
    if json {
        return output::json(document);
    }
    output::line(&format!("id: {}", in_line(&document.id)))?;
    for (field, text) in &document.text {
        output::line(&format!("{field}: {text}"))?;
    }
    for (key, value) in &document.payload {
        output::line(&format!("payload.{key}: {value}"))?;
    }
    for (field, vector) in &document.vectors {
        output::line(&format!("{field}: {} components", vector.len()))?;
    }
    for (field, vectors) in &document.tokens {
        output::line(&format!("{field}: {} token vectors", vectors.len()))?;
    }
    Ok(())
}
