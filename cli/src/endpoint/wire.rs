//! What goes to an endpoint for embeddings, and what its answers are checked for.

use serde::{Deserialize, Serialize};

/// Characters of an endpoint's own message that are shown.
const MAX_MESSAGE_CHARS: usize = 300;

#[derive(Serialize)]
struct Question<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Embedding>,
}

#[derive(Deserialize)]
struct Embedding {
    index: usize,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Refusal {
    error: Told,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Told {
    Object { message: String },
    Text(String),
}

/// The body of a call.
pub(super) fn question(model: &str, texts: &[&str]) -> Vec<u8> {
    let question = Question { model, input: texts, encoding_format: "float" };
    serde_json::to_vec(&question).unwrap_or_default()
}

/// A vector for each text, in their order, or what is wrong with the answer.
pub(super) fn vectors(
    bytes: &[u8],
    texts: usize,
    dim: Option<usize>,
) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|e| {
        format!(
            "the answer is not what an endpoint for embeddings gives ({e}); look at --model-url"
        )
    })?;
    let mut data = answer.data;
    if data.len() != texts {
        return Err(format!("{} vectors for {texts} texts; it is of no use here", data.len()));
    }
    data.sort_by_key(|embedding| embedding.index);
    let dim = dim.or(data.first().map(|embedding| embedding.embedding.len())).unwrap_or_default();
    for (place, Embedding { index, embedding }) in data.iter().enumerate() {
        if *index != place {
            return Err(format!("no vector has the index {place}; it is of no use here"));
        }
        if embedding.len() != dim {
            let found = embedding.len();
            return Err(format!(
                "vector {place} has {found} components, and {dim} are expected; look at --model-name and --model-dim"
            ));
        }
        if let Some(at) = embedding.iter().position(|x| !x.is_finite()) {
            return Err(format!("vector {place} has no number at component {at}"));
        }
    }
    Ok(data.into_iter().map(|embedding| embedding.embedding).collect())
}

/// What a refusal says of itself, on one line.
pub(super) fn message(bytes: &[u8], hide: impl FnOnce(String) -> String) -> Option<String> {
    let told = match serde_json::from_slice::<Refusal>(bytes) {
        Ok(Refusal { error: Told::Object { message } | Told::Text(message) }) => message,
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    // Before it is cut: a part of a key is one, too.
    let told = hide(told);
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = told.trim().chars().map(shown).take(MAX_MESSAGE_CHARS).collect();
    (!line.is_empty()).then_some(line)
}
