//! Checks of the head of every request: it is one request for this server, framed in one way, that no foreign page has
//! sent.

use axum::extract::{Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::body::body_kind;
use crate::connection::TwoLengths;
use crate::error::{ApiResult, Problem};
use crate::state::State;

/// A header that no form can send, for requests without a body.
const REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Refuses requests that are ambiguous, for other hosts, or of foreign pages. After one that is ambiguous, or whose body
/// has no length, the connection ends, so that no byte of it is taken for another request.
pub(super) async fn check(Shared(state): App, request: Request, next: Next) -> Response {
    let framed = one_framing(&request);
    let close = framed.is_err() || request.headers().contains_key(header::TRANSFER_ENCODING);
    let checked = framed
        .and_then(|()| of_this_host(&state, &request))
        .and_then(|()| of_no_foreign_page(&state, &request));
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if close {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Refuses a request whose end, or whose target, two servers could see differently.
fn one_framing(request: &Request) -> ApiResult<()> {
    if request.extensions().get::<TwoLengths>().is_some_and(TwoLengths::seen) {
        return Err(ambiguous(
            "it has both Content-Length and Transfer-Encoding; send one of them",
        ));
    }
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).into_iter();
    if let Some(coding) = codings.next()
        && (codings.next().is_some() || !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "unsupported_transfer_coding",
            "Unsupported transfer coding",
            "the only transfer coding is chunked, once",
        ));
    }
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return Err(ambiguous("it has two Host headers; send one"));
    }
    let host = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
    match request.uri().authority() {
        Some(authority) if Some(authority.as_str().as_bytes()) != host => {
            Err(ambiguous("its target names another host than its Host header"))
        }
        _ => Ok(()),
    }
}

fn ambiguous(detail: &str) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "ambiguous_request",
        "The request is ambiguous",
        format!("the request can be read in two ways: {detail}"),
    )
}

/// Refuses requests for other hosts: a page in the user's browser may have had its own name
/// pointed at this machine.
fn of_this_host(state: &State, request: &Request) -> ApiResult<()> {
    // A foreign page has no key, whatever name it points at this machine.
    if state.config().hosts.is_empty() && state.admission.access().is_some() {
        return Ok(());
    }
    let host = text(request.headers(), &header::HOST).map(without_port).unwrap_or_default();
    let loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str());
    if loopback || state.config().hosts.contains(&host) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "host_refused",
        "Host refused",
        format!("host {host:?} is not served; start the server with --host-name to allow it"),
    ))
}

/// Refuses requests that a page of another origin made a browser send. Reads are left alone, as the page is not shown
/// their answers.
fn of_no_foreign_page(state: &State, request: &Request) -> ApiResult<()> {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(());
    }
    let headers = request.headers();
    if headers.contains_key(header::ORIGIN) && !is_own_origin(state, headers) {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "origin_refused",
            "Origin refused",
            "a page of another origin sent the request; only pages of the server's own host may",
        ));
    }
    Ok(())
}

/// Refuses what a form can send, for POST without a body: it has the content type of JSON, or any `X-Requested-With`.
/// Where a body is read, its content type is checked with it. Other methods no form can send, and a page needs leave for
/// them, which is never given.
pub(super) fn of_no_form(headers: &HeaderMap) -> ApiResult<()> {
    match headers.contains_key(REQUESTED_WITH) {
        true => Ok(()),
        false => body_kind(headers).map(drop),
    }
}

/// True if the Origin is this server as the request names it, or a host that the server was started with.
fn is_own_origin(state: &State, headers: &HeaderMap) -> bool {
    let origin = text(headers, &header::ORIGIN).and_then(|origin| origin.split_once("://"));
    let Some((_, authority)) = origin else { return false };
    let own = text(headers, &header::HOST).is_some_and(|own| own.eq_ignore_ascii_case(authority));
    own || state.config().hosts.contains(&without_port(authority))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn without_port(host: &str) -> String {
    let bare = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    bare.to_ascii_lowercase()
}
