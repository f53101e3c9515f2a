//! The page at `/ui`: its files are in the binary, and it loads nothing from elsewhere.

use axum::extract::Path;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;

use crate::error::{ApiResult, Problem};

/// The page may load and send to its own server, and be shown in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Lists files of the page by name.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../ui/", $name)))),*]
    };
}

/// The files below `/ui/`, by name.
const FILES: &[(&str, &str)] = files![
    "app.js",
    "api.js",
    "bars.js",
    "collections.js",
    "dom.js",
    "icon.svg",
    "keys.js",
    "map.js",
    "query.js",
    "recall.js",
    "results.js",
    "search.js",
    "shell.js",
    "style.css",
    "suggest.js",
];

/// The page itself.
pub(super) async fn index() -> impl IntoResponse {
    file("text/html; charset=utf-8", include_str!("../../ui/index.html"))
}

/// A file of the page.
pub(super) async fn asset(Path(name): Path<String>) -> ApiResult<impl IntoResponse> {
    let found = FILES.iter().find(|(known, _)| *known == name);
    let (name, text) = found.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_FOUND,
            "not_found",
            "Not found",
            format!("the page has no file {name:?}"),
        )
    })?;
    Ok(file(kind_of(name), text))
}

/// The media type of a file by the end of its name.
fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    }
}

/// A file with the headers that confine what it may do. A browser asks for it again each time, so that a page never runs
/// against the routes of another version.
fn file(kind: &'static str, text: &'static str) -> ([(HeaderName, &'static str); 5], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
