//! Shards: rows split over several collections give the answers of one, to the bit, from added statistics and merged legs.

use lexivec::query::Leg;
use lexivec::query::facets::{Facet, GroupBy};
use lexivec::query::fusion::{Contribution, Normalize};
use lexivec::query::request::{ConfidenceFloor, Mode, Syntax};
use lexivec::query::shards::{Legs, TermStatistics};
use lexivec::{
    Collection, Document, Filter, Fusion, Metric, Options, Profile, SearchRequest, Searcher, Typos,
};
use lexivec_tests::Random;
use serde_json::Value;

const DIM: usize = 8;
const ROWS: usize = 400;
const REQUESTS: usize = 500;
const WORDS: [&str; 8] = ["wing", "wings", "flow", "heat", "shock", "layer", "shear", "the"];

fn options() -> Options {
    Options::new().vector(DIM, Metric::Cosine).graph_min_rows(1_000_000)
}

fn words(random: &mut Random, count: usize) -> String {
    // The square of a number makes some words rarer than others.
    let word = |_| WORDS[random.below(8) * random.below(8) / 8];
    (0..count).map(word).collect::<Vec<_>>().join(" ")
}

fn row(random: &mut Random, id: usize) -> Document {
    let (titled, length) = (random.below(3) > 0, 1 + random.below(12));
    let mut row = Document::new(format!("r{id:04}")).text(words(random, length));
    if titled {
        row = row.text_in("title", words(random, 2));
    }
    if random.below(10) > 0 {
        // Few directions, so that scores tie.
        let axis = random.below(DIM);
        row = row.vector((0..DIM).map(|i| if i == axis { 1.0 } else { 0.25 }).collect::<Vec<_>>());
    }
    let tags: Vec<String> = (0..random.below(3)).map(|_| format!("t{}", random.below(5))).collect();
    row.payload("year", 1990 + random.below(9)).payload("tags", tags)
}

/// One collection with all rows, and the same rows over several, each flushed at other moments.
fn split(random: &mut Random, shards: usize) -> (Collection, Vec<Collection>) {
    let make = || Collection::in_memory(options()).expect("a collection");
    let (whole, parts) = (make(), (0..shards).map(|_| make()).collect::<Vec<_>>());
    for collection in parts.iter().chain([&whole]) {
        let rules = "wing, shock\nheat => layer, shear flow, absent";
        collection.set_synonyms(rules.parse().expect("rules")).expect("set");
    }
    for id in 0..ROWS {
        let row = row(random, id);
        let part = &parts[random.below(shards)];
        for collection in [&whole, part] {
            collection.upsert(vec![row.clone()]).expect("written");
        }
        if id % 90 == 0 {
            part.flush().expect("flushed");
        }
        if id % 7 == 0 {
            let deleted_id = format!("r{:04}", random.below(id + 1));
            whole.delete(&[&deleted_id]).expect("deleted");
            for part in &parts {
                part.delete(&[&deleted_id]).expect("deleted");
            }
        }
    }
    whole.flush().expect("flushed");
    (whole, parts)
}

fn fusion(random: &mut Random) -> Fusion {
    let alpha = random.below(11) as f64 / 10.0;
    let normalize = [Normalize::MinMax, Normalize::ZScore, Normalize::None][random.below(3)];
    let fusion = match random.below(5) {
        0 | 1 => Fusion::rrf([0.0, 60.0][random.below(2)]),
        2 => Fusion::dbsf(),
        _ => Fusion::weighted(alpha, normalize),
    };
    if random.below(2) == 0 { fusion.completed() } else { fusion }
}

fn request(random: &mut Random) -> SearchRequest {
    let count = 1 + random.below(3);
    let (text, vector) = (words(random, count), random.vector(DIM));
    let mut request = match random.below(5) {
        0 => SearchRequest::text(text).mode(Mode::Text),
        1 => SearchRequest::vector(vector),
        _ => SearchRequest::hybrid(text, vector),
    };
    if let Some(text) = request.text.as_mut().filter(|_| random.below(3) == 0) {
        let more = ["sho*", "wong~1", "\"wing flow\"", "\"heat layer\"~2", "+heat -shock"];
        *text = format!("{text} {}", more[random.below(5)]);
        request.syntax = Syntax::QueryString;
    }
    request.synonyms = random.below(2) == 0;
    request.typos = Typos::ALL[random.below(Typos::ALL.len())];
    request.fusion = Some(fusion(random));
    request.params.exact = true;
    (request.limit, request.offset) = (1 + random.below(30), random.below(2) * random.below(20));
    if random.below(2) == 0 {
        request = request.field_weight("title", [1.0, 0.5, 2.5][random.below(3)]);
    }
    request.legs[Leg::Text].weight = [1.0, 0.5, 2.0][random.below(3)];
    request.legs[Leg::Vector].candidates = [None, Some(7), Some(200)][random.below(3)];
    request.filter = match random.below(4) {
        0 => Filter::parse("year >= 1995").expect("a filter"),
        1 => Filter::parse("tags = 't1' OR year < 1992").expect("a filter"),
        _ => Filter::All,
    };
    if random.below(4) == 0 {
        request.facets = vec![Facet::new("tags", 3), Facet::new("year", 100)];
    }
    if random.below(4) == 0 {
        request.score_threshold = Some([0.01, 0.3, 1.5][random.below(3)]);
    }
    if random.below(3) == 0 {
        let leg = if random.below(2) == 0 { Leg::Text } else { Leg::Vector };
        request.floor = Some(ConfidenceFloor { leg, score: 0.8 });
    }
    if random.below(4) == 0 {
        request.offset = 0;
        let field = ["tags", "year"][random.below(2)];
        let limit = Some(1 + random.below(8));
        request.group_by = Some(GroupBy { limit, ..GroupBy::new(field, 1 + random.below(4)) });
    }
    request
}

/// Every number of an answer, with the bits of its floats.
fn bits(rows: &mut dyn Iterator<Item = (&str, f64, &[Contribution])>) -> Vec<String> {
    let part = |c: &Contribution| {
        let normalized = c.normalized.map(f64::to_bits);
        let floats = [c.score, c.weight, c.contribution].map(f64::to_bits);
        format!("{} {:?} {:?} {floats:?} {normalized:?}", c.leg, c.rank, c.completed)
    };
    rows.map(|(id, score, parts)| {
        let parts: Vec<String> = parts.iter().map(part).collect();
        format!("{id} {} {parts:?}", score.to_bits())
    })
    .collect()
}

/// An answer as this test compares it: lines for hits or groups, and counts.
type Shown = (Vec<String>, String);

fn of_one(searcher: &Searcher, request: &SearchRequest) -> Shown {
    let answer = searcher.search(request).expect("an answer");
    assert!(answer.exact);
    let hits = |hits: &[lexivec::Hit]| {
        let rows = hits.iter().map(|h| (h.id.as_str(), h.score, h.ledger.contributions.as_slice()));
        bits(&mut rows.into_iter())
    };
    let mut lines = hits(&answer.hits);
    for group in answer.groups.iter().flat_map(|groups| &groups.list) {
        lines.push(format!("group {}", group.value.value()));
        lines.extend(hits(&group.hits));
    }
    let complete = answer.groups.map(|groups| (groups.looked_at, groups.complete));
    let (facets, matching, confident) = (answer.facets, answer.matching, answer.confident);
    (lines, format!("{matching} {confident:?} {complete:?} {facets:?}"))
}

/// The answer of a shard after transfer: written as JSON and read.
fn sent(legs: &Legs) -> Legs {
    serde_json::from_str(&serde_json::to_string(legs).expect("written")).expect("read")
}

fn merged(shards: &[Searcher], request: &SearchRequest) -> Legs {
    let legs = shards.iter().map(|s| sent(&s.legs(request).expect("legs")));
    Legs::merge(legs.collect::<Vec<_>>()).expect("merged")
}

fn of_shards(shards: &[Searcher], request: &SearchRequest) -> Shown {
    let mut legs = merged(shards, request);
    let head = (legs.matching, legs.confident(request), legs.facet_counts(request));
    let bits_of = |rows: &[lexivec::query::fusion::Fused<String>]| {
        let rows = rows.iter().map(|r| (r.key.as_str(), r.score, r.contributions.as_slice()));
        bits(&mut rows.into_iter())
    };
    let (mut lines, mut complete) = (Vec::new(), None);
    if let Some(mut groups) = legs.groups(request) {
        while !groups.complete {
            let Some(wider) = legs.widened(request) else { break };
            legs = merged(shards, &wider);
            groups = legs.groups(request).expect("groups");
        }
        complete = Some((groups.looked_at, groups.complete));
        for (value, rows) in &groups.list {
            lines.push(format!("group {}", value.value()));
            lines.extend(bits_of(rows));
        }
    } else {
        lines.extend(bits_of(&legs.page(request)));
    }
    let (matching, confident, facets) = head;
    (lines, format!("{matching} {confident:?} {complete:?} {facets:?}"))
}

#[test]
fn shards_answer_as_one_collection_does_to_the_bit() {
    let mut random = Random(17);
    let (mut asked, mut local_differs, mut grouped, mut hits) = (0, 0, 0, 0);
    for shards in 1..=5 {
        let (whole, parts) = split(&mut random, shards);
        let whole = whole.searcher().expect("a searcher");
        let parts: Vec<Searcher> =
            parts.iter().map(|part| part.searcher().expect("a searcher")).collect();
        for _ in 0..REQUESTS / 5 {
            let request = request(&mut random);
            let counted = parts.iter().map(|s| s.term_statistics(&request).expect("counted"));
            let counted: Vec<Value> =
                counted.map(|s| serde_json::to_value(s).expect("written")).collect();
            let read =
                |json: Value| -> TermStatistics { serde_json::from_value(json).expect("read") };
            let all: TermStatistics = counted.into_iter().map(read).sum();
            assert_eq!(all, whole.term_statistics(&request).expect("counted"), "{request:?}");
            let with: Vec<Searcher> =
                parts.iter().map(|s| s.with_statistics(all.clone())).collect();
            let expected = of_one(&whole, &request);
            assert_eq!(of_shards(&with, &request), expected, "{shards} shards, {request:?}");
            // The control: with each shard's own statistics scores are others.
            local_differs += usize::from(of_shards(&parts, &request) != expected);
            (asked, hits) = (asked + 1, hits + expected.0.len());
            grouped += usize::from(request.group_by.is_some());
        }
    }
    println!(
        "{asked} requests, {hits} hits, {grouped} grouped, {local_differs} differ by local statistics"
    );
    assert_eq!(asked, REQUESTS);
    assert!(hits > 2_000 && grouped > 60, "{hits} {grouped}");
    assert!(local_differs > 150, "local statistics must not pass: {local_differs}");
}

#[test]
fn statistics_of_another_request_and_profiles_are_refused() {
    let mut random = Random(5);
    let (whole, _) = split(&mut random, 1);
    let searcher = whole.searcher().expect("a searcher");
    let counted = searcher.term_statistics(&SearchRequest::text("heat")).expect("counted");
    let with = searcher.with_statistics(counted.clone());
    with.search(&SearchRequest::text("heat").mode(Mode::Text)).expect("an answer");
    let error =
        with.search(&SearchRequest::text("shock").mode(Mode::Text)).expect_err("other words");
    assert!(error.to_string().contains("shock"), "{error}");
    let fieldless = TermStatistics { tokens: Default::default(), ..counted };
    let with = searcher.with_statistics(fieldless);
    let error = with.search(&SearchRequest::text("heat").mode(Mode::Text)).expect_err("no field");
    assert!(error.to_string().contains("tokens of field"), "{error}");
    whole.set_profile("p", Profile::default()).expect("set");
    let mut named = SearchRequest::text("heat");
    named.profile = Some("p".to_owned());
    let error = whole.searcher().expect("a searcher").legs(&named).expect_err("a profile");
    assert!(error.to_string().contains("apply the profile"), "{error}");
}
