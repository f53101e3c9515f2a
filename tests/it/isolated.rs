//! Isolated views: every answer of one equals, byte for byte, that of a collection of its rows alone.

use std::collections::{BTreeMap, BTreeSet};

use lexivec::query::request::{Bm25, Normalize};
use lexivec::schema::TextField;
use lexivec::{
    Collection, CompactOptions, Document, Filter, Fusion, Highlight, Leg, Metric, Mode, Options,
    RecallOptions, RecallQueries, Rerank, SearchRequest, Searcher, SuggestRequest, Syntax, Typos,
};
use lexivec_tests::Random;
use serde::Serialize;
use serde_json::{Value, json};

const DIM: usize = 4;
const TENANTS: [&str; 3] = ["acme", "umbrella", "initech"];
/// Words near each other. No two forms share a stem: which form a suggestion shows depends on the order of the rows in
/// their segments, which is another one without the rows of others.
const WORDS: [&str; 20] = [
    "wing", "wind", "ring", "king", "flow", "glow", "slow", "heat", "heap", "shock", "stock",
    "clock", "layer", "player", "lawyer", "stream", "steam", "scream", "state", "plate",
];
/// Tenants have these words from each list alone.
const OWN_WORDS: [[&str; 3]; 3] =
    [["winch", "stack", "treat"], ["wink", "stick", "great"], ["wine", "stuck", "sweat"]];

/// A collection of all tenants, and one of each tenant's rows alone.
struct Both {
    shared: Collection,
    apart: Vec<Collection>,
    ids: BTreeMap<String, usize>,
}

fn of_tenant(tenant: usize) -> Filter {
    Filter::parse(&format!("tenant = '{}'", TENANTS[tenant])).expect("a filter")
}

fn made(graph_min_rows: usize) -> Collection {
    let fields = vec![TextField::new("title").weight(2.0), TextField::new("text")];
    let options = Options::new()
        .text_fields(fields)
        .vector(DIM, Metric::Cosine)
        .graph_min_rows(graph_min_rows);
    let collection = Collection::in_memory(options).expect("made");
    let rules = "wing, winch, wink\nheat => treat, great, sweat\nstate, steam engine";
    collection.set_synonyms(rules.parse().expect("rules")).expect("set");
    collection
}

fn word(random: &mut Random, tenant: usize) -> &'static str {
    match random.below(6) {
        0 => OWN_WORDS[tenant][random.below(3)],
        // The least words are rare.
        _ => WORDS[random.below(20).min(random.below(20))],
    }
}

fn words(random: &mut Random, tenant: usize, most: usize) -> String {
    let count = 1 + random.below(most);
    (0..count).map(|_| word(random, tenant)).collect::<Vec<_>>().join(" ")
}

fn row(random: &mut Random, id: usize, tenant: usize) -> Document {
    let mut row = Document::new(format!("r{id:03}"))
        .text_in("text", words(random, tenant, 12))
        .payload("tenant", TENANTS[tenant])
        .payload("n", random.below(6));
    if random.below(2) == 0 {
        row = row.text_in("title", words(random, tenant, 3));
    }
    match random.below(9) {
        0 => row = row.payload("big", 9_007_199_254_740_993_i64),
        1 => row = row.payload(OWN_WORDS[tenant][0], "there"),
        2 => row = row.payload("mixed", if tenant == 0 { json!(3) } else { json!("three") }),
        _ => {}
    }
    // Equal vectors tie, so that ids decide.
    match random.below(8) {
        0 => row,
        1 | 2 => row.vector(vec![1.0, 0.0, 0.0, 0.0]),
        _ => row.vector(random.vector(DIM)),
    }
}

/// Rows in several segments, some of them replaced, handed to another tenant and deleted since.
fn written(seed: u64, rounds: usize, graph_min_rows: usize) -> Both {
    let mut random = Random(seed);
    let shared = made(graph_min_rows);
    let apart: Vec<Collection> = TENANTS.iter().map(|_| made(graph_min_rows)).collect();
    let mut ids = BTreeMap::new();
    for _ in 0..rounds {
        let numbers: BTreeSet<usize> = (0..60).map(|_| random.below(rounds * 40)).collect();
        let mut rows = Vec::new();
        for number in numbers {
            let tenant = random.below(3);
            rows.push((tenant, row(&mut random, number, tenant)));
        }
        shared.upsert(rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>()).expect("done");
        for (tenant, row) in rows {
            if let Some(old) = ids.insert(row.id.clone(), tenant).filter(|old| *old != tenant) {
                apart[old].delete(&[&row.id]).expect("deleted");
            }
            apart[tenant].upsert(row).expect("written");
        }
        let deleted: Vec<String> = ids.keys().skip(random.below(9)).step_by(13).cloned().collect();
        shared.delete(&deleted).expect("deleted");
        for id in deleted {
            let tenant = ids.remove(&id).expect("there");
            apart[tenant].delete(&[&id]).expect("deleted");
        }
        for collection in [&shared].into_iter().chain(&apart) {
            match random.below(5) {
                0 | 1 => drop(collection.flush().expect("flushed")),
                2 => drop(collection.compact(CompactOptions::default()).expect("compacted")),
                _ => {}
            }
        }
    }
    Both { shared, apart, ids }
}

/// A word as it may be typed: of any tenant, sometimes with an error.
fn typed(random: &mut Random) -> String {
    let tenant = random.below(3);
    let mut typed = word(random, tenant).to_owned();
    if random.below(3) == 0 {
        typed.remove(1 + random.below(typed.len() - 1));
    }
    typed
}

fn query(random: &mut Random) -> String {
    let (a, b, c) = (typed(random), typed(random), typed(random));
    match random.below(8) {
        0 => format!("{}* {b}", &a[..2]),
        1 => format!("\"{a} {b}\" {c}"),
        2 => format!("{a}~1 {b}~2"),
        3 => format!("+{a} -{b} {c}^2"),
        4 => format!("title:{a} ({b} OR {c})"),
        5 => format!("\"{a} {b}\"~3"),
        _ => format!("{a} AND {b}"),
    }
}

fn wanted(random: &mut Random) -> Filter {
    let text = match random.below(12) {
        0 => "n >= 2",
        1 => "tenant != 'acme'",
        2 => "tenant = 'umbrella' OR n < 3",
        3 => "mixed > 2",
        4 => "winch = 'there' OR wink = 'there'",
        5 => "NOT n = 1",
        6 => {
            return Filter::Text { field: None, words: typed(random) };
        }
        _ => return Filter::All,
    };
    Filter::parse(text).expect("a filter")
}

fn request(random: &mut Random) -> SearchRequest {
    let text = format!("{} {} {}", typed(random), typed(random), typed(random));
    let mut request = match random.below(5) {
        0 => SearchRequest::vector(random.vector(DIM)),
        1 | 2 => SearchRequest::hybrid(text, random.vector(DIM)),
        _ => SearchRequest::text(text).mode(Mode::Text),
    };
    if request.text.is_some() {
        if random.below(2) == 0 {
            request.text = Some(query(random));
            request = request.syntax(Syntax::QueryString);
        } else {
            request = request.synonyms(random.below(2) == 0);
            let typos = [Typos::Off, Typos::One, Typos::Two, Typos::Auto];
            request = request.typos(typos[random.below(4)]);
        }
        if random.below(4) == 0 {
            request = request.field_weight("title", 3.5).bm25(Bm25 { k1: 0.9, b: 0.4 });
        }
    }
    if request.vector.is_some() && request.text.is_some() {
        let fusion = match random.below(7) {
            0 => Fusion::rrf(60.0),
            1 => Fusion::dbsf(),
            2 => Fusion::scores(0.4),
            3 => Fusion::weighted(0.3, Normalize::MinMax),
            4 => Fusion::weighted(0.3, Normalize::None),
            5 => Fusion::Rrf { k: 10.0, complete: true },
            _ => Fusion::Dbsf { complete: true },
        };
        request = request.fusion(fusion);
    }
    request.filter = wanted(random);
    (request.limit, request.offset) = (1 + random.below(40), random.below(3) * 3);
    if request.vector.is_some() && random.below(4) == 0 {
        request = request.rerank(Rerank::mmr(0.5));
    }
    if random.below(5) == 0 {
        request = request.score_threshold(0.5);
    }
    if random.below(5) == 0 {
        let leg = if request.vector.is_some() { Leg::Vector } else { Leg::Text };
        request = request.floor(leg, 0.9);
    }
    if random.below(4) != 0 {
        request = request.explain();
    }
    if random.below(2) == 0 {
        request = request.highlight(Highlight::default());
    }
    request = request.with_text(random.below(2) == 0).with_payload(random.below(2) == 0);
    if random.below(3) == 0 {
        request = request.facet("tenant", 9).facet("n", 3).facet("wink", 9);
    }
    if random.below(5) == 0 {
        request.offset = 0;
        request = request.group_by(["tenant", "n", "mixed"][random.below(3)], 2);
    }
    request
}

/// An answer, or its error, as JSON without what is about files and writes and not about rows: the numbers of the
/// generation and of the last write, and plans, of which there is one for each segment.
fn shown<T: Serialize>(answer: lexivec::Result<T>) -> String {
    let mut value = match answer {
        Ok(answer) => json!({ "ok": answer }),
        Err(error) => json!({ "error": error.to_string() }),
    };
    if let Some(Value::Object(answer)) = value.get_mut("ok") {
        ["generation", "seq", "plan"].iter().for_each(|key| drop(answer.remove(*key)));
    }
    value.to_string()
}

/// Every answer of a view that a request, a text and some ids lead to.
fn answers(view: &Searcher, seed: u64, ids: &[&String]) -> Vec<(&'static str, String)> {
    let mut random = Random(seed);
    let request = request(&mut random);
    let mut all = vec![("search", shown(view.search(&request)))];
    let many = view.search_many(&[request.clone(), self::request(&mut random)]);
    let many = many.map(|many| many.into_iter().map(|one| shown(Ok(one))).collect::<Vec<_>>());
    all.push(("search_many", shown(many)));
    all.push(("statistics", shown(view.term_statistics(&request))));
    all.push(("legs", shown(view.legs(&request))));
    all.push(("count", shown(view.count(&request.filter))));
    let field = ["tenant", "n", "mixed", "wink", "big"][random.below(5)];
    all.push(("facet", shown(view.facet(field, &request.filter, 4))));
    let after = ids.first().map(|id| id.as_str());
    all.push(("scroll", shown(view.scroll(&request.filter, after, 7))));
    let mut text = format!("{} {}", typed(&mut random), typed(&mut random));
    text.truncate(text.len() - random.below(4));
    let asked = SuggestRequest::new(&text).limit(1 + random.below(6));
    all.push(("suggest", shown(view.suggest(&asked))));
    let mut narrower = asked;
    narrower.filter = request.filter.clone();
    all.push(("suggest within", shown(view.suggest(&narrower))));
    for id in ids {
        all.push(("why_not", shown(view.why_not(&request, id))));
        all.push(("get", shown(view.get(id))));
    }
    let mut ranked = request.clone();
    (ranked.offset, ranked.group_by) = (0, None);
    all.push(("rank", shown(view.rank(&[("q".to_owned(), ranked)]))));
    match view.cursor(&request, 30) {
        Err(error) => all.push(("cursor", error.to_string())),
        Ok(mut cursor) => {
            for _ in 0..4 {
                all.push(("page", shown(cursor.next(9))));
            }
        }
    }
    let mut options = RecallOptions::default();
    options.queries = RecallQueries::Sampled(1_000);
    // Which rows are in a random share of the rows, and in which segment, depends on their numbers.
    let recall = view.recall(&options).map(|report| (report.k, report.queries, report.recall));
    all.push(("recall", shown(recall)));
    all
}

/// The parts of the answers of a view that are not those of a collection.
fn differences(view: &Searcher, alone: &Searcher, seed: u64, ids: &[&String]) -> Vec<String> {
    let (ours, theirs) = (answers(view, seed, ids), answers(alone, seed, ids));
    assert_eq!(ours.len(), theirs.len());
    let differ = ours.into_iter().zip(theirs).filter(|(ours, theirs)| ours != theirs);
    differ.map(|((what, ours), (_, theirs))| format!("{what}:\n{ours}\n{theirs}")).collect()
}

#[test]
fn an_isolated_view_answers_as_a_collection_of_its_rows_alone() {
    let (mut compared, mut scoped_differ, mut hits) = (0, 0, 0);
    for seed in 0..6 {
        let both = written(seed, 4, 100_000);
        let mut random = Random(seed + 1_000);
        let all = both.shared.searcher().expect("a view");
        for turn in 0..150 {
            let tenant = turn % 3;
            let isolated = all.isolated(&of_tenant(tenant)).expect("a view");
            let alone = both.apart[tenant].searcher().expect("a view");
            let ids: Vec<&String> = both.ids.keys().skip(random.below(30)).step_by(30).collect();
            let asked = random.number();
            let differ = differences(&isolated, &alone, asked, &ids);
            assert!(differ.is_empty(), "{seed} {turn}: {}", differ.join("\n"));
            // Besides those of each id.
            compared += 15;
            let scoped = all.scoped(of_tenant(tenant));
            scoped_differ += usize::from(!differences(&scoped, &alone, asked, &ids).is_empty());
            hits += isolated.search(&request(&mut Random(asked))).map_or(0, |a| a.hits.len());
        }
    }
    assert!(compared > 10_000 && hits > 5_000, "{compared} answers with {hits} hits");
    assert!(scoped_differ > 700, "a scope alone shows others' rows, not {scoped_differ} times");
}

#[test]
fn an_isolated_view_is_narrowed_and_never_widened() {
    let both = written(20, 3, 100_000);
    let all = both.shared.searcher().expect("a view");
    let acme = all.isolated(&of_tenant(0)).expect("a view");
    let count = |view: &Searcher| view.count(&Filter::All).expect("counted");
    let again = acme.isolated(&Filter::All).expect("a view");
    assert!(count(&acme) > 20 && count(&again) == count(&acme));
    assert_eq!(count(&acme.isolated(&of_tenant(1)).expect("a view")), 0);
    assert_eq!(count(&acme.scoped(of_tenant(1))), 0);
    assert_eq!(count(&all.scoped(of_tenant(0)).isolated(&of_tenant(1)).expect("a view")), 0);
    let narrow = Filter::parse("n = 2").expect("a filter");
    let of_both = all.scoped(narrow.clone()).isolated(&of_tenant(0)).expect("a view");
    let one = all.isolated(&(of_tenant(0) & narrow)).expect("a view");
    let ids: Vec<&String> = both.ids.keys().collect();
    (0..20).for_each(|seed| assert_eq!(differences(&of_both, &one, seed, &ids), [""; 0]));
    // A filter that cannot be evaluated admits nothing.
    let cut = Filter::Invalid(Box::new(Filter::parse("year >").expect_err("no filter")));
    let misspelt = Filter::from_json(&json!({"misspelt": {"$text": "wing"}})).expect("a filter");
    for refused in [cut.clone(), !cut, misspelt.clone(), !misspelt] {
        assert!(all.isolated(&refused).is_err(), "{refused:?}");
    }
}

#[test]
fn an_isolated_view_is_that_of_its_moment_and_the_next_one_counts_again() {
    let both = written(21, 3, 100_000);
    let (shared, acme) = (&both.shared, of_tenant(0));
    let view = || shared.searcher().expect("a view").isolated(&acme).expect("a view");
    let statistics = |view: &Searcher| {
        view.term_statistics(&SearchRequest::text("zebra").mode(Mode::Text)).expect("counted")
    };
    shared.flush().expect("flushed");
    let first = view();
    let before = statistics(&first);
    let zebra = Document::new("z").text_in("text", "zebra");
    shared.upsert(zebra.clone().payload("tenant", "umbrella")).expect("written");
    assert_eq!(statistics(&view()), before, "rows of others do not count");
    shared.upsert(zebra.payload("tenant", "acme")).expect("written");
    let after = statistics(&view());
    assert_eq!(after.documents, before.documents + 1);
    assert_eq!(after.frequency("text", "zebra"), Some(1));
    assert_eq!(statistics(&first), before);
    let own = both.ids.iter().find(|(_, tenant)| **tenant == 0).expect("a row").0;
    shared.delete(&[own.as_str(), "z"]).expect("deleted");
    assert_eq!(statistics(&view()).documents, before.documents - 1);
}

#[test]
fn graphs_of_all_rows_find_rows_of_the_view_alone() {
    let both = written(22, 8, 100);
    shared_graph(&both.shared);
    let all = both.shared.searcher().expect("a view");
    let mut random = Random(23);
    for turn in 0..60 {
        let tenant = turn % 3;
        let view = all.isolated(&of_tenant(tenant)).expect("a view");
        let alone = both.apart[tenant].searcher().expect("a view");
        let request = SearchRequest::vector(random.vector(DIM)).limit(20);
        let found = view.search(&request).expect("an answer").hits;
        assert_eq!(found.len(), 20);
        assert!(found.iter().all(|hit| both.ids.get(&hit.id) == Some(&tenant)));
        let exact = request.exact();
        assert_eq!(shown(view.search(&exact)), shown(alone.search(&exact)));
    }
}

/// One segment with a graph.
fn shared_graph(collection: &Collection) {
    collection.flush().expect("flushed");
    collection.compact(CompactOptions::default()).expect("compacted");
    let recall = collection.searcher().expect("a view").recall(&RecallOptions::default());
    assert_eq!(recall.expect("measured").segments.len(), 1);
}
