//! Collections of each format that is read, kept in the tree with the answers they have to give.

use std::path::Path;
use std::sync::Arc;

use lexivec::model::{Embedder, TokenLists};
use lexivec::query::plan::StrategyKind;
use lexivec::query::request::Mode;
use lexivec::schema::{Quantization, VectorField};
use lexivec::storage::DiskVfs;
use lexivec::{Collection, Document, Filter, Metric, OpenOptions, Options, Rerank, SearchRequest};
use serde_json::{Value, json};

use super::Outcome;
use crate::Random;
use crate::model::WORDS;

/// Writes a collection of today's format into a new directory, and its answers in a file next to it: two
/// segments, one of them with a graph, dead rows, and writes that are only in the log. Of a
/// collection that is there, the answers alone.
pub fn write(dir: &Path) -> Outcome {
    if !dir.exists() {
        make(dir).map_err(|e| e.to_string())?;
    }
    let collection = Collection::open_read_only(dir).map_err(|e| e.to_string())?;
    let answers = answers(&collection).map_err(|e| e.to_string())?;
    let json = format!("{answers:#}\n");
    std::fs::write(dir.with_extension("json"), json).map_err(|e| e.to_string())?;
    let _ = std::fs::remove_file(dir.join("LOCK"));
    Ok(format!("wrote {}", dir.display()))
}

/// A toy model: each component counts some letters.
struct Letters;

impl Letters {
    fn vector(text: &str) -> Vec<f32> {
        let mut vector = vec![0.5f32; 8];
        text.bytes().for_each(|letter| vector[usize::from(letter % 8)] += 1.0);
        vector
    }
}

impl Embedder for Letters {
    fn name(&self) -> &str {
        "letters"
    }

    fn hash(&self) -> &str {
        "6c657474657273000000000000000000"
    }

    fn dim(&self) -> usize {
        8
    }

    fn embed(&self, texts: &[&str]) -> lexivec::Result<Vec<Option<Vec<f32>>>> {
        Ok(texts.iter().map(|text| Some(Self::vector(text))).collect())
    }

    fn embed_tokens(&self, texts: &[&str]) -> lexivec::Result<Option<TokenLists>> {
        let list = |text: &&str| text.split(' ').map(Self::vector).collect();
        Ok(Some(texts.iter().map(list).collect()))
    }
}

fn make(dir: &Path) -> lexivec::Result<()> {
    let open = OpenOptions::new().background(false).log_file_bytes(4 << 10).reserve_bytes(0);
    let field = |name: &str, metric, quantization| VectorField {
        quantization,
        ..VectorField::new(name, 8, metric)
    };
    let options = Options::new()
        .name("fixture")
        .vector(8, Metric::Cosine)
        .vector_field(field("four", Metric::L2, Quantization::Int4))
        .vector_field(field("half", Metric::Dot, Quantization::F16))
        .vector_field(field("brain", Metric::L2, Quantization::Bf16))
        .tokens(8)
        .embedder(Arc::new(Letters))
        .embed_tokens(true)
        .graph_min_rows(50);
    let vfs = Arc::new(DiskVfs::create_root(dir)?);
    let collection = Collection::create(vfs, options.open(open))?;
    let (mut random, mut other) = (Random(11), Random(12));
    let mut row = |i: usize| {
        let words: Vec<&str> = (0..4 + random.below(8)).map(|_| WORDS[random.below(8)]).collect();
        let document = Document::new(format!("d{i}"))
            .text_in("title", format!("title {i}"))
            .text(words.join(" "))
            .payload("n", i as u64)
            .payload("tag", ["a", "b", "c"][i % 3])
            .payload("meta", json!({"x": [i % 5, "y"]}));
        let count = i % 4;
        let document = match count {
            0 => document,
            _ => document.tokens((0..count).map(|_| other.vector(8)).collect()),
        };
        if i.is_multiple_of(7) {
            document
        } else {
            ["four", "half", "brain"]
                .into_iter()
                .fold(document.vector(random.vector(8)), |document, field| {
                    document.vector_in(field, random.vector(8))
                })
        }
    };
    collection.upsert((0..60).map(&mut row))?;
    collection.upsert((50..56).map(&mut row))?;
    collection.flush()?;
    collection.upsert((58..63).map(&mut row))?;
    collection.delete(&["d3", "d61"])?;
    Ok(())
}

/// Hits and scores of some requests, and the rows.
pub fn answers(collection: &Collection) -> lexivec::Result<Value> {
    let vector = vec![0.1, 0.2, 0.3, -0.1, 0.5, 0.2, 0.1, 0.9];
    let filter = Filter::from_json(&json!({"n": {"$lt": 30}, "tag": "b"}))?;
    let hits = |request: SearchRequest| -> lexivec::Result<Value> {
        let answer = collection.search(&request)?;
        Ok(json!(answer.hits.iter().map(|h| json!([h.id, h.score])).collect::<Vec<_>>()))
    };
    let codes = |field: &VectorField| {
        let mut request = SearchRequest::vector(vector.clone()).strategy(StrategyKind::Codes);
        request.vector_field = Some(field.name.clone());
        hits(request)
    };
    let codes =
        collection.schema().vectors.iter().map(codes).collect::<lexivec::Result<Vec<_>>>()?;
    let mut answers = json!({
        "codes": codes,
        "text": hits(SearchRequest::text("wing heat").mode(Mode::Text))?,
        "vector": hits(SearchRequest::vector(vector.clone()).exact())?,
        "hybrid": hits(SearchRequest::hybrid("mach cone", vector.clone()).filter(filter))?,
        "rows": collection.scroll(&Filter::All, None, 1_000)?.documents,
    });
    // Not before format 1.5.
    if !collection.schema().tokens.is_empty() {
        let rerank = Rerank::late_interaction(vec![vector.clone(), vec![1.0; 8]]).budget_ms(60_000);
        answers["late"] = hits(SearchRequest::text("wing heat").mode(Mode::Text).rerank(rerank))?;
    }
    Ok(answers)
}
