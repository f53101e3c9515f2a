//! Scopes: nothing outside a scope is returned, counted, explained or changed, by any read or write.

use std::collections::{BTreeMap, BTreeSet};

use lexivec::query::facets::{FacetValue, Key};
use lexivec::query::request::{Highlight, Mode, Syntax};
use lexivec::query::why_not::Verdict;
use lexivec::{
    Collection, CompactOptions, Document, Filter, Metric, Options, RecallOptions, RecallQueries,
    Rerank, SearchRequest, SearchResponse, Searcher,
};
use lexivec_tests::Random;
use serde_json::{Map, Value, json};

const DIM: usize = 4;
const WORDS: [&str; 5] = ["wing", "flow", "heat", "shock", "layer"];
const TENANTS: [&str; 3] = ["acme", "umbrella", "initech"];

type Model = BTreeMap<String, Document>;

fn filter(text: &str) -> Filter {
    Filter::parse(text).expect("a filter")
}

fn of_tenant(tenant: &str) -> Filter {
    filter(&format!("tenant = '{tenant}'"))
}

fn stamp(tenant: &str) -> Map<String, Value> {
    Map::from_iter([("tenant".to_owned(), json!(tenant))])
}

fn is_of(document: &Document, tenant: &str) -> bool {
    document.payload.get("tenant") == Some(&json!(tenant))
}

fn row(random: &mut Random, id: usize) -> Document {
    let text = format!("{} {}", WORDS[random.below(5)], WORDS[random.below(5)]);
    let row = Document::new(format!("r{id:03}")).text(text).payload("n", random.below(6));
    // Some rows have what no column holds, so that a filter reads their payload.
    let row = match random.below(9) {
        0 => row.payload("big", 9_007_199_254_740_993_i64),
        _ => row,
    };
    match random.below(8) {
        0 => row,
        _ => row.vector(random.vector(DIM)),
    }
}

/// Rows of three tenants in several segments, some of them replaced and deleted since.
fn written(seed: u64) -> (Collection, Model) {
    let mut random = Random(seed);
    let options = Options::new().vector(DIM, Metric::Cosine).graph_min_rows(50);
    let collection = Collection::in_memory(options).expect("a collection");
    let mut model = Model::new();
    for round in 0..6 {
        let ids: BTreeSet<usize> = (0..45).map(|_| random.below(200)).collect();
        let rows = ids.into_iter().map(|id| {
            let tenant = TENANTS[random.below(3)];
            row(&mut random, id).payload("tenant", tenant)
        });
        let rows: Vec<Document> = rows.collect();
        model.extend(rows.iter().map(|d| (d.id.clone(), d.clone())));
        collection.upsert(rows).expect("written");
        let deleted_ids: Vec<String> = model.keys().step_by(17).cloned().collect();
        collection.delete(&deleted_ids).expect("deleted");
        deleted_ids.iter().for_each(|id| drop(model.remove(id)));
        if round % 2 == 0 {
            collection.flush().expect("flushed");
        }
    }
    (collection, model)
}

fn request(random: &mut Random) -> SearchRequest {
    let words = format!("{} {}", WORDS[random.below(5)], WORDS[random.below(5)]);
    let mut request = match random.below(4) {
        0 => SearchRequest::text(words).mode(Mode::Text),
        1 => SearchRequest::vector(random.vector(DIM)),
        _ => SearchRequest::hybrid(words, random.vector(DIM)),
    };
    request.filter = match random.below(6) {
        0 => filter("n >= 2"),
        1 => filter("tenant != 'acme'"),
        2 => filter("tenant = 'umbrella' OR n < 3"),
        3 => Filter::Text { field: None, words: WORDS[random.below(5)].to_owned() },
        _ => Filter::All,
    };
    (request.limit, request.offset) = (1 + random.below(60), random.below(3) * 5);
    if request.text.is_some() && random.below(2) == 0 {
        request.text = Some(format!("{}* {}", &WORDS[random.below(5)][..3], WORDS[0]));
        request.syntax = Syntax::QueryString;
    }
    match random.below(5) {
        0 => request = request.exact(),
        1 if request.vector.is_some() => request.rerank = Some(Rerank::mmr(0.5)),
        _ => {}
    }
    request.explain = random.below(2) == 0;
    request.highlight = (random.below(2) == 0).then(Highlight::default);
    request.with_text = random.below(2) == 0;
    if random.below(3) == 0 {
        request = request.facet("tenant", 9).facet("n", 9);
    }
    if random.below(4) == 0 {
        request.offset = 0;
        request = request.group_by(["tenant", "n"][random.below(2)], 3);
    }
    request
}

/// The rows of a tenant that a filter admits.
fn inside<'m>(model: &'m Model, tenant: &str, wanted: &Filter) -> Vec<&'m Document> {
    let words = |document: &Document, words: &str| {
        document.text.values().any(|text| words.split(' ').all(|w| text.contains(w)))
    };
    let admits = |document: &&Document| match wanted {
        Filter::Text { words: wanted, .. } => words(document, wanted),
        wanted => wanted.matches(&Value::Object(document.payload.clone())),
    };
    model.values().filter(|d| is_of(d, tenant)).filter(admits).collect()
}

fn counts(rows: &[&Document], field: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in rows.iter().filter_map(|row| row.payload.get(field)) {
        *counts.entry(value.to_string()).or_default() += 1;
    }
    counts
}

fn shown(values: &[FacetValue]) -> BTreeMap<String, u64> {
    values.iter().map(|v| (Key::value(&v.value).to_string(), v.count)).collect()
}

/// Parts of an answer outside a tenant's rows, and counts that differ from those of these rows.
fn faults_of(answer: &SearchResponse, rows: &[&Document], request: &SearchRequest) -> Vec<String> {
    let ids: BTreeSet<&str> = rows.iter().map(|d| d.id.as_str()).collect();
    let mut faults = Vec::new();
    let groups = answer.groups.iter().flat_map(|groups| &groups.list);
    let hits = answer.hits.iter().chain(groups.flat_map(|group| &group.hits));
    faults.extend(hits.filter(|hit| !ids.contains(hit.id.as_str())).map(|h| h.id.clone()));
    if answer.matching != rows.len() as u64 {
        faults.push(format!("{} match, not {}", answer.matching, rows.len()));
    }
    for (facet, asked) in answer.facets.iter().zip(&request.facets) {
        if shown(&facet.values) != counts(rows, &asked.field) {
            faults.push(format!("facet {}: {:?}", asked.field, facet.values));
        }
    }
    faults
}

/// Everything that a searcher's reads show of rows outside a tenant.
fn faults(searcher: &Searcher, model: &Model, tenant: &str, random: &mut Random) -> Vec<String> {
    let request = request(random);
    let rows = inside(model, tenant, &request.filter);
    let answer = searcher.search(&request).expect("an answer");
    let mut faults = faults_of(&answer, &rows, &request);
    let many = searcher.search_many(&[request.clone(), request.clone()]).expect("answers");
    assert_eq!(many, [answer.clone(), answer]);
    let wanted = &request.filter;
    if searcher.count(wanted).expect("a count") != rows.len() as u64 {
        faults.push("count".to_owned());
    }
    let facet = searcher.facet("tenant", wanted, 9).expect("a facet");
    if shown(&facet.values) != counts(&rows, "tenant") {
        faults.push(format!("facet: {:?}", facet.values));
    }
    let (mut after, mut scrolled) = (None, Vec::new());
    loop {
        let page = searcher.scroll(wanted, after.as_deref(), 13).expect("a page");
        scrolled.extend(page.documents.into_iter().map(|d| d.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if scrolled.iter().ne(rows.iter().map(|d| &d.id)) {
        faults.push("scroll".to_owned());
    }
    if request.group_by.is_none() {
        let mut cursor = searcher.cursor(&request, 70).expect("a cursor");
        loop {
            let page = cursor.next(9).expect("a page");
            let first = page.facets.len() == request.facets.len();
            let asked = if first { request.clone() } else { SearchRequest::text("") };
            faults.extend(faults_of(&page, &rows, &asked));
            if page.hits.is_empty() {
                break;
            }
        }
        for (id, document) in model.iter().skip(random.below(20)).step_by(20) {
            let outside = !is_of(document, tenant);
            let trace = searcher.why_not(&request, id).expect("a reason");
            if outside != (trace.verdict == Verdict::NotInCollection) {
                faults.push(format!("why_not {id}: {trace:?}"));
            }
            if let Verdict::Filtered { clause } = trace.verdict
                && !wanted.to_text().contains(clause.trim_matches(['(', ')']))
            {
                faults.push(format!("why_not shows the scope: {clause}"));
            }
            if outside == searcher.get(id).expect("read").is_some() {
                faults.push(format!("get {id}"));
            }
        }
    }
    faults
}

#[test]
fn reads_see_nothing_outside_their_scope() {
    for seed in 0..6 {
        let (collection, model) = written(seed);
        let mut random = Random(seed + 100);
        let all = collection.searcher().expect("a searcher");
        let mut unscoped = 0;
        for _ in 0..40 {
            let tenant = TENANTS[random.below(3)];
            let scoped = all.scoped(of_tenant(tenant));
            // What a caller adds narrows it: the wider filter undoes nothing.
            let again = scoped.scoped(Filter::All);
            for searcher in [&scoped, &again] {
                assert_eq!(
                    faults(searcher, &model, tenant, &mut random),
                    [""; 0],
                    "{seed} {tenant}"
                );
            }
            unscoped += usize::from(!faults(&all, &model, tenant, &mut random).is_empty());
        }
        assert!(unscoped >= 35, "without a scope the same checks fail, not {unscoped} times of 40");
        // Two scopes are both: rows of two tenants are there for none.
        let none = all.scoped(of_tenant("acme")).scoped(of_tenant("umbrella"));
        assert_eq!(none.count(&Filter::All).expect("a count"), 0);
        assert!(none.search(&SearchRequest::text("wing")).expect("an answer").hits.is_empty());
    }
}

#[test]
fn a_score_is_the_same_under_every_scope() {
    let (collection, _) = written(9);
    let all = collection.searcher().expect("a searcher");
    let request = SearchRequest::text("wing flow").limit(500);
    let scores = |searcher: &Searcher| -> BTreeMap<String, u64> {
        let hits = searcher.search(&request).expect("an answer").hits;
        hits.into_iter().map(|hit| (hit.id, hit.score.to_bits())).collect()
    };
    let everywhere = scores(&all);
    let of_one = scores(&all.scoped(of_tenant("acme")));
    assert!(!of_one.is_empty() && of_one.len() < everywhere.len());
    assert!(of_one.iter().all(|(id, score)| everywhere.get(id) == Some(score)));
}

#[test]
fn recall_is_measured_among_the_rows_of_the_scope() {
    let (collection, model) = written(4);
    let all = collection.searcher().expect("a searcher");
    let mut options = RecallOptions::default();
    options.queries = RecallQueries::Sampled(1_000);
    for tenant in TENANTS {
        let rows = inside(&model, tenant, &Filter::All);
        let with_vector = rows.iter().filter(|d| !d.vectors.is_empty()).count();
        let report = all.scoped(of_tenant(tenant)).recall(&options).expect("measured");
        assert_eq!(report.queries, with_vector, "its rows alone are asked");
        let matching: u32 = report.segments.iter().map(|s| s.matching).sum();
        assert!(matching as usize <= rows.len(), "{matching} of {}", rows.len());
        assert!(all.recall(&options).expect("measured").queries > with_vector);
    }
}

/// One write of a scoped writer and of the model; true if it was refused.
fn write(collection: &Collection, model: &mut Model, tenant: &str, random: &mut Random) -> bool {
    let writer = collection.scoped_writer(of_tenant(tenant), stamp(tenant));
    let id = format!("r{:03}", random.below(220));
    let ours = |model: &Model, id: &str| model.get(id).is_some_and(|d| is_of(d, tenant));
    let stamped = |mut document: Document| {
        document.payload.insert("tenant".to_owned(), json!(tenant));
        document
    };
    match random.below(6) {
        0..=2 => {
            // Small batches go to the log, large ones become a segment file at once.
            let count = [1, 3, 60][random.below(3)];
            let start = random.below(200);
            let foreign = TENANTS[random.below(3)];
            let batch = (start..start + count).map(|id| row(random, id).payload("tenant", foreign));
            let batch: Vec<Document> = batch.collect();
            let taken = |d: &Document| model.contains_key(&d.id) && !ours(model, &d.id);
            let refused = batch.iter().any(taken);
            let deleted_ids: Vec<String> =
                model.keys().skip(random.below(9)).step_by(23).cloned().collect();
            let both = random.below(2) == 0;
            let done = match both {
                true => writer.upsert_and_delete(batch.clone(), &deleted_ids),
                false => writer.upsert(batch.clone()),
            };
            assert_eq!(done.is_err(), refused, "{done:?}");
            if let Err(error) = done {
                assert!(error.to_string().contains("not there"), "{error}");
                return true;
            }
            if both {
                let deleted_ids: Vec<_> =
                    deleted_ids.into_iter().filter(|id| ours(model, id)).collect();
                deleted_ids.iter().for_each(|id| drop(model.remove(id)));
            }
            model.extend(batch.into_iter().map(|d| (d.id.clone(), stamped(d))));
        }
        3 => {
            let changes = json!({"n": 77, "tenant": "umbrella"});
            let changes = changes.as_object().expect("an object");
            let there = ours(model, &id);
            let receipt = writer.patch(&id, changes).expect("patched");
            assert_eq!(receipt.is_some(), there, "{id}");
            if let Some(document) = model.get_mut(&id).filter(|_| there) {
                document.payload.insert("n".to_owned(), json!(77));
            }
            return !there;
        }
        4 => {
            let ids: Vec<String> =
                (0..5).map(|i| format!("r{:03}", random.below(200) + i)).collect();
            let deleted = writer.delete(&ids).expect("deleted").deleted;
            let deleted_ids: BTreeSet<_> = ids.into_iter().filter(|id| ours(model, id)).collect();
            assert_eq!(deleted, deleted_ids.len());
            deleted_ids.iter().for_each(|id| drop(model.remove(id)));
        }
        _ => {
            let wanted = filter("n = 1 OR tenant = 'umbrella'");
            let wanted = if random.below(3) == 0 { wanted } else { filter("n = 4") };
            let deleted_ids: Vec<String> =
                inside(model, tenant, &wanted).iter().map(|d| d.id.clone()).collect();
            let deleted = writer.delete_where(&wanted).expect("deleted").deleted;
            assert_eq!(deleted, deleted_ids.len());
            deleted_ids.iter().for_each(|id| drop(model.remove(id)));
        }
    }
    false
}

#[test]
fn writes_change_nothing_outside_their_scope() {
    for seed in 0..4 {
        let (collection, mut model) = written(seed + 30);
        let mut random = Random(seed);
        let (mut refused, mut tenants) = (0, BTreeMap::new());
        for step in 0..120 {
            let tenant = TENANTS[random.below(3)];
            let others = |model: &Model| -> Vec<Document> {
                model.values().filter(|d| !is_of(d, tenant)).cloned().collect()
            };
            let before = others(&model);
            refused += usize::from(write(&collection, &mut model, tenant, &mut random));
            *tenants.entry(tenant).or_insert(0) += 1;
            assert_eq!(others(&model), before, "the model itself");
            if step % 12 == 0 {
                collection.flush().expect("flushed");
            }
            if step % 10 == 9 {
                let all = collection.scroll(&Filter::All, None, 10_000).expect("rows").documents;
                let payloads = |rows: &mut dyn Iterator<Item = &Document>| -> Vec<_> {
                    rows.map(|d| (d.id.clone(), d.text.clone(), d.payload.clone())).collect()
                };
                assert_eq!(
                    payloads(&mut all.iter()),
                    payloads(&mut model.values()),
                    "{seed} {step}"
                );
            }
        }
        assert!(refused > 10 && tenants.len() == 3, "{refused} writes were refused");
        collection.compact(CompactOptions::new()).expect("compacted");
        // The control: a writer without a scope writes over any row.
        let taken = model.values().find(|d| !is_of(d, "acme")).expect("a row").id.clone();
        let document = Document::new(&taken).text("wing");
        let scoped = collection.scoped_writer(of_tenant("acme"), stamp("acme"));
        scoped.upsert(vec![document.clone()]).expect_err("another tenant's");
        collection.upsert(vec![document]).expect("written");
    }
}

#[test]
fn a_scope_of_a_writer_is_narrowed_and_never_widened() {
    let (collection, _) = written(50);
    let writer = collection.scoped_writer(of_tenant("acme"), stamp("acme"));
    let narrow =
        writer.clone().scoped(filter("n = 3"), Map::from_iter([("n".to_owned(), json!(3))]));
    narrow.upsert(vec![Document::new("new").text("wing")]).expect("written");
    let row = collection.get("new").expect("read").expect("there");
    assert_eq!((&row.payload["tenant"], &row.payload["n"]), (&json!("acme"), &json!(3)));
    // A stamp that was set keeps its value, and a row that would lie outside is refused.
    let again = writer.clone().scoped(Filter::All, stamp("umbrella"));
    again.upsert(vec![Document::new("new").text("wing")]).expect("written");
    assert!(is_of(&collection.get("new").expect("read").expect("there"), "acme"));
    let unstamped = writer.scoped(filter("n = 9"), Map::new());
    let error = unstamped.upsert(vec![Document::new("x").text("wing")]).expect_err("outside");
    assert!(error.to_string().contains("outside the writer's scope"), "{error}");
    // The words of a text filter are those of the analysis.
    let by_words = Filter::Text { field: None, words: "wings".to_owned() };
    let wings = collection.scoped_writer(by_words, Map::new());
    wings.upsert(vec![Document::new("w").text("a wing")]).expect("written");
    wings.upsert(vec![Document::new("w").text("a flow")]).expect_err("outside");
    assert_eq!(wings.delete(&["w"]).expect("deleted").deleted, 1);
}

#[test]
fn a_scope_that_cannot_be_evaluated_admits_nothing() {
    let (collection, _) = written(7);
    let before = collection.count(&Filter::All).expect("counted");
    let ids = collection.scroll(&Filter::All, None, 5).expect("read").documents;
    let id = &ids[0].id;
    let misspelt = Filter::from_json(&json!({"misspelt": {"$text": "wing"}})).expect("a filter");
    let cut = Filter::Invalid(Box::new(Filter::parse("year >").expect_err("no filter")));
    for scope in [!misspelt, !(cut | filter("year > 0"))] {
        let searcher = collection.searcher().expect("a view").scoped(scope.clone());
        searcher.get(id).expect_err("the scope is refused, and nothing is read");
        searcher.count(&Filter::All).expect_err("refused");
        let writer = collection.scoped_writer(scope, Map::new());
        writer.delete(&[id]).expect_err("the scope is refused, and nothing is deleted");
        writer.patch(id, &stamp("other")).expect_err("refused");
        writer.upsert(ids[0].clone()).expect_err("refused");
    }
    assert_eq!(collection.count(&Filter::All).expect("counted"), before);
}

#[test]
fn a_notice_says_nothing_of_rows_outside_the_scope_or_deleted() {
    let collection = Collection::in_memory(Options::new()).expect("a collection");
    let row = |id: &str, tenant: &str| Document::new(id).text("wing").payload("tenant", tenant);
    let rows = [
        row("a", "umbrella").payload("y", "their secret"),
        row("b", "acme"),
        row("c", "acme").payload("z", "an old secret"),
    ];
    collection.upsert(rows).expect("written");
    collection.flush().expect("flushed");
    let notices = |filter: &str| {
        let searcher = collection.searcher().expect("a view").scoped(of_tenant("acme"));
        let request = SearchRequest::text("wing").filter(self::filter(filter));
        searcher.search(&request).expect("an answer").notices
    };
    assert_eq!(notices("y > 5"), [""; 0], "no row of the scope has a y");
    let notice = notices("z > 5").concat();
    assert!(notice.contains("\"z\" with a number") && !notice.contains("secret"), "{notice}");
    collection.delete(&["c"]).expect("deleted");
    assert_eq!(notices("z > 5"), [""; 0]);
}
