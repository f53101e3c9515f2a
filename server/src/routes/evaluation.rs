//! Evaluating, tuning and comparing by many queries at once.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use lexivec::TuneReport;
use lexivec::eval::diff::Changes;
use lexivec::eval::{Evaluation, Report};
use lexivec_platform::rag::RagReport;
use serde::Serialize;

use super::App;
use super::body::read_json;
use crate::error::ApiResult;
use crate::wire::evaluation::{AnswersJson, DiffJson, TuneJson, check_evaluation};

pub(super) async fn evaluate(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Report>> {
    let collection = state.collection(&name)?;
    let asked = check_evaluation(read_json::<Evaluation>(&state, &headers, body).await?)?;
    let work = move || Ok(asked.run(|queries| collection.searcher()?.rank(queries))?);
    Ok(Json(state.measure(work).await?))
}

/// The result of tuning, and the name of the profile it was saved as.
#[derive(Serialize)]
pub(super) struct Tuned {
    #[serde(flatten)]
    report: TuneReport,
    saved: Option<String>,
}

pub(super) async fn tune(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Tuned>> {
    let collection = state.collection(&name)?;
    let asked = read_json::<TuneJson>(&state, &headers, body).await?.into_asked()?;
    let work = move || {
        let report = collection.searcher()?.tune(&asked.queries, &asked.options)?;
        let saved = asked.save.filter(|_| report.validation.significant || asked.save_anyway);
        if let Some(name) = &saved {
            collection.set_profile(name, report.profile.clone())?;
        }
        Ok(Tuned { report, saved })
    };
    Ok(Json(state.measure(work).await?))
}

pub(super) async fn diff(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Changes>> {
    let collection = state.collection(&name)?;
    let (diff, other) = read_json::<DiffJson>(&state, &headers, body).await?.into_diff()?;
    let other = match &other {
        Some(name) => state.collection(name)?,
        None => collection.clone(),
    };
    let work = move || {
        Ok(diff.run(
            |queries| collection.searcher()?.rank(queries),
            |queries| other.searcher()?.rank(queries),
        )?)
    };
    Ok(Json(state.measure(work).await?))
}

pub(super) async fn answers(
    Shared(state): App,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<RagReport>> {
    let asked = read_json::<AnswersJson>(&state, &headers, body).await?.check()?;
    Ok(Json(state.measure(move || asked.report()).await?))
}
