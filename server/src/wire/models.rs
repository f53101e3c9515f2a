//! JSON of the routes in others' shapes: embeddings as OpenAI has them, reranking as Cohere has it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_EMBED_TEXTS, MAX_RERANK_DOCUMENTS, MAX_TEXTS_BYTES};

/// Body of `POST /v1/embeddings`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingsJson {
    input: InputJson,
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) encoding_format: Encoding,
    pub(crate) dimensions: Option<usize>,
    /// The user of the request, which is ignored, as there are no accounts.
    #[serde(rename = "user")]
    _user: Option<String>,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "\"input\" is a text or a list of texts; lists of tokens are not taken, as those of \
                 another model's tokenizer mean nothing to this one"
)]
enum InputJson {
    One(String),
    Many(Vec<String>),
}

/// Encoding of a vector.
#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// The base64 of 32-bit floats, little-endian.
    Base64,
}

impl EmbeddingsJson {
    /// The texts, if they are within the limits.
    pub(crate) fn texts(&mut self) -> ApiResult<Vec<String>> {
        let texts = match std::mem::replace(&mut self.input, InputJson::Many(Vec::new())) {
            InputJson::One(text) => vec![text],
            InputJson::Many(texts) => texts,
        };
        within("input", texts.len(), MAX_EMBED_TEXTS, texts.iter().map(String::len).sum())?;
        Ok(texts)
    }
}

/// Refuses more texts or bytes than one call may bring.
fn within(what: &str, count: usize, most: usize, bytes: usize) -> ApiResult<()> {
    if count == 0 {
        return Err(Problem::bad_request(format!("{what}: there are no texts")));
    }
    if count > most {
        let detail =
            format!("{what}: {count} texts are over the limit of {most}; send them in parts");
        return Err(Problem::bad_request(detail));
    }
    if bytes > MAX_TEXTS_BYTES {
        let most = MAX_TEXTS_BYTES;
        let detail =
            format!("{what}: {bytes} bytes are over the limit of {most}; send them in parts");
        return Err(Problem::bad_request(detail));
    }
    Ok(())
}

/// Answer of `POST /v1/embeddings`.
#[derive(Serialize)]
pub(crate) struct EmbeddingList {
    object: &'static str,
    data: Vec<Embedding>,
    model: String,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: usize,
    total_tokens: usize,
}

enum Vector {
    Numbers(Vec<f32>),
    Base64(Vec<f32>),
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Numbers(numbers) => numbers.serialize(serializer),
            Self::Base64(numbers) => {
                let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
                base64(&bytes).serialize(serializer)
            }
        }
    }
}

impl EmbeddingList {
    pub(crate) fn new(
        model: String,
        vectors: Vec<Vec<f32>>,
        encoding: Encoding,
        tokens: usize,
    ) -> Self {
        let written = |vector| match encoding {
            Encoding::Float => Vector::Numbers(vector),
            Encoding::Base64 => Vector::Base64(vector),
        };
        let embedding =
            |(index, vector)| Embedding { object: "embedding", index, embedding: written(vector) };
        let data = vectors.into_iter().enumerate().map(embedding).collect();
        let usage = Usage { prompt_tokens: tokens, total_tokens: tokens };
        Self { object: "list", data, model, usage }
    }
}

/// Answer of `GET /v1/models`.
#[derive(Serialize)]
pub(crate) struct ModelList {
    object: &'static str,
    data: Vec<ServedModel>,
}

#[derive(Serialize)]
struct ServedModel {
    id: String,
    object: &'static str,
    /// Seconds since 1970; a folder does not record when its model was made.
    created: u64,
    owned_by: &'static str,
}

impl ModelList {
    pub(crate) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let model = |name: &str| ServedModel {
            id: name.to_owned(),
            object: "model",
            created: 0,
            owned_by: "lexivec",
        };
        Self { object: "list", data: names.map(model).collect() }
    }
}

/// Bytes in base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// An error as OpenAI writes it.
#[derive(Serialize)]
pub(crate) struct OpenAiError<'a> {
    error: OpenAiDetail<'a>,
}

#[derive(Serialize)]
struct OpenAiDetail<'a> {
    message: &'a str,
    r#type: &'static str,
    /// The member that is at fault, where that is known.
    param: Option<&'a str>,
    code: &'a str,
}

impl<'a> From<&'a Problem> for OpenAiError<'a> {
    fn from(problem: &'a Problem) -> Self {
        let r#type = match problem.status.is_client_error() {
            true => "invalid_request_error",
            false => "server_error",
        };
        // Texts about a member begin with its name.
        let member = problem.detail.split([':', '[']).next();
        let known = ["input", "model", "encoding_format", "dimensions"];
        let param = member.filter(|member| known.contains(member));
        Self { error: OpenAiDetail { message: &problem.detail, r#type, param, code: problem.code } }
    }
}

/// Body of `POST /v2/rerank`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RerankTextsJson {
    pub(crate) model: Option<String>,
    pub(crate) query: String,
    pub(crate) documents: Vec<String>,
    top_n: Option<usize>,
}

impl RerankTextsJson {
    /// Refuses what is not within the limits.
    pub(crate) fn check(&self) -> ApiResult<()> {
        let bytes = self.query.len() + self.documents.iter().map(String::len).sum::<usize>();
        within("documents", self.documents.len(), MAX_RERANK_DOCUMENTS, bytes)?;
        if self.query.trim().is_empty() {
            return Err(Problem::bad_request("query: it is empty"));
        }
        if self.top_n == Some(0) {
            return Err(Problem::bad_request("top_n: 1 is the least"));
        }
        Ok(())
    }

    /// The answer to it.
    pub(crate) fn answer(&self, scores: &[f64]) -> RerankedTexts {
        let result = |(index, score): (usize, &f64)| RerankedText {
            index,
            relevance_score: logistic(*score),
            score: *score,
        };
        let mut results: Vec<RerankedText> = scores.iter().enumerate().map(result).collect();
        // By what the model said: the logistic function makes one of large scores that differ.
        results.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.index.cmp(&b.index)));
        results.truncate(self.top_n.unwrap_or(usize::MAX));
        RerankedTexts { results, meta: Meta { api_version: Version { version: "2" } } }
    }
}

/// Answer of `POST /v2/rerank`.
#[derive(Serialize)]
pub(crate) struct RerankedTexts {
    results: Vec<RerankedText>,
    meta: Meta,
}

#[derive(Serialize)]
struct RerankedText {
    index: usize,
    relevance_score: f64,
    #[serde(skip)]
    score: f64,
}

#[derive(Serialize)]
struct Meta {
    api_version: Version,
}

#[derive(Serialize)]
struct Version {
    version: &'static str,
}

/// A score of any size as one from 0 to 1, which is what a cross-encoder's output was trained to be under
/// this function.
fn logistic(score: f64) -> f64 {
    1.0 / (1.0 + (-score).exp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)] // a test's ways to fail

    use super::{RerankTextsJson, base64, logistic};

    /// The test vectors of RFC 4648, section 10, and two with the last digits.
    #[test]
    fn bytes_are_written_as_the_rfc_has_them() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"f", "Zg=="),
            (b"fo", "Zm8="),
            (b"foo", "Zm9v"),
            (b"foob", "Zm9vYg=="),
            (b"fooba", "Zm9vYmE="),
            (b"foobar", "Zm9vYmFy"),
            (b"\xff\xff\xff", "////"),
            (b"\xfb\xef\xbe\x00", "++++AA=="),
        ] {
            assert_eq!(base64(bytes), text);
        }
    }

    #[test]
    fn results_are_ordered_by_score_then_place_and_cut() {
        let body = r#"{"query": "q", "documents": ["a", "b", "c", "d", "e"], "top_n": 4}"#;
        let asked: RerankTextsJson = serde_json::from_str(body).expect("a body");
        // Both of the large ones are 1 under the function.
        let answer = asked.answer(&[0.0, 800.0, -800.0, 900.0, 0.0]);
        let found: Vec<_> = answer.results.iter().map(|r| (r.index, r.relevance_score)).collect();
        assert_eq!(found, [(3, 1.0), (1, 1.0), (0, 0.5), (4, 0.5)]);
        assert_eq!((logistic(f64::MIN), logistic(f64::MAX)), (0.0, 1.0));
    }
}
