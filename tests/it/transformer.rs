//! Transformer models compared with their reference: `tests/fixtures/transformer/make.py` made small
//! ones of random weights and says what the libraries they are published for make of some texts.

use std::path::{Path, PathBuf};

use lexivec::model::{CrossEncoder, Embedder, Precision, TransformerEmbedder};
use serde_json::Value;

/// Largest difference of a component or a score from the reference's: both add up floats, in other orders.
const TOLERANCE: f64 = 1e-4;

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transformer").join(name)
}

fn expected() -> Value {
    let text = std::fs::read_to_string(folder("expected.json")).expect("the fixture");
    serde_json::from_str(&text).expect("JSON")
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().expect("texts").iter().map(|text| text.as_str().expect("text")).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().map(|x| x.as_f64().expect("a number")).collect()
}

/// Largest difference of two vectors.
fn off(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

fn cosine(a: &[f32], b: &[f64]) -> f64 {
    let dot: f64 = a.iter().zip(b).map(|(x, y)| f64::from(*x) * y).sum();
    let square = |of: &mut dyn Iterator<Item = f64>| of.map(|x| x * x).sum::<f64>();
    dot / (square(&mut a.iter().map(|x| f64::from(*x))) * square(&mut b.iter().copied())).sqrt()
}

#[test]
fn embeddings_are_those_of_the_reference() {
    let expected = expected();
    let texts = strings(&expected["texts"]);
    for name in ["mean", "first"] {
        let reference: Vec<_> =
            expected[name]["texts"].as_array().expect("vectors").iter().map(numbers).collect();
        let model = TransformerEmbedder::open(folder(name), Precision::Float).expect("opened");
        let found = model.embed(&texts).expect("embedded");
        assert_eq!((model.dim(), model.name(), found.len()), (32, name, texts.len()));
        let empty: Vec<_> = found.iter().map(Option::is_none).collect();
        assert_eq!(empty, texts.iter().map(|text| text.is_empty()).collect::<Vec<_>>());
        for (found, reference) in found.iter().flatten().zip(&reference) {
            assert!(off(found, reference) < TOLERANCE, "{name}: {}", off(found, reference));
        }
        let query = expected["query"].as_str().expect("a query");
        let found_query = model.embed_query(query).expect("embedded").expect("a vector");
        assert!(off(&found_query, &numbers(&expected[name]["query"])) < TOLERANCE, "{name}");
        // Alone and together a text has one vector.
        for (text, found) in texts.iter().zip(&found) {
            let alone = model.embed(&[text]).expect("embedded").remove(0);
            assert_eq!(&alone, found, "{name}: {text}");
        }
        let rounded = TransformerEmbedder::open(folder(name), Precision::Int8).expect("opened");
        assert_ne!(rounded.hash(), model.hash(), "another precision makes other vectors");
        for (found, reference) in
            rounded.embed(&texts).expect("embedded").iter().flatten().zip(&reference)
        {
            assert!(cosine(found, reference) > 0.998, "{name}: {}", cosine(found, reference));
        }
    }
    // The prefixes of `first` matter: the same words as a question and as a passage.
    let model = TransformerEmbedder::open(folder("first"), Precision::Float).expect("opened");
    let (question, passage) = (model.embed_query("wing"), model.embed(&["wing"]));
    assert_ne!(question.expect("embedded"), passage.expect("embedded").remove(0));
}

#[test]
fn pairs_have_the_scores_of_the_reference() {
    let expected = expected();
    let texts: Vec<&str> =
        strings(&expected["texts"]).into_iter().filter(|t| !t.is_empty()).collect();
    let query = expected["query"].as_str().expect("a query");
    for name in ["cross", "roberta"] {
        let model = CrossEncoder::open(folder(name), Precision::Float).expect("opened");
        let found = model.scores(query, &texts).expect("scored");
        let reference = numbers(&expected[name]);
        assert_eq!(found.len(), reference.len());
        for ((found, reference), text) in found.iter().zip(&reference).zip(&texts) {
            assert!((found - reference).abs() < TOLERANCE, "{name} {text}: {found} {reference}");
        }
    }
}

#[test]
fn tokens_have_a_vector_each() {
    let model = TransformerEmbedder::open(folder("mean"), Precision::Float).expect("opened");
    let found = model.embed_tokens(&["the wing", "a"]).expect("embedded").expect("lists");
    // With the two special ones.
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [4, 3]);
    for vector in found.iter().flatten() {
        let length: f64 = vector.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!(vector.len() == 32 && (length - 1.0).abs() < 1e-5);
    }
    // The mean of them points where the text's own vector does, but for their lengths.
    let whole = model.embed(&["the wing"]).expect("embedded").remove(0).expect("a vector");
    let mean: Vec<f64> =
        (0..32).map(|i| found[0].iter().map(|v| f64::from(v[i])).sum::<f64>()).collect();
    assert!(cosine(&whole, &mean) > 0.9);
}

/// A copy of a model, changed.
fn changed(name: &str, change: impl FnOnce(&Path)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    for entry in std::fs::read_dir(folder(name)).expect("listed").flatten() {
        if entry.path().is_dir() {
            let below = copy.path().join(entry.file_name());
            std::fs::create_dir(&below).expect("made");
            std::fs::copy(entry.path().join("config.json"), below.join("config.json"))
                .expect("copied");
        } else {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("copied");
        }
    }
    change(copy.path());
    copy
}

/// Changes a folder of a model.
type Change = Box<dyn Fn(&Path)>;

/// Replaces a part of a file of a model.
fn edit(name: &'static str, from: &'static str, to: &'static str) -> Change {
    Box::new(move |folder| {
        let path = folder.join(name);
        let text = std::fs::read_to_string(&path).expect("read");
        assert!(text.contains(from), "{from}");
        std::fs::write(path, text.replace(from, to)).expect("written");
    })
}

/// Removes a file of a model.
fn remove(name: &'static str) -> Change {
    Box::new(move |folder| std::fs::remove_file(folder.join(name)).expect("removed"))
}

#[test]
fn broken_models_are_refused_by_file_and_cause() {
    let weights = |bytes: &'static [u8]| -> Change {
        Box::new(move |folder| {
            std::fs::write(folder.join("model.safetensors"), bytes).expect("written");
        })
    };
    let config = "config.json";
    let cases: Vec<(Change, &str)> = vec![
        (remove(config), "no config.json"),
        (remove("tokenizer.json"), "tokenizer.json"),
        (remove("model.safetensors"), "no model.safetensors"),
        (weights(b""), "model.safetensors"),
        (weights(&[255; 64]), "not a safetensors"),
        (edit(config, "\"bert\"", "\"mpnet\""), "mpnet"),
        (edit(config, "\"hidden_size\": 32", "\"hidden_size\": 0"), "sizes"),
        (edit(config, "\"hidden_size\": 32", "\"hidden_size\": 64"), "shape"),
        (edit(config, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), "encoder.layer.2"),
        (edit(config, "\"gelu\"", "\"swish\""), "swish"),
        (edit("modules.json", "modules.normalize.Normalize", "modules.Dense"), "Dense"),
        (edit("modules.json", "\"1_Pooling\"", "\"../x\""), "not a folder's name"),
        (edit("1_Pooling/config.json", "\"mean\"", "\"max\""), "mean"),
        (
            edit("tokenizer_config.json", "\"model_max_length\": 32", "\"model_max_length\": 2"),
            "no room",
        ),
    ];
    for (change, expected) in cases {
        let copy = changed("mean", change);
        let error = TransformerEmbedder::open(copy.path(), Precision::Int8).err();
        let error = error.unwrap_or_else(|| panic!("{expected}: opened")).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = CrossEncoder::open(folder("mean"), Precision::Int8).err().expect("no head");
    assert!(error.to_string().contains("not a cross-encoder"), "{error}");
}

/// Every byte of the small files' beginnings, turned over: an error or a model, no panic.
#[test]
fn damaged_model_files_do_not_panic() {
    for name in ["config.json", "model.safetensors", "tokenizer.json", "modules.json"] {
        let bytes = std::fs::read(folder("mean").join(name)).expect("read");
        for at in (0..bytes.len().min(3_000)).step_by(37) {
            let copy = changed("mean", |path| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 0x15;
                std::fs::write(path.join(name), bytes).expect("written");
            });
            if let Ok(model) = TransformerEmbedder::open(copy.path(), Precision::Int8) {
                let _ = model.embed(&["the wing", "ways"]);
            }
        }
    }
}
