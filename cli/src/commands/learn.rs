//! `learn`: what users found relevant, into a collection.

use std::process::ExitCode;

use lexivec::query::request::{AdapterChoice, Mode};
use lexivec::{Collection, Feedback, OpenOptions, SearchRequest};

use super::with_model;
use crate::args::Learn;
use crate::exit::{Failure, Outcome};
use crate::output;
use lexivec_ingest::lines;

/// Rows that count as shown of a judged query.
const SHOWN: usize = 10;

pub(super) fn run(args: &Learn, open: OpenOptions) -> Outcome<ExitCode> {
    let given = args.file.as_deref().map(lines::read::<Feedback>).transpose()?;
    let collection = with_model(Collection::open_with(&args.dir, open)?, &args.model)?;
    let feedback = match given {
        Some(given) => given,
        None => judged(args, &collection)?,
    };
    let receipt = collection.learn(&feedback)?;
    if args.json {
        output::json(&receipt)?;
    } else {
        let (taken, known, total) = (receipt.taken, receipt.known, receipt.total);
        output::note(&format!("took in {taken}, {known} were known; {total} in all"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Feedback as users would have given it who knew the judgments.
fn judged(args: &Learn, collection: &Collection) -> Outcome<Vec<Feedback>> {
    let qrels = args.judged.qrels()?;
    let mut queries = args.judged.asked.read()?;
    queries.keep_judged(&qrels)?;
    let mut requests = queries.requests(Mode::Vector)?;
    for (_, request) in &mut requests {
        (request.limit, request.adapter) = (SHOWN, AdapterChoice::Off);
    }
    let run = collection.rank(&requests)?;
    let mut feedback = Vec::new();
    for (id, request) in requests {
        let relevant = qrels.get(&id).into_iter().flatten().filter(|(_, grade)| **grade > 0);
        let relevant: Vec<String> = relevant.map(|(id, _)| id.clone()).collect();
        let shown = run.get(&id).into_iter().flatten().map(|(id, _)| id.clone()).collect();
        if !relevant.is_empty() {
            let SearchRequest { text, vector, .. } = request;
            feedback.push(Feedback { text, vector, relevant, shown });
        }
    }
    match feedback.is_empty() {
        true => Err(Failure::new("no query has a relevant row")),
        false => Ok(feedback),
    }
}
