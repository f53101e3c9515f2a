//! `learn`: what users found relevant, into a collection.

use std::path::PathBuf;
use std::process::ExitCode;

use lexivec::query::request::{AdapterChoice, Mode};
use lexivec::{Collection, Feedback, OpenOptions, SearchRequest};

use super::with_model;
use crate::exit::{Failure, Outcome};
use crate::model::ModelArgs;
use crate::output;
use crate::queries::Judged;
use crate::target::Target;
use lexivec_ingest::lines;

/// Feedback as a line, for messages.
const FEEDBACK_LINE: &str = r#"{"text": "some words", "relevant": ["d1"], "shown": ["d1", "d2"]}"#;
/// Hits of a judged query that count as shown.
const SHOWN: usize = 10;

#[derive(clap::Args)]
pub(crate) struct Learn {
    #[command(flatten)]
    target: Target,
    /// Feedback: a file of one JSON object a line with the "text" or the "vector" of a query, the ids of its "relevant"
    /// documents, and the ids of all documents that were "shown"; `-` reads stdin.
    #[arg(required_unless_present = "beir", conflicts_with = "beir")]
    file: Option<PathBuf>,
    // Judged queries instead of feedback: the hits of a vector search count as shown.
    #[command(flatten)]
    judged: Judged,
    #[command(flatten)]
    model: ModelArgs,
}

pub(super) fn run(args: &Learn, open: OpenOptions) -> Outcome<ExitCode> {
    let read = |file| lines::read::<Feedback>(file, FEEDBACK_LINE);
    let given = args.file.as_deref().map(read).transpose()?;
    let collection = with_model(open.open(&args.target.dir)?, &args.model)?;
    let feedback = match given {
        Some(given) => given.values,
        None => judged(args, &collection)?,
    };
    let receipt = collection.add_feedback(&feedback)?;
    if args.target.json {
        output::json(&receipt)?;
    } else {
        let (taken, known, total) = (receipt.taken, receipt.known, receipt.total);
        output::note(&format!("{taken} recorded, {known} were known already; {total} in all"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The feedback that users with the judgments at hand would have given.
fn judged(args: &Learn, collection: &Collection) -> Outcome<Vec<Feedback>> {
    let qrels = args.judged.qrels()?;
    let mut queries = args.judged.asked.read()?;
    queries.keep_judged(&qrels)?;
    let mut requests = queries.requests(Mode::Vector)?;
    for (_, request) in &mut requests {
        (request.limit, request.adapter) = (SHOWN, AdapterChoice::Off);
    }
    let run = collection.searcher()?.rank(&requests)?;
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
        true => Err(Failure::new("no query has a relevant document")),
        false => Ok(feedback),
    }
}
