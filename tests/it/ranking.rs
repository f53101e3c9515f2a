//! The steps after the legs, compared with a plain model: fusion, rerank, threshold, page; and why a row is
//! not in an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use lexivec::limits::MAX_RUNNING_RERANKS;
use lexivec::model::{Candidate, RerankQuery, Reranker, Wants};
use lexivec::query::plan::StrategyKind;
use lexivec::query::request::{Leg, Mode, Normalize};
use lexivec::query::rerank::{RerankKind, RerankMethod};
use lexivec::query::why_not::{LegOutcome, LegReport, Verdict};
use lexivec::{Collection, Document, Filter, Fusion, Metric, Options, Rerank, SearchRequest};
use lexivec_tests::Random;
use serde_json::{Value, json};

use crate::{arg, lexivec, lexivec_ok};

/// A power of four: cosines of vectors of ones and minus ones are exact in single precision.
const DIM: usize = 16;
const WORDS: [&str; 8] = ["wing", "flow", "heat", "shock", "layer", "mach", "nose", "cone"];
const ROWS: usize = 160;

fn signs(random: &mut Random) -> Vec<f32> {
    (0..DIM).map(|_| if random.below(2) == 0 { 1.0 } else { -1.0 }).collect()
}

fn words(random: &mut Random, count: usize) -> String {
    let words: Vec<&str> = (0..count).map(|_| WORDS[random.below(WORDS.len())]).collect();
    words.join(" ")
}

fn document(random: &mut Random, id: usize) -> Document {
    let count = random.below(9);
    let document = Document::new(format!("{id:03}")).text(words(random, count));
    let document = document.payload("n", random.below(10)).payload("open", random.below(4) > 0);
    let document = if random.below(8) > 0 { document.vector(signs(random)) } else { document };
    match id % 6 {
        0 => document,
        count => document.tokens(list(&mut Random(id as u64), count)),
    }
}

/// A list of `count` token vectors, whose cosines are exact as well.
fn list(random: &mut Random, count: usize) -> Vec<Vec<f32>> {
    (0..count).map(|_| signs(random)).collect()
}

/// Scores a candidate by its id and text.
struct ById;

fn by_id(id: &str, text: &str) -> f64 {
    let number: usize = id.parse().expect("a number");
    (number * 7 % 13) as f64 - (text.len() % 3) as f64
}

impl Reranker for ById {
    fn name(&self) -> &str {
        "by id"
    }

    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        assert!(query.text.is_some() && !query.deadline.passed());
        assert!(candidates.iter().all(|c| c.payload.is_empty() && c.vector.is_none()));
        Ok(candidates.iter().map(|c| by_id(&c.id, &c.text["text"])).collect())
    }
}

fn written(reranker: Arc<dyn Reranker>) -> (Collection, BTreeMap<String, Document>) {
    let mut random = Random(11);
    let options = Options::new().vector(DIM, Metric::Cosine).tokens(DIM);
    let collection = Collection::in_memory(options);
    let collection = collection.expect("a collection").with_reranker(reranker);
    let rows: Vec<Document> = (0..ROWS).map(|id| document(&mut random, id)).collect();
    for batch in rows.chunks(50) {
        collection.upsert(batch.to_vec()).expect("written");
        collection.flush().expect("flushed");
    }
    let model = rows.into_iter().map(|d| (d.id.clone(), d)).collect();
    (collection, model)
}

type List = Vec<(String, f64)>;

fn sorted(mut list: List) -> List {
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    list
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    f64::from(a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>()) / DIM as f64
}

/// A request, and what has to become of it.
struct Modelled<'a> {
    rows: &'a BTreeMap<String, Document>,
    request: &'a SearchRequest,
    /// All rows that each leg matches, and its window.
    legs: Vec<(Leg, List, usize)>,
    fused: List,
    /// The final list; the score of the reranker, if it gave one.
    last: Vec<(String, f64, Option<f64>)>,
}

impl<'a> Modelled<'a> {
    fn new(
        collection: &Collection,
        rows: &'a BTreeMap<String, Document>,
        request: &'a SearchRequest,
    ) -> Self {
        let whole = |mode: Mode| {
            let mut whole = request.clone().mode(mode).limit(ROWS).offset(0);
            (whole.rerank, whole.score_threshold, whole.params.exact) = (None, None, true);
            let hits = collection.search(&whole).expect("an answer").hits;
            hits.into_iter().map(|h| (h.id, h.score)).collect::<List>()
        };
        let depth = request.rerank.as_ref().map_or(0, |r| r.depth);
        let both = request.mode == Mode::Hybrid;
        let window = request.legs[Leg::Text].candidates.unwrap_or(if both { 100 } else { 0 });
        let window = window.max(request.limit + request.offset).max(depth);
        let mut legs = Vec::new();
        if request.mode != Mode::Vector {
            legs.push((Leg::Text, whole(Mode::Text), window));
        }
        if request.mode != Mode::Text {
            legs.push((Leg::Vector, whole(Mode::Vector), window));
        }
        let mut modelled = Self { rows, request, legs, fused: Vec::new(), last: Vec::new() };
        modelled.fused = modelled.fuse();
        modelled.last = modelled.reranked();
        modelled
    }

    fn fuse(&self) -> List {
        let lists: Vec<(Leg, &[(String, f64)])> = self
            .legs
            .iter()
            .map(|(leg, list, window)| (*leg, &list[..list.len().min(*window)]))
            .collect();
        if let [(_, list)] = lists.as_slice() {
            return list.to_vec();
        }
        let fusion = self.request.fusion.expect("every request names one");
        let brought: BTreeSet<&str> =
            lists.iter().flat_map(|(_, list)| list.iter().map(|hit| hit.0.as_str())).collect();
        let mut sums: BTreeMap<String, f64> = BTreeMap::new();
        for (index, (leg, list)) in lists.iter().enumerate() {
            let (leg, mut list) = (*leg, list.to_vec());
            let mut without: Vec<&str> = Vec::new();
            if fusion.is_complete() {
                // The whole list of the leg, without rows that no leg brought.
                list = self.legs[index].1.clone();
                list.retain(|hit| brought.contains(hit.0.as_str()));
                without.extend(brought.iter().filter(|id| list.iter().all(|hit| hit.0 != **id)));
            }
            let matched = list.len();
            let lowest = list.last().map_or(0.0, |hit| hit.1);
            if leg == Leg::Text {
                list.extend(without.drain(..).map(|id| (id.to_owned(), 0.0)));
            }
            let n = list.len() as f64;
            let mean = list.iter().map(|h| h.1).sum::<f64>() / n;
            let squares = list.iter().map(|h| (h.1 - mean) * (h.1 - mean)).sum::<f64>();
            let (low, high) = (list.last().map_or(0.0, |h| h.1), list.first().map_or(0.0, |h| h.1));
            let options = self.request.legs[leg];
            let lacking = without.into_iter().map(|id| (id.to_owned(), lowest));
            for (i, (id, score)) in list.iter().cloned().chain(lacking).enumerate() {
                let scaled = |shift: f64, width: f64| (score - shift) / width;
                let part = match fusion {
                    Fusion::Rrf { .. } if i >= matched => 0.0,
                    Fusion::Rrf { k, .. } => options.weight / (k + (i + 1) as f64),
                    Fusion::Weighted { alpha, normalize, .. } => {
                        let share = if leg == Leg::Vector { alpha } else { 1.0 - alpha };
                        let normalized = match normalize {
                            Normalize::None => score,
                            Normalize::MinMax => scaled(low, high - low),
                            Normalize::ZScore => scaled(mean, (squares / n).sqrt()),
                        };
                        share * options.weight * normalized
                    }
                    Fusion::Dbsf { .. } => {
                        let deviation = (squares / (n - 1.0)).sqrt();
                        options.weight * scaled(mean - 3.0 * deviation, 6.0 * deviation)
                    }
                };
                sums.entry(id.clone()).and_modify(|s| *s += part).or_insert(part);
            }
        }
        sorted(sums.into_iter().collect())
    }

    fn reranked(&self) -> Vec<(String, f64, Option<f64>)> {
        let Some(rerank) = &self.request.rerank else {
            return self.fused.iter().map(|(id, score)| (id.clone(), *score, None)).collect();
        };
        let candidates = &self.fused[..self.fused.len().min(rerank.depth)];
        let query = self.request.vector.as_deref().unwrap_or_default();
        let vector = |id: &str| self.rows[id].vectors.get("vector").map(Vec::as_slice);
        let with_vector = candidates.iter().filter(|(id, _)| vector(id).is_some());
        let relevance = |id: &str| cosine(query, vector(id).expect("a vector"));
        let scored: List = match &rerank.method {
            RerankMethod::Model => {
                let score = |id: &str| by_id(id, &self.rows[id].text["text"]);
                candidates.iter().map(|(id, _)| (id.clone(), score(id))).collect()
            }
            RerankMethod::Exact => with_vector.map(|(id, _)| (id.clone(), relevance(id))).collect(),
            RerankMethod::LateInteraction { tokens: None, .. } => Vec::new(),
            RerankMethod::LateInteraction { tokens: Some(tokens), .. } => candidates
                .iter()
                .filter_map(|(id, _)| {
                    let own = self.rows[id].tokens.get("tokens")?;
                    let best = |q: &Vec<f32>| own.iter().map(|t| cosine(q, t)).fold(-1.0, f64::max);
                    Some((id.clone(), tokens.iter().map(best).sum()))
                })
                .collect(),
            RerankMethod::Mmr { lambda } => {
                let mut left: Vec<&String> = with_vector.map(|(id, _)| id).collect();
                let mut picked: List = Vec::new();
                while !left.is_empty() {
                    let value = |id: &str| {
                        let between = |other: &str| {
                            cosine(vector(id).expect("a vector"), vector(other).expect("a vector"))
                        };
                        let closest = picked.iter().map(|(p, _)| between(p)).fold(0.0, f64::max);
                        lambda * relevance(id) - (1.0 - lambda) * closest
                    };
                    let values = left.iter().map(|id| ((*id).clone(), value(id))).collect();
                    let best = sorted(values).swap_remove(0);
                    left.retain(|id| **id != best.0);
                    picked.push(best);
                }
                picked
            }
        };
        let scored = sorted(scored);
        let rest = self.fused.iter().filter(|(id, _)| !scored.iter().any(|s| s.0 == *id));
        let rest = rest.map(|(id, score)| (id.clone(), *score, None));
        scored.iter().map(|(id, score)| (id.clone(), *score, Some(*score))).chain(rest).collect()
    }

    fn reaches(&self, row: &(String, f64, Option<f64>)) -> bool {
        let comparable = self.request.rerank.is_none() || row.2.is_some();
        self.request.score_threshold.is_none_or(|t| comparable && row.1 >= t)
    }

    /// The verdict on a row, and its place in each leg.
    fn why_not(&self, id: &str) -> (Verdict, Vec<LegReport>) {
        let Some(document) = self.rows.get(id) else {
            return (Verdict::NotInCollection, Vec::new());
        };
        if !self.request.filter.matches(&Value::Object(document.payload.clone())) {
            let n = document.payload["n"].as_u64().expect("a number");
            let clause = if n < 6 { "open = true" } else { "n < 6" }.to_owned();
            return (Verdict::Filtered { clause }, Vec::new());
        }
        let legs: Vec<LegReport> = self.legs.iter().map(|leg| in_leg(leg, id)).collect();
        let request = self.request;
        let (offset, last) = (request.offset, request.offset + request.limit);
        let Some(index) = self.last.iter().position(|row| row.0 == id) else {
            let outside = legs.iter().any(|l| matches!(l.outcome, LegOutcome::Outside { .. }));
            return (if outside { Verdict::OutsideWindow } else { Verdict::NotFound }, legs);
        };
        let (row, rank) = (&self.last[index], index + 1);
        let fused_rank = 1 + self.fused.iter().position(|row| row.0 == id).expect("it was fused");
        let verdict = if !self.reaches(row) {
            let score = if request.rerank.is_some() { row.2 } else { Some(row.1) };
            let threshold = request.score_threshold.expect("a threshold");
            Verdict::BelowThreshold { score, threshold }
        } else if offset < rank && rank <= last {
            Verdict::InAnswer { rank }
        } else if offset < fused_rank && fused_rank <= last {
            Verdict::Reranked { from_rank: fused_rank, to_rank: rank, last }
        } else if rank <= offset {
            Verdict::PassedOver { rank, offset }
        } else {
            Verdict::Cut { rank, fused_rank, last }
        };
        (verdict, legs)
    }
}

fn in_leg((leg, list, window): &(Leg, List, usize), id: &str) -> LegReport {
    let outcome = match list.iter().position(|hit| hit.0 == id) {
        None => LegOutcome::Absent { why: String::new() },
        Some(i) if i < *window => LegOutcome::Found { rank: i + 1, score: list[i].1 },
        Some(i) => LegOutcome::Outside { rank: i + 1, score: list[i].1 },
    };
    LegReport { leg: *leg, window: *window, outcome }
}

fn fusions() -> Vec<Fusion> {
    vec![
        Fusion::rrf(60.0),
        Fusion::rrf(2.0),
        Fusion::weighted(0.25, Normalize::None),
        Fusion::weighted(0.5, Normalize::MinMax),
        Fusion::weighted(0.75, Normalize::ZScore),
        Fusion::dbsf(),
        Fusion::default(),
        Fusion::scores(0.2),
        Fusion::rrf(2.0).completed(),
        Fusion::weighted(0.25, Normalize::None).completed(),
        Fusion::weighted(0.5, Normalize::MinMax).completed(),
        Fusion::dbsf().completed(),
    ]
}

fn reranks() -> Vec<Option<Rerank>> {
    vec![
        None,
        Some(Rerank::exact().depth(30)),
        Some(Rerank::mmr(0.5).depth(25)),
        Some(Rerank::mmr(0.75).depth(5)),
        Some(Rerank::model().depth(12)),
        Some(Rerank::late_interaction(list(&mut Random(3), 4)).depth(20)),
    ]
}

/// Requests over all fusions and reranks, with filters, pages and windows in turn.
fn requests() -> Vec<SearchRequest> {
    let mut random = Random(23);
    let clauses = json!({"$and": [{"n": {"$lt": 6}}, {"open": true}]});
    let clauses = Filter::from_json(&clauses).expect("a filter");
    let mut requests = Vec::new();
    for fusion in fusions() {
        for rerank in reranks() {
            let i = requests.len();
            let mode = [Mode::Hybrid, Mode::Hybrid, Mode::Text, Mode::Vector][i % 4];
            let mut request = SearchRequest::hybrid(words(&mut random, 2), signs(&mut random))
                .fusion(fusion)
                .mode(mode)
                .weight(Leg::Text, 0.5)
                .weight(Leg::Vector, 2.0)
                .limit([10, 5, 40][i % 3])
                .offset([0, 7][i % 2]);
            request.rerank = rerank.map(|r| r.budget_ms(60_000));
            if i % 5 != 3 {
                request = request.candidates([15, 60][i % 2]);
            }
            if i % 2 == 1 {
                request = request.filter(clauses.clone());
            }
            requests.push(request);
        }
    }
    requests
}

#[test]
fn every_stage_and_every_absent_row_equals_a_plain_model() {
    let (collection, rows) = written(Arc::new(ById));
    let mut met = BTreeMap::new();
    for (i, mut request) in requests().into_iter().enumerate() {
        if i % 3 == 0 {
            let scores = Modelled::new(&collection, &rows, &request).last;
            request.score_threshold = scores.get(8).map(|row| row.1);
        }
        let model = Modelled::new(&collection, &rows, &request);
        let answer = collection.search(&request).expect("an answer");
        let page = model.last.iter().filter(|row| model.reaches(row));
        let page: Vec<_> = page.skip(request.offset).take(request.limit).collect();
        assert_eq!(answer.hits.len(), page.len(), "{request:?}");
        for (hit, row) in answer.hits.iter().zip(page) {
            assert_eq!((&hit.id, hit.score), (&row.0, row.1), "{request:?}");
            assert!(hit.ledger.adds_up(), "{:?}", hit.ledger);
            let moved = hit.ledger.rerank.as_ref();
            assert_eq!(moved.and_then(|m| m.score), row.2);
            assert_eq!(moved.is_some(), request.rerank.is_some());
        }
        let report = answer.rerank.as_ref();
        assert_eq!(report.map(|r| r.applied), request.rerank.as_ref().map(|_| true));
        let scored = model.last.iter().filter(|row| row.2.is_some()).count();
        assert_eq!(report.map_or(0, |r| r.scored), scored);
        for id in rows.keys().map(String::as_str).chain(["nobody"]) {
            let mut trace = collection.why_not(&request, id).expect("reported");
            for leg in &mut trace.legs {
                if let LegOutcome::Absent { why } = &mut leg.outcome {
                    assert!(!std::mem::take(why).is_empty());
                }
            }
            let expected = model.why_not(id);
            assert_eq!((trace.verdict, trace.legs), expected, "{id} in {request:?}");
            let in_answer = answer.hits.iter().any(|hit| hit.id == id);
            assert_eq!(matches!(expected.0, Verdict::InAnswer { .. }), in_answer, "{id}");
            let stage = serde_json::to_value(&expected.0).expect("JSON")["stage"].to_string();
            *met.entry(stage).or_insert(0) += 1;
        }
        let again = collection.search_many(&[request.clone(), request]).expect("answers");
        assert_eq!(again, [answer.clone(), answer]);
    }
    assert_eq!(met.len(), 9, "all stages but that of approximate walks: {met:?}");
}

#[test]
fn a_row_missed_by_an_approximate_walk_is_reported() {
    let mut random = Random(3);
    let options = Options::new().vector(48, Metric::Cosine).graph_min_rows(1_000);
    let collection = Collection::in_memory(options).expect("a collection");
    let rows = (0..4_000).map(|i| Document::new(i.to_string()).vector(random.vector(48)));
    collection.upsert(rows).expect("written");
    let mut missed = 0;
    for _ in 0..20 {
        let query = random.vector(48);
        let exact = SearchRequest::vector(query).limit(10).exact();
        let mut walk = exact.clone().ef(10).strategy(StrategyKind::Graph);
        walk.params.exact = false;
        let found = collection.search(&walk).expect("an answer");
        assert!(!found.exact);
        for (i, hit) in collection.search(&exact).expect("an answer").hits.iter().enumerate() {
            let trace = collection.why_not(&walk, &hit.id).expect("reported");
            if found.hits.iter().any(|other| other.id == hit.id) {
                assert!(matches!(trace.verdict, Verdict::InAnswer { .. }), "{trace:?}");
                continue;
            }
            missed += 1;
            assert_eq!(trace.verdict, Verdict::MissedByWalk);
            assert_eq!(trace.legs[0].outcome, LegOutcome::Missed { rank: i + 1, score: hit.score });
        }
    }
    assert!(missed > 0, "a beam of ten finds everything: nothing was tried");
}

/// Faults of a reranker.
enum Fault {
    Error,
    Panic,
    Count,
    NotANumber,
    /// Waits until its sender is dropped.
    Blocked(Mutex<Receiver<()>>),
}

struct Faulty(Fault);

impl Reranker for Faulty {
    fn name(&self) -> &str {
        "faulty"
    }

    fn wants(&self) -> Wants {
        Wants { text: false, payload: true, vector: true }
    }

    fn rerank(&self, _: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        assert!(candidates.iter().all(|c| c.text.is_empty() && c.payload.contains_key("n")));
        assert!(candidates.iter().any(|c| c.vector.as_ref().is_some_and(|v| v.len() == DIM)));
        let mut scores = vec![1.0; candidates.len()];
        match &self.0 {
            Fault::Error => return Err(lexivec::Error::Embedder("no model today".to_owned())),
            Fault::Panic => panic!("a reranker that panics, on purpose"),
            Fault::Count => scores.truncate(2),
            Fault::NotANumber => scores[1] = f64::NAN,
            Fault::Blocked(free) => {
                let _ = free.lock().expect("no other call panics").recv();
            }
        }
        Ok(scores)
    }
}

#[test]
fn a_failing_reranker_is_reported_and_the_fused_order_stays() {
    let plain = SearchRequest::hybrid("wing heat", vec![1.0; DIM]).limit(20);
    let fused = written(Arc::new(ById)).0.search(&plain).expect("an answer");
    let request = |rerank: Rerank| plain.clone().rerank(rerank).score_threshold(1e9);
    let (free, blocked): (Sender<()>, _) = channel();
    for (fault, budget_ms, reason) in [
        (Fault::Error, 60_000, "reranker faulty failed: embedder: no model today"),
        (Fault::Panic, 60_000, "reranker faulty panicked"),
        (Fault::Count, 60_000, "reranker faulty gave 2 scores for 100 candidates"),
        (Fault::NotANumber, 60_000, "reranker faulty gave candidate 1 the score NaN"),
        (Fault::Error, 0, "the time of reranker faulty ran out"),
        (Fault::Blocked(Mutex::new(blocked)), 1, "the time of reranker faulty ran out"),
    ] {
        let hangs = matches!(fault, Fault::Blocked(_));
        let (collection, _) = written(Arc::new(Faulty(fault)));
        let request = request(Rerank::model().budget_ms(budget_ms));
        let mut answer = collection.search(&request).expect("an answer");
        let report = answer.rerank.take().expect("a report");
        let outcome = (report.kind, report.applied, report.reason.as_deref(), report.scored);
        assert_eq!(outcome, (RerankKind::Model, false, Some(reason), 0));
        // The threshold is on the scale of the scores there are not.
        assert_eq!(answer, fused);
        if hangs {
            // On a busy machine the time may be over before a call begins, which then is none.
            let reasons = (0..1_000 * MAX_RUNNING_RERANKS).map(|_| {
                let answer = collection.search(&request).expect("an answer");
                assert_eq!(answer.hits, fused.hits);
                answer.rerank.and_then(|report| report.reason).expect("a reason")
            });
            let full = "64 calls of reranker faulty have not ended";
            let reasons: Vec<String> = reasons.take_while(|reason| *reason != full).collect();
            assert!(reasons.len() >= MAX_RUNNING_RERANKS - 1, "{}", reasons.len());
            assert!(reasons.len() < 1_000 * MAX_RUNNING_RERANKS, "the limit was never reported");
            assert!(reasons.iter().all(|each| each == reason), "{reasons:?}");
        }
    }
    drop(free);

    let collection = written(Arc::new(ById)).0;
    let late = Rerank::late_interaction(list(&mut Random(3), 2));
    for rerank in [Rerank::exact(), Rerank::mmr(0.5), late].map(|r| r.budget_ms(0)) {
        let answer = collection.search(&request(rerank)).expect("an answer");
        let reason = answer.rerank.and_then(|r| r.reason).expect("a reason");
        assert!(reason.contains("ran out"), "{reason}");
        assert_eq!(answer.hits, fused.hits);
    }
    let none = Collection::in_memory(Options::new()).expect("a collection");
    let refused = none.search(&SearchRequest::text("a").rerank(Rerank::model()));
    assert!(refused.expect_err("refused").to_string().contains("the collection has no reranker"));
}

#[test]
fn the_command_ranks_and_explains() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::create(&dir, Options::new().vector(2, Metric::Cosine));
    let row = |id: &str, text: &str, vector: [f32; 2], year: i64| {
        Document::new(id).text(text).vector(vector.to_vec()).payload("year", year)
    };
    let rows = vec![
        row("a", "a wing", [1.0, 0.0], 2000),
        row("b", "a wing and a flow", [0.9, 0.1], 2001),
        row("c", "a flow", [0.0, 1.0], 1990),
    ];
    collection.expect("made").upsert(rows).expect("written");
    let dir = arg(&dir);
    let search = |more: &[&str]| {
        let args = [&["search", dir, "wing", "--vector", "[1, 0]", "--json"], more].concat();
        serde_json::from_str::<Value>(&lexivec_ok(&args)).expect("JSON")
    };
    let rrf = search(&["--fusion", "rrf", "--rrf-k", "0"]);
    assert_eq!(rrf["hits"][0]["score"], 2.0);
    let dbsf = search(&["--fusion", "dbsf"]);
    assert!(dbsf["hits"][0]["ledger"]["contributions"][0]["normalized"].is_f64());
    let plain = search(&["--alpha", "0.5", "--normalize", "none", "--score-threshold", "0.5"]);
    assert_eq!(plain["hits"].as_array().map(Vec::len), Some(2));
    let mmr = search(&["--rerank", "mmr", "--mmr-lambda", "0.3", "--rerank-depth", "3"]);
    let ids: Vec<_> = (0..3).map(|i| mmr["hits"][i]["id"].as_str().expect("an id")).collect();
    assert_eq!((ids, &mmr["rerank"]["scored"]), (vec!["a", "c", "b"], &json!(3)));
    let late = search(&["--rerank", "exact", "--rerank-budget-ms", "0"]);
    assert_eq!((&late["rerank"]["applied"], &late["hits"][0]["id"]), (&json!(false), &json!("a")));
    for wrong in [
        &["--fusion", "weighted"][..],
        &["--fusion", "dbsf", "--alpha", "0.5"],
        &["--fusion", "dbsf", "--rrf-k", "1"],
        &["--rerank-depth", "5"],
        &["--rerank", "exact", "--mmr-lambda", "1"],
        &["--rerank", "exact", "--query-tokens", "[[1]]"],
        &["--rerank", "late-interaction"],
        &["--rerank", "late-interaction", "--query-tokens", "[1, 2]"],
    ] {
        let output = lexivec(&[&["search", dir, "wing"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }

    let explain = ["explain", dir, "wing", "--mode", "text", "-k", "1"];
    let printed = lexivec_ok(&explain);
    assert!(printed.contains("text rank 1") && printed.contains("text:wing"), "{printed}");
    let why =
        |id: &str, more: &[&str]| lexivec_ok(&[&explain[..], &["--why-not", id], more].concat());
    // ln 1.6 / (1 + 1.2 (0.25 + 0.75 x 3 / 4)): of three rows two have the word, and 4 / 3 words on the average.
    assert_eq!(why("a", &[]), "a is in the answer, at rank 1\n  text leg: rank 1, score 0.2380\n");
    assert!(why("b", &[]).contains("b is outside the window of every leg\n  text leg: rank 2"));
    assert!(why("c", &[]).contains("found by no leg\n  text leg: not matched"));
    let language = ["explain", dir, "wing -flow", "--query-string", "--mode", "text", "--why-not"];
    let stdout = lexivec_ok(&[&language[..], &["b"]].concat());
    assert!(
        stdout.contains("found by no leg") && stdout.contains("has what it excludes"),
        "{stdout}"
    );
    assert_eq!(why("d", &[]), "d is not in the collection\n");
    let filter = ["--filter", r#"{"year": {"$gte": 2001}}"#];
    assert_eq!(why("a", &filter), "a is filtered out by: year >= 2001\n");
    let json: Value = serde_json::from_str(&why("c", &["--json"])).expect("JSON");
    assert_eq!((&json["id"], &json["stage"]), (&json!("c"), &json!("not_found")));
}
