//! Evaluating, tuning and comparing by many queries at once.

use axum::body::Body;
use axum::extract::{Path, State as Shared};
use axum::http::HeaderMap;
use axum::response::Response;
use lexivec::TuneReport;
use lexivec::eval::Evaluation;
use lexivec_access::Verb;
use serde::Serialize;

use super::App;
use super::body::read_json;
use super::gate::Caller;
use crate::error::ApiResult;
use crate::limits::MEASURE_DEADLINE;
use crate::state::Turn;
use crate::wire::evaluation::{AnswersJson, DiffJson, TuneJson, check_evaluation};

pub(super) async fn evaluate(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let asked = check_evaluation(read_json::<Evaluation>(&state, &headers, body).await?)?;
    let own = state.clone();
    let work = move || {
        let budget = own.budget(MEASURE_DEADLINE);
        Ok(asked.run(|queries| collection.searcher(budget.clone())?.rank(queries))?)
    };
    state.measure(Turn::of(&caller, &name), work).await
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
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let asked = read_json::<TuneJson>(&state, &headers, body).await?.into_asked()?;
    let shared = match asked.save {
        None => None,
        Some(_) => {
            caller.may(Verb::Configure)?;
            Some(state.collections.whole(&caller, &name)?)
        }
    };
    let own = state.clone();
    let work = move || {
        let view = collection.searcher(own.budget(MEASURE_DEADLINE))?;
        let report = view.tune(&asked.queries, &asked.options)?;
        let saved = asked.save.filter(|_| report.validation.significant || asked.save_anyway);
        if let (Some(name), Some(shared)) = (&saved, shared) {
            shared.set_profile(name, report.profile.clone())?;
        }
        Ok(Tuned { report, saved })
    };
    state.measure(Turn::of(&caller, &name), work).await
}

pub(super) async fn diff(
    Shared(state): App,
    Caller(caller): Caller,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let collection = state.collections.get(&caller, &name)?;
    let (diff, other) = read_json::<DiffJson>(&state, &headers, body).await?.into_diff()?;
    let other = match &other {
        Some(name) => state.collections.get(&caller, name)?,
        None => state.collections.get(&caller, &name)?,
    };
    let own = state.clone();
    let work = move || {
        let budget = own.budget(MEASURE_DEADLINE);
        Ok(diff.run(
            |queries| collection.searcher(budget.clone())?.rank(queries),
            |queries| other.searcher(budget.clone())?.rank(queries),
        )?)
    };
    state.measure(Turn::of(&caller, &name), work).await
}

pub(super) async fn answers(
    Shared(state): App,
    Caller(caller): Caller,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let asked = read_json::<AnswersJson>(&state, &headers, body).await?.check()?;
    state.measure(Turn::of(&caller, ""), move || asked.report()).await
}
