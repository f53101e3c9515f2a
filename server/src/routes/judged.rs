//! Evaluating, tuning and comparing by many queries at once, and the profiles that come of it.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use lexivec::eval::diff::Changes;
use lexivec::eval::{Evaluation, Report};
use lexivec::{AdapterInfo, Collection, LearnReceipt, Profile, TrainReport, TuneReport};
use lexivec_platform::rag::RagReport;
use serde::Serialize;
use serde_json::{Value, json};

use super::{App, read_json};
use crate::error::Answer;
use crate::wire::judged::{
    ActiveJson, AnswersJson, DiffJson, LearnJson, TrainJson, TuneJson, check_evaluation,
};

pub(super) async fn evaluate(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<Report>> {
    let collection = state.collection(&name)?;
    let asked = check_evaluation(read_json::<Evaluation>(&state, &headers, body).await?)?;
    let work = move || Ok(asked.run(|queries| collection.rank(queries))?);
    Ok(Json(state.measure(work).await?))
}

/// What tuning found, and the profile it was saved as.
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
) -> Answer<Json<Tuned>> {
    let collection = state.collection(&name)?;
    let asked = read_json::<TuneJson>(&state, &headers, body).await?.into_asked()?;
    let work = move || {
        let report = collection.tune(&asked.queries, &asked.options)?;
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
) -> Answer<Json<Changes>> {
    let collection = state.collection(&name)?;
    let (diff, other) = read_json::<DiffJson>(&state, &headers, body).await?.into_diff()?;
    let other = match &other {
        Some(name) => state.collection(name)?,
        None => collection.clone(),
    };
    let work =
        move || Ok(diff.run(|queries| collection.rank(queries), |queries| other.rank(queries))?);
    Ok(Json(state.measure(work).await?))
}

pub(super) async fn learn(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<LearnReceipt>> {
    let collection = state.collection(&name)?;
    let feedback = read_json::<LearnJson>(&state, &headers, body).await?.check()?;
    Ok(Json(state.write(move || Ok(collection.learn(&feedback)?)).await?))
}

pub(super) async fn adapters(
    Shared(state): App,
    Path(name): Path<String>,
) -> Answer<Json<Vec<AdapterInfo>>> {
    Ok(Json(state.collection(&name)?.adapters()))
}

pub(super) async fn train_adapter(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<TrainReport>> {
    let collection = state.collection(&name)?;
    let options = read_json::<TrainJson>(&state, &headers, body).await?.into_options();
    Ok(Json(state.measure(move || Ok(collection.train_adapter(&options)?)).await?))
}

pub(super) async fn activate_adapter(
    Shared(state): App,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<Vec<AdapterInfo>>> {
    let collection = state.collection(&name)?;
    let version = read_json::<ActiveJson>(&state, &headers, body).await?.version;
    let work = move || {
        collection.activate_adapter(version)?;
        Ok(collection.adapters())
    };
    Ok(Json(state.write(work).await?))
}

pub(super) async fn delete_adapter(
    Shared(state): App,
    Path((name, version)): Path<(String, u32)>,
) -> Answer<Json<Vec<AdapterInfo>>> {
    let collection = state.collection(&name)?;
    let work = move || {
        collection.delete_adapter(version)?;
        Ok(collection.adapters())
    };
    Ok(Json(state.write(work).await?))
}

pub(super) async fn answers(
    Shared(state): App,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<RagReport>> {
    let asked = read_json::<AnswersJson>(&state, &headers, body).await?.check()?;
    Ok(Json(state.measure(move || asked.report()).await?))
}

pub(super) async fn profiles(
    Shared(state): App,
    Path(name): Path<String>,
) -> Answer<Json<BTreeMap<String, Profile>>> {
    Ok(Json((*state.collection(&name)?.profiles()).clone()))
}

pub(super) async fn set_profile(
    Shared(state): App,
    Path((name, profile)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<Value>> {
    let collection = state.collection(&name)?;
    let settings = read_json::<Profile>(&state, &headers, body).await?;
    change(&state, move || collection.set_profile(&profile, settings)).await
}

pub(super) async fn remove_profile(
    Shared(state): App,
    Path((name, profile)): Path<(String, String)>,
) -> Answer<Json<Value>> {
    let collection: std::sync::Arc<Collection> = state.collection(&name)?;
    change(&state, move || collection.remove_profile(&profile)).await
}

async fn change(
    state: &crate::state::State,
    work: impl FnOnce() -> lexivec::Result<u64> + Send + 'static,
) -> Answer<Json<Value>> {
    let generation = state.write(move || Ok(work()?)).await?;
    Ok(Json(json!({ "generation": generation })))
}
