//! The Model Context Protocol: one message of an agent.

use axum::extract::{Request, State as Shared};
use axum::response::Response;

use super::App;
use super::body::read_one;
use super::gate::Caller;
use crate::error::{ApiResult, Problem};
use crate::limits::MAX_TOOL_MESSAGE_BYTES;
use crate::mcp;

pub(super) async fn post(
    Shared(state): App,
    Caller(caller): Caller,
    request: Request,
) -> ApiResult<Response> {
    let (head, body) = request.into_parts();
    let mut held = read_one(&state, &head.headers, body).await?;
    if held.bytes.len() > MAX_TOOL_MESSAGE_BYTES {
        return Err(Problem::bad_request(format!(
            "the message has {} bytes; the limit is {MAX_TOOL_MESSAGE_BYTES}; write fewer documents at once",
            held.bytes.len()
        )));
    }
    let _tree = held.tree(&state.memory)?;
    let bytes = std::mem::take(&mut held.bytes);
    Ok(mcp::answer(state.clone(), caller, head, bytes).await)
}
