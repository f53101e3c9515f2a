//! `search`: hits with their ledgers.

use std::process::ExitCode;

use lexivec::query::explain::Ledger;
use lexivec::query::facets::{Facet, FacetCounts, GroupBy};
use lexivec::query::limits::DEFAULT_FACET_LIMIT;
use lexivec::query::plan::SegmentPlan;
use lexivec::query::request::{Highlight, Syntax};
use lexivec::{Collection, Filter, Groups, Hit, SearchRequest, SearchResponse};

use super::{mode, open_for_reading};
use crate::args::{ModeArg, Search};
use crate::exit::{Failure, Outcome};
use crate::output;
use crate::ranking::RerankArg;

pub(super) fn run(args: &Search) -> Outcome<ExitCode> {
    let request = request(args)?;
    let collection = open(args, &request)?;
    let response = collection.search(&request)?;
    if args.json {
        output::json(&response)?;
    } else {
        print(&response)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the collection, with its model if the request has words that become a vector.
pub(super) fn open(args: &Search, request: &SearchRequest) -> Outcome<Collection> {
    let compares = request.rerank.as_ref().is_some_and(|r| r.method.compares_vectors());
    let by_tokens = request.rerank.as_ref().is_some_and(|r| r.method.embeds_tokens());
    let by_vector = !matches!(args.mode, ModeArg::Text) || compares;
    let embeds = by_tokens || (request.vector.is_none() && by_vector);
    open_for_reading(&args.dir, &args.models, embeds)
}

/// The request that the arguments mean.
pub(super) fn request(args: &Search) -> Outcome<SearchRequest> {
    let parse = |what: &str, e: serde_json::Error| Failure::usage(format!("{what}: {e}"));
    let mut request = SearchRequest::default();
    request.text = args.words.clone();
    if args.query_string {
        request.syntax = Syntax::QueryString;
    }
    request.bm25 = args.bm25;
    if let Some(vector) = &args.vector {
        let vector = serde_json::from_str(vector).map_err(|e| parse("--vector", e))?;
        request.vector = Some(vector);
    }
    if let Some(filter) = &args.filter {
        request.filter = Filter::parse(filter)?;
    }
    request.limit = args.limit;
    request.offset = args.offset;
    request.mode = mode(args.mode);
    request.legs.iter_mut().for_each(|(_, leg)| leg.candidates = args.candidates);
    request.profile.clone_from(&args.profile);
    request.adapter = args.adapter;
    request.params.ef = args.ef;
    request.params.target_recall = args.target_recall;
    request.params.max_page_reads = args.max_page_reads;
    request.params.exact = args.exact;
    request.explain = args.explain;
    request.deadline_ms = args.deadline_ms;
    request.highlight = args.highlight.then(Highlight::default);
    request.group_by = args.group_by.as_ref().map(|field| GroupBy::new(field, args.group_size));
    let facet = |field: &String| Facet::new(field, DEFAULT_FACET_LIMIT);
    request.facets = args.facet.iter().map(facet).collect();
    args.ranking.apply(&mut request)?;
    match (args.ranking.rerank == Some(RerankArg::Model), args.models.rerank_model.is_some()) {
        (true, false) => Err(Failure::usage("--rerank model needs --rerank-model FOLDER")),
        (false, true) if args.profile.is_none() => {
            Err(Failure::usage("--rerank-model is for --rerank model, or a --profile that has it"))
        }
        _ => Ok(request),
    }
}

/// Prints an answer for people.
pub(super) fn print(response: &SearchResponse) -> Outcome<()> {
    print_hits(&response.hits)?;
    response.groups.iter().try_for_each(print_groups)?;
    if response.hits.is_empty() && response.groups.as_ref().is_none_or(|g| g.list.is_empty()) {
        output::note("no hits");
    }
    response.facets.iter().try_for_each(print_facet)?;
    if response.confident == Some(false) {
        output::note("no confident answer: the best score is below the floor");
    }
    if let Some(reason) = response.rerank.as_ref().and_then(|r| r.reason.as_ref()) {
        output::note(&format!("not reranked, the order is that of the fusion: {reason}"));
    }
    response.plan.iter().flatten().try_for_each(print_plan)
}

fn print_groups(groups: &Groups) -> Outcome<()> {
    for group in &groups.list {
        output::line(&group.value.value().to_string())?;
        print_hits(&group.hits)?;
    }
    if !groups.complete {
        let looked = groups.looked_at;
        output::note(&format!("groups may lack hits: the first {looked} were looked at"));
    }
    Ok(())
}

fn print_facet(facet: &FacetCounts) -> Outcome<()> {
    output::line(&format!("{}: {} values", facet.field, facet.distinct))?;
    facet
        .values
        .iter()
        .try_for_each(|v| output::line(&format!("{:>9}  {}", v.count, v.value.value())))
}

fn print_hits(hits: &[Hit]) -> Outcome<()> {
    for (place, hit) in hits.iter().enumerate() {
        let title = hit.payload.as_ref().and_then(|p| p.get("title")?.as_str()).unwrap_or_default();
        output::line(&format!("{:>3}. {:.6}  {}  {title}", place + 1, hit.score, hit.id))?;
        for (field, parts) in hit.highlight.iter().flatten() {
            let shown = parts.iter().map(|part| match part.found {
                true => format!("[{}]", part.text),
                false => part.text.replace(['\n', '\r', '\t'], " "),
            });
            output::line(&format!("       {field}: {}", shown.collect::<String>()))?;
        }
        print_ledger(&hit.ledger)?;
    }
    Ok(())
}

fn print_plan(plan: &SegmentPlan) -> Outcome<()> {
    let ways = plan.alternatives.iter().map(|(way, cost)| format!("{way:?} {cost:.0} us"));
    let dropped = plan.dropped.iter().map(|(way, reason)| format!("no {way:?} ({reason})"));
    let ways: Vec<String> = ways.chain(dropped).collect();
    output::line(&format!(
        "segment: {:?}{}, {} rows match, {:.0} us estimated, {:.0} us by what was compared; instead of {}",
        plan.strategy,
        plan.tried.as_ref().map(|way| format!(" after {way:?}")).unwrap_or_default(),
        plan.matching,
        plan.cost,
        plan.actual,
        if ways.is_empty() { "nothing".to_owned() } else { ways.join(", ") }
    ))
}

fn print_ledger(ledger: &Ledger) -> Outcome<()> {
    for part in &ledger.contributions {
        let leg = format!("{:?}", part.leg).to_lowercase();
        let normalized = part.normalized.map(|n| format!(", normalized {n:.4}"));
        output::line(&format!(
            "       {:.6}  {leg} rank {}, score {:.4}{}",
            part.contribution,
            part.rank,
            part.score,
            normalized.unwrap_or_default()
        ))?;
    }
    if let Some(rerank) = &ledger.rerank {
        let score = match rerank.score {
            Some(score) => format!("score {score:.6}"),
            None => "no score".to_owned(),
        };
        let (kind, from, to) = (rerank.kind, rerank.from_rank, rerank.to_rank);
        output::line(&format!(
            "       {:.6}  fused; {kind}: {score}, rank {from} -> {to}",
            rerank.fused
        ))?;
    }
    for term in &ledger.terms {
        output::line(&format!(
            "         {:.4}  {}:{}  tf {}, idf {:.3}, length {}",
            term.contribution, term.field, term.term, term.tf, term.idf, term.length
        ))?;
    }
    Ok(())
}
