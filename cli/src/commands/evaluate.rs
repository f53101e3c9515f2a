//! `evaluate`: rankings of judged queries, scored as trec_eval does.

use std::process::ExitCode;

use lexivec::SearchRequest;
use lexivec::query::evaluate::trec::{Run, write_run};
use lexivec::query::evaluate::{Summary, evaluate};
use lexivec::query::request::Mode;

use super::{mode, open_for_reading};
use crate::args::Evaluate;
use crate::exit::{Failure, Outcome};
use crate::input::beir::{self, Query};
use crate::input::vectors::Vectors;
use crate::output;

pub(super) fn run(args: &Evaluate) -> Outcome<ExitCode> {
    let qrels = beir::qrels(&args.beir)?;
    let queries = beir::queries(&args.beir)?;
    let vectors = match (&args.query_vectors, &args.query_vector_ids) {
        (Some(npy), Some(ids)) => Some(Vectors::read(npy, Some(ids))?),
        _ => None,
    };
    let embeds = vectors.is_none() && mode(args.mode) != Mode::Text;
    let collection = open_for_reading(&args.dir, args.model.as_deref(), embeds)?;
    if !queries.iter().any(|q| qrels.contains_key(&q.id)) {
        return Err(Failure::new("no query of queries.jsonl is judged"));
    }
    let mut run = Run::new();
    for query in queries.iter().filter(|q| qrels.contains_key(&q.id)) {
        let request = request(args, query, vectors.as_ref())?;
        let response = collection
            .search(&request)
            .map_err(|e| Failure::new(format!("query {:?}: {e}", query.id)))?;
        let hits = response.hits.into_iter().map(|hit| (hit.id, hit.score)).collect();
        run.insert(query.id.clone(), hits);
    }
    if let Some(path) = &args.run {
        std::fs::write(path, write_run(&run, "lexivec")?)
            .map_err(|e| Failure::new(format!("cannot write {}: {e}", path.display())))?;
    }
    let summary = evaluate(&run, &qrels);
    if args.json {
        output::json(&summary)?
    } else {
        print(&summary)?
    }
    Ok(ExitCode::SUCCESS)
}

fn request(args: &Evaluate, query: &Query, vectors: Option<&Vectors>) -> Outcome<SearchRequest> {
    let mut request = SearchRequest::text(query.text.as_str())
        .mode(mode(args.mode))
        .limit(args.depth)
        .candidates(args.depth);
    request.params.exact = args.exact;
    request.with_payload = false;
    if let (Some(vectors), true) = (vectors, request.mode != Mode::Text) {
        let Some(vector) = vectors.get(&query.id) else {
            return Err(Failure::new(format!("query {:?} has no vector", query.id)));
        };
        request.vector = Some(vector.to_vec());
    }
    Ok(request)
}

fn print(summary: &Summary) -> Outcome<()> {
    for (name, value) in [
        ("nDCG@10", summary.mean.ndcg_at_10),
        ("Recall@100", summary.mean.recall_at_100),
        ("MAP", summary.mean.map),
        ("MRR", summary.mean.mrr),
    ] {
        output::line(&format!("{name:<11} {value:.4}"))?;
    }
    output::line(&format!("queries     {}", summary.queries))
}
