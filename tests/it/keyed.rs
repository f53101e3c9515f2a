//! Requests with keys to a server of a test.

use serde_json::Value;

use crate::http::Running;

/// Sends JSON to a URL, with a key if there is one; status and body of the answer.
pub(crate) fn send(
    agent: &ureq::Agent,
    url: &str,
    method: &str,
    body: &Value,
    key: Option<&str>,
) -> (u16, Value) {
    let mut request = ureq::http::Request::builder()
        .method(method)
        .uri(url)
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(text).expect("a request");
    let config = agent.configure_request(request).allow_non_standard_methods(true);
    let mut answer = agent.run(config.build()).expect("an answer");
    let text = answer.body_mut().read_to_string().expect("a body");
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
}

impl Running {
    /// Sends JSON with a key; status and body of the answer.
    pub(crate) fn with_key(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> (u16, Value) {
        send(&self.agent, &format!("http://{}{path}", self.address), method, body, key)
    }

    /// Gets a path with headers; the whole answer.
    fn answer_with(
        &self,
        headers: &[(&str, &str)],
        path: &str,
    ) -> ureq::http::Response<ureq::Body> {
        let uri = format!("http://{}{path}", self.address);
        let request = ureq::http::Request::builder().uri(uri);
        let request = headers.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        self.agent.run(request.body(()).expect("a request")).expect("an answer")
    }

    /// Gets a path with headers; status and body.
    pub(crate) fn get_with(&self, headers: &[(&str, &str)], path: &str) -> (u16, Value) {
        let mut answer = self.answer_with(headers, path);
        let text = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Gets a path with a key; status, content type and text.
    pub(crate) fn get_with_key(&self, path: &str, key: &str) -> (u16, String, String) {
        let mut answer = self.answer_with(&[("api-key", key)], path);
        let kind =
            answer.headers().get("content-type").map(|v| v.to_str().expect("text").to_owned());
        let text = answer.body_mut().read_to_string().expect("a body");
        (answer.status().as_u16(), kind.unwrap_or_default(), text)
    }

    /// Gets a path with a key; status and headers.
    pub(crate) fn headers_with_key(&self, path: &str, key: &str) -> (u16, ureq::http::HeaderMap) {
        let answer = self.answer_with(&[("api-key", key)], path);
        (answer.status().as_u16(), answer.headers().clone())
    }
}
