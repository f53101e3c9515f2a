//! The gate: every request passes it before its route. It finds the caller, holds it to its rates and to what it may do, and
//! writes administrative acts and refusals to the audit log before they are answered.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Instant, SystemTime};

use axum::body::Body;
use axum::extract::{
    FromRequestParts, MatchedPath, OptionalFromRequestParts, Request, State as Shared,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use lexivec_access::audit::{Entry, Severity};
use lexivec_access::{Access, Cost, Principal, Remaining, Unauthenticated, Verb};

use super::App;
use super::record::collection_of;
use super::table::routes;
use crate::accept::Peer;
use crate::admission::entry;
use crate::error::{ApiResult, Problem, rate_headers};
use crate::state::{State, blocking};

/// The header of a key besides `Authorization`.
const API_KEY: HeaderName = HeaderName::from_static("api-key");
/// The header in which a proxy names the client.
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The caller of a request. A route that was reached around the gate has none, and answers 500.
pub(crate) struct Caller(pub(crate) Arc<Principal>);

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let caller = parts.extensions.get::<Arc<Principal>>().cloned();
        caller.map(Self).ok_or_else(|| {
            Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The request failed",
                "the request did not pass the gate",
            )
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Option<Self>> {
        Ok(parts.extensions.get::<Arc<Principal>>().cloned().map(Self))
    }
}

/// The caller as the record of a request names it.
#[derive(Clone, Default)]
pub(super) struct Seen(Option<Arc<Principal>>);

impl Seen {
    /// The id of its key; empty without one.
    pub(super) fn caller(&self) -> &str {
        self.0.as_ref().map_or("", |caller| &caller.id)
    }

    /// Its tenant; empty without one.
    pub(super) fn tenant(&self) -> &str {
        self.0.as_ref().and_then(|caller| caller.scope.tenant.as_deref()).unwrap_or_default()
    }
}

/// An act as its route names it for the audit log, where the verb and the collection say too little.
#[derive(Clone)]
pub(super) struct Act {
    /// The act, as `key.create`.
    pub(super) action: &'static str,
    /// The kind of thing that was acted on.
    pub(super) kind: &'static str,
    /// Its name or id.
    pub(super) target: String,
}

/// The verbs of the routes, by path and method.
static VERBS: LazyLock<HashMap<(&str, Method), Verb>> = LazyLock::new(|| {
    let of_route = |route: super::Route| {
        let path = route.path;
        let methods = route.methods.into_iter();
        methods.filter_map(move |(method, verb)| {
            Some(((path, Method::from_bytes(method.as_bytes()).ok()?), verb))
        })
    };
    routes().into_iter().flat_map(of_route).collect()
});

/// The verb of a method of a route; `None` if the route does not take it.
fn verb_of(route: &str, method: &Method) -> Option<Verb> {
    // A route of GET answers HEAD as well.
    let method = if *method == Method::HEAD { &Method::GET } else { method };
    VERBS.get(&(route, method.clone())).copied()
}

/// A request as far as the gate and the audit log are concerned.
struct Asked {
    route: String,
    method: Method,
    verb: Option<Verb>,
    collection: String,
    peer: IpAddr,
    agent: String,
}

/// A caller that has passed, and the state of its rates.
struct Passed {
    caller: Option<Arc<Principal>>,
    rates: Option<Remaining>,
}

/// Lets a request pass to its route, or refuses it.
pub(super) async fn pass(Shared(state): App, mut request: Request, next: Next) -> Response {
    let asked = Asked::of(&state, &request);
    let passed = match admit(&state, &asked, request.headers()) {
        Ok(passed) => passed,
        Err(refusal) => return refuse(state, asked, *refusal).await,
    };
    let mut arrived = None;
    if let Some(caller) = &passed.caller {
        request.extensions_mut().insert(caller.clone());
        if state.admission.limits_bytes() {
            let counter = Arc::new(AtomicUsize::new(0));
            arrived = Some(counter.clone());
            request = request.map(|body| counted(body, counter));
        }
    }
    let mut response = next.run(request).await;
    if let (Some(arrived), Some(caller)) = (arrived, &passed.caller) {
        state.admission.charge_bytes(caller, arrived.load(Ordering::Relaxed));
    }
    if let Some(act) = asked.act(&mut response, passed.caller.as_deref()) {
        let log = move || state.admission.log(act);
        if let Err(problem) = blocking(log).await {
            response = problem.into_response();
        }
    }
    if let Some(rates) = &passed.rates {
        rate_headers(response.headers_mut(), rates);
    }
    response.extensions_mut().insert(Seen(passed.caller));
    response
}

/// A body whose bytes are counted as they arrive.
fn counted(body: Body, counter: Arc<AtomicUsize>) -> Body {
    Body::new(body.map_frame(move |frame| {
        counter.fetch_add(frame.data_ref().map_or(0, |data| data.len()), Ordering::Relaxed);
        frame
    }))
}

/// Why a request does not pass.
struct Refusal {
    problem: Problem,
    caller: Option<Arc<Principal>>,
    /// The reason for the audit log; one that is not for it has none.
    logged: Option<String>,
}

/// The answer to a request that does not pass. Wrong keys and refused acts are logged before; as few wrong keys of an
/// address are as the limit on them allows.
async fn refuse(state: Arc<State>, asked: Asked, refusal: Refusal) -> Response {
    let Refusal { mut problem, caller, logged } = refusal;
    if let Some(reason) = logged {
        let act = asked.refused(caller.as_deref(), &reason);
        if let Err(failed) = blocking(move || state.admission.log(act)).await {
            problem = failed;
        }
    }
    let mut response = problem.into_response();
    response.extensions_mut().insert(Seen(caller));
    response
}

/// Finds the caller and checks its rates and its verb.
fn admit(state: &State, asked: &Asked, headers: &HeaderMap) -> Result<Passed, Box<Refusal>> {
    let Some(access) = state.admission.access() else {
        return Ok(Passed { caller: Some(ANYONE.clone()), rates: None });
    };
    let plain = |problem| Box::new(Refusal { problem, caller: None, logged: None });
    let credential = credential(headers).map_err(plain)?;
    let Some(credential) = credential else {
        return match asked.verb.is_some_and(|verb| verb.least_role().is_none()) {
            true => Ok(Passed { caller: None, rates: None }),
            false => Err(plain(Problem::unauthenticated(
                "the request has no key; send one as `Authorization: Bearer KEY` or `api-key: KEY`",
            ))),
        };
    };
    let caller = authenticate(&access, credential, asked.peer)?;
    let refusal =
        |problem, logged| Box::new(Refusal { problem, caller: Some(caller.clone()), logged });
    let taken = access.rates.take(&caller, Cost::REQUEST, Instant::now());
    let rates = taken.map_err(|exceeded| refusal(exceeded.into(), None))?;
    if let Some(verb) = asked.verb {
        caller.may(verb).map_err(|refused| refusal(refused.into(), Some(refused.to_string())))?;
    }
    Ok(Passed { caller: Some(caller), rates })
}

/// The caller where no key is asked for.
static ANYONE: LazyLock<Arc<Principal>> = LazyLock::new(|| Arc::new(Principal::anyone()));

fn authenticate(
    access: &Access,
    credential: &str,
    peer: IpAddr,
) -> Result<Arc<Principal>, Box<Refusal>> {
    let checked = access.authenticate(credential, peer, SystemTime::now(), Instant::now());
    checked.map_err(|fault| match fault {
        Unauthenticated::Denied(denied) => {
            let id = denied.id().map_or(String::new(), |id| format!(" of the key {id}"));
            let logged = Some(format!("{}{id}", denied.reason()));
            let problem = Problem::unauthenticated(denied.to_string());
            Box::new(Refusal { problem, caller: None, logged })
        }
        other => {
            let problem = Problem::too_many(other.to_string());
            Box::new(Refusal { problem, caller: None, logged: None })
        }
    })
}

/// The key or token of a request: in `Authorization: Bearer`, or in `api-key`.
fn credential(headers: &HeaderMap) -> ApiResult<Option<&str>> {
    let mut found = None;
    for (name, value) in headers {
        let value = match name {
            _ if name == header::AUTHORIZATION => bearer(value),
            _ if name == API_KEY => value.to_str().ok(),
            _ => continue,
        };
        let Some(value) = value else {
            return Err(Problem::unauthenticated(
                "the key cannot be read; send it as `Authorization: Bearer KEY` or `api-key: KEY`",
            ));
        };
        if found.is_some_and(|other| other != value) {
            return Err(Problem::unauthenticated("the request has two keys; send one"));
        }
        found = Some(value);
    }
    Ok(found)
}

fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, rest) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

impl Asked {
    fn of(state: &State, request: &Request) -> Self {
        let extensions = request.extensions();
        let route = extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str).to_owned();
        let direct = extensions.get::<Peer>().map_or(IpAddr::from([0; 4]), |peer| peer.0);
        let text =
            |name: HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        let forwarded = || text(FORWARDED_FOR)?.rsplit(',').next()?.trim().parse().ok();
        let proxied = state.config().behind_proxy.then(forwarded).flatten();
        Self {
            verb: verb_of(&route, request.method()),
            collection: collection_of(&route, request.uri().path()).to_owned(),
            method: request.method().clone(),
            peer: proxied.unwrap_or(direct),
            agent: text(header::USER_AGENT).unwrap_or_default().to_owned(),
            route,
        }
    }

    /// The entry of an act that was done or failed; `None` for what the log does not have: reads, and acts that need no
    /// administrator.
    fn act(&self, response: &mut Response, caller: Option<&Principal>) -> Option<Entry> {
        let named = response.extensions_mut().remove::<Act>();
        let verb = self.verb.filter(|verb| verb.is_administrative())?;
        if named.is_none() && [Method::GET, Method::HEAD].contains(&self.method) {
            return None;
        }
        let status = response.status().as_u16();
        let description = format!("{} {}: answered {status}", self.method, self.route);
        let mut entry = self.entry(verb.name(), caller, description);
        entry.severity = match verb {
            Verb::Drop | Verb::ManageKeys => Severity::High,
            Verb::Maintain => Severity::Low,
            _ => Severity::Medium,
        };
        if let Some(Act { action, kind, target }) = named {
            entry.action = action.to_owned();
            entry.target_resource_type = kind.to_owned();
            entry.target_resource = target;
        }
        Some(entry)
    }

    fn refused(&self, caller: Option<&Principal>, reason: &str) -> Entry {
        let action = if caller.is_some() { "refused" } else { "unauthenticated" };
        let description = format!("{} {}: {reason}", self.method, self.route);
        let mut entry = self.entry(action, caller, description);
        entry.severity = Severity::Medium;
        entry
    }

    fn entry(&self, action: &str, caller: Option<&Principal>, description: String) -> Entry {
        let mut entry = entry(action, caller, self.peer);
        entry.user_agent.clone_from(&self.agent);
        entry.description = description;
        if !self.collection.is_empty() {
            entry.target_resource_type = "collection".to_owned();
            entry.target_resource.clone_from(&self.collection);
        }
        entry
    }
}
