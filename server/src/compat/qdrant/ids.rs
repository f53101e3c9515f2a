//! Ids of points: unsigned integers, whose digits are the id of the row, and UUIDs.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{ApiResult, Problem};

/// The id of a point, as the id of its row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PointId(pub(super) String);

impl PointId {
    /// Reads an id of JSON. A text that is no UUID may be the id of a row that was written by other routes.
    pub(super) fn read(json: &Value) -> Option<Self> {
        match json {
            Value::Number(number) => number.as_u64().map(|number| Self(number.to_string())),
            Value::String(text) => Some(Self::of_text(text)),
            _ => None,
        }
    }

    fn of_text(text: &str) -> Self {
        Self(Uuid::parse_str(text).map_or_else(|_| text.to_owned(), |uuid| uuid.to_string()))
    }

    /// The id of a path, where integers are digits.
    pub(super) fn of_path(text: &str) -> Self {
        Self::of_text(text)
    }

    /// The id, if points may be written under it.
    pub(super) fn writable(self) -> ApiResult<String> {
        match is_number(&self.0) || Uuid::parse_str(&self.0).is_ok() {
            true => Ok(self.0),
            false => {
                let detail = format!(
                    "id: {:?} is neither an unsigned integer nor a UUID, as ids of points are",
                    self.0
                );
                Err(Problem::bad_request(detail))
            }
        }
    }
}

impl<'de> Deserialize<'de> for PointId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let refused = || format!("{json} is no id of a point: an unsigned integer or a UUID is");
        Self::read(&json).ok_or_else(|| serde::de::Error::custom(refused()))
    }
}

fn is_number(id: &str) -> bool {
    (id == "0" || !id.starts_with('0'))
        && id.bytes().all(|b| b.is_ascii_digit())
        && id.parse::<u64>().is_ok()
}

/// The id of a row as that of a point: digits of an unsigned integer are a number.
pub(super) fn to_json(id: &str) -> Value {
    match id.parse::<u64>() {
        Ok(number) if is_number(id) => Value::from(number),
        _ => Value::from(id),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)] // a test's way to fail
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_keep_their_kind() {
        let uuid = "936da01f-9abd-4d9d-80c7-02af85c822a8";
        for (given, id, back) in [
            (json!(5), "5", json!(5)),
            (json!(u64::MAX), "18446744073709551615", json!(u64::MAX)),
            (json!(uuid), uuid, json!(uuid)),
            (json!("936DA01F9ABD4D9D80C702AF85C822A8"), uuid, json!(uuid)),
            (json!("lesson-7"), "lesson-7", json!("lesson-7")),
            (json!("007"), "007", json!("007")),
        ] {
            let read = PointId::read(&given).expect("an id");
            assert_eq!(read.0, id);
            assert_eq!(to_json(id), back);
        }
        for refused in [json!(-1), json!(1.5), json!(null), json!([1])] {
            assert_eq!(PointId::read(&refused), None);
        }
        assert!(PointId("lesson-7".to_owned()).writable().is_err());
        assert!(PointId("007".to_owned()).writable().is_err());
    }
}
