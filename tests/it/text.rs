//! The text leg as its users meet it: settable BM25, the query language, and texts that are meant to break it.

use lexivec::query::limits::{MAX_PHRASE_WORDS, MAX_QUERY_CLAUSES, MAX_QUERY_DEPTH, MAX_SNIPPETS};
use lexivec::query::request::{Bm25, Highlight, Syntax};
use lexivec::schema::{Analyzer, TextField};
use lexivec::{Collection, Document, Options, SearchRequest};
use lexivec_tests::Random;
use serde_json::Value;

/// Texts under numbers as ids, searched as they are: no stop words, no stems.
fn plain(texts: &[&str], bm25: Bm25) -> Collection {
    let analyzer = Analyzer { stop_words: false, stemming: false, ..Analyzer::default() };
    let fields = vec![TextField::new("text").analyzer(analyzer)];
    let options = Options::new().text_fields(fields).bm25(bm25);
    let collection = Collection::in_memory(options).expect("a collection");
    // In several segments.
    for (part, some) in texts.chunks(15).enumerate() {
        let document =
            |(i, text): (usize, &&str)| Document::new((part * 15 + i).to_string()).text(*text);
        collection.upsert(some.iter().enumerate().map(document)).expect("taken in");
    }
    collection
}

fn scores(collection: &Collection, request: &SearchRequest, rows: usize) -> Vec<f64> {
    let answer = collection.search(&request.clone().limit(rows)).expect("an answer");
    let mut scores = vec![0.0; rows];
    for hit in answer.hits {
        assert!(hit.ledger.adds_up());
        scores[hit.id.parse::<usize>().expect("a number")] = hit.score;
    }
    scores
}

#[test]
fn scores_are_those_of_an_independent_bm25_for_any_constants() {
    let fixture = include_str!("../fixtures/bm25/scores.json");
    let fixture: Value = serde_json::from_str(fixture).expect("JSON");
    let strings = |of: &str| -> Vec<&str> {
        fixture[of].as_array().expect("texts").iter().filter_map(Value::as_str).collect()
    };
    let (texts, queries) = (strings("texts"), strings("queries"));
    let usual = plain(&texts, Bm25::default());
    for run in fixture["runs"].as_array().expect("runs") {
        let number = |of: &str| run[of].as_f64().expect("a number");
        let bm25 = Bm25 { k1: number("k1"), b: number("b") };
        let own = plain(&texts, bm25);
        for (query, expected) in queries.iter().zip(run["scores"].as_array().expect("lists")) {
            let mut asked = SearchRequest::text(*query);
            let found = scores(&own, &asked, texts.len());
            // The constants of a request are as good as those of the collection.
            asked.bm25 = Some(bm25);
            assert_eq!(scores(&usual, &asked, texts.len()), found, "{query} {bm25:?}");
            for (row, expected) in expected.as_array().expect("scores").iter().enumerate() {
                let expected = expected.as_f64().expect("a score");
                // Theirs are 32-bit floats, rounded to six places.
                let off = (found[row] - expected).abs();
                assert!(off <= 1e-5 * expected.max(1.0), "{query} {bm25:?} {row}: {off}");
            }
        }
    }
}

#[test]
fn constants_out_of_range_are_refused() {
    for (k1, b, message) in
        [(-0.1, 0.5, "bm25.k1"), (f64::NAN, 0.5, "bm25.k1"), (1.0, 1.1, "bm25.b")]
    {
        let refused = Collection::in_memory(Options::new().bm25(Bm25 { k1, b })).err();
        assert!(refused.is_some_and(|e| e.to_string().contains(message)), "{k1} {b}");
        let mut request = SearchRequest::text("wing");
        request.bm25 = Some(Bm25 { k1, b });
        let error = plain(&["wing"], Bm25::default()).search(&request).expect_err("refused");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn clauses_find_what_they_say() {
    let texts = ["wing flow", "flow over a wing", "wing", "heat flow", "a swept wing in heat flow"];
    let collection = plain(&texts, Bm25::default());
    for (said, expected) in [
        ("\"wing flow\"", vec![0]),
        ("\"wing flow\"~2", vec![0, 4]),
        ("\"flow wing\"~2", vec![0, 1]),
        ("+wing +flow", vec![0, 1, 4]),
        ("+flow -wing", vec![3]),
        ("(heat OR swept) AND wing", vec![4]),
        ("swe* hat~", vec![3, 4]),
        ("text:heat", vec![3, 4]),
        ("flow^3 wing", vec![0, 1, 2, 3, 4]),
    ] {
        let mut request = SearchRequest::text(said).explain();
        request.syntax = Syntax::QueryString;
        let answer = collection.search(&request).expect("an answer");
        assert!(answer.hits.iter().all(|hit| hit.ledger.adds_up()), "{said}");
        let mut found: Vec<usize> =
            answer.hits.iter().map(|hit| hit.id.parse().expect("a number")).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{said}");
    }
    for (said, message) in [
        ("title:wing", "the text field \"title\", which is not searched"),
        ("-wing -flow", "every clause of a group is an exclusion"),
        ("(wing", "not closed"),
    ] {
        let mut request = SearchRequest::text(said);
        request.syntax = Syntax::QueryString;
        let error = collection.search(&request).expect_err("refused").to_string();
        assert!(error.contains(message), "{said}: {error}");
    }
}

/// One text that is meant to break what reads it.
fn hostile(random: &mut Random, index: usize) -> String {
    const PARTS: [&str; 24] = [
        "(",
        ")",
        "\"",
        "+",
        "-",
        "~",
        "^",
        "*",
        ":",
        "\\",
        " ",
        "AND",
        "OR",
        "NOT",
        "wing",
        "flow",
        "w*",
        "wing~2",
        "\"wing flow\"~100",
        "text:",
        "^999",
        "[a-z]+",
        "\u{202e}",
        "é\u{301}",
    ];
    let length = [8, 40, 400, 3_000][random.below(4)];
    match index % 8 {
        0 => "(".repeat(length) + "wing",
        1 => "+(".repeat(length / 4) + "wing" + &")".repeat(length / 4),
        2 => "wing ".repeat(length / 5) + "flow",
        3 => "NOT ".repeat(length / 4) + "a",
        4 => format!("\"{}\"~100", "wing flow ".repeat(length / 10)),
        5 => "wi* ".repeat(length / 4),
        6 => (0..length).filter_map(|_| char::from_u32(random.below(0x11_0000) as u32)).collect(),
        _ => (0..length / 4).map(|_| PARTS[random.below(PARTS.len())]).collect(),
    }
}

#[test]
fn hostile_queries_are_answered_or_refused() {
    let mut random = Random(17);
    let texts: Vec<String> = (0..500)
        .map(|_| {
            let count = 1 + random.below(30);
            let word = |_| ["wing", "flow", "heat", "win", "wine"][random.below(5)];
            (0..count).map(word).collect::<Vec<_>>().join(" ")
        })
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let collection = plain(&texts, Bm25::default());
    let (mut answered, mut refused) = (0, 0);
    for index in 0..1_000 {
        let said = hostile(&mut random, index);
        for syntax in [Syntax::Words, Syntax::QueryString] {
            let mut request = SearchRequest::text(said.clone()).explain().deadline_ms(60_000);
            request.syntax = syntax;
            match collection.search(&request) {
                Ok(answer) => {
                    answered += 1;
                    assert!(answer.hits.iter().all(|hit| hit.ledger.adds_up()), "{said}");
                }
                Err(error) => {
                    refused += 1;
                    assert_ne!(error.kind(), lexivec::ErrorKind::DeadlineExceeded, "{said}");
                    // Words are never wrong, only too many.
                    let long = error.to_string().contains("bytes of the query text");
                    assert!(syntax == Syntax::QueryString || long, "{said}: {error}");
                }
            }
        }
    }
    println!("{answered} answered, {refused} refused");
    assert!(answered > 500 && refused > 200, "{answered} {refused}");
    let mut huge = SearchRequest::text("(".repeat(4 << 20));
    huge.syntax = Syntax::QueryString;
    assert!(collection.search(&huge).is_err(), "four megabytes");
    for (said, inside) in [
        (format!("{}wing{}", "(".repeat(MAX_QUERY_DEPTH), ")".repeat(MAX_QUERY_DEPTH)), true),
        (
            format!("{}wing{}", "(".repeat(1 + MAX_QUERY_DEPTH), ")".repeat(1 + MAX_QUERY_DEPTH)),
            false,
        ),
        ("wing ".repeat(MAX_QUERY_CLAUSES), true),
        ("wing ".repeat(MAX_QUERY_CLAUSES + 1), false),
        (format!("\"{}\"~9", "wing ".repeat(MAX_PHRASE_WORDS)), true),
        (format!("\"{}\"~9", "wing ".repeat(MAX_PHRASE_WORDS + 1)), false),
        ("wing,".repeat(MAX_PHRASE_WORDS + 1), false),
        // A word of many parts is looked for as a whole.
        ("wing-".repeat(MAX_PHRASE_WORDS + 1), true),
    ] {
        let mut request = SearchRequest::text(said);
        request.syntax = Syntax::QueryString;
        assert_eq!(collection.search(&request).is_ok(), inside);
    }
}

#[test]
fn hits_show_the_passage_that_answers() {
    let texts =
        ["Nothing here. The flows over swept wings, at high speed, are not those over a cone."];
    let collection = Collection::in_memory(Options::new()).expect("a collection");
    collection.upsert(vec![Document::new("a").text(texts[0])]).expect("taken in");
    let shown = |request: SearchRequest| -> String {
        let mut request = request;
        request.highlight = Some(Highlight { max_chars: 40, ..Highlight::default() });
        let hits = collection.search(&request).expect("an answer").hits;
        let passages = hits[0].highlight.as_ref().expect("asked for");
        let mark =
            |p: &lexivec::Passage| if p.found { format!("[{}]", p.text) } else { p.text.clone() };
        passages.get("text").map(|parts| parts.iter().map(mark).collect()).unwrap_or_default()
    };
    assert_eq!(shown(SearchRequest::text("wing flow")), "The [flows] over swept [wings], at high");
    let mut clauses = SearchRequest::text("\"swept wing\" spe* -nowhere");
    clauses.syntax = Syntax::QueryString;
    assert_eq!(shown(clauses), "over [swept] [wings], at high [speed],");
    let mut request = SearchRequest::text("nothing cone");
    assert_eq!(collection.search(&request).expect("an answer").hits[0].highlight, None);
    request.highlight = Some(Highlight { max_chars: 20, snippets: 2 });
    let hits = collection.search(&request).expect("an answer").hits;
    let parts = hits[0].highlight.as_ref().and_then(|texts| texts.get("text")).expect("passages");
    let of = |number| parts.iter().filter(move |part| part.snippet == number);
    let text = |number| of(number).map(|part| part.text.as_str()).collect::<String>();
    assert_eq!([text(0), text(1), text(2)], ["Nothing here.", "cone.", ""]);
    assert!(of(1).any(|part| part.found && part.text == "cone"), "{parts:?}");
    for snippets in [0, MAX_SNIPPETS + 1] {
        request.highlight = Some(Highlight { snippets, ..Highlight::default() });
        assert!(collection.search(&request).is_err(), "{snippets}");
    }
    request.highlight = Some(Highlight { max_chars: 1 << 20, ..Highlight::default() });
    assert!(collection.search(&request).is_err());
}
