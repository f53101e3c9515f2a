//! JSON whose members keep their order, compared with placeholders and written in short lines.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::compare::{ANY, MORE, is_line};

/// Columns of a line; what fits in one is written in one.
const WIDTH: usize = 110;
/// Largest relative difference of two numbers: the last digits of a vector's score depend on the processor.
const TOLERANCE: f64 = 1e-6;

/// A JSON value.
#[derive(Clone)]
pub(super) enum Json {
    Scalar(Value),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads an object or a list; `None` if the text is neither.
    pub(super) fn read(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|json| !matches!(json, Self::Scalar(_)))
    }

    /// True if a printed value is what this one, which a page shows, stands for.
    pub(super) fn fits(&self, printed: &Self) -> bool {
        match (self, printed) {
            (Self::Scalar(Value::String(shown)), _) if shown == ANY => true,
            (Self::Scalar(shown), Self::Scalar(printed)) => is_scalar(shown, printed),
            (Self::List(shown), Self::List(printed)) => {
                let (shown, open) = match shown.split_last() {
                    Some((Self::Scalar(Value::String(last)), before)) if last == MORE => {
                        (before, true)
                    }
                    _ => (&shown[..], false),
                };
                let fits = shown.len() == printed.len() || (open && shown.len() <= printed.len());
                fits && shown.iter().zip(printed).all(|(shown, printed)| shown.fits(printed))
            }
            (Self::Object(shown), Self::Object(printed)) => {
                let open = shown.iter().any(|(key, _)| key == MORE);
                let same = |(key, shown): &(String, Self)| {
                    key == MORE || member(printed, key).is_some_and(|printed| shown.fits(printed))
                };
                shown.iter().all(same) && (open || shown.len() == printed.len())
            }
            _ => false,
        }
    }

    /// Takes the placeholders of what a page shows wherever they fit.
    pub(super) fn keep_placeholders(&mut self, shown: &Self) {
        if shown.fits(self) {
            *self = shown.clone();
            return;
        }
        match (self, shown) {
            (Self::Object(printed), Self::Object(shown)) => {
                for (key, value) in printed {
                    member(shown, key).into_iter().for_each(|shown| value.keep_placeholders(shown));
                }
            }
            (Self::List(printed), Self::List(shown)) => {
                printed
                    .iter_mut()
                    .zip(shown)
                    .for_each(|(value, shown)| value.keep_placeholders(shown));
            }
            _ => {}
        }
    }

    /// Writes the value behind an indentation.
    pub(super) fn to_text(&self, indent: usize) -> String {
        let line = self.to_line();
        if indent + line.len() <= WIDTH {
            return line;
        }
        let inner = indent + 2;
        let (open, close, parts): (_, _, Vec<String>) = match self {
            Self::Scalar(_) => return line,
            Self::List(list) => ('[', ']', list.iter().map(|json| json.to_text(inner)).collect()),
            Self::Object(members) => {
                let part =
                    |(key, json): &(String, Self)| format!("{key:?}: {}", json.to_text(inner));
                ('{', '}', members.iter().map(part).collect())
            }
        };
        let (inside, outside) = (" ".repeat(inner), " ".repeat(indent));
        format!("{open}\n{inside}{}\n{outside}{close}", parts.join(&format!(",\n{inside}")))
    }

    fn to_line(&self) -> String {
        match self {
            Self::Scalar(value) => value.to_string(),
            Self::List(list) => {
                format!("[{}]", list.iter().map(Self::to_line).collect::<Vec<_>>().join(", "))
            }
            Self::Object(members) => {
                let part = |(key, json): &(String, Self)| format!("{key:?}: {}", json.to_line());
                format!("{{{}}}", members.iter().map(part).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

fn member<'a>(members: &'a [(String, Json)], key: &str) -> Option<&'a Json> {
    members.iter().find(|(name, _)| name == key).map(|(_, json)| json)
}

fn is_scalar(shown: &Value, printed: &Value) -> bool {
    match (shown, printed) {
        (Value::String(shown), Value::String(printed)) => is_line(shown, printed),
        (Value::Number(shown), Value::Number(printed)) => {
            let numbers = shown.as_f64().zip(printed.as_f64());
            numbers.is_some_and(|(a, b)| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()))
        }
        (shown, printed) => shown == printed,
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json;

    fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Scalar(Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}
