//! `search`: the request that its arguments make, and the answer.

use std::process::ExitCode;

use lexivec::query::facets::{Facet, GroupBy};
use lexivec::query::limits::DEFAULT_FACET_LIMIT;
use lexivec::query::request::{AdapterChoice, Bm25, Highlight, Mode, Syntax, Typos};
use lexivec::query::rerank::RerankKind;
use lexivec::{Collection, Filter, SearchRequest};

use super::open_for_reading;
use crate::answer;
use crate::exit::{Failure, Outcome};
use crate::model::Models;
use crate::output;
use crate::ranking::Ranking;
use crate::target::Target;
use crate::values::{bm25, json, one_of};

/// Characters of the passages that are shown to people: about three lines of a terminal.
const PASSAGE_CHARS: usize = 240;

#[derive(clap::Args)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(super) target: Target,
    /// Words to search for.
    words: Option<String>,
    /// Number of hits.
    #[arg(long, short = 'k', default_value_t = 10)]
    limit: usize,
    /// Number of best hits to skip.
    #[arg(long, default_value_t = 0)]
    pub(super) offset: usize,
    /// Filter: "year >= 2020 AND lang IN ('en', 'de')", or as JSON {"year": {"$gte": 2020}}.
    #[arg(long, value_name = "FILTER")]
    filter: Option<String>,
    /// Legs of the search: text is BM25, vector is similarity of vectors, hybrid is both; auto is all that the
    /// collection and the query allow.
    #[arg(long, value_parser = one_of(Mode::ALL, Mode::name), default_value = "auto")]
    mode: Mode,
    /// Read the words as a query: +must -not "a phrase"~2 field:word prefix* fuzzy~1 (a b)^2.
    #[arg(long)]
    query_string: bool,
    /// Search for the plain words alone, without the collection's synonyms.
    #[arg(long)]
    no_synonyms: bool,
    /// Typing errors that a plain word may have: 0, 1, 2, or auto, which depends on its length.
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    typos: Typos,
    /// Query vector, as a JSON array.
    #[arg(long, value_name = "JSON")]
    vector: Option<String>,
    /// Use the settings of this profile where no option sets them.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Print the contributions to each score and the plan of the search.
    #[arg(long)]
    explain: bool,
    /// Add the best passage of each text to the JSON; without --json passages are always printed.
    #[arg(long)]
    highlight: bool,
    /// Number of passages of each text that are shown, the best first; 1 by default. Implies --highlight.
    #[arg(long, value_name = "NUMBER")]
    snippets: Option<usize>,
    /// Add the texts of the hits, their title among them, to the JSON; without --json passages of them are printed.
    #[arg(long)]
    with_text: bool,
    /// Group the hits by the values at this payload path; --limit is the number of groups.
    #[arg(long, value_name = "FIELD")]
    group_by: Option<String>,
    /// Number of hits of a group.
    #[arg(long, value_name = "HITS", default_value_t = 3)]
    group_size: usize,
    /// Count the values at this payload path over all documents that match the filter; may be repeated.
    #[arg(long, value_name = "FIELD")]
    facet: Vec<String>,
    /// Time limit of the search in milliseconds, after which it fails.
    #[arg(long)]
    deadline_ms: Option<u64>,
    /// The constants k1 and b of BM25; by default those of the collection.
    #[arg(long, value_name = "K1,B", value_parser = bm25)]
    bm25: Option<Bm25>,
    /// Query adapter: active, off, or a version.
    #[arg(long, default_value = "active", value_name = "VERSION")]
    adapter: AdapterChoice,
    #[command(flatten)]
    ranking: Ranking,
    /// Hits that each leg passes to the fusion.
    #[arg(long)]
    candidates: Option<usize>,
    /// Beam width in graphs.
    #[arg(long)]
    ef: Option<usize>,
    /// Share of the exact hits that the vector leg should find, 0 to 1.
    #[arg(long, conflicts_with = "ef")]
    target_recall: Option<f64>,
    /// Scan all vectors instead of searching graphs.
    #[arg(long)]
    exact: bool,
    /// Most pages of 4 KiB that the vector leg reads in each segment, for collections larger than memory.
    #[arg(long)]
    max_page_reads: Option<usize>,
    #[command(flatten)]
    models: Models,
}

pub(super) fn run(args: &Search) -> Outcome<ExitCode> {
    let request = request(args)?;
    let response = open(args, &request)?.search(&request)?;
    if args.target.json {
        output::json(&response)?;
    } else {
        answer::print(&response, args.offset, args.explain)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Opens the collection, with its model if the request needs one.
pub(super) fn open(args: &Search, request: &SearchRequest) -> Outcome<Collection> {
    let compares = request.rerank.as_ref().is_some_and(|r| r.method.compares_vectors());
    let by_tokens = request.rerank.as_ref().is_some_and(|r| r.method.embeds_tokens());
    let by_vector = args.mode != Mode::Text || compares;
    let embeds = by_tokens || (request.vector.is_none() && by_vector);
    open_for_reading(&args.target.dir, &args.models, embeds)
}

/// The request of the arguments. Without `--json` it also asks for texts and passages.
pub(super) fn request(args: &Search) -> Outcome<SearchRequest> {
    let mut request = SearchRequest::default();
    request.text = args.words.clone();
    if args.query_string {
        request.syntax = Syntax::QueryString;
    }
    request.synonyms = !args.no_synonyms;
    request.typos = args.typos;
    request.bm25 = args.bm25;
    if let Some(vector) = &args.vector {
        request.vector = Some(json("--vector", vector)?);
    }
    if let Some(filter) = &args.filter {
        request.filter = Filter::parse(filter)?;
    }
    request.limit = args.limit;
    request.offset = args.offset;
    request.mode = args.mode;
    request.legs.iter_mut().for_each(|(_, leg)| leg.candidates = args.candidates);
    request.profile.clone_from(&args.profile);
    request.adapter = args.adapter;
    request.params.ef = args.ef;
    request.params.target_recall = args.target_recall;
    request.params.max_page_reads = args.max_page_reads;
    request.params.exact = args.exact;
    request.explain = args.explain;
    request.deadline_ms = args.deadline_ms;
    request.highlight = match args.target.json {
        true => args
            .snippets
            .or(args.highlight.then_some(1))
            .map(|snippets| Highlight { snippets, ..Highlight::default() }),
        false => Some(Highlight { max_chars: PASSAGE_CHARS, snippets: args.snippets.unwrap_or(1) }),
    };
    request.with_text |= args.with_text || !args.target.json;
    request.group_by = args.group_by.as_ref().map(|field| GroupBy::new(field, args.group_size));
    let facet = |field: &String| Facet::new(field, DEFAULT_FACET_LIMIT);
    request.facets = args.facet.iter().map(facet).collect();
    args.ranking.apply(&mut request)?;
    match (args.ranking.rerank == Some(RerankKind::Model), args.models.rerank_model.is_some()) {
        (true, false) => Err(Failure::usage("--rerank model needs --rerank-model FOLDER")),
        (false, true) if args.profile.is_none() => Err(Failure::usage(
            "--rerank-model is for --rerank model, or for a --profile that has it",
        )),
        _ => Ok(request),
    }
}
