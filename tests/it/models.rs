//! Models named by a folder: on the command line, behind the server's own routes, and through the clients of
//! others that these routes have the shape of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use lexivec::model::{
    CrossEncoder, Embedder, Precision, StaticEmbedder, TransformerEmbedder, open_embedder,
};
use lexivec_server::Config;
use lexivec_server::limits::{MAX_EMBED_TEXTS, MAX_RERANK_DOCUMENTS, MAX_TEXTS_BYTES};
use serde_json::{Value, json};

use crate::http::Running;
use crate::metrics::python;
use crate::transformer::folder;
use crate::{arg, embedder, lexivec, lexivec_ok};

/// Texts that all have a word of [`QUERY`], so that words alone find each of them.
const TEXTS: [&str; 6] = [
    "the wing",
    "wing flow and heat",
    "a plate of a wing",
    "shock waves of a wing at high speed",
    "lift, drag: wing",
    "layer & wing",
];
const QUERY: &str = "heat of a wing";

/// The places of numbers, highest first, and the first place first among equal ones.
fn places(scores: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
    places
}

fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

#[test]
fn one_call_opens_a_model_of_either_kind() {
    let scratch = tempfile::tempdir().expect("a directory");
    embedder::model(scratch.path(), &embedder::TABLE);
    let hash =
        |opened: lexivec::Result<Arc<dyn Embedder>>| opened.expect("opened").hash().to_owned();
    let own = StaticEmbedder::open(scratch.path()).expect("opened");
    assert_eq!(hash(open_embedder(scratch.path(), None)), own.hash());
    let error = open_embedder(scratch.path(), Some(Precision::Int8)).err().expect("refused");
    assert!(error.to_string().contains("no precision to choose"), "{error}");
    for (asked, precision) in [
        (None, Precision::Int8),
        (Some(Precision::Int8), Precision::Int8),
        (Some(Precision::Float), Precision::Float),
    ] {
        let own = TransformerEmbedder::open(folder("mean"), precision).expect("opened");
        assert_eq!(hash(open_embedder(folder("mean"), asked)), own.hash());
    }
    assert!(open_embedder(scratch.path().join("none"), None).is_err());
}

/// The texts as a file of documents, their numbers as ids.
fn documents(directory: &Path) -> PathBuf {
    let line = |(id, text): (usize, &&str)| json!({"id": id.to_string(), "text": text}).to_string();
    let lines: Vec<String> = TEXTS.iter().enumerate().map(line).collect();
    let path = directory.join("documents.jsonl");
    std::fs::write(&path, lines.join("\n")).expect("written");
    path
}

#[test]
fn a_collection_takes_its_model_in_its_precision() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (input, mean) = (documents(scratch.path()), folder("mean"));
    for (made, other) in [("int8", "float"), ("float", "int8")] {
        let dir = scratch.path().join(made);
        let model = ["--model", arg(&mean), "--precision"];
        let with = |verb: &[&str], precision: &str| {
            let mut args = verb.to_vec();
            args.extend(model);
            args.push(precision);
            lexivec(&args)
        };
        let ingest = ["ingest", arg(&dir), "--jsonl", arg(&input)];
        let search = ["search", arg(&dir), QUERY, "--mode", "vector", "--json"];
        assert!(with(&ingest, made).status.success());
        assert!(with(&search, made).status.success());
        let refused = with(&search, other);
        let stderr = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1));
        assert!(
            stderr.contains("in the precision it had then (int8 if none was given"),
            "{stderr}"
        );
    }
    // Where nothing is said it is int8.
    lexivec_ok(&["search", arg(&scratch.path().join("int8")), QUERY, "--model", arg(&mean)]);
    let refused =
        lexivec(&["search", arg(&scratch.path().join("int8")), QUERY, "--precision", "half"]);
    assert_eq!(refused.status.code(), Some(2));
}

/// Ids and rerank scores of an answer's hits.
fn reranked(answer: &Value) -> Vec<(String, f64)> {
    assert_eq!(answer["rerank"]["applied"], true, "{answer}");
    let hit = |hit: &Value| {
        let score = hit["ledger"]["rerank"]["score"].as_f64().expect("a score");
        (hit["id"].as_str().expect("an id").to_owned(), score)
    };
    answer["hits"].as_array().expect("hits").iter().map(hit).collect()
}

#[test]
fn a_search_is_reranked_by_the_cross_encoder_of_a_folder() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (dir, cross) = (scratch.path().join("c"), folder("cross"));
    lexivec_ok(&["ingest", arg(&dir), "--jsonl", arg(&documents(scratch.path()))]);
    let search = ["search", arg(&dir), QUERY, "--json"];
    let expected = |precision: Precision| -> Vec<(String, f64)> {
        let model = CrossEncoder::open(&cross, precision).expect("opened");
        let scores = model.scores(QUERY, &TEXTS).expect("scored");
        places(&scores).into_iter().map(|place| (place.to_string(), scores[place])).collect()
    };
    assert_ne!(expected(Precision::Int8), expected(Precision::Float));
    for (precision, given) in
        [(Precision::Int8, &[][..]), (Precision::Float, &["--precision", "float"])]
    {
        let mut args = search.to_vec();
        args.extend(["--rerank", "model", "--rerank-model", arg(&cross)]);
        args.extend(["--rerank-budget-ms", "60000"]);
        args.extend(given);
        let answer = serde_json::from_str(&lexivec_ok(&args)).expect("JSON");
        assert_eq!(reranked(&answer), expected(precision));
    }
    // A profile may ask for it, too.
    let settings = "{\"rerank\": {\"model\": {\"budget_ms\": 60000}}}";
    lexivec_ok(&["profile", "set", arg(&dir), "crossed", settings]);
    let profiled = [&search[..], &["--profile", "crossed", "--rerank-model", arg(&cross)]].concat();
    let answer = serde_json::from_str(&lexivec_ok(&profiled)).expect("JSON");
    assert_eq!(reranked(&answer), expected(Precision::Int8));
    // Either option alone is a slip.
    for (slip, part) in [
        (&["--rerank", "model"][..], "needs --rerank-model FOLDER"),
        (&["--rerank-model", arg(&cross)], "is for --rerank model"),
    ] {
        let output = lexivec(&[&search, slip].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(part), "{stderr}");
    }
    let embedder = folder("mean");
    let output =
        lexivec(&[&search, &["--rerank", "model", "--rerank-model", arg(&embedder)][..]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("--rerank-model") && stderr.contains("not a cross-encoder"),
        "{stderr}"
    );

    let served = serving(&dir, Precision::Int8);
    let body = json!({"text": QUERY, "rerank": {"model": {"budget_ms": 60_000}}});
    let (status, answer) = served.json("POST", "/v1/collections/c/search", &body);
    assert_eq!((status, reranked(&answer)), (200, expected(Precision::Int8)));
}

/// A server with the models `mean` and `cross`.
fn serving(directory: &Path, precision: Precision) -> Running {
    let mut config = Config::new(directory);
    config.embedder = Some(open_embedder(folder("mean"), Some(precision)).expect("opened"));
    let cross = CrossEncoder::open(folder("cross"), precision).expect("opened");
    config.reranker = Some(Arc::new(cross));
    Running::with(config)
}

fn floats(values: &Value) -> Vec<f32> {
    let float = |value: &Value| value.as_f64().expect("a number") as f32;
    values.as_array().expect("a vector").iter().map(float).collect()
}

#[test]
fn embeddings_are_answered_in_the_shape_of_openai() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = serving(scratch.path(), Precision::Float);
    let model = open_embedder(folder("mean"), Some(Precision::Float)).expect("opened");
    let expected: Vec<Vec<f32>> =
        model.embed(&TEXTS).expect("embedded").into_iter().flatten().collect();
    let ask = |body: &Value| server.json("POST", "/v1/embeddings", body);

    let (status, answer) = ask(&json!({"input": TEXTS, "model": "mean", "user": "u",
        "encoding_format": "float", "dimensions": 32}));
    assert_eq!(
        (status, &answer["object"], &answer["model"]),
        (200, &json!("list"), &json!("mean"))
    );
    let data = answer["data"].as_array().expect("a list");
    let found: Vec<Vec<f32>> = data.iter().map(|e| floats(&e["embedding"])).collect();
    assert_eq!(found, expected);
    for (place, embedding) in data.iter().enumerate() {
        assert_eq!(
            (&embedding["index"], &embedding["object"]),
            (&json!(place), &json!("embedding"))
        );
    }
    // "the wing" is two tokens, and two special ones.
    let usage = ask(&json!({"input": "the wing"})).1["usage"].clone();
    assert_eq!(usage, json!({"prompt_tokens": 4, "total_tokens": 4}));
    // One text alone, in the other form: 32 floats are 128 bytes are 172 digits.
    let one = ask(&json!({"input": TEXTS[3], "encoding_format": "base64"})).1;
    let text = one["data"][0]["embedding"].as_str().expect("a text");
    assert_eq!((text.len(), one["data"].as_array().map(Vec::len)), (172, Some(1)));

    let many = vec!["a"; MAX_EMBED_TEXTS + 1];
    for (body, status, param, code, part) in [
        (json!({"input": ["wing", ""]}), 400, "input", "invalid_request", "input[1]"),
        (json!({"input": []}), 400, "input", "invalid_request", "no texts"),
        (json!({"input": many}), 400, "input", "invalid_request", "2049 texts"),
        (
            json!({"input": "a".repeat(MAX_TEXTS_BYTES + 1)}),
            400,
            "input",
            "invalid_request",
            "bytes",
        ),
        (json!({"input": [1, 2]}), 400, "", "invalid_request", "lists of tokens are not taken"),
        (json!({"input": "a", "dimensions": 16}), 400, "dimensions", "invalid_request", "of 32"),
        (json!({"input": "a", "model": "other"}), 404, "model", "model_not_found", "\"mean\" is"),
        (json!({"input": "a", "encoding_format": "int8"}), 400, "", "invalid_request", "int8"),
        (json!({"input": "a", "more": 1}), 400, "", "invalid_request", "more"),
    ] {
        let (found, answer) = ask(&body);
        let error = &answer["error"];
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{answer}");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["param"].as_str().unwrap_or_default(), param, "{answer}");
        assert!(error["message"].as_str().is_some_and(|m| m.contains(part)), "{answer}");
    }
    let (status, kind, body) = server.call("POST", "/v1/embeddings", "text/plain", "a");
    assert_eq!((status, kind.as_str()), (415, "application/json"), "{body}");

    let bare = Running::start(&scratch.path().join("bare"));
    let (status, answer) = bare.json("POST", "/v1/embeddings", &json!({"input": "a"}));
    assert_eq!((status, &answer["error"]["code"]), (404, &json!("no_model")));
    assert!(answer["error"]["message"].as_str().is_some_and(|m| m.contains("--model FOLDER")));
}

#[test]
fn documents_are_reranked_in_the_shape_of_cohere() {
    let scratch = tempfile::tempdir().expect("a directory");
    let server = serving(scratch.path(), Precision::Float);
    let model = CrossEncoder::open(folder("cross"), Precision::Float).expect("opened");
    let scores = model.scores(QUERY, &TEXTS).expect("scored");
    let ask = |body: &Value| server.json("POST", "/v2/rerank", body);
    for (count, top_n) in [(6, Value::Null), (2, json!(2)), (6, json!(60))] {
        let mut body = json!({"query": QUERY, "documents": TEXTS, "model": "cross"});
        if !top_n.is_null() {
            body["top_n"] = top_n;
        }
        let (status, answer) = ask(&body);
        let expected: Vec<Value> = places(&scores)
            .into_iter()
            .take(count)
            .map(|place| json!({"index": place, "relevance_score": logistic(scores[place])}))
            .collect();
        assert_eq!((status, &answer["results"]), (200, &json!(expected)));
        assert_eq!(answer["meta"]["api_version"]["version"], "2");
    }
    let many = vec!["a"; MAX_RERANK_DOCUMENTS + 1];
    for (body, status, code, part) in [
        (json!({"query": "a", "documents": []}), 400, "invalid_request", "no texts"),
        (json!({"query": "a", "documents": many}), 400, "invalid_request", "1001 texts"),
        (json!({"query": " ", "documents": ["a"]}), 400, "invalid_request", "query"),
        (json!({"query": "a", "documents": ["a"], "top_n": 0}), 400, "invalid_request", "top_n"),
        (json!({"query": "a", "documents": [{"text": "a"}]}), 400, "invalid_request", "string"),
        (
            json!({"query": "a", "documents": ["a"], "max_tokens_per_doc": 9}),
            400,
            "invalid_request",
            "max_tokens_per_doc",
        ),
        (
            json!({"query": "a", "documents": ["a"], "model": "rerank-v4"}),
            404,
            "model_not_found",
            "\"cross\" is",
        ),
    ] {
        let (found, answer) = ask(&body);
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{answer}");
        assert!(answer["detail"].as_str().is_some_and(|d| d.contains(part)), "{answer}");
    }
    let bare = Running::start(&scratch.path().join("bare"));
    let (status, answer) =
        bare.json("POST", "/v2/rerank", &json!({"query": "a", "documents": ["a"]}));
    assert_eq!((status, &answer["code"]), (404, &json!("no_model")));
    assert!(answer["detail"].as_str().is_some_and(|d| d.contains("--rerank-model FOLDER")));
}

/// The published clients of both APIs, unchanged. Skipped if Python lacks them; under CI that fails.
#[test]
fn the_clients_of_openai_and_cohere_work_unchanged() {
    let there = Command::new(python()).args(["-c", "import openai, cohere"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "CI needs the clients; `make test` installs them"
        );
        lexivec_tests::left_out("the Python packages openai and cohere; `make test`");
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let server = serving(scratch.path(), Precision::Float);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients.py");
    let asked = json!({"query": QUERY, "texts": TEXTS}).to_string();
    let output = Command::new(python())
        .arg(script)
        .arg(format!("http://{}", server.address))
        .arg(asked)
        .env_remove("OPENAI_BASE_URL")
        .env_remove("CO_API_URL")
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: BTreeMap<String, Value> = serde_json::from_slice(&output.stdout).expect("JSON");

    let model = open_embedder(folder("mean"), Some(Precision::Float)).expect("opened");
    let expected: Vec<Vec<f32>> =
        model.embed(&TEXTS).expect("embedded").into_iter().flatten().collect();
    for form in ["default", "float", "base64"] {
        let found: Vec<Vec<f32>> =
            answer[form].as_array().expect("vectors").iter().map(floats).collect();
        assert_eq!(found, expected, "{form}");
    }
    assert_eq!(answer["tokens"], model.count_tokens(&TEXTS).expect("counted").unwrap_or_default());
    assert_eq!(answer["wrong"]["type"], "NotFoundError");
    assert_eq!(answer["wrong"]["code"], "model_not_found");
    assert_eq!(answer["empty"]["type"], "BadRequestError");
    assert_eq!(answer["empty"]["param"], "input");
    let cross = CrossEncoder::open(folder("cross"), Precision::Float).expect("opened");
    let scores = cross.scores(QUERY, &TEXTS).expect("scored");
    let expected: Vec<Value> = places(&scores)
        .into_iter()
        .take(4)
        .map(|place| json!([place, logistic(scores[place])]))
        .collect();
    assert_eq!(answer["reranked"], json!(expected));
    assert_eq!(answer["refused"]["type"], "NotFoundError");
}

#[test]
fn a_folder_is_described_by_kind_sizes_and_licence() {
    let scratch = tempfile::tempdir().expect("a directory");
    embedder::model(scratch.path(), &embedder::TABLE);
    std::fs::write(scratch.path().join("LICENSE"), "\n  MIT License\n\nText").expect("written");
    let own = StaticEmbedder::open(scratch.path()).expect("opened");
    let (mean, cross) = (folder("mean"), folder("cross"));
    let float = TransformerEmbedder::open(&mean, Precision::Float).expect("opened");
    let scores = CrossEncoder::open(&cross, Precision::Int8).expect("opened");
    for (args, expected) in [
        (
            &["model", "show", "--json", arg(scratch.path())][..],
            json!({"name": "tiny", "kind": "static", "dim": 2, "hash": own.hash(),
                "licence": "MIT License"}),
        ),
        (
            &["model", "show", "--json", arg(&mean), "--precision", "float"],
            json!({"name": "mean", "kind": "transformer", "dim": 32, "precision": "float",
                "hash": float.hash()}),
        ),
        (
            &["model", "show", "--json", arg(&cross)],
            json!({"name": "cross", "kind": "cross-encoder", "precision": "int8",
                "hash": scores.hash()}),
        ),
    ] {
        let described: Value = serde_json::from_str(&lexivec_ok(args)).expect("JSON");
        assert_eq!(described, expected);
    }
    assert!(lexivec_ok(&["model", "show", arg(&cross)]).contains("for --rerank-model"));
    let error = open_embedder(&cross, None).err().expect("refused").to_string();
    assert!(error.contains("use it as the reranker"), "{error}");
}
