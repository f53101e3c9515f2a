//! `get`: documents by id.

use std::process::ExitCode;

use lexivec::Collection;

use crate::args::Get;
use crate::exit::Outcome;
use crate::output;

pub(super) fn run(args: &Get) -> Outcome<ExitCode> {
    let collection = Collection::open_read_only(&args.dir)?;
    let mut missing = false;
    for id in &args.ids {
        let Some(document) = collection.get(id)? else {
            output::note(&format!("there is no document {id:?}"));
            missing = true;
            continue;
        };
        if args.json {
            output::json(&document)?;
            continue;
        }
        output::line(&format!("id: {}", document.id))?;
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
    }
    Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
