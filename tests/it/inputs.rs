//! Inputs as people bring them: each form is found by its words, or refused by name.

use std::path::Path;

use lexivec::{Collection, SearchRequest};

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
