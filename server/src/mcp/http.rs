//! The protocol over HTTP: one message a request, without sessions.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, header};
use axum::response::{IntoResponse, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use lexivec_access::Principal;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

use super::Tools;
use crate::error::Problem;
use crate::limits::MAX_TOOL_MESSAGE_BYTES;
use crate::state::State;

/// Answers one message of a caller.
pub(crate) async fn answer(
    state: Arc<State>,
    caller: Arc<Principal>,
    head: Parts,
    body: Vec<u8>,
) -> Response {
    let tools = Tools { state, caller };
    // The checks of Host and Origin that every request passes are stricter, and know the names of the server.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_sse_keep_alive(None)
        .with_max_request_body_bytes(MAX_TOOL_MESSAGE_BYTES)
        .disable_allowed_hosts()
        .disable_allowed_origins();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(tools.clone()), sessions, config);
    let request = Request::from_parts(head, Full::new(Bytes::from(body)));
    described(service.handle(request).await).await
}

/// The response; a refusal that is plain text becomes a problem document, as those of all routes are.
async fn described(response: Response<BoxBody<Bytes, Infallible>>) -> Response {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE);
    if !status.is_client_error() || kind.is_some_and(|kind| kind == "application/json") {
        return response.map(Body::new);
    }
    let Ok(text) = response.into_body().collect().await;
    let detail = String::from_utf8_lossy(&text.to_bytes()).into_owned();
    Problem::new(status, "invalid_request", "The message is not valid", detail).into_response()
}
