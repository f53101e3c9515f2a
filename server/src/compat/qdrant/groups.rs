//! Queries whose points are gathered by the values of a payload key.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::query::facets::Key;
use lexivec::query::limits::MAX_WINDOW;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::call::Call;
use super::filter::plain;
use super::fusion::Scored;
use super::query::{DEFAULT_LIMIT, ParamsJson, Prefetches, QueryJson, SearchJson};
use super::rank::{Plan, View};
use super::select::ScoredPoint;
use crate::error::{ApiResult, Problem};
use crate::scoped::Scoped;

/// Points of a group if a query names no number.
const DEFAULT_GROUP_SIZE: usize = 3;
/// Factor on the points that are ranked when they did not fill the groups.
const WIDENING: usize = 4;

/// Body of `…/points/query/groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryGroupsJson {
    group_by: String,
    group_size: Option<usize>,
    limit: Option<usize>,
    query: Option<Value>,
    prefetch: Option<Prefetches>,
    using: Option<String>,
    filter: Option<Value>,
    params: Option<ParamsJson>,
    score_threshold: Option<f64>,
    with_payload: Option<Value>,
    with_vector: Option<Value>,
}

/// Body of `…/points/search/groups`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchGroupsJson {
    group_by: String,
    group_size: usize,
    limit: usize,
    vector: Value,
    filter: Option<Value>,
    params: Option<ParamsJson>,
    score_threshold: Option<f64>,
    with_payload: Option<Value>,
    with_vector: Option<Value>,
}

/// Groups that are wanted.
struct By {
    key: String,
    size: usize,
    limit: usize,
}

/// A group.
#[derive(Serialize)]
struct Group {
    id: Value,
    hits: Vec<ScoredPoint>,
}

#[derive(Serialize)]
struct Groups {
    groups: Vec<Group>,
}

pub(super) async fn query(call: Call, Path(name): Path<String>, body: Body) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: QueryGroupsJson = call.body(body).await?;
    let by = By {
        key: asked.group_by,
        size: asked.group_size.unwrap_or(DEFAULT_GROUP_SIZE),
        limit: asked.limit.unwrap_or(DEFAULT_LIMIT),
    };
    let query = QueryJson {
        query: asked.query,
        prefetch: asked.prefetch,
        using: asked.using,
        filter: asked.filter,
        params: asked.params,
        score_threshold: asked.score_threshold,
        with_payload: asked.with_payload,
        with_vector: asked.with_vector,
        limit: None,
        offset: None,
    };
    groups(call, collection, query, by).await
}

pub(super) async fn search(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: SearchGroupsJson = call.body(body).await?;
    let by = By { key: asked.group_by, size: asked.group_size, limit: asked.limit };
    let query = SearchJson {
        vector: asked.vector,
        filter: asked.filter,
        params: asked.params,
        limit: None,
        offset: None,
        with_payload: asked.with_payload,
        with_vector: asked.with_vector,
        score_threshold: asked.score_threshold,
    };
    groups(call, collection, query.into_query()?, by).await
}

async fn groups(call: Call, collection: Scoped, query: QueryJson, by: By) -> ApiResult<Response> {
    let (plan, select) = query.read(collection.schema(), false)?;
    let path = plain(&by.key).filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| Problem::bad_request("group_by: a plain path is expected"))?;
    if by.size == 0 || by.limit == 0 {
        return Err(Problem::bad_request("limit, group_size: numbers from 1 are expected"));
    }
    let rows = by.size.saturating_mul(by.limit);
    crate::wire::within("points of all groups", rows, MAX_WINDOW)?;
    let (state, since) = (call.state.clone(), call.since);
    let name = collection.schema().name.clone();
    let work = move || {
        let view = View::of(&collection, &state, since)?;
        let list = gather(&view, &plan, &path, &by)?;
        let group = |(id, rows)| Ok(Group { id, hits: view.fetch(rows, &select)? });
        let groups = list.into_iter().map(group).collect::<ApiResult<_>>()?;
        Ok(Groups { groups })
    };
    call.find(&name, rows, work).await
}

/// The groups of a ranking that is made longer until it fills them, or ends. Prefetches are made as long.
fn gather(view: &View, plan: &Plan, path: &str, by: &By) -> ApiResult<Vec<(Value, Vec<Scored>)>> {
    let mut wide = by.size.saturating_mul(by.limit).saturating_mul(WIDENING).clamp(1, MAX_WINDOW);
    loop {
        wide = wide.min(MAX_WINDOW);
        let mut plan = plan.clone();
        widen(&mut plan, wide);
        let ranked = view.ranked(&plan)?;
        let ended = ranked.len() < wide || wide == MAX_WINDOW;
        let groups = fill(view, ranked, path, by)?;
        let full = groups.len() == by.limit && groups.iter().all(|(_, rows)| rows.len() == by.size);
        if full || ended {
            return Ok(groups);
        }
        wide = wide.saturating_mul(WIDENING);
    }
}

fn widen(plan: &mut Plan, limit: usize) {
    plan.limit = limit;
    plan.prefetch.iter_mut().for_each(|inner| widen(inner, limit));
}

/// The groups of a list: the first `limit` values that are met, with the first `size` rows of each.
fn fill(
    view: &View,
    ranked: Vec<Scored>,
    path: &str,
    by: &By,
) -> ApiResult<Vec<(Value, Vec<Scored>)>> {
    let mut groups: Vec<(Value, Vec<Scored>)> = Vec::new();
    let most = by.size.saturating_mul(by.limit).max(1);
    for part in ranked.chunks(most) {
        let rows = view.rows(part.iter().map(|(id, _)| id.clone()).collect())?;
        for (id, score) in part {
            let Some(row) = rows.get(id) else { continue };
            let payload = Value::Object(row.payload.clone());
            for key in Key::all_at(&payload, path) {
                let value = serde_json::to_value(&key).unwrap_or_default();
                if !value.is_string() && !value.is_i64() && !value.is_u64() {
                    continue;
                }
                let count = groups.len();
                match groups.iter_mut().find(|(known, _)| *known == value) {
                    Some((_, rows)) if rows.len() < by.size => rows.push((id.clone(), *score)),
                    None if count < by.limit => {
                        groups.push((value, vec![(id.clone(), *score)]));
                    }
                    _ => {}
                }
            }
        }
        if groups.len() == by.limit && groups.iter().all(|(_, rows)| rows.len() == by.size) {
            break;
        }
    }
    Ok(groups)
}
