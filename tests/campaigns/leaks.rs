//! Random requests of many tenants to one server: no answer has a row of another tenant, and every answer is that of a
//! plain model of the tenant's own rows.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Outcome;
use super::server::{Server, Stream};
use crate::Random;

/// Tenants of a run.
const TENANTS: usize = 20;
/// Different ids of each tenant.
const IDS: usize = 40;
/// Words of all texts.
const WORDS: [&str; 6] = ["wing", "flow", "heat", "shock", "layer", "plate"];

/// A tenant: its connection, and its rows by id with their words.
struct Tenant {
    number: usize,
    key: String,
    stream: Stream,
    rows: BTreeMap<String, String>,
}

/// The run: its server, tenants and source of numbers.
struct Run {
    random: Random,
    tenants: Vec<Tenant>,
    _server: Server,
    _directory: tempfile::TempDir,
}

/// Sends this many requests. With `planted`, the key of one tenant has no filter, which the run has to notice.
pub fn run(requests: usize, seed: u64, planted: bool) -> Outcome {
    let mut run = Run::start(seed, planted).map_err(|e| format!("seed {seed}: {e}"))?;
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for request in 0..requests {
        let status = run.step().map_err(|e| format!("seed {seed}, request {request}: {e}"))?;
        *statuses.entry(status).or_default() += 1;
    }
    for number in 0..TENANTS {
        run.all_rows(number).map_err(|e| format!("seed {seed}, at the end: {e}"))?;
    }
    let rows: usize = run.tenants.iter().map(|tenant| tenant.rows.len()).sum();
    Ok(format!(
        "{requests} requests of {TENANTS} tenants from seed {seed}, {rows} rows at the end, statuses {statuses:?}: no row of \
         another tenant in any answer, every answer that of the model"
    ))
}

/// A text that the rows of a tenant have and no request.
fn secret(tenant: usize) -> String {
    format!("secret{tenant}of")
}

/// True if a text has the secret of another tenant.
fn leaks(text: &str, own: usize) -> bool {
    text.match_indices("secret").any(|(at, _)| {
        let rest = text.get(at + "secret".len()..).unwrap_or_default();
        rest.split_once("of")
            .is_some_and(|(number, _)| number.parse::<usize>().is_ok_and(|number| number != own))
    })
}

impl Run {
    fn start(seed: u64, planted: bool) -> Result<Self, String> {
        let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
        let rates = ["--requests-per-second", "1e9", "--burst", "4000000000", "--log", "off"];
        let server = Server::start_with(directory.path(), &rates)?;
        let connect = || server.connect().ok_or("no connection");
        let mut first = connect()?;
        let mut ask = |method: &str, path: &str, body: Value, key: Option<&str>| {
            let answer = first.send_with(method, path, &body, key);
            let (status, text) = answer.ok_or_else(|| format!("{method} {path}: no answer"))?;
            match serde_json::from_str::<Value>(&text) {
                Ok(value) if status == 201 => Ok(value),
                _ => Err(format!("{method} {path}: {status} {text}")),
            }
        };
        let made = ask("POST", "/v1/keys", json!({"name": "root", "role": "site_admin"}), None)?;
        let root = made["key"].as_str().unwrap_or_default().to_owned();
        ask("PUT", "/v1/collections/shared", json!({}), Some(&root))?;
        let mut tenants = Vec::new();
        for number in 0..TENANTS {
            let name = format!("tenant{number}");
            let mut scope = json!({"collections": ["shared"], "tenant": name,
                "rows": {"filter": {"tenant": name}, "stamp": {"tenant": name}}});
            if planted && number == 3 {
                scope = json!({"collections": ["shared"]});
            }
            let body = json!({"name": name, "role": "writer", "scope": scope});
            let made = ask("POST", "/v1/keys", body, Some(&root))?;
            let key = made["key"].as_str().unwrap_or_default().to_owned();
            tenants.push(Tenant { number, key, stream: connect()?, rows: BTreeMap::new() });
        }
        Ok(Self { random: Random(seed), tenants, _server: server, _directory: directory })
    }

    /// Sends one request of some tenant and compares its answer with the model.
    fn step(&mut self) -> Result<u16, String> {
        let tenant = self.random.below(TENANTS);
        match self.random.below(20) {
            0 | 1 => self.write(tenant),
            2 => self.write_foreign(tenant),
            3 => self.delete(tenant),
            4 => self.patch(tenant),
            5..=7 => self.read(tenant),
            8 => self.count(tenant),
            9 => self.all_rows(tenant),
            _ => self.question(tenant),
        }
    }

    /// Sends a request of a tenant; an answer with a secret of another tenant is a violation.
    fn send(
        &mut self,
        tenant: usize,
        method: &str,
        rest: &str,
        body: &Value,
    ) -> Result<(u16, Value), String> {
        let Tenant { number, key, stream, .. } = &mut self.tenants[tenant];
        let path = format!("/v1/collections/shared{rest}");
        let answer = stream.send_with(method, &path, body, Some(key));
        let (status, text) = answer.ok_or_else(|| format!("{method} {rest}: no answer"))?;
        if leaks(&text, *number) {
            return Err(format!("tenant {number}: {method} {rest} {body}: {status} {text}"));
        }
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    fn id(&mut self, tenant: usize) -> String {
        format!("t{tenant}-{}", self.random.below(IDS))
    }

    fn words(&mut self) -> String {
        let count = 1 + self.random.below(4);
        let words: Vec<&str> = (0..count).map(|_| WORDS[self.random.below(WORDS.len())]).collect();
        words.join(" ")
    }

    fn row(&mut self, tenant: usize, id: &str) -> (Value, String) {
        let words = format!("{} {}{}", self.words(), secret(tenant), self.random.below(1_000_000));
        let row = json!({"id": id, "text": words,
            "payload": {"tenant": "forged", "n": self.random.below(5), "note": secret(tenant)}});
        (row, words)
    }

    fn write(&mut self, tenant: usize) -> Result<u16, String> {
        let mut rows = BTreeMap::new();
        for _ in 0..=self.random.below(3) {
            let id = self.id(tenant);
            let row = self.row(tenant, &id);
            rows.insert(id, row);
        }
        let body: Vec<&Value> = rows.values().map(|(row, _)| row).collect();
        let (status, answer) = self.send(tenant, "POST", "/documents", &json!(body))?;
        expect(status == 200 && answer["written"] == rows.len(), "a write", &answer)?;
        self.tenants[tenant].rows.extend(rows.into_iter().map(|(id, (_, words))| (id, words)));
        Ok(status)
    }

    /// Writes an id that another tenant has, if it has one: nothing is written.
    fn write_foreign(&mut self, tenant: usize) -> Result<u16, String> {
        let other = (tenant + 1 + self.random.below(TENANTS - 1)) % TENANTS;
        let Some(id) = self.tenants[other].rows.keys().next().cloned() else {
            return self.count(tenant);
        };
        let own = self.id(tenant);
        let body = json!([self.row(tenant, &own).0, self.row(tenant, &id).0]);
        let (status, answer) = self.send(tenant, "POST", "/documents", &body)?;
        expect(status == 404, "a write of a foreign id", &answer)?;
        Ok(status)
    }

    fn delete(&mut self, tenant: usize) -> Result<u16, String> {
        let other = self.random.below(TENANTS);
        let ids = [self.id(tenant), self.id(other)];
        let body = match self.random.below(4) {
            0 => json!({"filter": {"tenant": format!("tenant{other}")}}),
            _ => json!({"ids": ids}),
        };
        let (status, answer) = self.send(tenant, "DELETE", "/documents", &body)?;
        let rows = &mut self.tenants[tenant].rows;
        let before = rows.len();
        match body.get("ids") {
            Some(_) => rows.retain(|id, _| !ids.contains(id)),
            None if other == tenant => rows.clear(),
            None => {}
        }
        let deleted = before - rows.len();
        expect(status == 200 && answer["deleted"] == deleted, "a delete", &answer)?;
        Ok(status)
    }

    fn patch(&mut self, tenant: usize) -> Result<u16, String> {
        let owner = if self.random.below(2) == 0 { tenant } else { self.random.below(TENANTS) };
        let id = self.id(owner);
        let there = self.tenants[tenant].rows.contains_key(&id);
        let body = json!({"payload": {"tenant": format!("tenant{owner}"), "n": 9}});
        let (status, answer) = self.send(tenant, "PATCH", &format!("/documents/{id}"), &body)?;
        expect(status == if there { 200 } else { 404 }, "a patch", &answer)?;
        Ok(status)
    }

    /// Reads a row of some tenant: one of another is answered like one that does not exist.
    fn read(&mut self, tenant: usize) -> Result<u16, String> {
        let owner = if self.random.below(2) == 0 { tenant } else { self.random.below(TENANTS) };
        let id = self.id(owner);
        let (status, answer) =
            self.send(tenant, "GET", &format!("/documents/{id}"), &Value::Null)?;
        match self.tenants[tenant].rows.get(&id) {
            Some(words) => {
                let own = answer["text"]["text"] == words.as_str()
                    && answer["payload"]["tenant"] == format!("tenant{tenant}");
                expect(status == 200 && own, "a row", &answer)?;
            }
            None => {
                let (_, missing) = self.send(tenant, "GET", "/documents/nothing", &Value::Null)?;
                let [found, missing] = [answer.to_string(), missing.to_string()];
                let alike = found.replace(&id, "nothing") == missing;
                expect(status == 404 && alike, "a missing row", &answer)?;
            }
        }
        Ok(status)
    }

    fn count(&mut self, tenant: usize) -> Result<u16, String> {
        let other = self.random.below(TENANTS);
        let name = format!("tenant{other}");
        let own = self.tenants[tenant].rows.len();
        let (filter, count) = match self.random.below(3) {
            0 => (json!({}), own),
            1 => (json!({"tenant": name}), if other == tenant { own } else { 0 }),
            _ => (json!({"$not": {"tenant": name}}), if other == tenant { 0 } else { own }),
        };
        let body = json!({"filter": filter});
        let (status, answer) = self.send(tenant, "POST", "/count", &body)?;
        expect(status == 200 && answer["count"] == count, "a count", &answer)?;
        Ok(status)
    }

    fn all_rows(&mut self, tenant: usize) -> Result<u16, String> {
        let body = json!({"limit": IDS + 1});
        let (status, answer) = self.send(tenant, "POST", "/scroll", &body)?;
        let found = answer["documents"].as_array().map_or(&[][..], Vec::as_slice);
        let ids: Vec<&str> = found.iter().filter_map(|row| row["id"].as_str()).collect();
        let own: Vec<&str> = self.tenants[tenant].rows.keys().map(String::as_str).collect();
        expect(status == 200 && ids == own, "all rows", &answer)?;
        Ok(status)
    }

    /// Asks for rows in one of the other ways, in the words and for the rows of some tenant. Hits are rows of the model.
    fn question(&mut self, tenant: usize) -> Result<u16, String> {
        let other = self.random.below(TENANTS);
        let (text, id) = (self.words(), self.id(other));
        let name = format!("tenant{other}");
        let (method, rest, body) = match self.random.below(12) {
            0 => ("POST", "/search", json!({"text": text, "limit": IDS, "explain": true})),
            1 => ("POST", "/search", json!({"text": text, "filter": {"tenant": name}})),
            2 => ("POST", "/search", json!({"text": text, "facets": [{"field": "tenant"}]})),
            3 => ("POST", "/search", json!({"text": text, "group_by": {"field": "n"}})),
            4 => ("POST", "/search", json!({"text": text, "limit": 2, "cursor": {"reach": 9}})),
            5 => ("POST", "/search/batch", json!({"requests": [{"text": text}, {"text": id}]})),
            6 => ("POST", "/explain", json!({"text": text, "why_not": id})),
            7 => ("POST", "/facet", json!({"field": "note"})),
            8 => ("POST", "/suggest", json!({"text": "sec"})),
            9 => ("GET", "", Value::Null),
            10 => ("POST", "/evaluate", json!({"queries": [{"text": text, "relevant": [id]}]})),
            _ => {
                let refused =
                    ["/profiles", "/synonyms", "/adapters", "/snapshots"][self.random.below(4)];
                ("GET", refused, Value::Null)
            }
        };
        let (status, answer) = self.send(tenant, method, rest, &body)?;
        let hits = answer["hits"].as_array().map_or(&[][..], Vec::as_slice);
        let own = |hit: &Value| {
            hit["id"].as_str().is_some_and(|id| self.tenants[tenant].rows.contains_key(id))
        };
        expect(status < 500 && hits.iter().all(own), &format!("{rest} {body}"), &answer)?;
        if let (Some(documents), "") = (answer.get("documents"), rest) {
            expect(*documents == self.tenants[tenant].rows.len(), "a description", &answer)?;
        }
        Ok(status)
    }
}

fn expect(right: bool, what: &str, answer: &Value) -> Result<(), String> {
    if right { Ok(()) } else { Err(format!("{what}: {answer}")) }
}
