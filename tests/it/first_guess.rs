//! First guesses: the calls that a Rust programmer types before reading any documentation compile and work.

use std::collections::BTreeMap;
use std::sync::Arc;

use lexivec::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Paper {
    title: String,
    body: String,
    year: u32,
}

fn paper(year: u32) -> Paper {
    Paper { title: "Wings".to_owned(), body: "a wing in a slipstream".to_owned(), year }
}

/// The prelude does not shadow the `Result` of the standard library.
fn papers() -> Result<Collection, Box<dyn std::error::Error>> {
    let papers = Collection::in_memory(Options::new().vector(2, Metric::Cosine))?;
    papers.upsert(vec![
        Document::new("a").text("a wing in a slipstream").vector([1.0, 0.0]).payload("year", 1958),
        Document::new("b").text("heat in a layer").vector(vec![0.0, 1.0]).payload("year", 2004),
    ])?;
    Ok(papers)
}

fn ids(answer: &SearchResponse) -> Vec<&str> {
    answer.hits.iter().map(|hit| hit.id.as_str()).collect()
}

#[test]
fn texts_and_vectors_are_set_with_and_without_a_field() {
    let slice: &[f32] = &[0.5, 0.5];
    let document = Document::new("a")
        .text("body")
        .text_in("title", "a title")
        .vector(slice)
        .vector_in("other", [1.0f32; 3]);
    assert_eq!(
        (document.text["text"].as_str(), document.text["title"].as_str()),
        ("body", "a title")
    );
    assert_eq!((document.vectors["vector"].len(), document.vectors["other"].len()), (2, 3));
}

#[test]
fn a_collection_is_opened_or_created_and_its_handle_is_cheap() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("papers");
    for rows in [1, 2] {
        let papers = Collection::open_or_create(&path, Options::new()).expect("open");
        let clone = papers.clone();
        clone.upsert(Document::new(format!("row-{rows}")).text("wing")).expect("written");
        assert_eq!(papers.count(&Filter::All).expect("counted"), rows);
        assert!(format!("{papers:?}").contains("Collection"));
    }
}

#[test]
fn upsert_takes_one_document_and_anything_iterable() {
    let papers = papers().expect("made");
    let row = |i: usize| Document::new(format!("row-{i}")).text("wing");
    papers.upsert(row(0)).expect("one");
    papers.upsert([row(1), row(2)]).expect("an array");
    papers.upsert((3..5).map(row)).expect("an iterator");
    papers.upsert(vec![row(5)]).expect("a vector");
    let map = BTreeMap::from([("row-6", row(6))]);
    papers.upsert(map.into_values()).expect("the values of a map");
    assert_eq!(papers.count(&Filter::All).expect("counted"), 9);
}

#[test]
fn serde_types_become_documents_and_come_back() {
    let papers = papers().expect("made");
    let document = Document::from_serde("p", &paper(1999)).expect("an object");
    let document = document.text_from("body").expect("a text").text_in_from("title", "title");
    papers.upsert(document.expect("a title")).expect("written");
    let answer = papers.search(&SearchRequest::text("slipstream").filter("year = 1999"));
    let answer = answer.expect("found");
    assert_eq!(answer.hits[0].payload::<Paper>().expect("a paper"), paper(1999));
    let stored = papers.get("p").expect("read").expect("it is there");
    assert_eq!(stored.payload_as::<Paper>().expect("a paper"), paper(1999));
    assert_eq!(stored.text["title"], "Wings");

    // Faults name the document, the key and the remedy.
    let error = Document::from_serde("p", &7).expect_err("no object").to_string();
    assert!(error.contains("\"p\"") && error.contains("object"), "{error}");
    let document = Document::from_serde("p", &paper(1)).expect("an object");
    let error = document.clone().text_from("bdy").expect_err("no key").to_string();
    assert!(error.contains("bdy") && error.contains("body"), "{error}");
    assert!(document.text_from("year").expect_err("no string").to_string().contains("year"));
    let bare = SearchRequest::text("slipstream").with_payload(false);
    let answer = papers.search(&bare).expect("found");
    let error = answer.hits[0].payload::<Paper>().expect_err("left out").to_string();
    assert!(error.contains("with_payload"), "{error}");
}

#[test]
fn filters_are_texts_json_or_built_and_a_fault_is_reported_by_the_search() {
    let papers = papers().expect("made");
    let found = |request: SearchRequest| papers.search(&request).map(|a| a.matching);
    let all = || SearchRequest::vector([1.0, 0.0]);
    for (request, matching) in [
        (all().filter("year > 2000"), 1),
        (all().filter(format!("year > {}", 1950)), 2),
        (all().filter(json!({"year": {"$lt": 2000}})), 1),
        (all().filter(field("year").gte(2000)), 1),
        (all().filter(field("year").gte(1950) & !field("year").is(2004)), 1),
        (all().filter(field("year").any_of([1958, 2004]) | field("none").exists()), 2),
        (all().filter(Filter::ids(["b"])), 1),
        (all().filter(&Filter::All), 2),
    ] {
        assert_eq!(found(request).expect("answered"), matching);
    }
    let parsed: Filter = "year = 1958".parse().expect("a filter");
    assert_eq!(papers.count(&parsed).expect("counted"), 1);

    let error = papers.search(&all().filter("year >")).expect_err("half a filter");
    assert_eq!(error.to_string(), Filter::parse("year >").expect_err("half a filter").to_string());
    assert!(papers.cursor(&all().filter("year >"), 10).is_err());
    assert!(papers.search_many(&[all(), all().filter("year >")]).is_err());
    // Another filter in its place mends the request.
    assert_eq!(found(all().filter("year >").filter("year > 2000")).expect("answered"), 1);
}

#[test]
fn what_requests_are_made_of_is_at_the_root() {
    let papers = papers().expect("made");
    let request = SearchRequest::hybrid("wing", [1.0, 0.0])
        .mode(Mode::Hybrid)
        .leg(Leg::Text, LegOptions { weight: 2.0, ..LegOptions::default() })
        .bm25(Bm25 { k1: 0.9, b: 0.4 })
        .highlight(Highlight::default())
        .params(Params { exact: true, ..Params::default() })
        .with_text(true)
        .limit(1);
    let answer: lexivec::SearchResponse = papers.search(&request).expect("answered");
    let hit: &Hit = &answer.hits[0];
    let ledger: &lexivec::Ledger = &hit.ledger;
    assert!(ledger.adds_up());
    let (by, facet) = (GroupBy::new("year", 1), Facet::new("year", 5));
    assert_eq!((by.field.as_str(), facet.limit), ("year", 5));
}

#[test]
fn embedders_and_rerankers_are_traits_at_the_root() {
    struct Halves;
    impl Embedder for Halves {
        fn name(&self) -> &str {
            "halves"
        }
        fn hash(&self) -> &str {
            "00000000000000000000000000000002"
        }
        fn dim(&self) -> usize {
            2
        }
        fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
            let embed = |text: &&str| Some(vec![text.len() as f32, 1.0]);
            Ok(texts.iter().map(embed).collect())
        }
    }
    struct Backwards;
    impl Reranker for Backwards {
        fn name(&self) -> &str {
            "backwards"
        }
        fn rerank(&self, _: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
            Ok(candidates.iter().map(|candidate| candidate.rank as f64).collect())
        }
    }
    let options = Options::new().embedder(Arc::new(Halves));
    let rows = Collection::in_memory(options).expect("made").with_reranker(Arc::new(Backwards));
    rows.upsert(["wing", "wing wing"].map(|text| Document::new(text).text(text))).expect("written");
    let request = SearchRequest::text("wing");
    let (forth, back) =
        (rows.search(&request), rows.search(&request.clone().rerank(Rerank::model())));
    let (forth, back) = (forth.expect("answered"), back.expect("answered"));
    let mut forth = ids(&forth);
    forth.reverse();
    assert_eq!(ids(&back), forth);
}

#[test]
fn a_searcher_goes_to_other_threads() {
    let papers = papers().expect("made");
    let searcher: Searcher = papers.searcher().expect("a view");
    let thread = std::thread::spawn(move || searcher.search(&SearchRequest::text("wing")));
    let answer = thread.join().expect("no panic").expect("answered");
    assert_eq!(ids(&answer), ["a"]);
}

#[test]
fn an_unread_builder_is_a_warning_and_everything_shows_itself() {
    fn shows<T: std::fmt::Debug>() {}
    shows::<Collection>();
    shows::<Database>();
    shows::<SearchRequest>();
    shows::<Options>();
    shows::<OpenOptions>();
    shows::<WriteOptions<'static>>();
    shows::<Cursor>();
    shows::<Searcher>();
    shows::<Document>();
}
