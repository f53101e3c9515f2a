//! The deadline of a request: one that passes at once is reported, a distant one changes nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use lexivec::model::{Candidate, RerankQuery, Reranker};
use lexivec::query::limits::MAX_DEADLINE_MS;
use lexivec::{
    Collection, Document, Error, ErrorKind, Fusion, Metric, Options, Rerank, SearchRequest,
};
use lexivec_tests::Random;

use crate::{arg, lexivec, lexivec_ok};

fn rows(count: usize) -> Vec<Document> {
    let mut random = Random(41);
    let row = |id: usize| {
        let words = ["wing flow", "wing", "heat flow flow", "nose"][id % 4];
        let row = Document::new(format!("{id:04}")).text(words);
        row.vector(random.vector(8)).payload("n", id % 5)
    };
    (0..count).map(row).collect()
}

fn written() -> Collection {
    let options = Options::new().vector(8, Metric::Cosine).graph_min_rows(1_000);
    let collection = Collection::in_memory(options).expect("a collection");
    for batch in rows(3_000).chunks(1_500) {
        collection.upsert(batch.to_vec()).expect("written");
        collection.flush().expect("flushed");
    }
    collection
}

/// Every way of a segment, and every stage after the legs.
fn requests() -> Vec<SearchRequest> {
    let mut random = Random(42);
    let mut hybrid = || SearchRequest::hybrid("wing flow", random.vector(8)).limit(20);
    let mut few = hybrid().exact();
    few.params.exact = false;
    few.filter = lexivec::Filter::parse("n = 3").expect("a filter");
    vec![
        hybrid(),
        hybrid().exact().fusion(Fusion::dbsf()),
        hybrid().rerank(Rerank::mmr(0.5).budget_ms(60_000)).explain(),
        hybrid().group_by("n", 3).facet("n", 5),
        SearchRequest::text("wing"),
        SearchRequest::vector(vec![1.0; 8]).target_recall(0.9),
        few,
    ]
}

#[test]
fn a_deadline_far_away_changes_nothing() {
    let collection = written();
    let requests = requests();
    let far: Vec<SearchRequest> =
        requests.iter().map(|request| request.clone().deadline_ms(MAX_DEADLINE_MS)).collect();
    let json = |answer| serde_json::to_string(&answer).expect("JSON");
    for (request, far) in requests.iter().zip(&far) {
        let plain = collection.search(request).expect("an answer");
        assert_eq!(json(collection.search(far).expect("an answer")), json(plain), "{request:?}");
    }
    let (plain, far) = (collection.search_many(&requests), collection.search_many(&far));
    assert_eq!(far.expect("answers"), plain.expect("answers"));
}

#[test]
fn a_passed_deadline_is_reported() {
    let (collection, empty) = (written(), Collection::in_memory(Options::new()).expect("made"));
    let over = |error: Error| {
        assert_eq!(
            (error.kind(), matches!(error, Error::DeadlineExceeded)),
            (ErrorKind::DeadlineExceeded, true)
        );
        assert!(error.to_string().contains("within its deadline"), "{error}");
    };
    for request in requests() {
        let late = request.clone().deadline_ms(0);
        over(collection.search(&late).expect_err("too late"));
        over(collection.search_many(&[request.clone(), late.clone()]).expect_err("too late"));
        if late.group_by.is_none() {
            over(collection.why_not(&late, "0001").expect_err("too late"));
            over(collection.cursor(&late, 10).map(|_| ()).expect_err("too late"));
        }
    }
    over(empty.search(&SearchRequest::text("wing").deadline_ms(0)).expect_err("too late"));
    let long = SearchRequest::text("wing").deadline_ms(MAX_DEADLINE_MS + 1);
    let error = collection.search(&long).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error}");
}

/// Time that a [`Noting`] takes at least: more than one call is another's delay.
const SPENT: Duration = Duration::from_millis(5);

/// Records the time it gets and the time it leaves; if it `waits`, it uses all of it.
struct Noting {
    given: Mutex<Vec<Duration>>,
    left: Mutex<Vec<Duration>>,
    waits: bool,
}

impl Reranker for Noting {
    fn name(&self) -> &str {
        "noting"
    }

    fn rerank(&self, query: &RerankQuery, candidates: &[Candidate]) -> lexivec::Result<Vec<f64>> {
        let given = query.deadline.left();
        self.given.lock().expect("no panic").push(given);
        let enough = |left: Duration| left.is_zero() || !self.waits && given - left > SPENT;
        while !enough(query.deadline.left()) {
            std::thread::yield_now();
        }
        self.left.lock().expect("no panic").push(query.deadline.left());
        Ok(vec![0.0; candidates.len()])
    }
}

#[test]
fn a_reranker_has_what_is_left_of_the_time() {
    let second = Duration::from_secs(1);
    let request = SearchRequest::text("wing").rerank(Rerank::model().budget_ms(50_000));
    let noting =
        |waits| Arc::new(Noting { given: Mutex::default(), left: Mutex::default(), waits });
    let notes = noting(false);
    let collection = written().with_reranker(notes.clone());
    // Its own budget is less in the first two, the deadline in the third.
    for request in
        [&request, &request.clone().deadline_ms(600_000), &request.clone().deadline_ms(30_000)]
    {
        let answer = collection.search(request).expect("an answer");
        assert!(answer.rerank.expect("a report").applied);
    }
    let given = notes.given.lock().expect("no panic").clone();
    assert!(given[0] > 31 * second && given[1] > 31 * second, "{given:?}");
    assert!(given[2] <= 30 * second, "{given:?}");
    // Groups that are not filled are ranked again, in what is left of the budget.
    let narrow = Rerank::model().budget_ms(50_000).depth(3);
    let groups = request.clone().rerank(narrow).candidates(3).limit(6).group_by("n", 9);
    let (calls, answer) = (given.len(), collection.search(&groups).expect("an answer"));
    let groups = answer.groups.expect("groups");
    assert!(groups.complete, "{} {:?}", groups.looked_at, answer.rerank);
    let given = notes.given.lock().expect("no panic")[calls..].to_vec();
    let left = notes.left.lock().expect("no panic")[calls..].to_vec();
    assert!(given.len() > 1, "it was widened");
    for (left, given) in left.iter().zip(&given[1..]) {
        assert!(given <= left, "{given:?} after {left:?} were left");
    }
    // Nothing is left after a reranker that took all of it.
    let collection = written().with_reranker(noting(true));
    let error = collection.search(&request.deadline_ms(20)).expect_err("too late");
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
}

#[test]
fn the_command_ends_with_its_deadline() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    let collection = Collection::create(&dir, Options::new().vector(8, Metric::Cosine));
    collection.expect("made").upsert(rows(20)).expect("written");
    let search = ["search", arg(&dir), "wing", "--json", "--deadline-ms"];
    let with = |millis| [&search[..], &[millis]].concat();
    assert_eq!(lexivec_ok(&with("600000")), lexivec_ok(&search[..4]));
    for (millis, code, message) in [("0", 1, "within its deadline"), ("600001", 2, "deadline_ms")] {
        let output = lexivec(&with(millis));
        assert_eq!((output.status.code(), output.stdout.len()), (Some(code), 0));
        assert!(String::from_utf8_lossy(&output.stderr).contains(message), "{output:?}");
    }
}
