//! Weights of text fields: in a schema, a request and a profile, by the command and over HTTP, with their ledger.

use std::path::Path;

use lexivec::eval::ranking::Judgments;
use lexivec::query::limits::TITLE_WEIGHT;
use lexivec::query::request::{Highlight, Mode, Syntax};
use lexivec::query::why_not::Verdict;
use lexivec::schema::TextField;
use lexivec::{
    Collection, Document, Filter, JudgedQuery, Metric, Options, Profile, SearchRequest, TuneOptions,
};
use lexivec_tests::Random;
use serde_json::{Value, json};

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

const ROWS: usize = 60;
const WORDS: [&str; 8] = ["wing", "flow", "heat", "shock", "layer", "mach", "nose", "cone"];

fn words(random: &mut Random, count: usize) -> String {
    (0..count).map(|_| WORDS[random.below(8) * random.below(8) / 8]).collect::<Vec<_>>().join(" ")
}

/// Rows with a title and a text of two words or more.
fn rows() -> Vec<Document> {
    let mut random = Random(23);
    let row = |id: usize| {
        let (title, text) = (1 + random.below(3), 2 + random.below(12));
        let row = Document::new(format!("r{id:02}")).text_in("title", words(&mut random, title));
        row.text(words(&mut random, text)).vector(random.vector(4))
    };
    (0..ROWS).map(row).collect()
}

/// The rows, each with its title repeated.
fn repeated(times: usize) -> Collection {
    let fields = vec![TextField::new("title"), TextField::new("text")];
    let collection = made(Options::new().text_fields(fields), Vec::new());
    let mut rows = rows();
    for row in &mut rows {
        let title = row.text.get_mut("title").expect("a title");
        *title = vec![title.as_str(); times].join(" ");
    }
    collection.upsert(rows).expect("written");
    collection
}

fn made(options: Options, rows: Vec<Document>) -> Collection {
    let options = options.vector(4, Metric::Cosine);
    let collection = Collection::in_memory(options).expect("made");
    // In segments of a file and in memory, with rows that are replaced.
    for some in rows.chunks(25) {
        collection.upsert(some.to_vec()).expect("written");
        if some.len() == 25 {
            collection.flush().expect("flushed");
        }
    }
    collection.upsert(rows.into_iter().step_by(9).collect::<Vec<_>>()).expect("replaced");
    collection
}

/// Ids and scores of an answer, whose ledgers add up.
fn bits(collection: &Collection, request: &SearchRequest) -> Vec<(String, u64)> {
    let request = request.clone().limit(ROWS).explain();
    let answer = collection.search(&request).expect("an answer");
    answer
        .hits
        .into_iter()
        .map(|hit| {
            assert!(hit.ledger.adds_up(), "{:?}", hit.ledger);
            (hit.id, hit.score.to_bits())
        })
        .collect()
}

#[test]
fn a_title_counts_as_if_it_stood_there_as_often_as_it_weighs() {
    let collection = made(Options::new(), rows());
    let mut random = Random(5);
    for _ in 0..60 {
        let count = 1 + random.below(3);
        let request = SearchRequest::text(words(&mut random, count)).mode(Mode::Text);
        let usual = bits(&collection, &request);
        assert_eq!(usual, bits(&repeated(TITLE_WEIGHT as usize), &request));
        for times in [1, 2, 5] {
            let weighed = request.clone().field_weight("title", times as f64);
            assert_eq!(bits(&collection, &weighed), bits(&repeated(times), &request), "{times}");
        }
        assert_ne!(usual, bits(&collection, &request.clone().field_weight("title", 1.0)));
    }
    // A hybrid request completes its candidates with the same scores.
    let hybrid = SearchRequest::hybrid("wing nose", [1.0, 0.0, 0.5, 0.0]).candidates(10);
    let weighed = hybrid.clone().field_weight("title", 5.0);
    assert_eq!(bits(&collection, &weighed), bits(&repeated(5), &hybrid));
}

#[test]
fn a_ledger_shows_the_weights_and_why_not_knows_the_rank() {
    let collection = made(Options::new(), rows());
    let request = SearchRequest::text("nose shock").mode(Mode::Text).limit(3).explain();
    let answer = collection.search(&request).expect("an answer");
    let live = ROWS as f64;
    for hit in &answer.hits {
        let ledger = &hit.ledger;
        let json = serde_json::to_value(ledger).expect("written");
        assert_eq!(
            serde_json::from_value::<lexivec::query::explain::Ledger>(json).expect("read"),
            *ledger
        );
        for term in &ledger.terms {
            let [title] = &term.weights[..] else { panic!("{term:?}") };
            assert_eq!((title.field.as_str(), title.weight), ("title", TITLE_WEIGHT));
            let more = TITLE_WEIGHT - 1.0;
            let tf = f64::from(term.tf) + more * f64::from(title.tf);
            let length = f64::from(term.length) + more * f64::from(title.length);
            let tokens = |field: &str| -> f64 {
                let counted = collection.searcher().expect("a searcher").term_statistics(&request);
                counted.expect("counted").tokens[field] as f64
            };
            let average = (tokens("text") + more * tokens("title")) / live;
            let expected = term.idf * tf / (tf + 1.2 * (0.25 + 0.75 * length / average));
            assert!((term.contribution - expected).abs() < 1e-12, "{term:?} {expected}");
        }
    }
    let all = bits(&collection, &request);
    let ninth = &all[8].0;
    let found = collection.searcher().expect("a searcher").why_not(&request, ninth).expect("found");
    assert!(
        format!("{:?}", found.legs).contains("rank: 9"),
        "{:?} {:?}",
        found.verdict,
        found.legs
    );
    assert!(!matches!(found.verdict, Verdict::NotInCollection));

    // Weights of 1 are not shown, and a field alone has none.
    let plain = request.clone().field_weight("title", 1.0);
    let plain = collection.search(&plain).expect("an answer");
    assert!(
        plain.hits.iter().flat_map(|hit| &hit.ledger.terms).all(|term| term.weights.is_empty())
    );
}

#[test]
fn a_field_with_a_weight_can_be_named() {
    let collection = made(Options::new(), rows());
    let title = |row: &Document| row.text["title"].split(' ').any(|word| word == "nose");
    let mut expected: Vec<String> = rows().into_iter().filter(title).map(|row| row.id).collect();
    expected.sort();
    let named = SearchRequest::text("title:nose").syntax(Syntax::QueryString).mode(Mode::Text);
    let mut found: Vec<String> = bits(&collection, &named).into_iter().map(|hit| hit.0).collect();
    found.sort();
    assert!(!expected.is_empty() && found == expected);
    let filter = Filter::from_json(&json!({"title": {"$text": "nose"}})).expect("a filter");
    assert_eq!(collection.count(&filter).expect("counted"), expected.len() as u64);
    let answer =
        collection.search(&named.clone().highlight(Highlight::default())).expect("an answer");
    let passages = answer.hits[0].highlight.as_ref().expect("passages");
    assert!(passages["title"].iter().any(|part| part.found && part.text == "nose"), "{passages:?}");
    assert!(!passages.contains_key("text"), "{passages:?}");
    // The joined text is counted once.
    let stats = |collection: &Collection| collection.stats().expect("stats").tokens;
    assert_eq!(stats(&collection), stats(&repeated(1)));
}

#[test]
fn fields_that_are_searched_each_by_itself_have_weights_as_factors() {
    let apart = made(Options::new().join_text(false), rows());
    let request = SearchRequest::text("nose wing").mode(Mode::Text);
    let scores = |request: &SearchRequest| -> Vec<(String, f64, f64)> {
        let request = request.clone().limit(ROWS).explain();
        let hits = apart.search(&request).expect("an answer").hits;
        let of = |terms: &[lexivec::query::explain::TermScore], field: &str| -> f64 {
            terms.iter().filter(|t| t.field == field).map(|t| t.contribution).sum()
        };
        let mut all: Vec<_> = hits
            .iter()
            .map(|hit| {
                assert!(hit.ledger.adds_up());
                let terms = &hit.ledger.terms;
                (hit.id.clone(), of(terms, "title"), of(terms, "text"))
            })
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    };
    let (once, thrice) = (scores(&request), scores(&request.clone().field_weight("title", 3.0)));
    assert_eq!(once.len(), thrice.len());
    for (one, three) in once.iter().zip(&thrice) {
        assert!((3.0 * one.1 - three.1).abs() < 1e-12 && one.2 == three.2, "{one:?} {three:?}");
    }
    assert!(once.iter().any(|one| one.1 > 0.0));
}

#[test]
fn what_cannot_be_weighed_is_refused_with_what_can() {
    let request = SearchRequest::text("wing").field_weight("title", 2.0);
    let without = repeated(1).search(&request).expect_err("refused").to_string();
    assert!(without.contains("\"title\" is named") && without.contains("it has none"), "{without}");
    let usual = made(Options::new(), Vec::new());
    for (field, weight, expected) in [
        ("text", 2.0, "a \"weight\": [\"title\"]"),
        ("titel", 2.0, "\"titel\" is named"),
        ("title", 0.0, "a number above 0 up to 100 is expected"),
    ] {
        let request = SearchRequest::text("wing").field_weight(field, weight);
        let error = usual.search(&request).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
        let profile = Profile { field_weights: request.field_weights, ..Profile::default() };
        let error = usual.set_profile("p", profile).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (fields, expected) in [
        (
            vec![TextField::new("text").weight(2.0)],
            "all texts together are searched under this name",
        ),
        (vec![TextField::new("title").weight(-1.0)], "above 0 up to 100"),
    ] {
        let error = Collection::in_memory(Options::new().text_fields(fields)).expect_err("refused");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// Queries whose word is in the title of one row and in the texts of others.
fn judged() -> (Vec<Document>, Vec<JudgedQuery>) {
    let mut random = Random(3);
    let mut rows = Vec::new();
    for topic in 0..30 {
        let about = format!("topic{topic}");
        let row = Document::new(format!("about{topic}")).text_in("title", &about);
        rows.push(row.text(words(&mut random, 30)));
        for other in 0..3 {
            let row = Document::new(format!("other{topic}-{other}")).text_in("title", "notes");
            rows.push(row.text(format!("{about} {about} {about} {}", words(&mut random, 10))));
        }
    }
    let query = |topic: usize| JudgedQuery {
        id: format!("q{topic}"),
        request: SearchRequest::text(format!("topic{topic}")),
        judgments: Judgments::from([(format!("about{topic}"), 1)]),
    };
    (rows, (0..30).map(query).collect())
}

#[test]
fn tuning_finds_the_weight_and_a_profile_keeps_it() {
    let (rows, queries) = judged();
    let fields = vec![TextField::new("title").weight(1.0), TextField::new("text")];
    let collection = Collection::in_memory(Options::new().text_fields(fields)).expect("made");
    collection.upsert(rows).expect("written");
    let searcher = collection.searcher().expect("a searcher");
    let found = searcher.tune(&queries, &TuneOptions::default()).expect("tuned");
    assert!(found.validation.significant, "{found:?}");
    assert_eq!(found.profile.field_weights["title"], 5.0, "{:?}", found.profile);
    collection.set_profile("titles", found.profile.clone()).expect("set");
    let mut request = SearchRequest::text("topic3").limit(1);
    assert_ne!(collection.search(&request).expect("an answer").hits[0].id, "about3");
    request.profile = Some("titles".to_owned());
    let answer = collection.search(&request).expect("an answer");
    assert_eq!(answer.hits[0].id, "about3");
    // What a request says wins.
    let answer = collection.search(&request.field_weight("title", 1.0)).expect("an answer");
    assert_ne!(answer.hits[0].id, "about3");
}

#[test]
fn the_command_weighs_fields() {
    let dir = tempfile::tempdir().expect("a directory");
    let (index, apart) = (dir.path().join("index"), dir.path().join("apart"));
    let file = dir.path().join("rows.jsonl");
    let rows = [
        json!({"id": "a", "title": "Wings", "text": "Of flow and heat and other things that are long."}),
        json!({"id": "b", "title": "Heat", "text": "Wings, and wings, and wings."}),
    ];
    std::fs::write(&file, rows.map(|row| row.to_string()).join("\n")).expect("written");
    let ingest = |to: &Path, more: &[&str]| {
        lexivec(&[&["ingest", arg(to), "--jsonl", arg(&file)][..], more].concat())
    };
    assert!(ingest(&index, &["--field-weight", "title=20"]).status.success());
    let first = |more: &[&str]| -> Value {
        let search = ["search", arg(&index), "wings", "--json", "--explain"];
        let answer = lexivec_ok(&[&search[..], more].concat());
        serde_json::from_str::<Value>(&answer).expect("JSON")["hits"][0].clone()
    };
    let hit = first(&[]);
    let weights = &hit["ledger"]["terms"][0]["weights"];
    assert_eq!((&hit["id"], &weights[0]["weight"]), (&json!("a"), &json!(20.0)), "{hit}");
    assert_eq!(first(&["--field-weight", "title=1"])["id"], "b");
    let shown = lexivec_ok(&["search", arg(&index), "wings", "--explain"]);
    assert!(
        shown.contains("text:wing  tf 1") && shown.contains("; title x20: tf 1, length 1"),
        "{shown}"
    );

    lexivec_ok(&["profile", "set", arg(&index), "plain", r#"{"field_weights": {"title": 1}}"#]);
    assert_eq!(first(&["--profile", "plain"])["id"], "b");
    assert_eq!(first(&["--profile", "plain", "--field-weight", "title=20"])["id"], "a");

    for (failed, expected) in [
        (ingest(&index, &["--field-weight", "title=2"]), "the weight of its field \"title\" is 20"),
        (ingest(&apart, &["--field-weight", "titel=2"]), "there is no text field \"titel\""),
        (ingest(&apart, &["--field-weight", "title"]), "expected, as title=3"),
        (ingest(&apart, &["--field-weight", "title=0"]), "above 0 up to 100"),
        (lexivec(&["search", arg(&index), "a", "--field-weight", "text=2"]), "[\"title\"]"),
    ] {
        let stderr = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(failed.status.code() == Some(2) && stderr.contains(expected), "{stderr}");
    }
    let weights = ["--separate-fields", "--field-weight", "text=2"];
    assert!(ingest(&apart, &weights).status.success());
}

#[test]
fn fields_are_weighed_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let fields = json!([{"name": "title", "weight": 20}, {"name": "text"}]);
    let call = |method: &str, path: &str, body: &Value| {
        server.json(method, &format!("/v1/collections/c{path}"), body)
    };
    assert_eq!(call("PUT", "", &json!({"text": fields})).0, 201);
    let rows = json!([
        {"id": "a", "title": "Wings", "text": "Of flow and heat and other things that are long."},
        {"id": "b", "title": "Heat", "text": "Wings, and wings, and wings."},
    ]);
    assert_eq!(call("POST", "/documents", &rows).0, 200);
    let search = |more: Value| {
        let mut body = json!({"text": "wings", "explain": true});
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().expect("one"));
        call("POST", "/search", &body)
    };
    let (status, answer) = search(json!({}));
    let weights = &answer["hits"][0]["ledger"]["terms"][0]["weights"];
    let shown = json!([{"field": "title", "weight": 20.0, "tf": 1, "length": 1}]);
    assert_eq!((status, &answer["hits"][0]["id"], weights), (200, &json!("a"), &shown), "{answer}");
    let (_, answer) = search(json!({"field_weights": {"title": 1}}));
    assert_eq!(answer["hits"][0]["id"], "b", "{answer}");
    let (status, problem) = search(json!({"field_weights": {"text": 3}}));
    let detail = problem["detail"].as_str().expect("a problem");
    assert!(status == 400 && detail.contains("[\"title\"]"), "{problem}");
}
