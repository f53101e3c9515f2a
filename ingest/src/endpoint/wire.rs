//! Bodies of calls to an endpoint for embeddings, and the checks of its answers.

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
    error: Message,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Object { message: String },
    Text(String),
}

/// The body of a call.
pub(super) fn question(model: &str, texts: &[&str]) -> Vec<u8> {
    let question = Question { model, input: texts, encoding_format: "float" };
    serde_json::to_vec(&question).unwrap_or_default()
}

/// A vector for each text, in their order; otherwise the fault of the answer.
pub(super) fn vectors(
    bytes: &[u8],
    texts: usize,
    dim: Option<usize>,
) -> Result<Vec<Vec<f32>>, String> {
    let answer: Answer = serde_json::from_slice(bytes).map_err(|e| {
        format!("the answer is not what an endpoint for embeddings gives ({e}); check the URL")
    })?;
    let mut data = answer.data;
    if data.len() != texts {
        return Err(format!("{} vectors for {texts} texts; the answer cannot be used", data.len()));
    }
    data.sort_by_key(|embedding| embedding.index);
    let dim = dim.or(data.first().map(|embedding| embedding.embedding.len())).unwrap_or_default();
    for (position, Embedding { index, embedding }) in data.iter().enumerate() {
        if *index != position {
            return Err(format!("no vector has the index {position}; the answer cannot be used"));
        }
        if embedding.len() != dim {
            let found = embedding.len();
            return Err(format!(
                "vector {position} has {found} components, and {dim} are expected; check the name of the model and its dimension"
            ));
        }
        if let Some(at) = embedding.iter().position(|x| !x.is_finite()) {
            return Err(format!("vector {position} has no number at component {at}"));
        }
    }
    Ok(data.into_iter().map(|embedding| embedding.embedding).collect())
}

/// The message of a refusal, on one line; `None` if it has none.
pub(super) fn message(bytes: &[u8], hide: impl FnOnce(String) -> String) -> Option<String> {
    let message = match serde_json::from_slice::<Refusal>(bytes) {
        Ok(Refusal { error: Message::Object { message } | Message::Text(message) }) => message,
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    // Before the message is cut, as a part of a key must not show either.
    let message = hide(message);
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    let line: String = message.trim().chars().map(shown).take(MAX_MESSAGE_CHARS).collect();
    (!line.is_empty()).then_some(line)
}
