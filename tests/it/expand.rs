//! Plain words that stand for more than themselves: synonyms and typing errors find what they should, are in the ledger,
//! and leave every score alone that they do not concern.

use lexivec::query::explain::{Expansion, ExpansionKind, TermScore};
use lexivec::query::shards::Candidate;
use lexivec::query::why_not::Verdict;
use lexivec::schema::{Analyzer, TextField};
use lexivec::{
    Collection, CompactOptions, CopyOptions, Document, Highlight, Hit, Leg, Metric, Mode, Options,
    Profile, SearchRequest, Synonyms, Syntax, Typos,
};
use serde_json::{Value, json};

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

/// A collection of texts with numbers as ids.
fn collection(texts: &[&str]) -> Collection {
    let collection = Collection::in_memory(Options::new()).expect("made");
    fill(&collection, texts);
    collection
}

fn fill(collection: &Collection, texts: &[&str]) {
    let document = |(i, text): (usize, &&str)| Document::new(i.to_string()).text(*text);
    collection.upsert(texts.iter().enumerate().map(document)).expect("written");
}

fn set(collection: &Collection, rules: &str) {
    collection.set_synonyms(rules.parse().expect("rules")).expect("set");
}

/// The hits of a request, best first, whose ledgers add up.
fn hits(collection: &Collection, request: &SearchRequest) -> Vec<Hit> {
    let hits = collection.search(&request.clone().explain()).expect("an answer").hits;
    for hit in &hits {
        assert!(hit.ledger.adds_up() && !hit.ledger.terms.is_empty(), "{hit:?}");
    }
    hits
}

fn ids(collection: &Collection, text: &str) -> Vec<String> {
    hits(collection, &SearchRequest::text(text)).into_iter().map(|hit| hit.id).collect()
}

fn score(collection: &Collection, request: &SearchRequest, id: &str) -> f64 {
    hits(collection, request).iter().find(|hit| hit.id == id).expect("found").score
}

const TOWNS: [&str; 7] = [
    "one taxi waits here",
    "one cab waits here",
    "one minicab waits here",
    "the subway of new york",
    "the subway of nyc",
    "york has a new subway",
    "the buses of some town",
];
const RULES: &str =
    "# how people call it\ntaxi, cab\nvehicle => minicab, taxi\nnew york, nyc, big apple\n";

#[test]
fn synonyms_find_each_other_and_one_way_rules_go_one_way() {
    let towns = collection(&TOWNS);
    set(&towns, RULES);
    let sorted = |text| {
        let mut ids = ids(&towns, text);
        ids.sort();
        ids
    };
    for (query, expected) in [
        ("taxi", vec!["0", "1"]),
        ("CABS", vec!["0", "1"]),
        ("vehicle", vec!["0", "2"]),
        ("minicab", vec!["2"]),
        ("nyc", vec!["3", "4"]),
        ("big apple", vec!["3", "4"]),
        // The words as typed are found as ever.
        ("new york", vec!["3", "4", "5"]),
        ("york", vec!["3", "5"]),
        ("towns", vec!["6"]),
    ] {
        assert_eq!(sorted(query), expected, "{query}");
    }
    let mut alone = SearchRequest::text("taxi").synonyms(false);
    assert_eq!(hits(&towns, &alone).len(), 1);
    (alone.synonyms, alone.syntax) = (true, Syntax::QueryString);
    assert_eq!(hits(&towns, &alone).len(), 1, "a query string says what it means");
    let off = Profile { synonyms: Some(false), ..Profile::default() };
    towns.set_profile("literal", off).expect("set");
    assert_eq!(hits(&towns, &SearchRequest::text("taxi").profile("literal")).len(), 1);
    towns.remove_synonyms().expect("removed");
    assert_eq!(sorted("taxi"), ["0"]);
}

#[test]
fn what_a_word_stands_for_is_one_concept_in_the_ledger() {
    let towns = collection(&TOWNS);
    set(&towns, RULES);
    let terms = |text: &str, id: &str| -> Vec<TermScore> {
        let hits = hits(&towns, &SearchRequest::text(text));
        hits.into_iter().find(|hit| hit.id == id).expect("found").ledger.terms
    };
    let [term] = &terms("taxis", "1")[..] else { panic!("one term") };
    let expansion = Expansion { kind: ExpansionKind::Synonym, words: "taxis".to_owned() };
    assert_eq!((term.term.as_str(), term.tf, &term.expansion), ("cab", 1, &Some(expansion)));
    // As typed, without an expansion.
    assert!(terms("taxi", "0").iter().all(|term| term.expansion.is_none() && term.term == "taxi"));
    assert_eq!(terms("nyc", "3")[0].term, "\"new york\"");
    let typed: Vec<String> = terms("new york", "3").into_iter().map(|term| term.term).collect();
    assert_eq!(typed, ["new", "york"]);

    let mut request = SearchRequest::text("nyc").with_text(true);
    request.highlight = Some(Highlight::default());
    let found = hits(&towns, &request).into_iter().find(|hit| hit.id == "3").expect("found");
    let passages = found.highlight.expect("asked for");
    let marked = passages.values().flatten().filter(|part| part.found).map(|part| &part.text);
    assert_eq!(marked.collect::<Vec<_>>(), ["new", "york"]);
    let absent = towns.why_not(&SearchRequest::text("taxi"), "6").expect("explained");
    assert_eq!(absent.verdict, Verdict::NotFound, "{absent:?}");
}

#[test]
fn synonyms_lower_no_score_and_rare_ones_do_not_outrank() {
    // Eight rows have the word, one has its synonym; all are as long.
    let mut texts = vec!["a taxi waits"; 8];
    texts.extend(["a cab waits", "a cab or taxi waits", "nothing of it"]);
    let rows = collection(&texts);
    let request = SearchRequest::text("taxi").limit(20);
    let before = hits(&rows, &request);
    set(&rows, "taxi, cab");
    for hit in &before {
        assert!(score(&rows, &request, &hit.id) >= hit.score, "{hit:?}");
    }
    assert_eq!(score(&rows, &request, "0"), before.iter().find(|h| h.id == "0").expect("it").score);
    assert!(score(&rows, &request, "8") <= score(&rows, &request, "0"));
    // Both together are the term twice, and not two terms.
    let both = hits(&rows, &request).into_iter().find(|hit| hit.id == "9").expect("found");
    let [term] = &both.ledger.terms[..] else { panic!("{both:?}") };
    assert_eq!((term.term.as_str(), term.tf), ("taxi | cab", 2));
    // Words that no rule names have the scores they had.
    let other = SearchRequest::text("waits nothing");
    let without = hits(&rows, &other.clone().synonyms(false));
    assert_eq!(hits(&rows, &other), without);
}

#[test]
fn a_vector_candidate_gets_the_score_of_its_synonym() {
    let options = Options::new().vector(2, Metric::Cosine);
    let rows = Collection::in_memory(options).expect("made");
    let row = |id: &str, text: &str, x: f32| Document::new(id).text(text).vector(vec![x, 1.0]);
    let texts = [("a", "a taxi taxi", 0.0), ("b", "one cab", 5.0), ("c", "some bus", 4.0)];
    rows.upsert(texts.map(|(id, text, x)| row(id, text, x)).to_vec()).expect("written");
    set(&rows, "taxi, cab");
    let request = SearchRequest::hybrid("taxi", [1.0, 0.0]).limit(1).candidates(1);
    let legs = rows.searcher().expect("a searcher").legs(&request).expect("legs").legs;
    let text = legs.iter().find(|leg| leg.leg == Leg::Text).expect("the text leg");
    let of = |list: &[Candidate]| list.iter().map(|c| c.id.clone()).collect::<Vec<_>>();
    assert_eq!(
        (of(&text.candidates), of(&text.completed)),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    let alone = SearchRequest::text("taxi").mode(Mode::Text);
    assert_eq!(text.completed[0].score, score(&rows, &alone, "b"));
    let found = rows.search(&request.limit(3).explain()).expect("an answer").hits;
    assert!(found.len() == 3 && found.iter().all(|hit| hit.ledger.adds_up()), "{found:?}");
}

#[test]
fn entries_that_cannot_be_found_are_refused_with_their_line() {
    let rows = collection(&["a word"]);
    for (rules, expected) in [
        ("x, y\nof the, word", "synonyms, line 2: entry \"of the\": it has no word"),
        ("one two three four five six seven eight nine, x", "line 1: entry \"one two"),
    ] {
        let rules: Synonyms = rules.parse().expect("their form is right");
        let error = rows.set_synonyms(rules).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(rows.synonyms().is_empty());
    // In another field the entry may have a word.
    let analyzer = Analyzer { stop_words: false, ..Analyzer::default() };
    let field = |name: &str, analyzer| TextField::new(name).analyzer(analyzer);
    let fields = vec![field("text", Analyzer::default()), field("names", analyzer)];
    let options = Options::new().text_fields(fields).join_text(false);
    let rows = Collection::in_memory(options).expect("made");
    set(&rows, "the who, band");
    rows.upsert(vec![Document::new("a").text_in("names", "The Who live")]).expect("written");
    assert_eq!(ids(&rows, "band"), ["a"]);
}

#[test]
fn synonyms_outlive_reopening_compaction_snapshot_export_and_repair() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = scratch.path().join("c");
    let first = Collection::create(&path, Options::new()).expect("made");
    fill(&first, &TOWNS);
    let reader = Collection::open_read_only(&path).expect("opened");
    set(&first, RULES);
    assert!(reader.synonyms().is_empty() && reader.refresh().expect("refreshed"));
    assert_eq!(reader.synonyms().text(), RULES);
    first.set_profile("fast", Profile { ef: Some(50), ..Profile::default() }).expect("set");
    first.compact(CompactOptions::new()).expect("compacted");
    assert_eq!(first.stats().expect("counted").schema.synonyms.text(), RULES);
    let mut bytes = Vec::new();
    first.export(&mut bytes).expect("exported");
    let [snapshot, imported, repaired] = ["s", "i", "r"].map(|name| scratch.path().join(name));
    first.snapshot_to(&snapshot).expect("kept");
    drop(first);
    Collection::import(&imported, &mut bytes.as_slice(), CopyOptions::new()).expect("imported");
    Collection::repair(&path, &repaired, CopyOptions::new()).expect("repaired");
    for path in [path, snapshot, imported, repaired] {
        let opened = Collection::open_read_only(&path).expect("opened");
        assert_eq!((opened.synonyms().text(), opened.profiles().len()), (RULES, 1));
        assert_eq!(ids(&opened, "nyc").len(), 2);
    }
}

#[test]
fn a_typing_error_in_an_ending_is_found_by_the_word() {
    let rows = collection(&[
        "an investigation of the administration",
        "the investor and the minister",
        "significant signs",
    ]);
    for (typed, meant, expected) in [
        ("investigaton", "investigation", "0"),
        ("administraton", "administration", "0"),
        ("significnat", "significant", "2"),
    ] {
        let request = SearchRequest::text(typed);
        assert!(hits(&rows, &request).is_empty(), "{typed}");
        let answer = rows.search(&request).expect("an answer");
        assert_eq!(answer.did_you_mean.as_deref(), Some(meant));
        let found: Vec<_> =
            hits(&rows, &request.typos(Typos::Auto)).into_iter().map(|h| h.id).collect();
        assert_eq!(found, [expected], "{typed}");
    }
}

#[test]
fn typing_errors_are_found_where_asked_for_and_exact_words_come_first() {
    let rows = collection(&[
        "we receive every letter",
        "we recieve every letter",
        "built in 2023 as no other",
        "a cat of ours",
        "東京都",
    ]);
    let found = |text: &str, typos| -> Vec<String> {
        let hits = hits(&rows, &SearchRequest::text(text).typos(typos));
        hits.into_iter().map(|hit| hit.id).collect()
    };
    let none: [&str; 0] = [];
    for (text, typos, expected) in [
        ("recieve", Typos::Off, vec!["1"]),
        ("recieve", Typos::Auto, vec!["1", "0"]),
        ("receive", Typos::One, vec!["0", "1"]),
        ("recive", Typos::One, vec!["0", "1"]),
        ("rceeiev", Typos::One, none.to_vec()),
        ("rceeiev", Typos::Two, vec!["0", "1"]),
        // Short words have to be right, and numbers, and characters that are found in pairs.
        ("ca", Typos::Auto, none.to_vec()),
        ("cta", Typos::Auto, vec!["3"]),
        ("2024", Typos::Two, none.to_vec()),
        ("京都府", Typos::Two, vec!["4"]),
    ] {
        assert_eq!(found(text, typos), expected, "{text} {typos:?}");
    }
    let best = &hits(&rows, &SearchRequest::text("letters recive").typos(Typos::Auto))[0];
    let expansions = best.ledger.terms.iter().filter_map(|term| term.expansion.clone());
    let expected = Expansion { kind: ExpansionKind::Typo, words: "recive".to_owned() };
    assert_eq!(expansions.collect::<Vec<_>>(), [expected]);
    // A word that is right scores as it does without.
    let request = SearchRequest::text("receive letter");
    let (plain, with) = (hits(&rows, &request), hits(&rows, &request.typos(Typos::Auto)));
    assert_eq!((&plain[0].id, plain[0].score), (&with[0].id, with[0].score));
    let profile = Profile { typos: Some(Typos::One), ..Profile::default() };
    rows.set_profile("kind", profile).expect("set");
    assert_eq!(hits(&rows, &SearchRequest::text("recive").profile("kind")).len(), 2);
}

#[test]
fn synonyms_and_typing_errors_by_command_and_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("towns");
    let opened = Collection::create(&dir, Options::new().name("towns")).expect("made");
    fill(&opened, &TOWNS);
    drop(opened);
    let file = scratch.path().join("rules.txt");
    std::fs::write(&file, RULES).expect("written");
    lexivec_ok(&["synonyms", "set", arg(&dir), arg(&file)]);
    assert_eq!(lexivec_ok(&["synonyms", "show", arg(&dir)]), RULES);
    let found = lexivec_ok(&["search", arg(&dir), "nyc", "--explain"]);
    assert!(found.contains("\"new york\" (synonym of nyc)"), "{found}");
    let alone = lexivec_ok(&["search", arg(&dir), "nyc", "--no-synonyms"]);
    assert!(!alone.contains("york"), "{alone}");
    let typed = lexivec_ok(&["search", arg(&dir), "minicba", "--typos", "auto"]);
    assert!(typed.contains("minicab"), "{typed}");
    std::fs::write(&file, "taxi, cab\nalone").expect("written");
    let output = lexivec(&["synonyms", "set", arg(&dir), arg(&file)]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("synonyms, line 2"), "{error}");
    lexivec_ok(&["synonyms", "remove", arg(&dir)]);
    assert_eq!(lexivec_ok(&["synonyms", "show", arg(&dir)]), "");

    let server = Running::start(scratch.path());
    let route = "/v1/collections/towns/synonyms";
    let (status, set) = server.json("PUT", route, &json!({"rules": RULES}));
    assert_eq!(status, 200, "{set}");
    assert_eq!(server.json("GET", route, &Value::Null).1, json!({"rules": RULES}));
    let search = |body: &Value| server.json("POST", "/v1/collections/towns/search", body);
    let count = |body: &Value| search(body).1["hits"].as_array().map(Vec::len);
    assert_eq!(count(&json!({"text": "nyc"})), Some(2));
    assert_eq!(count(&json!({"text": "nyc", "synonyms": false})), Some(1));
    assert_eq!(count(&json!({"text": "minicba"})), Some(0));
    assert_eq!(count(&json!({"text": "minicba", "typos": "auto"})), Some(1));
    assert_eq!(count(&json!({"text": "minicba", "typos": 1})), Some(1));
    let (status, refused) = search(&json!({"text": "minicba", "typos": 3}));
    assert_eq!(status, 400, "{refused}");
    let (status, refused) = server.json("PUT", route, &json!({"rules": "alone"}));
    assert!(
        status == 400 && refused["detail"].as_str().is_some_and(|d| d.contains("line 1")),
        "{refused}"
    );
    server.json("DELETE", route, &Value::Null);
    assert_eq!(server.json("GET", route, &Value::Null).1, json!({"rules": ""}));
    assert_eq!(search(&json!({"text": "taxi", "mode": Mode::Text})).0, 200);
}
