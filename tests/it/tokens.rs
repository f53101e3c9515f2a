//! Late interaction where the collection's own model makes the token vectors, of documents and of questions.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lexivec::limits::MAX_ROW_TOKENS;
use lexivec::model::{Embedder, Precision, StaticEmbedder, TokenLists, TransformerEmbedder};
use lexivec::query::limits::MAX_QUERY_TOKENS;
use lexivec::{
    Collection, Document, Filter, Metric, Options, Rerank, RewriteOptions, SearchRequest,
};
use lexivec_server::Config;
use serde_json::{Value, json};

use crate::http::Running;
use crate::transformer::folder;
use crate::{arg, embedder, lexivec, lexivec_ok};

const TEXTS: [&str; 5] = [
    "the wing",
    "wing flow and heat",
    "a plate of a wing",
    "shock waves of a wing at high speed",
    "lift, drag: wing",
];
const QUERY: &str = "heat of a wing";

/// The model whose questions have another prefix than its passages.
fn model() -> Arc<TransformerEmbedder> {
    Arc::new(TransformerEmbedder::open(folder("first"), Precision::Float).expect("opened"))
}

fn lists(model: &dyn Embedder, texts: &[&str]) -> TokenLists {
    model.embed_tokens(texts).expect("embedded").expect("token vectors")
}

fn rows() -> Vec<Document> {
    let row = |(id, text): (usize, &&str)| Document::new(id.to_string()).text(text.to_string());
    TEXTS.iter().enumerate().map(row).collect()
}

fn asking(rerank: Rerank) -> SearchRequest {
    SearchRequest::text(QUERY).rerank(rerank.budget_ms(60_000))
}

/// Ids and scores, bit by bit.
fn answer(collection: &Collection, request: &SearchRequest) -> Vec<(String, u64)> {
    let answer = collection.search(request).expect("an answer");
    assert!(answer.rerank.as_ref().is_some_and(|r| r.applied), "{:?}", answer.rerank);
    answer.hits.into_iter().map(|hit| (hit.id, hit.score.to_bits())).collect()
}

fn error_of<T>(result: lexivec::Result<T>) -> String {
    result.err().expect("must be refused").to_string()
}

#[test]
fn a_model_fills_the_token_vectors_that_callers_would_give() {
    let model = model();
    let made = Options::new().embedder(model.clone()).embed_tokens(true);
    let made = Collection::in_memory(made).expect("created");
    let mut given = rows();
    for (row, list) in given.iter_mut().zip(lists(model.as_ref(), &TEXTS)) {
        *row = row.clone().tokens(list);
    }
    let by_hand = Options::new().embedder(model.clone()).tokens(model.dim());
    let by_hand = Collection::in_memory(by_hand).expect("created");
    by_hand.upsert(given.clone()).expect("written");
    // One that brings its own keeps it, and one without a word gets none.
    let own = Document::new("own").text("wing").tokens(vec![vec![1.0; model.dim()]]);
    let mute = Document::new("mute");
    for collection in [&made, &by_hand] {
        collection.upsert(vec![own.clone(), mute.clone()]).expect("written");
    }
    made.upsert(rows()).expect("written");
    let all = |collection: &Collection| {
        collection.scroll(&Filter::All, None, 100).expect("read").documents
    };
    assert_eq!(all(&made), all(&by_hand));
    let counts: Vec<usize> =
        all(&made).iter().map(|d| d.tokens.get("tokens").map_or(0, Vec::len)).collect();
    assert!(counts.contains(&0) && counts.contains(&1) && counts.iter().any(|&n| n > 3));

    let query = model.embed_query_tokens(QUERY).expect("embedded").expect("token vectors");
    let expected = answer(&by_hand, &asking(Rerank::late_interaction(query)));
    assert_eq!(answer(&made, &asking(Rerank::late_interaction_by_model())), expected);
    // Queries have another prefix than passages, so the comparison can fail.
    let passage = lists(model.as_ref(), &[QUERY]).remove(0);
    assert_ne!(answer(&made, &asking(Rerank::late_interaction(passage))), expected);
    // Many at once, and by a profile.
    let request = asking(Rerank::late_interaction_by_model());
    let many = made.search_many(&[request.clone(), request.clone()]).expect("answers");
    assert!(many.iter().all(|a| a.hits.iter().map(|h| &h.id).eq(expected.iter().map(|h| &h.0))));
    let settings = json!({"rerank": {"late_interaction": {"budget_ms": 60_000}}});
    made.set_profile("late", serde_json::from_value(settings).expect("a profile")).expect("set");
    assert_eq!(answer(&made, &SearchRequest::text(QUERY).profile("late")), expected);
}

/// A model that makes more token vectors than are kept.
struct Long;

impl Embedder for Long {
    fn name(&self) -> &str {
        "long"
    }

    fn hash(&self) -> &str {
        "00000000000000000000000000000001"
    }

    fn dim(&self) -> usize {
        2
    }

    fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
        Ok(vec![Some(vec![1.0, 0.0]); texts.len()])
    }

    fn embed_tokens(&self, texts: &[&str]) -> lexivec::Result<Option<TokenLists>> {
        let list = |text: &&str| match *text {
            "mute" => Vec::new(),
            "short" => vec![vec![1.0]],
            _ => vec![vec![0.0, 1.0]; MAX_ROW_TOKENS + 5],
        };
        Ok(Some(texts.iter().map(list).collect()))
    }
}

#[test]
fn too_many_token_vectors_are_cut_and_invalid_ones_refused() {
    let options = Options::new().embedder(Arc::new(Long)).embed_tokens(true);
    let collection = Collection::in_memory(options).expect("created");
    let row = |id: &str, text: &str| Document::new(id).text(text);
    collection.upsert(vec![row("a", "wing"), row("b", "mute")]).expect("written");
    let count = |id: &str| {
        let row = collection.get(id).expect("read").expect("there");
        row.tokens.get("tokens").map(Vec::len)
    };
    assert_eq!((count("a"), count("b")), (Some(MAX_ROW_TOKENS), None));
    let error = error_of(collection.upsert(vec![row("c", "short")]));
    assert!(error.contains("model long: token vector 0 of \"tokens\" has 1 comp"), "{error}");
    let search = |text: &str| {
        let rerank = Rerank::late_interaction_by_model().budget_ms(60_000);
        collection.search(&SearchRequest::text(text).rerank(rerank))
    };
    // Each of the query's token vectors that are taken meets its twin.
    let hits = search("wing").expect("an answer").hits;
    assert!((hits[0].score - MAX_QUERY_TOKENS as f64).abs() < 1e-9, "{}", hits[0].score);
    let report = search("mute").expect("an answer").rerank.expect("a report");
    assert!(!report.applied && report.reason.is_some_and(|r| r.contains("nothing to say")));
    assert!(error_of(search("short")).contains("token vector 0"));
}

#[test]
fn refusals_say_what_to_do_instead() {
    let scratch = tempfile::tempdir().expect("a directory");
    let tiny = scratch.path().join("tiny");
    std::fs::create_dir(&tiny).expect("made");
    embedder::model(&tiny, &embedder::TABLE);
    let fixed = Arc::new(StaticEmbedder::open(&tiny).expect("opened"));
    for (options, expected) in [
        (Options::new().embed_tokens(true), "no model is set; set one"),
        (Options::new().embedder(fixed).embed_tokens(true), "model tiny makes no token vectors"),
        (
            Options::new().embedder(model()).tokens(8).embed_tokens(true),
            "token vectors of 32 components, field \"tokens\" has 8",
        ),
    ] {
        let error = error_of(Collection::in_memory(options));
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    }
    let by_model = || asking(Rerank::late_interaction_by_model());
    let plain = Collection::in_memory(Options::new().tokens(32)).expect("created");
    let error = error_of(plain.search(&by_model()));
    assert!(error.contains("no model fills this collection's token vectors"), "{error}");

    let dir = scratch.path().join("c");
    let options = Options::new().embedder(model()).embed_tokens(true);
    Collection::create(&dir, options).expect("created").upsert(rows()).expect("written");
    let bare = Collection::open(&dir).expect("opened");
    let error = error_of(bare.search(&by_model().mode(lexivec::query::request::Mode::Text)));
    assert!(
        error.contains("the collection's model is not set; set it, give \"query_tokens\""),
        "{error}"
    );
    let half = Document::new("x").text("wing").vector(vec![1.0; 32]);
    let error = error_of(bare.upsert(vec![half.clone()]));
    assert!(error.contains("give every document a vector and token vectors"), "{error}");
    bare.upsert(vec![half.tokens(vec![vec![1.0; 32]])]).expect("it brings both");
    drop(bare);
    let opened = Collection::open(&dir).expect("opened").with_embedder(model()).expect("its own");
    assert_eq!(answer(&opened, &by_model()).len(), TEXTS.len() + 1);
}

#[test]
fn reembedding_makes_new_token_vectors() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, tiny) = (scratch.path().join("c"), scratch.path().join("tiny"));
    std::fs::create_dir(&tiny).expect("made");
    embedder::model(&tiny, &embedder::TABLE);
    let mean: Arc<dyn Embedder> =
        Arc::new(TransformerEmbedder::open(folder("mean"), Precision::Float).expect("opened"));
    let options = |model: Arc<dyn Embedder>| Options::new().embedder(model).embed_tokens(true);
    Collection::create(&dir, options(model())).expect("created").upsert(rows()).expect("written");
    let fixed = Arc::new(StaticEmbedder::open(&tiny).expect("opened"));
    let error = error_of(Collection::reembed(&dir, fixed, &RewriteOptions::default()));
    assert!(error.contains("model tiny makes none; use a transformer"), "{error}");
    let rows_of = |collection: &Collection| {
        collection.scroll(&Filter::All, None, 100).expect("read").documents
    };
    let expected = Collection::in_memory(options(mean.clone())).expect("created");
    expected.upsert(rows()).expect("written");
    let was = rows_of(&Collection::open_read_only(&dir).expect("opened"));
    assert_ne!(was, rows_of(&expected));
    Collection::reembed(&dir, mean.clone(), &RewriteOptions::default()).expect("re-embedded");
    let reembedded = Collection::open(&dir).expect("opened").with_embedder(mean).expect("its own");
    assert_eq!(rows_of(&reembedded), rows_of(&expected));
    let request = asking(Rerank::late_interaction_by_model());
    assert_eq!(answer(&reembedded, &request), answer(&expected, &request));
}

/// The texts as a file of documents.
fn input(directory: &Path) -> PathBuf {
    let line = |(id, text): (usize, &&str)| json!({"id": id.to_string(), "text": text}).to_string();
    let lines: Vec<String> = TEXTS.iter().enumerate().map(line).collect();
    let path = directory.join("in.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

#[test]
fn the_command_and_the_server_rank_by_their_model() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (first, input) = (folder("first"), input(scratch.path()));
    let with = ["--model", arg(&first), "--precision", "float"];
    let model = model();
    let query = model.embed_query_tokens(QUERY).expect("embedded").expect("token vectors");
    let expected = {
        let options = Options::new().embedder(model.clone()).embed_tokens(true);
        let own = Collection::in_memory(options.metric(Metric::Cosine)).expect("created");
        own.upsert(rows()).expect("written");
        answer(&own, &asking(Rerank::late_interaction(query.clone())))
    };
    let hits = |answer: &Value| -> Vec<(String, u64)> {
        assert_eq!(answer["rerank"]["applied"], true, "{answer}");
        let hit = |hit: &Value| {
            let score = hit["score"].as_f64().expect("a score");
            (hit["id"].as_str().expect("an id").to_owned(), score.to_bits())
        };
        answer["hits"].as_array().expect("hits").iter().map(hit).collect()
    };
    let (made, created) = (scratch.path().join("made"), scratch.path().join("created"));
    lexivec_ok(&[&["create", arg(&created), "--late-interaction"], &with[..]].concat());
    let ingest = ["ingest", "--late-interaction", "--jsonl", arg(&input)];
    for dir in [&made, &created] {
        lexivec_ok(&[&ingest, &with[..], &[arg(dir)]].concat());
        let search = ["search", arg(dir), QUERY, "--json", "--rerank", "late-interaction"];
        let search = [&search[..], &["--rerank-budget-ms", "60000"], &with].concat();
        let found = lexivec_ok(&search);
        assert_eq!(hits(&serde_json::from_str(&found).expect("JSON")), expected);
        let given = serde_json::to_string(&query).expect("JSON");
        let found = lexivec_ok(&[&search[..], &["--query-tokens", &given]].concat());
        assert_eq!(hits(&serde_json::from_str(&found).expect("JSON")), expected);
    }
    let plain = scratch.path().join("plain");
    lexivec_ok(&["ingest", arg(&plain), "--jsonl", arg(&input)]);
    let late = ["--rerank", "late-interaction"];
    let new = scratch.path().join("new");
    for (args, code, expected) in [
        ([&["search", arg(&plain), QUERY], &late[..]].concat(), 2, "no model fills"),
        ([&["search", arg(&made), QUERY], &late[..]].concat(), 1, "model is not set"),
        (vec!["create", arg(&new), "--late-interaction"], 2, "needs --model FOLDER"),
        ([&ingest[..], &[arg(&plain)]].concat(), 2, "late interaction is not made by a model"),
        (vec!["search", arg(&made), QUERY, "--rerank", "mmr", "--token-field", "t"], 2, "is for"),
    ] {
        let output = lexivec(&args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
    }

    let mut config = Config::new(scratch.path().join("served"));
    config.embedder = Some(model);
    let server = Running::with(config);
    let make =
        |name: &str, body: &Value| server.json("PUT", &format!("/v1/collections/{name}"), body);
    let (status, problem) = make("d", &json!({"late_interaction": true}));
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("\"embed\"")), "{problem}");
    assert_eq!(make("c", &json!({"embed": true, "late_interaction": true})).0, 201);
    let documents = std::fs::read_to_string(&input).expect("read");
    let path = "/v1/collections/c/documents";
    assert_eq!(server.call("POST", path, "application/x-ndjson", &documents).0, 200);
    let body = json!({"text": QUERY, "rerank": {"late_interaction": {"budget_ms": 60_000}}});
    let (status, found) = server.json("POST", "/v1/collections/c/search", &body);
    assert_eq!((status, hits(&found)), (200, expected));
}
