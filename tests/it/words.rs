//! Words as people write them: every way to ask finds every spelling of a word, and old collections keep their terms.

use std::path::Path;

use lexivec::query::filter::Filter;
use lexivec::query::request::{Highlight, Syntax};
use lexivec::schema::{Analyzer, Language, TextField};
use lexivec::{Collection, Document, Options, SearchRequest};
use serde_json::{Value, json};

use crate::http::Running;
use crate::{arg, lexivec, lexivec_ok};

/// A collection of texts with numbers as ids.
fn collection(language: Language, texts: &[&str]) -> Collection {
    with(Analyzer { language, ..Analyzer::default() }, texts)
}

fn with(analyzer: Analyzer, texts: &[&str]) -> Collection {
    let fields = vec![TextField::new("text").analyzer(analyzer)];
    let collection = Collection::in_memory(Options::new().text_fields(fields)).expect("made");
    let document = |(i, text): (usize, &&str)| Document::new(i.to_string()).text(*text);
    collection.upsert(texts.iter().enumerate().map(document)).expect("written");
    collection
}

fn query_string(text: &str) -> SearchRequest {
    let mut request = SearchRequest::text(text);
    request.syntax = Syntax::QueryString;
    request
}

/// Ids of the rows found, in their order as texts.
fn ids(collection: &Collection, request: &SearchRequest) -> Vec<String> {
    let answer = collection.search(request).expect("an answer");
    assert!(answer.hits.iter().all(|hit| hit.ledger.adds_up()));
    let mut ids: Vec<String> = answer.hits.into_iter().map(|hit| hit.id).collect();
    ids.sort();
    ids
}

/// The first row of two is found by a word in each way of asking, and the word is marked in its text.
fn finds(text: &str, word: &str, marked: &str) {
    let other = "something else that no query names";
    // Prefixes are compared with terms as they are, so without stems.
    let analyzer = Analyzer { stemming: false, stop_words: false, ..Analyzer::default() };
    let collection = with(analyzer, &[text, other]);
    let prefix = if word.chars().count() > 1 { format!("{word}*") } else { word.to_owned() };
    let fuzzy = format!("{word}~1");
    for request in [
        SearchRequest::text(word),
        query_string(word),
        query_string(&format!("\"{word}\"")),
        query_string(&prefix),
        query_string(&fuzzy),
    ] {
        assert_eq!(ids(&collection, &request), ["0"], "{text:?} {word:?} {:?}", request.text);
    }
    let filter = Filter::from_json(&json!({"$text": word})).expect("a filter");
    let page = collection.scroll(&filter, None, 9).expect("a page");
    let found: Vec<&str> = page.documents.iter().map(|document| document.id.as_str()).collect();
    assert_eq!(found, ["0"], "{text:?} {word:?} as a filter");
    let mut request = SearchRequest::text(word);
    request.highlight = Some(Highlight::default());
    assert_eq!(passage(&collection, &request), marked, "{text:?} {word:?}");
}

/// The passage of the first hit, with what was found in brackets.
fn passage(collection: &Collection, request: &SearchRequest) -> String {
    let mut request = request.clone();
    request.highlight.get_or_insert_with(Highlight::default);
    let hits = collection.search(&request).expect("an answer").hits;
    let passages = hits[0].highlight.as_ref().expect("asked for");
    let show = |part: &lexivec::query::answer::Passage| match part.found {
        true => format!("[{}]", part.text),
        false => part.text.clone(),
    };
    passages.values().flatten().map(show).collect()
}

#[test]
fn words_that_look_the_same_find_each_other() {
    for (text, word, marked) in [
        ("one cafe\u{301} here", "caf\u{e9}", "one [cafe\u{301}] here"),
        ("one caf\u{e9} here", "cafe\u{301}", "one [caf\u{e9}] here"),
        (
            "a \u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af} b",
            "한글",
            "a [\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}] b",
        ),
        ("x 한글 b", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "x [한글] b"),
        (
            "die Donau\u{ad}dampf\u{ad}schiff\u{ad}fahrt",
            "Donaudampfschifffahrt",
            "die [Donau\u{ad}dampf\u{ad}schiff\u{ad}fahrt]",
        ),
        ("some\u{200b}where\u{2060} now", "somewhere", "[some\u{200b}where\u{2060}] now"),
        ("an e\u{fb03}cient one", "efficient", "an [e\u{fb03}cient] one"),
        ("an efficient one", "e\u{fb03}cient", "an [efficient] one"),
        ("Η ΟΔΟΣ εδώ", "οδος", "Η [ΟΔΟΣ] εδώ"),
        ("Η οδος εδώ", "ΟΔΟΣ", "Η [οδος] εδώ"),
        ("STRASSE 7", "straße", "[STRASSE] 7"),
        ("Ｗｉｄｅ letters", "wide", "[Ｗｉｄｅ] letters"),
        ("H₂O molecules", "h2o", "[H₂O] molecules"),
    ] {
        finds(text, word, marked);
    }
}

#[test]
fn what_stands_together_is_found_whole_and_in_parts() {
    for (text, word, marked) in [
        ("at error:timeout here", "timeout", "at error:[timeout] here"),
        ("at error:timeout here", "error", "at [error]:timeout here"),
        ("send an e-mail", "email", "send an [e-mail]"),
        ("the class NullPointerException", "pointer", "the class Null[Pointer]Exception"),
        (
            "the class NullPointerException",
            "nullpointerexception",
            "the class [NullPointerException]",
        ),
        ("call parse_url here", "parseUrl", "call [parse_url] here"),
        ("version v1.2.3 works", "1.2.3", "version v[1.2.3] works"),
        ("see https://example.com/guide", "guide", "see https://example.com/[guide]"),
        (
            "ask john.doe@example.com today",
            "john.doe@example.com",
            "ask [john.doe@example.com] today",
        ),
        ("the U.S. market", "us", "the [U.S]. market"),
        ("私は東京都に住む", "東京", "私は[東京]都に住む"),
        ("私は東京都に住む", "東京都", "私は[東京都]に住む"),
        ("私は猫が好き", "猫", "私は[猫]が好き"),
    ] {
        finds(text, word, marked);
    }
    // Written as one word, it is no phrase of other words.
    let texts = ["a heat transfer model", "a heat_transfer model", "transfer of heat"];
    let english = collection(Language::English, &texts);
    for (query, expected) in [
        ("\"heat transfer model\"", vec!["0", "1"]),
        ("heat_transfer", vec!["0", "1"]),
        ("+heatTransfer", vec!["0", "1"]),
        ("-heat_transfer +heat", vec!["2"]),
    ] {
        assert_eq!(ids(&english, &query_string(query)), expected, "{query}");
    }
    // The row with the word as it is asked for comes first.
    let first = english.search(&SearchRequest::text("heat_transfer")).expect("an answer");
    assert_eq!(first.hits[0].id, "1");
    let french = collection(Language::French, &["L\u{2019}avion d'Anne", "un autre"]);
    assert_eq!(ids(&french, &SearchRequest::text("avions")), ["0"]);
    let german = collection(Language::German, &["daß er kommt", "DASS SIE KOMMEN"]);
    assert_eq!(ids(&german, &SearchRequest::text("daß")), [""; 0]);
}

#[test]
fn names_of_a_letter_and_a_sign_are_words_of_their_own() {
    let rows = collection(
        Language::English,
        &["written in C", "written in C++", "written in C#, not F#", "vitamin C."],
    );
    for (query, expected) in
        [("C++", vec!["1"]), ("c#", vec!["2"]), ("F#", vec!["2"]), ("C", vec!["0", "3"])]
    {
        for request in [SearchRequest::text(query), query_string(query)] {
            assert_eq!(ids(&rows, &request), expected, "{query}");
        }
    }
}

#[test]
fn accents_are_left_out_where_the_field_says_so() {
    let texts = ["un café à Zürich", "les cafes de Zurich", "des élèves étudient"];
    let french = Analyzer { language: Language::French, ..Analyzer::default() };
    let folded = with(Analyzer { fold_accents: true, ..french.clone() }, &texts);
    for (query, expected) in [
        ("cafe", vec!["0", "1"]),
        ("cafés", vec!["0", "1"]),
        ("zurich", vec!["0", "1"]),
        ("élève", vec!["2"]),
        ("eleves", vec!["2"]),
    ] {
        assert_eq!(ids(&folded, &SearchRequest::text(query)), expected, "{query}");
    }
    assert_eq!(ids(&folded, &query_string("caf*")), ["0", "1"]);
    assert_eq!(ids(&folded, &query_string("zür*")), ["0", "1"]);
    let plain = with(french, &texts);
    assert_eq!(ids(&plain, &SearchRequest::text("zurich")), ["1"]);
}

#[test]
fn lengths_count_words_and_not_wholes() {
    let joined = collection(Language::English, &["error:timeout user_id", "word"]);
    let apart = collection(Language::English, &["error timeout user id", "word"]);
    assert_eq!(joined.stats().expect("stats").tokens, apart.stats().expect("stats").tokens);
    let score = |collection: &Collection| {
        collection.search(&SearchRequest::text("timeout")).expect("an answer").hits[0].score
    };
    assert_eq!(score(&joined), score(&apart));
    // A word that no sign cuts is one word.
    let cased = collection(Language::English, &["parseURL timeout sha256"]);
    assert_eq!(cased.stats().expect("stats").tokens, 3);
}

#[test]
fn a_passage_shows_the_phrase_and_marks_no_stray_words() {
    let filler = "and so on with other words ".repeat(30);
    let text = format!(
        "heat rises. {filler} transfer of funds, heat. {filler} The heat transfer coefficient. {filler} the transfer"
    );
    let collection = collection(Language::English, &[&text]);
    for (query, expected) in [
        ("\"heat transfer\"", "[heat] [transfer] coefficient"),
        ("+\"heat transfer\" -zebra", "[heat] [transfer] coefficient"),
        ("(\"heat transfer\" zebra)", "[heat] [transfer] coefficient"),
        ("text:\"heat transfer\"", "[heat] [transfer] coefficient"),
        ("\"heat coefficient\"~1", "[heat] transfer [coefficient]"),
        ("\"heat transfer\" coefficient", "[heat] [transfer] [coefficient]"),
        ("\"heat transfer\" rises", "[heat] [transfer] coefficient"),
    ] {
        let shown = passage(&collection, &query_string(query));
        assert!(shown.contains(expected), "{query}: {shown}");
        let wanted = expected.matches('[').count();
        assert_eq!(shown.matches('[').count(), wanted, "{query}: {shown}");
    }
}

#[test]
fn a_passage_is_found_far_into_a_long_text() {
    let filler = "and so on with other words ".repeat(15_000);
    let text = format!("{filler} the heat transfer coefficient {filler}");
    let collection = collection(Language::English, &[&text]);
    let shown = passage(&collection, &query_string("\"heat transfer\""));
    assert!(shown.contains("[heat] [transfer] coefficient"), "{shown}");
}

#[test]
fn a_collection_of_an_older_format_keeps_its_terms_and_says_so() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let old = fixtures.join("format-v1-6");
    let schema = Collection::open_read_only(&old).expect("opened").schema().clone();
    assert!(schema.text.iter().all(|field| field.analyzer.version == 1));
    let printed = lexivec_ok(&["stats", arg(&old)]);
    assert!(printed.contains("analysis 1"), "{printed}");
}

#[test]
fn the_command_chooses_language_stop_words_and_stems() {
    let scratch = tempfile::tempdir().expect("a directory");
    let dir = scratch.path().join("c");
    lexivec_ok(&["create", arg(&dir), "--language", "german", "--no-stop-words"]);
    let printed = lexivec_ok(&["stats", arg(&dir)]);
    assert!(printed.contains("german, with stop words"), "{printed}");
    let file = scratch.path().join("d.jsonl");
    std::fs::write(&file, json!({"id": "a", "text": "die Häuser"}).to_string()).expect("written");
    let ingest = ["ingest", arg(&dir), "--jsonl", arg(&file)];
    lexivec_ok(&[&ingest[..], &["--language", "german"]].concat());
    assert!(lexivec_ok(&["search", arg(&dir), "haus"]).contains("Häuser"));
    assert!(lexivec_ok(&["search", arg(&dir), "die"]).contains("Häuser"));
    for other in [&["--language", "french"][..], &["--no-stemming"], &["--fold-accents"]] {
        let output = lexivec(&[&ingest[..], other].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains("the collection exists"), "{error}");
    }
    let output = lexivec(&["create", arg(&scratch.path().join("d")), "--language", "klingon"]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("german"), "{error}");
}

#[test]
fn a_language_alone_is_an_analyzer_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let text = json!([{"name": "text", "analyzer": {"language": "german"}}]);
    let (status, made) = server.json("PUT", "/v1/collections/d", &json!({"text": text}));
    assert!((200..300).contains(&status), "{made}");
    let expected =
        json!({"version": 2, "language": "german", "stop_words": true, "stemming": true});
    let (_, stats) = server.json("GET", "/v1/collections/d", &Value::Null);
    assert_eq!(stats["schema"]["text"][0]["analyzer"], expected);
}
