//! The audit log: pages of it, and exports.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use lexivec_access::audit::{AuditFilter, AuditFormat, DEFAULT_AUDIT_PAGE};
use lexivec_access::{Access, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::App;
use super::gate::{Act, Caller};
use crate::answer;
use crate::error::{ApiResult, Problem};
use crate::limits::MAX_ANSWER_BYTES;
use crate::state::{State, blocking};

/// Query parameters of a page.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PageQuery {
    action: Option<String>,
    date: Option<String>,
    #[serde(default = "page")]
    limit: usize,
    #[serde(default)]
    offset: u64,
}

fn page() -> usize {
    DEFAULT_AUDIT_PAGE
}

/// Query parameters of an export.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportQuery {
    action: Option<String>,
    date: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Format {
    #[default]
    Csv,
    Json,
}

pub(super) async fn list(
    Shared(state): App,
    Caller(caller): Caller,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Value>> {
    let list = move || {
        let access = access(&state)?;
        let filter = filter(&caller, query.action, query.date)?;
        Ok((
            access.audit.reader().read(&filter, query.limit, query.offset)?,
            query.limit,
            query.offset,
        ))
    };
    let (page, limit, offset) = blocking(list).await?;
    Ok(Json(json!({ "entries": page.entries, "total": page.total, "limit": limit,
        "offset": offset, "has_more": page.has_more })))
}

pub(super) async fn export(
    Shared(state): App,
    Caller(caller): Caller,
    Query(query): Query<ExportQuery>,
) -> ApiResult<Response> {
    let export = move || {
        let filter = filter(&caller, query.action, query.date)?;
        let (format, kind, name) = match query.format {
            Format::Csv => (AuditFormat::Csv, "text/csv; charset=utf-8", "audit.csv"),
            Format::Json => (AuditFormat::Json, "application/json", "audit.json"),
        };
        let mut text = Vec::new();
        access(&state)?.audit.reader().export(&filter, format, &mut text)?;
        if text.len() as u64 > MAX_ANSWER_BYTES {
            return Err(Problem::over_budget(format!(
                "the export has {} bytes and an answer {MAX_ANSWER_BYTES} at most; choose a date or an action, or \
                 export with `lexivec audit export`",
                text.len()
            )));
        }
        let share = answer::memory_for(&state.memory, text.len())?;
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut response = answer::text(text, share, kind);
        let disposition = format!("attachment; filename=\"{name}\"");
        if let Ok(value) = HeaderValue::from_str(&disposition) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
        }
        let act = Act { action: "audit.export", kind: "audit", target: name.to_owned() };
        response.extensions_mut().insert(act);
        Ok(response)
    };
    blocking(export).await
}

fn access(state: &State) -> ApiResult<Arc<Access>> {
    state.admission.access().ok_or_else(|| {
        Problem::new(
            axum::http::StatusCode::NOT_FOUND,
            "no_audit_log",
            "There is no audit log",
            "there are no keys yet; the audit log begins with the first key",
        )
    })
}

/// The entries that a caller may read: all, or those of its tenant.
fn filter(
    caller: &Principal,
    action: Option<String>,
    date: Option<String>,
) -> ApiResult<AuditFilter> {
    let organization = caller.scope.tenant.clone();
    if organization.is_none() && !caller.scope.is_everything() {
        return Err(lexivec_access::Refused::SomeCollections.into());
    }
    Ok(AuditFilter { action, date, organization })
}
