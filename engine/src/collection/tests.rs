//! Tests that a search checks its deadline between all its steps, with deadlines that pass after a
//! number of checks.

use std::sync::atomic::AtomicUsize;

use lexivec_query::request::{Highlight, Mode, Syntax};
use lexivec_query::{Rerank, SearchRequest};

use super::Collection;
use crate::deadline::Deadline;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::schema::Metric;
use lexivec_query::SearchResponse;

/// One segment of each size.
fn collection(segments: &[usize]) -> Collection {
    let options = Options::new().vector(2, Metric::Cosine).graph_min_rows(1_000_000);
    let collection = Collection::in_memory(options).expect("made");
    let mut id = 0;
    for rows in segments {
        let row = |_| {
            id += 1;
            let vector = vec![1.0, (id % 97) as f32];
            Document::new(id.to_string()).text("wing").vector(vector).payload("n", id % 7)
        };
        collection.upsert((0..*rows).map(row)).expect("written");
        collection.flush().expect("flushed");
    }
    collection
}

/// The answer under a deadline of `checks` checks, and the number of checks left.
fn search(
    collection: &Collection,
    request: &SearchRequest,
    looks: usize,
) -> (Result<SearchResponse>, usize) {
    let left: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(looks)));
    let searcher = collection.searcher().expect("a searcher");
    let answer = searcher.search_until(request, Deadline::after_checks(left));
    (answer, left.load(std::sync::atomic::Ordering::Relaxed))
}

/// Number of deadline checks of a search.
fn looks(collection: &Collection, request: &SearchRequest) -> usize {
    const MANY: usize = 1_000_000;
    let (answer, left) = search(collection, request, MANY);
    answer.expect("an answer");
    MANY - left
}

#[test]
fn a_search_ends_at_any_deadline_check() {
    let collection = collection(&[40, 30, 20]);
    let hybrid = SearchRequest::hybrid("wing", vec![1.0, 3.0]).limit(5);
    let mut words = SearchRequest::text("+wing -tail").mode(Mode::Text).limit(5);
    (words.syntax, words.highlight) = (Syntax::QueryString, Some(Highlight::default()));
    let mmr = Rerank::mmr(0.5).budget_ms(60_000);
    // Checks are expected at least at the beginning; for each segment under the filter and in each leg;
    // at fusion, before and after the rerank; at the hits. Facets check for each segment, and groups
    // for each row.
    for (request, least) in [
        (hybrid.clone(), 1 + 9 + 3 + 5),
        (hybrid.clone().rerank(mmr).facet("n", 3), 1 + 9 + 3 + 3 + 5),
        (hybrid.clone().group_by("n", 2), 1 + 9 + 3 + 10 + 10),
        (words, 1 + 6 + 3 + 5),
    ] {
        let expected = collection.search(&request).expect("an answer");
        let all = looks(&collection, &request);
        assert!(all >= least, "{all} looks, {least} are the least: {request:?}");
        for looks in 0..all {
            let error = search(&collection, &request, looks).0.expect_err("too late");
            assert!(matches!(error, Error::DeadlineExceeded), "{error}");
        }
        assert_eq!(search(&collection, &request, all).0.expect("an answer"), expected);
    }
}

#[test]
fn a_scan_looks_now_and_then() {
    let (few, many) = (collection(&[4_000]), collection(&[12_300]));
    let exact = SearchRequest::vector(vec![1.0, 3.0]).exact();
    for request in [&exact, &SearchRequest::vector(vec![1.0, 3.0])] {
        assert_eq!(looks(&many, request), looks(&few, request) + 3, "{request:?}");
    }
    let words = SearchRequest::text("wing");
    assert!(looks(&many, &words) > looks(&few, &words));
}

#[test]
fn long_walks_through_a_text_look_now_and_then() {
    let letters = || (b'a'..=b'z').map(char::from);
    let words = || letters().flat_map(move |a| letters().map(move |b| format!("ab{a}{b} ")));
    let collection = |text: &str| {
        let collection = Collection::in_memory(Options::new()).expect("made");
        let documents = (0..2).map(|id| Document::new(id.to_string()).text(text));
        collection.upsert(documents).expect("written");
        collection
    };
    for (query, short, long) in [
        ("\"abc abc abc\"~9", "abc ".repeat(100), "abc ".repeat(9_000)),
        ("+ab*", "abc".to_owned(), words().collect()),
        ("+abcd~2", "abcd".to_owned(), words().collect()),
        ("last", "last".to_owned(), "abc ".repeat(70_000) + "last"),
    ] {
        let mut request = SearchRequest::text(query).mode(Mode::Text);
        request.syntax = Syntax::QueryString;
        if query == "last" {
            request.highlight = Some(Highlight::default());
        }
        let (short, long) = (collection(&short), collection(&long));
        let all = looks(&long, &request);
        assert!(all > looks(&short, &request), "{query}: {all}");
        let error = search(&long, &request, all - 1).0.expect_err("too late");
        assert!(matches!(error, Error::DeadlineExceeded), "{query}: {error}");
    }
}

#[test]
fn a_search_waits_for_the_indexing_of_writes_no_longer_than_its_deadline() {
    for text in ["wing".to_owned(), "wing ".repeat(100_000)] {
        let collection = Collection::in_memory(Options::new()).expect("made");
        collection.upsert([Document::new("a").text(text)]).expect("written");
        let request = SearchRequest::text("wing").mode(Mode::Text);
        // Nothing is indexed as long as another thread does it.
        let building = collection.shared.building.lock();
        let error = collection.search(&request.clone().deadline_ms(1)).expect_err("too late");
        assert!(matches!(error, Error::DeadlineExceeded), "{error}");
        drop(building);
        assert_eq!(collection.search(&request).expect("an answer").hits.len(), 1);
    }
}
