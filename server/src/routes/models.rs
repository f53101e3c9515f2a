//! The server's models for a caller's own texts: `/v1/models` and
//! `/v1/embeddings` in OpenAI's shape, `/v2/rerank` in Cohere's.

use axum::Json;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lexivec::model::{Deadline, Embedder, score_texts};

use super::App;
use super::body::read_json;
use crate::error::{ApiResult, Problem};
use crate::limits::{EMBED_BATCH, MODEL_DEADLINE};
use crate::state::State;
use crate::wire::models::{EmbeddingList, EmbeddingsJson, ModelList, OpenAiError, RerankTextsJson};

/// The models that are served.
pub(super) async fn list(Shared(state): App) -> Json<ModelList> {
    let config = state.config();
    let embedder = config.embedder.as_ref().map(|model| model.name());
    let reranker = config.reranker.as_ref().map(|model| model.name());
    Json(ModelList::new(embedder.into_iter().chain(reranker)))
}

/// Vectors of texts. Its errors have OpenAI's form, so that their clients can read them.
pub(super) async fn embeddings(Shared(state): App, headers: HeaderMap, body: Body) -> Response {
    let problem = match embed(&state, &headers, body).await {
        Ok(answer) => return answer,
        Err(problem) => problem,
    };
    let mut response = (problem.status, Json(OpenAiError::from(&problem))).into_response();
    if problem.status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

async fn embed(state: &State, headers: &HeaderMap, body: Body) -> ApiResult<Response> {
    let mut asked: EmbeddingsJson = read_json(state, headers, body).await?;
    let Some(model) = state.config().embedder.clone() else {
        return Err(no_model("embedding model", "--model"));
    };
    same_model(asked.model.as_deref(), model.name())?;
    if asked.dimensions.is_some_and(|dimensions| dimensions != model.dim()) {
        let (name, dim) = (model.name(), model.dim());
        let detail = format!("dimensions: {name} makes vectors of {dim} components and no others");
        return Err(Problem::bad_request(detail));
    }
    let texts = asked.texts()?;
    let deadline = Deadline::after(MODEL_DEADLINE);
    let work = move || {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = vectors(model.as_ref(), &texts, deadline)?;
        let tokens = model.count_tokens(&texts)?.unwrap_or(0);
        let name = model.name().to_owned();
        Ok(EmbeddingList::new(name, vectors, asked.encoding_format, tokens))
    };
    state.model(work).await
}

/// A vector for each text, embedded as documents are.
fn vectors(model: &dyn Embedder, texts: &[&str], deadline: Deadline) -> ApiResult<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    for batch in texts.chunks(EMBED_BATCH) {
        in_time(deadline)?;
        for vector in model.embed(batch)? {
            let index = vectors.len();
            vectors.push(vector.ok_or_else(|| {
                Problem::bad_request(format!("input[{index}]: the model finds no words in it"))
            })?);
        }
    }
    Ok(vectors)
}

/// Documents by their relevance for a query.
pub(super) async fn rerank(
    Shared(state): App,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let mut asked: RerankTextsJson = read_json(&state, &headers, body).await?;
    let Some(model) = state.config().reranker.clone() else {
        return Err(no_model("reranker", "--rerank-model"));
    };
    same_model(asked.model.as_deref(), model.name())?;
    asked.check()?;
    let deadline = Deadline::after(MODEL_DEADLINE);
    let work = move || {
        in_time(deadline)?;
        let documents = std::mem::take(&mut asked.documents);
        let scores = score_texts(model.as_ref(), &asked.query, documents, deadline);
        // A model that was stopped says so in its own words.
        let scores = scores.or_else(|error| in_time(deadline).and(Err(error.into())))?;
        Ok(asked.answer(&scores))
    };
    state.model(work).await
}

fn no_model(what: &str, flag: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_model",
        "The server has no such model",
        format!("this server has no {what}; start it with {flag} FOLDER"),
    )
}

/// Refuses to answer for another model: vectors and scores of two cannot be compared.
fn same_model(asked: Option<&str>, served: &str) -> ApiResult<()> {
    match asked {
        Some(asked) if asked != served => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "model_not_found",
            "The model is not served",
            format!("model: {asked:?} is not served here, {served:?} is; name that one or none"),
        )),
        _ => Ok(()),
    }
}

fn in_time(deadline: Deadline) -> ApiResult<()> {
    if !deadline.passed() {
        return Ok(());
    }
    let seconds = MODEL_DEADLINE.as_secs();
    Err(Problem::overloaded(format!(
        "the texts were not done within {seconds} s; send fewer at once"
    )))
}
