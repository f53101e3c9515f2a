//! A model behind an HTTP endpoint in the form of OpenAI's embeddings: texts are sent, vectors come back.

mod wire;

use std::time::Duration;

use lexivec::limits::MAX_DIMENSION;
use lexivec::model::{Embedder, beginning};
use lexivec::{Error, Result};
use ureq::http::{HeaderMap, StatusCode, Uri, header};
use xxhash_rust::xxh3::xxh3_128;

use crate::error::Error as InputError;

/// Texts of a call: published servers accept this number or more.
const MAX_CALL_TEXTS: usize = 64;
/// Bytes of the texts of a call, unless one text alone has more.
const MAX_CALL_BYTES: usize = 256 << 10;
/// Bytes of an answer. 64 vectors of 8,192 components in 25 digits each take 13 MB.
const MAX_ANSWER_BYTES: u64 = 64 << 20;
/// Time to get a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one call, from the first byte sent to the last one read: slow servers take a minute for a batch.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Calls for one batch, where the server is busy or fails.
const MAX_ATTEMPTS: u32 = 5;
/// Wait after the first of them; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait between two of them, whatever the server asks for.
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// Text that is embedded to learn the dimension.
const PROBE: &str = "dimension";

/// Address of an endpoint, and the model to ask for.
pub struct Address<'a> {
    /// URL before `/embeddings`.
    pub url: &'a str,
    /// Name of the model there.
    pub name: &'a str,
    /// Sent with every call; `None` for a server that wants no key.
    pub key: Option<Key>,
    /// Components of the vectors; if `None`, one text is embedded to learn it.
    pub dim: Option<usize>,
}

/// A key for an endpoint. It has no `Debug`, and no error message contains it.
pub struct Key(String);

impl Key {
    /// Reads the key from an environment variable.
    ///
    /// # Errors
    /// [`InputError::Argument`] if the variable is not set, or is empty or has other characters than keys have.
    pub fn from_env(variable: &str) -> std::result::Result<Self, InputError> {
        let fault = |what: &str| {
            InputError::argument(format!(
                "the environment variable {variable} {what}; set it to the key of the endpoint"
            ))
        };
        let key = std::env::var(variable).map_err(|e| match e {
            std::env::VarError::NotPresent => fault("is not set"),
            std::env::VarError::NotUnicode(_) => fault("is not a key"),
        })?;
        let key = key.trim().to_owned();
        match key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            true => Err(fault("is empty or has characters that no key has")),
            false => Ok(Self(key)),
        }
    }
}

/// An embedder behind HTTP.
pub struct Endpoint {
    /// URL of the calls.
    target: String,
    name: String,
    key: Option<Key>,
    dim: usize,
    hash: String,
    agent: ureq::Agent,
    /// Waits before another attempt.
    pause: Box<dyn Fn(Duration) + Send + Sync>,
}

/// The reason why a call failed.
struct Fault {
    what: String,
    /// The pause after which another attempt may help, zero if the server names none; `None` if no attempt helps.
    retry: Option<Duration>,
}

impl Fault {
    fn last(what: impl Into<String>) -> Self {
        Self { what: what.into(), retry: None }
    }
}

impl Endpoint {
    /// Checks the address, and asks the endpoint for the dimension if it is not given.
    ///
    /// The hash that collections record is of URL, name and dimension, as the endpoint says nothing about its weights.
    /// Only the canary texts of a collection show that another model answers under the same name.
    ///
    /// # Errors
    /// [`InputError::Argument`] if the URL or the dimension cannot be used, [`InputError::Input`] if the endpoint does
    /// not answer.
    pub fn open(address: Address<'_>) -> std::result::Result<Self, InputError> {
        Self::open_with(address, Box::new(std::thread::sleep))
    }

    fn open_with(
        address: Address<'_>,
        pause: Box<dyn Fn(Duration) + Send + Sync>,
    ) -> std::result::Result<Self, InputError> {
        let Address { url, name, key, dim } = address;
        let url = checked(url)?;
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(CALL_TIMEOUT))
            .user_agent(concat!("lexivec/", env!("CARGO_PKG_VERSION")));
        let mut endpoint = Self {
            target: format!("{url}/embeddings"),
            name: name.to_owned(),
            key,
            dim: dim.unwrap_or_default(),
            hash: String::new(),
            agent: config.build().new_agent(),
            pause,
        };
        if dim.is_none() {
            let probe = endpoint.batch(&[PROBE]).map_err(|e| InputError::input(e.to_string()))?;
            endpoint.dim = probe.first().map_or(0, Vec::len);
        }
        let dim = endpoint.dim;
        if dim == 0 || dim > MAX_DIMENSION {
            let detail = format!("{dim} components; vectors have 1 to {MAX_DIMENSION}");
            return Err(InputError::argument(format!("{url}: {detail}")));
        }
        endpoint.hash = format!("{:032x}", xxh3_128(format!("{url}\n{name}\n{dim}").as_bytes()));
        Ok(endpoint)
    }

    /// A vector for each text, by one call and its repetitions.
    fn batch(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>> {
        let body = wire::question(&self.name, texts);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let fault = match self.call(&body, texts.len()) {
                Ok(vectors) => return Ok(vectors),
                Err(fault) => fault,
            };
            let tried = match fault.retry {
                Some(wanted) if attempt < MAX_ATTEMPTS => {
                    (self.pause)(pause.max(wanted).min(MAX_PAUSE));
                    pause *= 2;
                    attempt += 1;
                    continue;
                }
                Some(_) => format!(", {MAX_ATTEMPTS} times; try again later"),
                None => String::new(),
            };
            return Err(self.error(&format!("{}{tried}", fault.what)));
        }
    }

    /// Replaces the key in a message of the server, which may repeat what it was sent.
    fn hide(&self, what: &str) -> String {
        match &self.key {
            Some(Key(key)) => what.replace(key.as_str(), "[key]"),
            None => what.to_owned(),
        }
    }

    fn error(&self, what: &str) -> Error {
        let what = self.hide(what);
        Error::Embedder(format!("POST {} (model {}): {what}", self.target, self.name))
    }

    fn call(&self, body: &[u8], texts: usize) -> std::result::Result<Vec<Vec<f32>>, Fault> {
        let request = self.agent.post(&self.target);
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let request = match &self.key {
            Some(Key(key)) => request.header(header::AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        };
        let mut answer = request.send(body).map_err(|e| unreached(&e))?;
        let status = answer.status();
        let retry = retry_after(answer.headers());
        let limited = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES);
        let bytes = limited.read_to_vec().map_err(|e| match e {
            ureq::Error::BodyExceedsLimit(_) => Fault::last(format!(
                "the answer is over the limit of {MAX_ANSWER_BYTES} bytes; is this an endpoint for embeddings?"
            )),
            other => unreached(&other),
        });
        if !status.is_success() {
            let message = bytes
                .ok()
                .and_then(|bytes| wire::message(&bytes, |message| self.hide(&message)))
                .unwrap_or_default();
            return Err(refused(status, &message, retry));
        }
        wire::vectors(&bytes?, texts, (self.dim > 0).then_some(self.dim)).map_err(Fault::last)
    }
}

/// The URL without a slash at its end, if calls can be sent to it.
fn checked(url: &str) -> std::result::Result<&str, InputError> {
    let fault = |what: &str| InputError::argument(format!("the URL {url:?} of a model: {what}"));
    let form = "give one as https://HOST/v1 or http://127.0.0.1:PORT/v1";
    // The URL is not shown: it may contain a password.
    if url.split(['/', '?', '#']).nth(2).is_some_and(|host| host.contains('@')) {
        let detail = "the URL of a model has a user in it; leave the user out and give the key by an environment variable";
        return Err(InputError::argument(detail));
    }
    let parsed: Uri = url.parse().map_err(|e| fault(&format!("{e}; {form}")))?;
    let known = matches!(parsed.scheme_str(), Some("http" | "https"));
    if !known || parsed.host().is_none_or(str::is_empty) {
        return Err(fault(&format!("it is not a URL of http or https; {form}")));
    }
    if parsed.query().is_some() || url.contains('#') {
        return Err(fault(&format!("it has more than a path; {form}")));
    }
    let url = url.trim_end_matches('/');
    match url.strip_suffix("/embeddings") {
        Some(before) => Err(fault(&format!("/embeddings is added to it; give {before:?}"))),
        None => Ok(url),
    }
}

fn unreached(error: &ureq::Error) -> Fault {
    Fault::last(match error {
        ureq::Error::Timeout(_) => format!(
            "no answer in time ({error}; {} s for a connection, {} s for a call); is the server busy?",
            CONNECT_TIMEOUT.as_secs(),
            CALL_TIMEOUT.as_secs()
        ),
        _ => format!("no answer ({error}); is the server running, and its URL right?"),
    })
}

fn refused(status: StatusCode, message: &str, retry: Option<Duration>) -> Fault {
    let again = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
    let now = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; give the key of this endpoint",
        StatusCode::NOT_FOUND => "; check the URL and the name of the model",
        _ if status.is_redirection() => "; the endpoint has moved, give its new URL",
        _ => "",
    };
    let message = if message.is_empty() { String::new() } else { format!(": {message}") };
    let what = format!("answered {status}{message}{now}");
    Fault { what, retry: again.then(|| retry.unwrap_or_default()) }
}

/// The wait a server asks for in seconds; a date counts as none.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// The texts in parts of one call each.
fn parts<'a>(texts: &'a [&'a str]) -> Vec<&'a [&'a str]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, text) in texts.iter().enumerate() {
        let full = index - start == MAX_CALL_TEXTS || bytes + text.len() > MAX_CALL_BYTES;
        if index > start && full {
            parts.extend(texts.get(start..index));
            (start, bytes) = (index, 0);
        }
        bytes += text.len();
    }
    parts.extend(texts.get(start..).filter(|rest| !rest.is_empty()));
    parts
}

impl Embedder for Endpoint {
    fn name(&self) -> &str {
        &self.name
    }

    fn hash(&self) -> &str {
        &self.hash
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn embed(&self, texts: &[&str]) -> Result<Vec<Option<Vec<f32>>>> {
        let is_full = |text: &str| !text.trim().is_empty();
        let full = texts.iter().filter(|text| is_full(text)).map(|text| beginning(text));
        let full: Vec<&str> = full.collect();
        let mut vectors = Vec::with_capacity(full.len());
        for part in parts(&full) {
            vectors.extend(self.batch(part)?);
        }
        let mut vectors = vectors.into_iter();
        Ok(texts.iter().map(|text| if is_full(text) { vectors.next() } else { None }).collect())
    }
}

#[cfg(test)]
mod tests;
