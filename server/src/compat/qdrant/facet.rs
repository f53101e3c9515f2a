//! Counts of the values of a payload key.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::query::limits::MAX_FACET_LIMIT;
use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Call;
use super::filter;
use super::rank::View;
use crate::error::{ApiResult, Problem};
use crate::wire::within;

/// Values if a body names no number.
const DEFAULT_LIMIT: usize = 10;

/// Body of `…/facet`. Counts are exact, whatever `exact` is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FacetJson {
    key: String,
    limit: Option<usize>,
    filter: Option<Value>,
    #[serde(rename = "exact")]
    _exact: Option<bool>,
}

pub(super) async fn facet(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: FacetJson = call.body(body).await?;
    let limit = asked.limit.unwrap_or(DEFAULT_LIMIT);
    within("values of a facet", limit, MAX_FACET_LIMIT)?;
    let path = filter::plain(&asked.key);
    let path = path.ok_or_else(|| Problem::bad_request("key: a plain path is expected"))?;
    let filter = filter::read(asked.filter.as_ref())?;
    let (state, since) = (call.state.clone(), call.since);
    let name = collection.schema().name.clone();
    let work = move || {
        let view = View::of(&collection, &state, since)?;
        let counts = view.searcher().facet(&path, &filter, MAX_FACET_LIMIT)?;
        let hit = |value: &lexivec::query::facets::FacetValue| {
            let (key, count) = (serde_json::to_value(&value.value).ok()?, value.count);
            // Floats are no values of facets.
            (!key.is_f64()).then(|| json!({ "value": key, "count": count }))
        };
        let hits: Vec<Value> = counts.values.iter().filter_map(hit).take(limit).collect();
        Ok(json!({ "hits": hits }))
    };
    call.find(&name, limit, work).await
}
