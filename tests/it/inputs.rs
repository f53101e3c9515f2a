//! Inputs as people bring them: each form is found by its words, or refused by name.

use std::path::Path;

use lexivec::eval::Evaluation;
use lexivec::query::limits::MAX_GIVEN_QUERY_BYTES;
use lexivec::query::request::{Highlight, Syntax, TextCut};
use lexivec::{Collection, Document, JudgedQuery, Options, SearchRequest, TuneOptions};

use crate::{arg, lexivec, lexivec_ok};

/// Ids of the hits for some words.
fn found(index: &Path, words: &str) -> Vec<String> {
    let collection = Collection::open_read_only(index).expect("opened");
    let answer = collection.search(&SearchRequest::text(words)).expect("an answer");
    answer.hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn words_of_pages_are_found_across_tags_and_unclosed_elements() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (folder, index) = (scratch.path().join("docs"), scratch.path().join("c"));
    std::fs::create_dir(&folder).expect("made");
    for (name, text) in [
        ("a.md", "first<br>second<br/>third<hr>fourth and <b>fi</b>fth"),
        ("select.html", "<div><select><option>1</div><p>main after</p>"),
        ("svg.html", "<div><svg><path d='M0'></div><p>main after</p>"),
        ("breaks.html", "<svg><path d='M0'><p>main after</p>"),
        ("link.html", "<h1>Top<a class=headerlink href=x>sign</h1><p>main after</p>"),
        ("closed.html", "<svg><g><title>drawn</title></g></svg><p>main after</p>"),
        ("rows.jsonl", "{\"title\": null, \"text\": \"alone\"}"),
    ] {
        std::fs::write(folder.join(name), text).expect("written");
    }
    lexivec_ok(&["ingest", arg(&index), "--folder", arg(&folder)]);
    for word in ["first", "second", "third", "fourth", "fifth"] {
        assert_eq!(found(&index, word), ["a.md#0"], "{word}");
    }
    let mut pages = found(&index, "main");
    pages.sort();
    let expected = ["breaks.html", "closed.html", "link.html", "select.html", "svg.html"];
    assert_eq!(pages.len(), expected.len(), "{pages:?}");
    assert!(pages.iter().zip(expected).all(|(id, file)| id.starts_with(file)), "{pages:?}");
    for word in ["drawn", "sign", "null"] {
        assert_eq!(found(&index, word), [""; 0], "{word}");
    }
}

#[test]
fn whole_numbers_are_ids_and_two_queries_of_one_id_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (lines, index) = (scratch.path().join("d.jsonl"), scratch.path().join("c"));
    let text = "{\"id\": 1, \"text\": \"alpha\"}\n{\"id\": -2, \"text\": \"alpha\"}\n";
    std::fs::write(&lines, text).expect("written");
    lexivec_ok(&["ingest", arg(&index), "--jsonl", arg(&lines)]);
    let mut ids = found(&index, "alpha");
    ids.sort();
    assert_eq!(ids, ["-2", "1"]);
    std::fs::write(&lines, "{\"id\": 1.5, \"text\": \"alpha\"}\n").expect("written");
    let refused = lexivec(&["ingest", arg(&index), "--jsonl", arg(&lines)]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("an id is a text or a whole number"), "{message}");

    let beir = scratch.path().join("beir");
    std::fs::create_dir(&beir).expect("made");
    for (name, text) in [
        ("corpus.jsonl", "{\"_id\": 7, \"title\": null, \"text\": \"alpha\"}\n"),
        (
            "queries.jsonl",
            "{\"_id\": \"q\", \"text\": \"alpha\"}\n{\"_id\": \"q\", \"text\": \"beta\"}\n",
        ),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\nq\t7\t1\n"),
    ] {
        std::fs::write(beir.join(name), text).expect("written");
    }
    let index = scratch.path().join("b");
    lexivec_ok(&["ingest", arg(&index), "--beir", arg(&beir)]);
    assert_eq!(found(&index, "alpha"), ["7"]);
    let refused = lexivec(&["evaluate", arg(&index), "--beir", arg(&beir), "--mode", "text"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(message.contains("two queries with the id \"q\""), "{message}");
}

#[test]
fn a_long_query_is_cut_and_the_answer_says_so() {
    let collection = Collection::in_memory(Options::new()).expect("a collection");
    let document = |id: &str, text: &str| Document::new(id).text(text);
    let rows = [document("a", "alpha beta"), document("z", "omega")];
    collection.upsert(rows).expect("written");
    let long = "alpha ".repeat(700) + "omega";
    let request = SearchRequest::text(long.as_str());
    let answer = collection.search(&request).expect("an answer");
    let ids: Vec<&str> = answer.hits.iter().map(|hit| hit.id.as_str()).collect();
    assert_eq!(ids, ["a"], "what comes after the cut is not searched for");
    // 682 words and the spaces between them; the next one ends behind the limit of 4,096 bytes.
    let cut = TextCut { given_bytes: long.len(), used_bytes: 6 * 682 - 1 };
    assert_eq!(answer.text_cut, Some(cut));
    assert!(long[..cut.used_bytes].ends_with("alpha"), "{cut:?}");
    let short = SearchRequest::text(&long[..cut.used_bytes]);
    let same = collection.search(&short).expect("an answer");
    assert_eq!((same.hits, same.text_cut), (answer.hits, None));
    assert_eq!(collection.why_not(&request, "z").expect("a reason").text_cut, Some(cut));

    let judged = |id: &str, text: &str| JudgedQuery {
        id: id.to_owned(),
        request: SearchRequest::text(text),
        judgments: [("a".to_owned(), 1)].into(),
    };
    let queries: Vec<JudgedQuery> =
        (0..6).map(|i| judged(&i.to_string(), if i == 0 { &long } else { "beta" })).collect();
    let searcher = collection.searcher().expect("a searcher");
    let report = Evaluation::new(queries.clone()).run(|queries| searcher.rank(queries));
    let report = report.expect("a report");
    assert_eq!((report.cut_queries, report.summary.mean.ndcg_at_10), (1, 1.0));
    let tuned = searcher.tune(&queries, &TuneOptions::default()).expect("a report");
    assert_eq!(tuned.cut_queries, 1);

    // A query string has another meaning without its end.
    let refused = collection.search(&request.clone().syntax(Syntax::QueryString));
    let message = refused.expect_err("refused").to_string();
    assert!(message.contains("shorten it"), "{message}");
    let longest = "alpha ".repeat(MAX_GIVEN_QUERY_BYTES / 6);
    collection.search(&SearchRequest::text(longest.as_str())).expect("an answer");
    let refused = collection.search(&SearchRequest::text(longest + "alpha"));
    assert!(refused.expect_err("refused").to_string().contains("over the limit of 1048576"));
}

#[test]
fn dates_are_read_as_programs_write_them_and_a_range_without_dates_is_told() {
    let collection = Collection::in_memory(Options::new()).expect("a collection");
    let document = |(id, date): (usize, &str)| {
        Document::new(id.to_string()).payload("d", date).payload("free", "5. May").payload("n", id)
    };
    let dates = [
        "2024-03-01T00:00:00+0000",
        "2024-03-01 01:00:00 +0100",
        "2024-02-29T23:00:00-01",
        "2024-03-01T00:00:00,000Z",
        "2020-01-01T00:00:00+0000",
    ];
    collection.upsert(dates.into_iter().enumerate().map(document)).expect("written");
    let search = |filter: &str| {
        let request = SearchRequest::text("none").filter(filter);
        collection.search(&request).expect("an answer")
    };
    for filter in
        ["d >= '2022-01-01'", "d BETWEEN '2024-03-01T00:00:00Z' AND '2024-03-01T01:00:00+0100'"]
    {
        let answer = search(filter);
        assert_eq!((answer.matching, answer.notices.len()), (4, 0), "{filter}");
    }
    for (filter, notice) in [
        ("free >= '2022-01-01'", "compares \"free\" with a date, and no value there is one"),
        ("n < '2022-01-01' OR n > 9", "compares \"n\" with a date, and no value there is one"),
        ("d > 5", "compares \"d\" with a number, and no value there is one"),
    ] {
        let answer = search(filter);
        assert_eq!(answer.matching, 0);
        assert!(
            answer.notices.len() == 1 && answer.notices[0].contains(notice),
            "{:?}",
            answer.notices
        );
    }
    for filter in ["d >= '2030-01-01'", "absent > 1", "n > 9"] {
        assert_eq!(search(filter).notices, [""; 0], "{filter}");
    }
}

/// A PDF of one page with these lines, in a font with this encoding.
fn pdf(lines: &[&[u8]], encoding: lopdf::Object) -> Vec<u8> {
    use lopdf::content::{Content, Operation};
    use lopdf::{Document, Object, Stream, StringFormat, dictionary};
    let mut pdf = Document::with_version("1.5");
    let root = pdf.new_object_id();
    let font = dictionary! {
        "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica", "Encoding" => encoding
    };
    let fonts = dictionary! { "F1" => font };
    let mut operations = vec![
        Operation::new("BT", vec![]),
        Operation::new("Tf", vec!["F1".into(), 12.into()]),
        Operation::new("Td", vec![72.into(), 720.into()]),
        Operation::new("TL", vec![14.into()]),
    ];
    for line in lines {
        let text = Object::String(line.to_vec(), StringFormat::Literal);
        operations.push(Operation::new("Tj", vec![text]));
        operations.push(Operation::new("T*", vec![]));
    }
    operations.push(Operation::new("ET", vec![]));
    let content = Content { operations }.encode().expect("encoded");
    let content = pdf.add_object(Stream::new(dictionary! {}, content));
    let page = pdf.add_object(dictionary! {
        "Type" => "Page", "Parent" => root, "Contents" => content,
        "Resources" => dictionary! { "Font" => fonts },
        "MediaBox" => vec![0.into(), 0.into(), 612.into(), 792.into()],
    });
    let pages = dictionary! { "Type" => "Pages", "Count" => 1, "Kids" => vec![page.into()] };
    pdf.objects.insert(root, Object::Dictionary(pages));
    let catalog = pdf.add_object(dictionary! { "Type" => "Catalog", "Pages" => root });
    pdf.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    pdf.save_to(&mut bytes).expect("saved");
    bytes
}

#[test]
fn pdfs_are_read_in_every_encoding_and_across_line_ends() {
    use lopdf::dictionary;
    let scratch = tempfile::tempdir().expect("a directory");
    let (folder, index) = (scratch.path().join("docs"), scratch.path().join("c"));
    std::fs::create_dir(&folder).expect("made");
    let lines: [&[u8]; 4] = [b"The infor-", b"mation retrieval sys-", b"tem is well-", b"known."];
    let text: [&[u8]; 1] = [b"na\xaevely quoted \xaawords\xba"];
    for (name, lines, encoding) in [
        ("hyphens.pdf", &lines[..], "WinAnsiEncoding".into()),
        ("name.pdf", &text, "StandardEncoding".into()),
        ("other.pdf", &text, "OfNobody".into()),
        (
            "base.pdf",
            &text,
            dictionary! {
                "Type" => "Encoding", "BaseEncoding" => "StandardEncoding",
                "Differences" => vec![0xba.into(), "exclam".into()],
            }
            .into(),
        ),
    ] {
        std::fs::write(folder.join(name), pdf(lines, encoding)).expect("written");
    }
    let report = lexivec_ok(&["ingest", arg(&index), "--folder", arg(&folder), "--json"]);
    assert!(report.contains("\"failures\":[]"), "{report}");
    for words in ["information", "system", "known", "well-known", "well"] {
        assert_eq!(found(&index, words), ["hyphens.pdf#0"], "{words}");
    }
    let collection = Collection::open_read_only(&index).expect("opened");
    for (id, text) in [
        ("name.pdf#0", "na\u{fb01}vely quoted \u{201c}words\u{201d}"),
        ("other.pdf#0", "na\u{fb01}vely quoted \u{201c}words\u{201d}"),
        ("base.pdf#0", "na\u{fb01}vely quoted \u{201c}words!"),
    ] {
        let document = collection.get(id).expect("read").expect(id);
        assert_eq!(document.text["text"], text, "{id}");
    }
}

#[test]
fn a_mark_of_byte_order_is_skipped_wherever_a_text_is_given() {
    let scratch = tempfile::tempdir().expect("a directory");
    let path = |name: &str| scratch.path().join(name);
    let npy = |rows: &[[f32; 2]]| {
        let head =
            format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, 2), }}", rows.len());
        let head = format!("{head:<117}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((head.len() as u16).to_le_bytes());
        bytes.extend(head.bytes());
        bytes.extend(rows.iter().flatten().flat_map(|value| value.to_le_bytes()));
        bytes
    };
    std::fs::write(path("v.npy"), npy(&[[1.0, 0.0], [0.0, 1.0]])).expect("written");
    std::fs::write(path("ids"), "\u{feff}a\r\nb\r\n").expect("written");
    std::fs::write(path("q.jsonl"), "\u{feff}{\"_id\": 1, \"text\": \"alpha\"}\n")
        .expect("written");
    std::fs::write(path("qrels"), "\u{feff}1 0 a 1\n").expect("written");
    std::fs::write(path("f.jsonl"), "\u{feff}{\"vector\": [1, 0], \"relevant\": [1]}\n")
        .expect("written");
    let index = path("c");
    lexivec_ok(&[
        "ingest",
        arg(&index),
        "--vectors",
        arg(&path("v.npy")),
        "--vector-ids",
        arg(&path("ids")),
    ]);
    lexivec_ok(&["learn", arg(&index), arg(&path("f.jsonl"))]);
    let settings = "\u{feff}{\"bm25\": {\"k1\": 0.9, \"b\": 0.4}}";
    lexivec_ok(&["profile", "set", arg(&index), "p", settings]);
    let json = ["--json", "--vector", "\u{feff}[1, 0]"];
    for filter in ["\u{feff}absent IS NULL", "\u{feff}{\"absent\": null}"] {
        let search = ["search", arg(&index), "--filter", filter, "--profile", "p"];
        let answer = lexivec_ok(&[&search[..], &json].concat());
        assert!(answer.contains("\"id\":\"a\""), "{answer}");
    }
    let (queries, qrels) = (path("q.jsonl"), path("qrels"));
    let judged = ["--queries", arg(&queries), "--qrels", arg(&qrels), "--mode", "text", "--json"];
    let report = lexivec_ok(&[&["evaluate", arg(&index)][..], &judged].concat());
    assert!(report.contains("\"queries\":1"), "{report}");
}

#[test]
fn passages_of_phrases_mark_the_phrase_and_no_stray_words() {
    let text =
        "Heat is here. ".repeat(30) + "The heat transfer coefficient is here. Transfer alone.";
    let options = Options::new().join_text(false);
    let collection = Collection::in_memory(options).expect("a collection");
    collection.upsert([Document::new("a").text(text)]).expect("written");
    for (query, marked) in [
        ("\"heat transfer\"", "heat transfer"),
        ("+\"heat transfer\"", "heat transfer"),
        ("(\"heat transfer\" nowhere)^2", "heat transfer"),
        ("text:\"heat transfer\" -title:heat", "heat transfer"),
        ("\"heat coefficient\"~1", "heat coefficient"),
        ("\"transfer heat\"~2", "heat transfer"),
    ] {
        let mut request = SearchRequest::text(query).syntax(Syntax::QueryString);
        request.highlight = Some(Highlight::default());
        let hits = collection.search(&request).expect("an answer").hits;
        let texts = hits[0].highlight.as_ref().expect("asked for");
        let parts = &texts["text"];
        let found: Vec<&str> =
            parts.iter().filter(|part| part.found).map(|part| part.text.as_str()).collect();
        assert_eq!(found.join(" "), marked, "{query}: {parts:?}");
        let shown: String = parts.iter().map(|part| part.text.as_str()).collect();
        assert!(shown.contains("The heat transfer coefficient is here."), "{query}: {shown}");
    }
}
