//! Points written and deleted.

use axum::body::Body;
use axum::extract::Path;
use axum::response::Response;
use lexivec::WriteOptions;

use super::answer::Updated;
use super::call::Call;
use super::wire::{Points, PointsJson, UpsertJson};
use crate::error::{ApiResult, Problem};
use crate::limits::{MAX_DOCUMENTS, MAX_ROWS_BYTES};
use crate::scoped::Scoped;

pub(super) async fn upsert(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let asked: UpsertJson = call.body(body).await?;
    let name = collection.schema().name.clone();
    call.write(&name, move || write(&collection, asked)).await
}

pub(super) async fn delete(
    call: Call,
    Path(name): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let collection = call.collection(&name).await?;
    let points = call.body::<PointsJson>(body).await?.read()?;
    let name = collection.schema().name.clone();
    call.write(&name, move || remove(&collection, points)).await
}

/// Writes points whole.
pub(super) fn write(collection: &Scoped, asked: UpsertJson) -> ApiResult<Updated> {
    let rows = asked.read(collection.schema())?;
    crate::wire::within("points", rows.len(), MAX_DOCUMENTS)?;
    let bytes = collection.schema().row_vector_bytes().saturating_mul(rows.len());
    if bytes > MAX_ROWS_BYTES {
        return Err(Problem::over_budget(format!(
            "{} points take {bytes} bytes for their vectors; the limit of one request is {MAX_ROWS_BYTES}; send fewer \
             at once",
            rows.len()
        )));
    }
    Ok(Updated::at(collection.writer(WriteOptions::new()).upsert(rows)?.seq))
}

/// Deletes points.
pub(super) fn remove(collection: &Scoped, points: Points) -> ApiResult<Updated> {
    let writer = collection.writer(WriteOptions::new());
    let receipt = match points {
        Points::Ids(ids) => writer.delete(&ids)?,
        Points::Where(filter) => writer.delete_where(&filter)?,
    };
    Ok(Updated::at(receipt.seq))
}
