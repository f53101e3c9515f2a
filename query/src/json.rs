//! Reading of JSON that callers give. A fault names the member by its path and the JSON that is expected there; the words
//! of Rust's types stay inside.

use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;

/// Rust's names of types, as faults of serde have them, and those of JSON.
const KINDS: [(&str, &str); 17] = [
    ("usize", "a whole number, 0 or more"),
    ("u64", "a whole number, 0 or more"),
    ("u32", "a whole number, 0 or more"),
    ("u16", "a whole number, 0 or more"),
    ("u8", "a whole number, 0 or more"),
    ("i64", "a whole number"),
    ("i32", "a whole number"),
    ("f64", "a number"),
    ("f32", "a number"),
    ("a sequence", "an array"),
    ("sequence", "an array"),
    ("a map", "an object"),
    ("map", "an object"),
    ("a boolean", "true or false"),
    ("unit value", "null"),
    ("unit", "null"),
    ("string or map", "a name or an object"),
];

/// A document without UTF-8's mark of byte order, with which some programs begin files.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reads one JSON document.
///
/// # Errors
/// A sentence that says what is wrong in it, to follow its name.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    let bytes = without_mark(bytes);
    // Paths cost time with each number of a vector, so they are followed for a body with a fault alone.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = described(&mut json)?;
    json.end().map_err(|e| syntax(&e)).map(|()| value)
}

/// Reads a value that is JSON already.
///
/// # Errors
/// As [`parse`].
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    described(value)
}

fn described<'de, T, D>(json: D) -> Result<T, String>
where
    T: Deserialize<'de>,
    D: Deserializer<'de, Error = serde_json::Error>,
{
    serde_path_to_error::deserialize(json).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        if !inner.is_data() {
            return syntax(&inner);
        }
        let fault = in_words(&without_position(&inner));
        let member = path.rsplit('.').next().unwrap_or_default();
        match path.as_str() {
            "." => fault,
            // serde reads an object from an array as well, member by member.
            path if path.starts_with('[') && !is_list::<T>() => {
                "an object is expected, not an array".to_owned()
            }
            // The fault names its member already.
            _ if fault.starts_with(&format!("\"{member}\" ")) => fault,
            path => format!("{path}: {fault}"),
        }
    })
}

/// True if a type is read from an array, and from no object.
fn is_list<'de, T: Deserialize<'de>>() -> bool {
    let object = Value::Object(serde_json::Map::new());
    T::deserialize(object).is_err_and(|e| e.to_string().starts_with("invalid type: map"))
}

/// The fault of a text that is no JSON, with its position.
fn syntax(error: &serde_json::Error) -> String {
    let text = without_position(error);
    let fault = match text.as_str() {
        fault if error.is_eof() => format!("it ends too early ({fault})"),
        "trailing characters" => "more follows after its end".to_owned(),
        fault => fault.to_owned(),
    };
    format!("{fault}, line {} column {}", error.line(), error.column())
}

/// A fault without the position that serde_json appends if it knows one. What looks like one in a given value stays.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).map(str::to_owned).unwrap_or(text)
}

/// A fault of a value in words of JSON. Faults that the types word themselves stay.
fn in_words(fault: &str) -> String {
    let wrong_length =
        fault.strip_prefix("invalid length ").and_then(|f| f.split_once(", expected "));
    if let Some((length, expected)) = wrong_length {
        return format!("{} is expected, not an array of length {length}", kind(expected));
    }
    let mismatch = ["invalid type: ", "invalid value: "];
    let found = mismatch.iter().find_map(|start| fault.strip_prefix(start));
    match found.and_then(|found| found.rsplit_once(", expected ")) {
        Some((found, expected)) => {
            format!("{} is expected, not {}", kind(expected), given(found))
        }
        None => fault.to_owned(),
    }
}

/// The JSON that a Rust type is read from.
fn kind(expected: &str) -> &str {
    if let Some((_, json)) = KINDS.iter().find(|(rust, _)| *rust == expected) {
        return json;
    }
    match expected.split(' ').next() {
        Some("struct" | "internally" | "adjacently") => "an object",
        Some("enum" | "variant") => "a name or an object",
        Some("tuple") => "an array",
        _ => expected,
    }
}

/// The JSON that was found: a value as it was written, or its kind.
fn given(found: &str) -> &str {
    if let Some((_, json)) = KINDS.iter().find(|(rust, _)| *rust == found) {
        return json;
    }
    if let Some(text) = found.strip_prefix("string ") {
        return text;
    }
    let value = found.split_once('`').and_then(|(_, value)| value.strip_suffix('`'));
    value.unwrap_or(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::SearchRequest;

    #[test]
    fn faults_in_an_array_name_the_place() {
        let fault = |json| from_value::<Vec<f32>>(json).expect_err("a fault");
        assert_eq!(fault(serde_json::json!([1, "a"])), "[1]: a number is expected, not \"a\"");
        assert_eq!(fault(serde_json::json!({})), "an array is expected, not an object");
    }

    #[test]
    fn faults_name_the_member_and_what_is_expected_in_words_of_json() {
        for (body, expected) in [
            (r#"{"limit": "ten"}"#, "limit: a whole number, 0 or more is expected, not \"ten\""),
            (r#"{"limit": -1}"#, "limit: a whole number, 0 or more is expected, not -1"),
            (r#"{"limit": 1.5}"#, "limit: a whole number, 0 or more is expected, not 1.5"),
            (r#"{"facets": ["year"]}"#, "facets[0]: an object is expected, not \"year\""),
            (r#"{"facets": {"field": "year"}}"#, "facets: an array is expected, not an object"),
            (r#"{"explain": 1}"#, "explain: true or false is expected, not 1"),
            (r#"{"vector": [1, "a"]}"#, "vector[1]: a number is expected, not \"a\""),
            ("[1]", "an object is expected, not an array"),
            (r#"{"facets": [[]]}"#, "facets[0]: an object is expected, not an array of length 0"),
            (
                r#"{"text": "a""#,
                "it ends too early (EOF while parsing an object), line 1 column 12",
            ),
            ("{} {}", "more follows after its end, line 1 column 4"),
            ("text", "expected ident, line 1 column 2"),
        ] {
            let fault = parse::<SearchRequest>(body.as_bytes()).expect_err(body);
            assert!(fault.contains(expected), "{body}: {fault}");
            for word in ["usize", "struct", "f32", "sequence", "map"] {
                assert!(!fault.split(' ').any(|w| w == word), "{body}: {fault}");
            }
        }
    }
}
