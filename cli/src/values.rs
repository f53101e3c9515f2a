//! Parsers of option values that several verbs share.

use std::time::Duration;

use bytesize::ByteSize;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use lexivec::query::request::{Bm25, check_field_weight};
use serde::de::DeserializeOwned;

use crate::exit::{Failure, Outcome};

/// Parser of a plain enum by its names, which help and completions list. Names may be written with hyphens for
/// underscores.
pub(crate) fn one_of<T>(
    all: &'static [T],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    let shown = |value: T| name(value).replace('_', "-");
    let values = all.iter().map(move |value| PossibleValue::new(shown(*value)).alias(name(*value)));
    PossibleValuesParser::new(values).try_map(move |text| {
        let written = text.replace('-', "_");
        all.iter().copied().find(|value| name(*value) == written).ok_or("not a known name")
    })
}

/// Parses JSON, which may come out of a file and begin with a mark of byte order; `what` names it in an error.
pub(crate) fn json<T: DeserializeOwned>(what: &str, text: &str) -> Outcome<T> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|e| Failure::usage(format!("{what}: {e}")))
}

/// Parses two numbers: 1.2,0.75.
pub(crate) fn bm25(text: &str) -> Result<Bm25, String> {
    let numbers =
        text.split_once(',').and_then(|(k1, b)| Some((k1.parse().ok()?, b.parse().ok()?)));
    let Some((k1, b)) = numbers else {
        return Err("two numbers with a comma between them are expected, as 1.2,0.75".to_owned());
    };
    let bm25 = Bm25 { k1, b };
    bm25.check().map_err(|e| e.to_string())?;
    Ok(bm25)
}

/// Parses the weight of a text field: title=3.
pub(crate) fn field_weight(text: &str) -> Result<(String, f64), String> {
    let parts =
        text.split_once('=').and_then(|(field, weight)| Some((field, weight.parse().ok()?)));
    let Some((field, weight)) = parts else {
        return Err("a text field and its weight are expected, as title=3".to_owned());
    };
    check_field_weight(field, weight).map_err(|e| e.to_string())?;
    Ok((field.to_owned(), weight))
}

/// Parses a number of bytes: 1048576, 256MiB, 1GB.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let size: ByteSize = text.parse().map_err(|e| format!("{e}; write it as 256MiB or 1GiB"))?;
    match size.as_u64() {
        u64::MAX => Err("it is too large".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Parses a length of time: 45s, 30m, 24h, 90d, 2w.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parts = text.char_indices().last().and_then(|(unit, _)| text.split_at_checked(unit));
    let seconds = parts.and_then(|(number, unit)| {
        let unit: u64 = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(unit)
    });
    seconds
        .map(Duration::from_secs)
        .ok_or_else(|| "a whole number and a unit are expected: s, m, h, d or w, as 24h".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_read() {
        for (text, seconds) in
            [("0s", 0), ("45s", 45), ("30m", 1_800), ("24h", 86_400), ("2w", 1_209_600)]
        {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "s", "1", "-1s", "1.5h", "1 h", "1é", "99999999999999999w"] {
            assert!(duration(text).is_err(), "{text:?}");
        }
    }
}
