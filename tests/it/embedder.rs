//! The static embedder on a model made here, and the record of it in a collection.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use lexivec::model::{Embedder, StaticEmbedder};
use lexivec::{Collection, Document, Options, SearchRequest};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};
use serde_json::json;

/// Half floats 1, 2, -1 and 0, as bits.
const ONE: u16 = 0x3c00;
const TWO: u16 = 0x4000;
const MINUS: u16 = 0xbc00;

/// A model of four words and two components.
pub(crate) fn model(folder: &Path, table: &[u16; 8]) {
    let bytes: Vec<u8> = table.iter().flat_map(|h| h.to_le_bytes()).collect();
    let view = TensorView::new(Dtype::F16, vec![4, 2], &bytes).expect("a tensor");
    let tensors = HashMap::from([("embedding.weight", view)]);
    serialize_to_file(tensors, None, &folder.join("tiny.safetensors")).expect("written");
    let tokenizer = json!({
        "version": "1.0", "added_tokens": [], "normalizer": {"type": "Lowercase"},
        // Settings of this kind would cut texts short; they are to be overridden.
        "truncation": {"direction": "Right", "max_length": 1, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 8}, "direction": "Right", "pad_to_multiple_of": null,
                    "pad_id": 3, "pad_type_id": 0, "pad_token": "flow"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "unk_token": "wing",
                  "vocab": {"wing": 0, "heat": 1, "mach": 2, "flow": 3}}
    });
    std::fs::write(folder.join("tokenizer.json"), tokenizer.to_string()).expect("written");
}

pub(crate) const TABLE: [u16; 8] = [ONE, 0, 0, TWO, MINUS, 0, ONE, ONE];

#[test]
fn a_text_is_the_unit_mean_of_its_tokens() {
    let scratch = tempfile::tempdir().expect("a directory");
    model(scratch.path(), &TABLE);
    let model = StaticEmbedder::open(scratch.path()).expect("opened");
    assert_eq!((model.name(), model.dim()), ("tiny", 2));
    let root = |x: f32, y: f32| {
        let norm = (x * x + y * y).sqrt();
        Some(vec![x / norm, y / norm])
    };
    let texts = ["wing", "Heat", "wing heat", "wing wing heat", "", "wing mach", "flow heat mach"];
    let expected = [
        root(1.0, 0.0),
        root(0.0, 1.0),
        root(1.0, 2.0),
        root(2.0, 2.0),
        None,
        None, // the mean is the zero vector
        root(0.0, 3.0),
    ];
    for (found, expected) in model.embed(&texts).expect("embedded").iter().zip(&expected) {
        match (found, expected) {
            (Some(f), Some(e)) => assert!(f.iter().zip(e).all(|(a, b)| (a - b).abs() < 1e-6)),
            (found, expected) => assert_eq!(found, expected),
        }
    }
}

#[test]
fn a_collection_takes_its_own_model_and_no_other() {
    let scratch = tempfile::tempdir().expect("a directory");
    let folders = [scratch.path().join("one"), scratch.path().join("two")];
    let mut other = TABLE;
    other[7] = TWO;
    for (folder, table) in folders.iter().zip([&TABLE, &other]) {
        std::fs::create_dir(folder).expect("made");
        model(folder, table);
    }
    let open = |i: usize| Arc::new(StaticEmbedder::open(&folders[i]).expect("opened"));
    let dir = scratch.path().join("index");
    {
        let options = Options::new().embedder(open(0));
        let collection = Collection::create(&dir, options).expect("created");
        let row = |id: &str, text: &str| Document::new(id).text(text);
        // A text without tokens has no vector, and is still a row.
        let rows = vec![row("w", "wing"), row("h", "heat heat"), row("none", "")];
        collection.upsert(rows).expect("written");
        let stored = collection.get("w").expect("read").expect("a row");
        assert_eq!(stored.vectors["vector"], [1.0, 0.0]);
        let found = collection.search(&SearchRequest::text("heat")).expect("an answer");
        assert_eq!(found.hits[0].id, "h");
        assert_eq!(found.hits[0].ledger.contributions.len(), 2, "both legs found it");
    }
    let error = Collection::open(&dir).expect("opened").with_embedder(open(1)).err();
    let error = error.expect("another model is refused").to_string();
    assert!(error.contains(open(0).hash()) && error.contains(open(1).hash()), "{error}");

    let plain = Collection::open(&dir).expect("opened");
    let error = plain.upsert(vec![Document::new("x").text("mach")]).expect_err("refused");
    assert!(error.to_string().contains("hand that model in"), "{error}");
    let error = plain.search(&SearchRequest::text("heat")).expect_err("refused").to_string();
    assert!(error.contains("the collection's model is not set"), "{error}");
    drop(plain);
    let opened = Collection::open(&dir).expect("opened").with_embedder(open(0)).expect("the model");
    assert_eq!(opened.search(&SearchRequest::text("wing")).expect("an answer").hits[0].id, "w");
}

#[test]
fn models_that_would_lose_texts_or_memory_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let refused = |expected: &str| {
        let error = StaticEmbedder::open(scratch.path()).err().expect("refused").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    // Half floats that are no number, or infinite.
    for half in [0x7e00, 0x7c00] {
        let mut table = TABLE;
        table[5] = half;
        model(scratch.path(), &table);
        refused("the vector of token 2 has a component that is no number");
    }
    model(scratch.path(), &TABLE);
    let path = scratch.path().join("tokenizer.json");
    let mut tokenizer: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).expect("read")).expect("JSON");
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    let steps: Vec<_> = std::iter::repeat_n(double, 40).collect();
    tokenizer["normalizer"] = json!({"type": "Sequence", "normalizers": steps});
    std::fs::write(path, tokenizer.to_string()).expect("written");
    refused("times as long");
}

#[test]
fn folders_without_a_model_are_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let refused = |expected: &str| {
        let error = StaticEmbedder::open(scratch.path()).err().expect("refused").to_string();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    refused("exactly one *.safetensors file");
    std::fs::write(scratch.path().join("a.safetensors"), b"\xff\xff\xff\xff\xff\xff\xff\xff{}")
        .expect("written");
    refused("exactly one *.json file");
    std::fs::write(scratch.path().join("t.json"), "{}").expect("written");
    refused("not a safetensors file");
}
