//! Suggestions: words as rows have them, of the rows that the request may see.

use lexivec::query::suggest::Suggestions;
use lexivec::{Collection, Document, Filter, Options, SearchRequest, SuggestRequest, Syntax};
use serde_json::{Value, json};

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

const ROWS: [(&str, &str); 7] = [
    ("a", "heat transfer in layers"),
    ("a", "heat transport by transfers"),
    ("a", "the aerodynamics of wings"),
    ("a", "happiness is a happy wing, an e-mail"),
    ("b", "heathen secrets, and hearsay"),
    ("b", "hearsay of Zürich"),
    ("b", "calls parseURL"),
];

fn fill(collection: &Collection) {
    let row = |(i, (tenant, text)): (usize, &(&str, &str))| {
        Document::new(i.to_string()).text(*text).payload("tenant", *tenant)
    };
    collection.upsert(ROWS.iter().enumerate().map(row)).expect("written");
    // A word of a row that is deleted is no suggestion.
    collection.upsert(vec![Document::new("dead").text("heaviside")]).expect("written");
    collection.flush().expect("flushed");
    collection.delete(&["dead"]).expect("deleted");
}

fn rows() -> Collection {
    let collection = Collection::in_memory(Options::new()).expect("made");
    fill(&collection);
    collection
}

fn shown(found: &Suggestions) -> Vec<(&str, u64)> {
    found.completions.iter().map(|c| (c.text.as_str(), c.documents)).collect()
}

#[test]
fn the_last_word_is_completed_by_words_as_rows_have_them() {
    let rows = rows();
    for (text, expected) in [
        ("heat tr", vec![("heat transfer", 2), ("heat transport", 1)]),
        ("hea", vec![("hearsay", 2), ("heat", 2), ("heathen", 1)]),
        // The stem is shorter than what is typed.
        ("aerodynami", vec![("aerodynamics", 1)]),
        ("HAPPI", vec![("happiness", 1)]),
        ("happy", vec![("happy", 1)]),
        ("ema", vec![("e-mail", 1)]),
        ("zu", vec![]),
        ("zü", vec![("Zürich", 1)]),
        ("parseU", vec![("parseURL", 1)]),
        ("heavi", vec![]),
        ("xyzz", vec![]),
        ("heat ", vec![]),
        ("", vec![]),
        ("?!", vec![]),
    ] {
        let found = rows.suggest(&SuggestRequest::new(text)).expect("an answer");
        assert_eq!(shown(&found), expected, "{text:?}");
    }
    let few = rows.suggest(&SuggestRequest::new("hea").limit(1)).expect("an answer");
    assert_eq!(few.completions.len(), 1);
    assert!(rows.suggest(&SuggestRequest::new("hea").limit(101)).is_err());
}

#[test]
fn words_that_no_row_has_are_corrected_and_the_rest_stays() {
    let rows = rows();
    let meant = |text: &str| {
        rows.suggest(&SuggestRequest::new(text)).expect("an answer").did_you_mean.map(|c| c.text)
    };
    for (text, expected) in [
        ("the Haet,  transfr ", Some("the heat,  transfer ")),
        ("aerodinamics of wnigs ", Some("aerodynamics of wings ")),
        ("heat transfer ", None),
        ("xq 4711 ", None),
        // A word that has completions is not finished.
        ("haet hea", Some("heat hea")),
        ("hea", None),
    ] {
        assert_eq!(meant(text).as_deref(), expected, "{text:?}");
    }
    let found = rows.suggest(&SuggestRequest::new("haet ")).expect("an answer");
    let words = &found.did_you_mean.expect("a correction").words;
    assert_eq!((words[0].typed.as_str(), words[0].documents), ("haet", 2));

    let search = |request: &SearchRequest| rows.search(request).expect("an answer");
    assert_eq!(search(&SearchRequest::text("haet")).did_you_mean.as_deref(), Some("heat"));
    assert_eq!(search(&SearchRequest::text("heat haet")).did_you_mean, None, "a word is found");
    let written = SearchRequest::text("haet").syntax(Syntax::QueryString);
    assert_eq!(search(&written).did_you_mean, None);
}

#[test]
fn no_word_of_another_tenant_is_suggested() {
    let rows = rows();
    let only = |tenant: &str| Filter::from_json(&json!({"tenant": tenant})).expect("a filter");
    let request = |text| SuggestRequest::new(text);
    for (tenant, text, expected) in [
        ("a", "hea", vec![("heat", 2)]),
        ("b", "hea", vec![("hearsay", 2), ("heathen", 1)]),
        ("b", "aero", vec![]),
    ] {
        let filtered = rows.suggest(&request(text).filter(only(tenant))).expect("an answer");
        assert_eq!(shown(&filtered), expected, "{tenant} {text}");
        let searcher = rows.searcher().expect("a searcher").scoped(only(tenant));
        let scoped = searcher.suggest(&request(text)).expect("an answer");
        assert_eq!(scoped, filtered, "{tenant} {text}");
    }
    let searcher = rows.searcher().expect("a searcher").scoped(only("b"));
    let found = searcher.suggest(&request("aerodinamics ")).expect("an answer");
    assert_eq!(found.did_you_mean, None);
    let answer = searcher.search(&SearchRequest::text("aerodinamics")).expect("an answer");
    assert_eq!(answer.did_you_mean, None);
    let answer = rows.search(&SearchRequest::text("aerodinamics")).expect("an answer");
    assert_eq!(answer.did_you_mean.as_deref(), Some("aerodynamics"));
}

/// In a large dictionary the words of a few rows are not among the terms that begin a completion or are in most rows.
#[test]
fn the_words_of_a_small_tenant_of_a_large_collection_are_suggested() {
    const OTHERS: usize = 3_000;
    let collection = Collection::in_memory(Options::new()).expect("made");
    // Words of letters alone, each in two rows.
    let word = |mut number: usize| {
        let mut word = String::from("h");
        for _ in 0..6 {
            word.push(char::from(b'a' + (number % 10) as u8));
            number /= 10;
        }
        word
    };
    let other = |row: usize| {
        let text: Vec<String> = (row / 2 * 10..row / 2 * 10 + 10).map(word).collect();
        Document::new(row.to_string()).text(text.join(" ")).payload("tenant", "other")
    };
    collection.upsert((0..OTHERS).map(other)).expect("written");
    let own = Document::new("own").text("hydrogen and hydrology").payload("tenant", "own");
    collection.upsert(vec![own]).expect("written");
    collection.flush().expect("flushed");
    let only = Filter::from_json(&json!({"tenant": "own"})).expect("a filter");
    let searcher = collection.searcher().expect("a searcher").scoped(only);
    let found = searcher.suggest(&SuggestRequest::new("h")).expect("an answer");
    assert_eq!(shown(&found), [("hydrogen", 1), ("hydrology", 1)]);
    let found = searcher.suggest(&SuggestRequest::new("hydrogne ")).expect("an answer");
    assert_eq!(found.did_you_mean.map(|c| c.text).as_deref(), Some("hydrogen "));
    // All rows: the words that are in most of them.
    let found = collection.suggest(&SuggestRequest::new("h")).expect("an answer");
    assert!(found.completions.iter().all(|c| c.documents == 2), "{:?}", found.completions);
}

#[test]
fn suggestions_by_command_and_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("rows");
    let collection = Collection::create(&dir, Options::new().name("rows")).expect("made");
    fill(&collection);
    drop(collection);
    let printed = lexivec_ok(&["suggest", arg(&dir), "heat tr"]);
    assert_eq!(printed, "heat transfer\t2 documents\nheat transport\t1 document\n");
    assert_eq!(lexivec_ok(&["suggest", arg(&dir), "haet "]), "did you mean: heat \n");
    let output = lexivec(&["search", arg(&dir), "haet"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("did you mean: heat"), "{said}");

    let server = Running::start(scratch.path());
    let route = "/v1/collections/rows/suggest";
    let body = json!({"text": "hea", "limit": 5, "filter": {"tenant": "a"}});
    let (status, posted) = server.json("POST", route, &body);
    let expected = json!({"completions": [{"text": "heat", "word": "heat", "documents": 2}]});
    assert_eq!((status, &posted), (200, &expected));
    let query = format!("{route}?text=hea&limit=5&filter=tenant%20%3D%20%27a%27");
    assert_eq!(server.json("GET", &query, &Value::Null), (200, expected));
    let (status, refused) = server.json("POST", route, &json!({"text": "hea", "limits": 5}));
    assert_eq!(status, 400, "{refused}");
    let body = json!({"text": "haet"});
    let (_, found) = server.json("POST", "/v1/collections/rows/search", &body);
    assert_eq!(found["did_you_mean"], "heat");
}
