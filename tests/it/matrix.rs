//! Every route and method against every role and scope: what may be done is done, what may not is refused, and what is
//! outside a scope is answered like what does not exist. `docs/access.md` has the table, made of the route table.

use std::path::Path;
use std::time::SystemTime;

use lexivec_server::access::{
    AccessOptions, CollectionNames, KeyRing, NewKey, RateLimits, Reach, Role, Scope, Verb,
    seconds_of,
};
use lexivec_server::{Config, Route, routes};
use serde_json::{Value, json};

use crate::http::Running;

/// A caller of the walk: its name, its role and scope, and the text of its key.
struct Caller {
    name: String,
    role: Role,
    scope: Scope,
    key: String,
}

/// The part of the database that a scope holds.
fn reach_of(scope: &Scope) -> Reach {
    match scope {
        scope if scope.is_everything() => Reach::Server,
        scope if scope.holds_whole_collections() => Reach::Collection,
        _ => Reach::Rows,
    }
}

fn now() -> u64 {
    seconds_of(SystemTime::now())
}

fn names(patterns: &[&str]) -> CollectionNames {
    CollectionNames::of(patterns.iter().map(|p| (*p).to_owned()))
}

/// A caller for every role and scope.
fn callers(database: &Path) -> Vec<Caller> {
    let ring = KeyRing::open(database).expect("opened");
    let scopes = [
        ("everything", Scope::everything()),
        ("named", Scope { collections: names(&["own", "new-*"]), ..Scope::everything() }),
        ("tenant", Scope::of_tenant(names(&["own", "new-*"]), "a")),
        ("elsewhere", Scope { collections: names(&["else-*"]), ..Scope::everything() }),
    ];
    let mut callers = Vec::new();
    for role in Role::ALL {
        for (part, scope) in &scopes {
            let name = format!("{role} of {part}");
            let new = NewKey { name: name.clone(), role, scope: scope.clone(), expires: None };
            let (secret, _) = ring.store().create(new, now()).expect("made");
            callers.push(Caller { name, role, scope: scope.clone(), key: secret.reveal() });
        }
    }
    callers
}

/// A server with the collections `own` and `other`, each with rows of two tenants.
fn start(database: &Path) -> (Running, Vec<Caller>) {
    std::fs::create_dir_all(database).expect("made");
    let callers = callers(database);
    let mut config = Config::new(database);
    let mut access = AccessOptions::default();
    access.limits.per_key = RateLimits::unlimited();
    config.access = access;
    let server = Running::with(config);
    for name in ["own", "other"] {
        fill(&server, &callers, name);
    }
    (server, callers)
}

/// Makes a collection if it is not there, and writes its rows again.
fn fill(server: &Running, callers: &[Caller], name: &str) {
    let root = &callers.iter().find(|c| c.name == "site_admin of everything").expect("there").key;
    let path = format!("/v1/collections/{name}");
    let made = server.with_key("PUT", &path, &json!({}), Some(root));
    assert!([201, 409].contains(&made.0), "{made:?}");
    let rows: Vec<Value> = ["a", "b"]
        .iter()
        .map(|tenant| json!({"id": tenant, "text": "wing", "payload": {"tenant": tenant}}))
        .collect();
    let wrote = server.with_key("POST", &format!("{path}/documents"), &json!(rows), Some(root));
    assert_eq!(wrote.0, 200, "{wrote:?}");
}

/// A request of the walk: its path with the names filled in, and a body that the route takes or refuses by itself.
fn path_of(route: &Route, collection: &str, unique: usize) -> String {
    route
        .path
        .replace("{collection}", collection)
        .replace("{id}", "a")
        .replace("{snapshot}", &format!("s{unique}"))
        .replace("{profile}", "p")
        .replace("{version}", "1")
        .replace("/suggest", "/suggest?text=w")
}

/// The answers that a caller may get for a verb of a route whose collection is named `target`.
fn fault(caller: &Caller, verb: Verb, target: &str, status: u16, code: &str) -> Option<String> {
    let role = verb.least_role().is_none_or(|least| caller.role >= least);
    let reach = verb.reach() <= reach_of(&caller.scope);
    let inside = target.is_empty() || caller.scope.collections.contains(target);
    let there = target.is_empty() || target == "own" || target == "other";
    let wanted = match (role && reach, inside, there) {
        (false, _, _) => status == 403 && code == "forbidden",
        // The names that may be created are those of the key.
        (true, false, _) if verb == Verb::Create => status == 403 && code == "forbidden",
        (true, true, false) if verb == Verb::Create => status == 201,
        (true, false, _) | (true, true, false) => status == 404 && code == "collection_not_found",
        // Whatever the route says, and not a refusal of access.
        (true, true, true) => {
            ![401, 429, 500].contains(&status)
                && code != "collection_not_found"
                && (status != 403 || by_itself(caller, verb))
        }
    };
    (!wanted).then(|| format!("{} {verb} {target:?}: {status} {code}", caller.name))
}

/// Routes in Qdrant's shape have no codes, and statuses of their kind; another test walks them.
fn in_qdrants_shape(route: &Route) -> bool {
    route.path.starts_with("/collections") || route.path == "/aliases"
}

/// True where a route refuses more than its verb: a log of all tenants, for a caller with some collections and no tenant.
fn by_itself(caller: &Caller, verb: Verb) -> bool {
    verb == Verb::ReadAudit && caller.scope.tenant.is_none()
}

/// Requests of the walk, and answers that are not as `fault` wants them.
fn walk(
    server: &Running,
    callers: &[Caller],
    fault: impl Fn(&Caller, Verb, &str, u16, &str) -> Option<String>,
) -> (usize, Vec<String>) {
    let (mut count, mut faults) = (0, Vec::new());
    for route in routes().into_iter().filter(|route| !in_qdrants_shape(route)) {
        let of_collection = route.path.contains("{collection}");
        let targets: &[&str] = if of_collection { &["own", "other", "new-0"] } else { &[""] };
        for (method, verb) in &route.methods {
            for caller in callers {
                for target in targets {
                    count += 1;
                    let path = path_of(&route, target, count);
                    let (status, body) =
                        server.with_key(method, &path, &body_of(method), Some(&caller.key));
                    let code = body["code"].as_str().unwrap_or_default();
                    faults.extend(
                        fault(caller, *verb, target, status, code)
                            .map(|fault| format!("{method} {}: {fault}", route.path)),
                    );
                    restore(server, callers, *verb, target, status);
                }
            }
        }
    }
    (count, faults)
}

/// A body for a method that takes one; deletes go by a filter that admits nothing.
fn body_of(method: &str) -> Value {
    match method {
        "GET" => Value::Null,
        "DELETE" => json!({"filter": {"nothing": "there"}}),
        _ => json!({}),
    }
}

/// Puts back what a request has removed or made.
fn restore(server: &Running, callers: &[Caller], verb: Verb, target: &str, status: u16) {
    let root = &callers.iter().find(|c| c.name == "site_admin of everything").expect("there").key;
    match verb {
        Verb::Drop if [200, 204].contains(&status) => fill(server, callers, target),
        Verb::Create if [200, 201].contains(&status) => {
            let path = format!("/v1/collections/{target}");
            assert_eq!(server.with_key("DELETE", &path, &Value::Null, Some(root)).0, 204);
        }
        _ => {}
    }
}

#[test]
fn every_route_answers_every_role_and_scope_as_the_table_says() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, callers) = start(&scratch.path().join("db"));
    let (count, faults) = walk(&server, &callers, fault);
    assert_eq!(faults, [""; 0]);
    assert!(count > 1_500, "{count} requests");
    println!("matrix: {count} requests of {} callers, no fault", callers.len());

    // The walk notices a role that may do more or less than it should.
    let wrong = |caller: &Caller, verb: Verb, target: &str, status: u16, code: &str| {
        let verb = if verb == Verb::Write { Verb::Search } else { verb };
        fault(caller, verb, target, status, code)
    };
    let (_, faults) = walk(&server, &callers, wrong);
    assert!(faults.iter().all(|fault| fault.contains("documents")), "{faults:?}");
    assert!(faults.len() >= 9, "{faults:?}");
}

#[test]
fn routes_in_qdrants_shape_hold_the_same_roles_and_scopes() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, callers) = start(&scratch.path().join("db"));
    let (mut count, mut faults) = (0, Vec::new());
    for route in routes().iter().filter(|route| in_qdrants_shape(route)) {
        let of_collection = route.path.contains("{collection}");
        let targets: &[&str] = if of_collection { &["own", "other", "new-0"] } else { &[""] };
        for (method, verb) in &route.methods {
            for caller in &callers {
                for target in targets {
                    count += 1;
                    let path = path_of(route, target, 1).replace("{key}", "n");
                    let (status, body) =
                        server.with_key(method, &path, &body_of(method), Some(&caller.key));
                    restore(&server, &callers, *verb, target, status);
                    let may = verb.least_role().is_none_or(|least| caller.role >= least)
                        && verb.reach() <= reach_of(&caller.scope);
                    let inside = target.is_empty() || caller.scope.collections.contains(target);
                    let right = match (may, inside) {
                        (false, _) => status == 403,
                        (true, false) => {
                            [400, 403, 404].contains(&status)
                                || body["result"]["exists"] == false
                                || body["result"] == false
                        }
                        (true, true) => ![401, 403, 429, 500].contains(&status),
                    };
                    if !right {
                        faults.push(format!(
                            "{method} {}: {} {target:?}: {status} {body}",
                            route.path, caller.name
                        ));
                    }
                }
            }
        }
    }
    assert_eq!(faults, [""; 0]);
    assert!(count > 900, "{count} requests");
}

#[test]
fn a_request_without_a_valid_key_is_answered_by_health_alone() {
    let scratch = tempfile::tempdir().expect("a directory");
    let database = scratch.path().join("db");
    let (server, callers) = start(&database);
    let ring = KeyRing::open(&database).expect("opened");
    let ended = |name: &str| {
        let role = Role::SiteAdmin;
        let new = NewKey { name: name.to_owned(), role, scope: Scope::everything(), expires: None };
        let (secret, info) = ring.store().create(new, now()).expect("made");
        ring.store().revoke(&info.id, now()).expect("revoked");
        secret.reveal()
    };
    let revoked = ended("revoked");
    let root = callers.last().expect("one").key.clone();
    let (begin, secret) = root.split_at(root.len() - 43);
    let wrong = format!("{begin}{}", "A".repeat(secret.len()));
    let none = [None, Some(""), Some("lxv"), Some(&revoked), Some(&wrong)];
    let mut count = 0;
    for route in routes() {
        for (method, verb) in &route.methods {
            for key in none {
                for target in ["own", "other", "new-0"] {
                    count += 1;
                    let path = path_of(&route, target, count);
                    let (status, body) = server.with_key(method, &path, &body_of(method), key);
                    match verb.least_role() {
                        // Its health, and the files of its page, which say nothing about what it has.
                        None if key.is_none() && path.ends_with('z') => {
                            assert_eq!((status, body), (200, json!({"status": "ok"})), "{path}");
                        }
                        None if key.is_none() => {
                            assert!([200, 404].contains(&status), "{path}: {status}");
                        }
                        // Wrong keys of one address have to pause after some.
                        _ => assert!([401, 429].contains(&status), "{method} {path}: {status}"),
                    }
                }
            }
        }
    }
    // What no route takes needs a key as well, so that nothing is learned of what there is.
    for (method, path) in [("GET", "/nothing"), ("POST", "/healthz"), ("PUT", "/")] {
        assert_eq!(server.with_key(method, path, &Value::Null, None).0, 401, "{path}");
    }
    println!("matrix: {count} requests without a valid key, none answered but health");
}

#[test]
fn foreign_and_missing_collections_are_answered_alike() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (server, callers) = start(&scratch.path().join("db"));
    let mut count = 0;
    for route in routes().iter().filter(|route| route.path.contains("{collection}")) {
        for (method, _) in &route.methods {
            for caller in callers.iter().filter(|c| !c.scope.collections.is_all()) {
                let [foreign, missing] = ["other", "o-one"].map(|name| {
                    let path = path_of(route, name, 0);
                    let mut answer =
                        server.with_key(method, &path, &body_of(method), Some(&caller.key));
                    if let Some(members) = answer.1.as_object_mut() {
                        members.remove("time");
                    }
                    (answer.0, answer.1.to_string().replace(name, "NAME"))
                });
                assert_eq!(foreign, missing, "{} {method} {}", caller.name, route.path);
                count += 1;
            }
        }
    }
    assert!(count > 200, "{count} pairs");
}

/// The table of the document: a row for each route and method.
fn table() -> String {
    let mut rows = vec![
        "| route | method | verb | least role | has to hold |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for route in routes() {
        for (method, verb) in &route.methods {
            let role = verb.least_role().map_or("none", Role::name);
            let reach = if verb.least_role().is_some() { verb.reach().name() } else { "nothing" };
            rows.push(format!("| `{}` | {method} | {verb} | {role} | {reach} |", route.path));
        }
    }
    rows.join("\n") + "\n"
}

#[test]
fn the_documented_table_is_that_of_the_server() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/access.md");
    let page = std::fs::read_to_string(&path).expect("read");
    let (start, end) = ("<!-- table -->\n", "<!-- end of table -->\n");
    let (before, rest) = page.split_once(start).expect("a start");
    let (written, after) = rest.split_once(end).expect("an end");
    if std::env::var_os("LEXIVEC_DOCS").is_some() {
        let page = format!("{before}{start}{}{end}{after}", table());
        std::fs::write(&path, page).expect("written");
        return;
    }
    assert!(written == table(), "docs/access.md: update it with LEXIVEC_DOCS=update");
}
