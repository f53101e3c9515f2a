//! Late interaction: scores that stay the same wherever a row lies, and token vectors that come back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use lexivec::limits::MAX_ROW_TOKENS;
use lexivec::query::limits::{MAX_QUERY_TOKENS, MAX_RERANK_DEPTH};
use lexivec::query::rerank::RerankKind;
use lexivec::schema::TokenField;
use lexivec::storage::MemoryVfs;
use lexivec::{
    Collection, CopyOptions, Document, Filter, Metric, OpenOptions, Options, Rerank, SearchRequest,
    VerifyLevel,
};
use lexivec_tests::Random;
use serde_json::{Value, json};

use crate::{arg, lexivec_ok};

const DIM: usize = 24;
const ROWS: usize = 300;
/// A row has fewer token vectors than this number; one row in this many has none.
const LISTS: usize = 9;

fn list(random: &mut Random, count: usize, dim: usize) -> Vec<Vec<f32>> {
    (0..count).map(|_| random.vector(dim)).collect()
}

fn rows() -> Vec<Document> {
    let mut random = Random(5);
    let row = |i: usize| {
        let row = Document::new(format!("r{i:03}")).text("wing");
        let row = row.vector(random.vector(4)).payload("n", i);
        let count = random.below(LISTS);
        let row = if count > 0 { row.tokens(list(&mut random, count, DIM)) } else { row };
        let other = list(&mut random, 2, 3);
        if i.is_multiple_of(2) { row.tokens_in("other", other) } else { row }
    };
    (0..ROWS).map(row).collect()
}

fn options() -> Options {
    let open = OpenOptions::new().background(false).reserve_bytes(0).log_file_bytes(64 << 10);
    let options = Options::new().vector(4, Metric::Cosine).tokens(DIM).open(open);
    options.token_field(TokenField::new("other", 3)).graph_min_rows(1_000_000)
}

fn requests() -> Vec<SearchRequest> {
    let mut random = Random(6);
    let mut request = |i: usize| {
        let count = 1 + random.below(6);
        let rerank = match i % 3 {
            0 => Rerank::late_interaction(list(&mut random, count, 3)).token_field("other"),
            _ => Rerank::late_interaction(list(&mut random, count, DIM)).token_field("tokens"),
        };
        let request = SearchRequest::text("wing").limit(ROWS).candidates(ROWS);
        request.rerank(rerank.depth(MAX_RERANK_DEPTH).budget_ms(60_000))
    };
    (0..12).map(&mut request).collect()
}

/// Ids and scores, bit by bit, and whether the reranker gave the score.
fn answers(collection: &Collection) -> Vec<Vec<(String, u64, bool)>> {
    let answer = |request: &SearchRequest| {
        let answer = collection.search(request).expect("an answer");
        assert_eq!(
            answer.rerank.as_ref().map(|r| (r.kind, r.applied)),
            Some((RerankKind::LateInteraction, true))
        );
        let hit = |hit: lexivec::Hit| {
            assert!(hit.ledger.adds_up());
            let scored = hit.ledger.rerank.is_some_and(|r| r.score.is_some());
            (hit.id, hit.score.to_bits(), scored)
        };
        answer.hits.into_iter().map(hit).collect()
    };
    requests().iter().map(answer).collect()
}

fn documents(collection: &Collection) -> Vec<Document> {
    collection.scroll(&Filter::All, None, ROWS).expect("read").documents
}

/// A collection whose rows were written in `batches` batches, each flushed, with stale rows among them.
fn written(disk: &MemoryVfs, batches: usize) -> Collection {
    let collection = Collection::create(Arc::new(disk.clone()), options()).expect("created");
    let rows = rows();
    for batch in rows.chunks(ROWS.div_ceil(batches)) {
        let stale = |row: &Document| Document { tokens: rows[0].tokens.clone(), ..row.clone() };
        collection.upsert(batch.iter().step_by(3).map(stale)).expect("written");
        collection.upsert(batch.to_vec()).expect("written");
        if batches > 1 {
            collection.flush().expect("flushed");
        }
    }
    collection
}

fn reopened(disk: &MemoryVfs, collection: Collection) -> Collection {
    drop(collection);
    let open = OpenOptions::new().background(false).reserve_bytes(0);
    open.open(Arc::new(disk.clone())).expect("opened")
}

/// The result of repairing a sound collection.
fn repaired(disk: &MemoryVfs) -> Collection {
    let vfs = Arc::new(disk.clone());
    let report = Collection::verify(vfs.clone(), VerifyLevel::Deep).expect("verified");
    assert!(report.is_sound(), "{report:?}");
    let target = MemoryVfs::default();
    let report =
        Collection::repair(vfs, Arc::new(target.clone()), CopyOptions::new()).expect("repaired");
    assert!(report.without_vector.is_empty() && report.damage.is_empty(), "{report:?}");
    let open = OpenOptions::new().background(false).reserve_bytes(0);
    open.open(Arc::new(target)).expect("opened")
}

/// Error of the stored vectors.
fn near(given: &[Document], kept: &[Document]) {
    for (given, kept) in given.iter().zip(kept) {
        assert!(given.tokens.keys().eq(kept.tokens.keys()));
        let pairs = given.tokens.values().flatten().zip(kept.tokens.values().flatten());
        for (given, kept) in pairs {
            let length = given.iter().map(|x| x * x).sum::<f32>().sqrt();
            assert!(given.iter().zip(kept).all(|(g, k)| (g / length - k).abs() < 0.01));
        }
    }
}

#[test]
fn scores_and_token_vectors_are_the_same_wherever_a_row_lies() {
    let disk = MemoryVfs::default();
    let first = written(&disk, 1);
    let (expected, kept) = (answers(&first), documents(&first));
    for answer in &expected {
        let scored = answer.iter().filter(|hit| hit.2).count();
        assert!(answer.len() == ROWS && scored > ROWS / 3 && scored < ROWS, "{scored}");
    }
    let check = |state: &str, collection: &Collection| {
        assert!(answers(collection) == expected, "{state}: other scores");
        assert!(documents(collection) == kept, "{state}: other token vectors");
    };
    near(&rows(), &kept);
    let first = reopened(&disk, first);
    check("read from the log", &first);
    first.flush().expect("flushed");
    check("flushed", &first);
    let first = reopened(&disk, first);
    check("reopened", &first);
    for batches in [3, 20] {
        let disk = MemoryVfs::default();
        let collection = written(&disk, batches);
        assert!(collection.stats().expect("counted").segments.len() >= batches);
        check("in parts", &collection);
        collection.compact(lexivec::CompactOptions::new()).expect("compacted");
        assert_eq!(collection.stats().expect("counted").segments.len(), 1);
        check("compacted", &collection);
        let collection = reopened(&disk, collection);
        check("compacted and reopened", &collection);
        let patch = json!({"n": 7}).as_object().cloned().expect("an object");
        collection.patch("r003", &patch).expect("patched").expect("it is there");
        assert!(answers(&collection) == expected, "a patch of the payload moved a score");
        drop(collection);
        assert!(answers(&repaired(&disk)) == expected, "a repair moved a score");
    }
    // As JSON and back into another collection.
    let again = Collection::in_memory(options()).expect("created");
    let json = serde_json::to_string(&kept).expect("written");
    let read: Vec<Document> = serde_json::from_str(&json).expect("read");
    again.upsert(read).expect("written");
    check("written again", &again);
    // The comparison can fail.
    again.upsert(vec![Document { id: "r007".to_owned(), ..rows()[8].clone() }]).expect("written");
    assert!(answers(&again) != expected);
}

#[test]
fn scores_are_near_those_of_float_vectors_and_rows_without_tokens_follow() {
    let collection = Collection::in_memory(options()).expect("created");
    let rows: BTreeMap<String, Document> = rows().into_iter().map(|d| (d.id.clone(), d)).collect();
    collection.upsert(rows.values().cloned()).expect("written");
    let unit = |v: &Vec<f32>| {
        let length = v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        v.iter().map(|&x| f64::from(x) / length).collect::<Vec<f64>>()
    };
    let query = list(&mut Random(9), 5, DIM);
    let max_sim = |tokens: &[Vec<f32>]| -> f64 {
        let best = |q: Vec<f64>| {
            let cosine = |t: &Vec<f32>| q.iter().zip(unit(t)).map(|(a, b)| a * b).sum::<f64>();
            tokens.iter().map(cosine).fold(f64::NEG_INFINITY, f64::max)
        };
        query.iter().map(|q| best(unit(q))).sum()
    };
    // Each of two vectors is at most half a step of each component off; see the kernel's own test.
    let tolerance = 5.0 * 2.0 * (DIM as f64).sqrt() / 254.0;
    let request = SearchRequest::text("wing").limit(ROWS).candidates(ROWS);
    let rerank = Rerank::late_interaction(query.clone()).token_field("tokens").depth(200);
    let answer = collection.search(&request.rerank(rerank)).expect("an answer");
    let report = answer.rerank.expect("a report");
    assert_eq!((report.candidates, answer.hits.len()), (200, ROWS));
    let (scored, others) = answer.hits.split_at(report.scored);
    let mut last = f64::INFINITY;
    for hit in scored {
        let expected = max_sim(&rows[&hit.id].tokens["tokens"]);
        assert!((hit.score - expected).abs() < tolerance, "{}: {} {expected}", hit.id, hit.score);
        assert!(hit.score <= last);
        last = hit.score;
    }
    // The fused list is in the order of the ids, as all scores are equal.
    let expected: Vec<&String> = rows
        .iter()
        .enumerate()
        .filter(|(i, (_, row))| *i >= 200 || !row.tokens.contains_key("tokens"))
        .map(|(_, (id, _))| id)
        .collect();
    assert_eq!(others.iter().map(|hit| &hit.id).collect::<Vec<_>>(), expected);
    assert!(others.iter().all(|hit| hit.ledger.rerank.as_ref().is_some_and(|r| r.score.is_none())));
}

#[test]
fn bad_token_vectors_are_refused_and_change_nothing() {
    let collection = Collection::in_memory(options()).expect("created");
    collection.upsert(rows()).expect("written");
    let before = (documents(&collection), collection.stats().expect("counted").seq);
    let of = |tokens: Vec<Vec<f32>>| Document::new("bad").tokens(tokens);
    let long = vec![vec![1.0; DIM]; MAX_ROW_TOKENS + 1];
    for (document, expected) in [
        (
            of(vec![vec![1.0; DIM], vec![1.0; 3]]),
            "token vector 1 of \"tokens\" has 3 components; the field has 24",
        ),
        (of(vec![vec![f32::NAN; DIM]]), "token vector 0 of \"tokens\" has NaN at component 0"),
        (of(vec![vec![1.0; DIM], vec![0.0; DIM]]), "token vector 1 of \"tokens\" is zero"),
        (of(vec![vec![1e38; DIM]]), "token vector 0 of \"tokens\" is too long"),
        (of(Vec::new()), "0 token vectors \"tokens\"; 1 to 1024 are allowed"),
        (of(long), "1025 token vectors \"tokens\"; 1 to 1024"),
        (
            Document::new("bad").tokens_in("late", vec![vec![1.0]]),
            "no token field \"late\"; the collection has [\"tokens\", \"other\"]",
        ),
    ] {
        let batch = vec![Document::new("good"), document];
        let error = collection.upsert(batch).expect_err("refused").to_string();
        assert!(error.contains("documents[1] (id \"bad\")"), "{error}");
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    assert_eq!((documents(&collection), collection.stats().expect("counted").seq), before);
    collection.upsert(vec![of(vec![vec![1.0; DIM]; MAX_ROW_TOKENS])]).expect("as many as may be");

    let search = |tokens: Vec<Vec<f32>>, field: Option<&str>| {
        let rerank = Rerank::late_interaction(tokens);
        let rerank = field.into_iter().fold(rerank, |rerank, name| rerank.token_field(name));
        collection.search(&SearchRequest::text("wing").rerank(rerank))
    };
    search(vec![vec![1.0; DIM]; MAX_QUERY_TOKENS], Some("tokens")).expect("as many as may be");
    for (tokens, field, expected) in [
        (vec![vec![1.0; DIM]], None, "name one of [\"tokens\", \"other\"]"),
        (vec![vec![1.0; 2]], Some("other"), "query_tokens[0]: it has 2 components"),
        (vec![vec![1.0; DIM]], Some("late"), "no token field \"late\""),
        (Vec::new(), Some("other"), "at least one token vector"),
        (vec![vec![1.0; DIM]; MAX_QUERY_TOKENS + 1], Some("tokens"), "over the limit of 256"),
        (vec![vec![1.0, 0.0, f32::INFINITY]], Some("other"), "query_tokens[0][2]"),
        (vec![vec![1.0; 3], vec![0.0; 3]], Some("other"), "query_tokens[1]: a zero vector"),
    ] {
        let error = search(tokens, field).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    for (options, expected) in [
        (Options::new().tokens(0), "dimension of token vectors: 0 is not within 1..=1024"),
        (Options::new().tokens(1_025), "1025 is not within"),
        (Options::new().tokens(3).tokens(3), "token field: \"tokens\" is there twice"),
        (Options::new().token_field(TokenField::new("A", 3)), "token field: \"A\" is refused"),
    ] {
        let error = Collection::in_memory(options).expect_err("refused").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    for json in [json!({"id": "a", "tokens": "x"}), json!({"id": "a", "tokens": [1.0]})] {
        let error = serde_json::from_value::<Document>(json).expect_err("refused").to_string();
        assert!(error.contains("\"tokens\" is a list of vectors"), "{error}");
    }
}

#[test]
fn the_command_takes_token_vectors_and_ranks_by_them() {
    let scratch = tempfile::tempdir().expect("a directory");
    let at = |name: &str| scratch.path().join(name);
    let lines = [
        json!({"id": "a", "text": "wing", "tokens": [[1, 0], [0, 1]]}),
        json!({"id": "b", "text": "wing", "tokens": {"tokens": [[0, -1]]}}),
        json!({"id": "c", "text": "wing"}),
    ];
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(at("in.jsonl"), text).expect("written");
    let (input, made, found) = (at("in.jsonl"), at("made"), at("found"));
    lexivec_ok(&["create", arg(&made), "--token-dim", "2"]);
    // Made by the input, and made before it.
    for dir in [&made, &found] {
        lexivec_ok(&["ingest", arg(dir), "--jsonl", arg(&input)]);
    }
    lexivec_ok(&["export", arg(&found), arg(&at("stream"))]);
    lexivec_ok(&["import", arg(&at("carried")), arg(&at("stream"))]);
    let search = |dir: &Path| {
        let late = ["--rerank", "late-interaction", "--query-tokens", "[[0, -2], [0.5, 0]]"];
        let printed = lexivec_ok(&[&["search", arg(dir), "wing", "--json"], &late[..]].concat());
        let answer: Value = serde_json::from_str(&printed).expect("JSON");
        (0..3).map(|i| answer["hits"][i]["id"].clone()).collect::<Vec<_>>()
    };
    for dir in [&made, &found, &at("carried")] {
        // a: 0 + 1, b: 1 + 0.
        assert_eq!(search(dir), ["a", "b", "c"]);
    }
    let printed = lexivec_ok(&["get", arg(&made), "a", "--json"]);
    let row: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(row["tokens"]["tokens"], json!([[1.0, 0.0], [0.0, 1.0]]));
    assert!(lexivec_ok(&["get", arg(&made), "a"]).contains("tokens: 2 token vectors"));
    assert!(lexivec_ok(&["stats", arg(&made)]).contains("tokens: 2 components, late interaction"));
}
