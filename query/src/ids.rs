//! Ids in JSON: a text, or a whole number, whose digits are the id. For the attribute `deserialize_with` of serde.

use serde::{Deserialize, Deserializer};

/// An id as it is given.
#[derive(Deserialize)]
#[serde(untagged, expecting = "an id is a text or a whole number")]
enum Given {
    Text(String),
    Natural(u64),
    Integer(i64),
}

impl From<Given> for String {
    fn from(given: Given) -> Self {
        match given {
            Given::Text(text) => text,
            Given::Natural(number) => number.to_string(),
            Given::Integer(number) => number.to_string(),
        }
    }
}

/// Reads an id.
///
/// # Errors
/// Those of the deserializer, and a value that is no id.
pub fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Given::deserialize(deserializer).map(String::from)
}

/// Reads an id that may be null.
///
/// # Errors
/// Those of [`one`].
pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<Given>::deserialize(deserializer)?.map(String::from))
}

/// Reads a list of ids.
///
/// # Errors
/// Those of [`one`].
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<Given>::deserialize(deserializer)?.into_iter().map(String::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_their_digits() {
        for (json, expected) in [
            ("[\"a\", 1, -2, 18446744073709551615]", Some("a 1 -2 18446744073709551615")),
            ("[]", Some("")),
            ("[1.5]", None),
            ("[null]", None),
            ("[[1]]", None),
        ] {
            let read = list(&mut serde_json::Deserializer::from_str(json));
            assert_eq!(read.ok().map(|ids| ids.join(" ")).as_deref(), expected, "{json}");
        }
        let one_or_none = |json| optional(&mut serde_json::Deserializer::from_str(json)).ok();
        assert_eq!(one_or_none("null"), Some(None));
        assert_eq!(one_or_none("7"), Some(Some("7".to_owned())));
        assert_eq!(one_or_none("true"), None);
    }
}
