//! Meaning of payload values: which scalars a path leads to, and how two scalars compare.

use std::cmp::Ordering;

use serde_json::{Map, Number, Value};

/// All scalars at a dotted path, arrays flattened at every level, nulls left out.
///
/// A key that itself contains dots answers to its path: `{"a.b": 1}` and `{"a": {"b": 1}}` are one.
pub fn scalars_at<'a>(payload: &'a Value, path: &str) -> Vec<&'a Value> {
    let mut found = Vec::new();
    collect(payload, path, &mut found);
    found
}

fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(map) => collect_keys(map, path, found),
        _ => {}
    }
}

fn collect_keys<'a>(map: &'a Map<String, Value>, path: &str, found: &mut Vec<&'a Value>) {
    for (key, value) in map {
        match path.strip_prefix(key.as_str()) {
            Some("") => leaves(value, found),
            Some(rest) => {
                if let Some(rest) = rest.strip_prefix('.') {
                    collect(value, rest, found);
                }
            }
            None => {}
        }
    }
}

fn leaves<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Null | Value::Object(_) => {}
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        scalar => found.push(scalar),
    }
}

/// Orders two scalars of one kind; `None` for two kinds (`"1"` is not `1`).
///
/// Numbers compare by value, exactly, across integers and floats; strings by their bytes.
pub fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Value::String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        _ => None,
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (as_integer(a), as_integer(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (Some(a), None) => compare_with_float(a, b.as_f64()?),
        (None, Some(b)) => compare_with_float(b, a.as_f64()?).map(Ordering::reverse),
        (None, None) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

fn as_integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

/// Compares without rounding the integer: first with the float's whole part, then its fraction.
fn compare_with_float(a: i128, b: f64) -> Option<Ordering> {
    if b.is_nan() {
        return None;
    }
    // Any 64-bit integer is far inside the range of i128, so saturation keeps the order.
    let below = b.floor();
    Some(a.cmp(&(below as i128)).then(if b > below { Ordering::Less } else { Ordering::Equal }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_to_scalars() {
        let cases = [
            (json!({"a": 1}), "a", vec![json!(1)]),
            (json!({"a": {"b": 1}}), "a.b", vec![json!(1)]),
            (json!({"a.b": 1}), "a.b", vec![json!(1)]),
            (json!({"a": [{"b": 1}, {"b": [2, 3]}]}), "a.b", vec![json!(1), json!(2), json!(3)]),
            (json!({"a": [[1], [2]]}), "a", vec![json!(1), json!(2)]),
            (json!({"a": null}), "a", vec![]),
            (json!({"a": {"b": 1}}), "a", vec![]),
            (json!({"a": 1}), "a.b", vec![]),
            (json!({"ab": 1}), "a", vec![]),
            (json!({"a": 1, "a.b": 2}), "a.b", vec![json!(2)]),
        ];
        for (payload, path, expected) in cases {
            let found: Vec<Value> = scalars_at(&payload, path).into_iter().cloned().collect();
            assert_eq!(found, expected, "{path} of {payload}");
        }
    }

    #[test]
    fn scalars_compare_by_value_within_a_kind() {
        use Ordering::{Equal, Greater, Less};
        let big = 9_007_199_254_740_993_i64; // 2^53 + 1, no double equals it
        let cases = [
            (json!(1), json!(1.0), Some(Equal)),
            (json!(1), json!("1"), None),
            (json!(true), json!(1), None),
            (json!("a"), json!("b"), Some(Less)),
            (json!(2), json!(1.5), Some(Greater)),
            (json!(-2), json!(-1.5), Some(Less)),
            (json!(-1), json!(-1.5), Some(Greater)),
            (json!(big), json!(9_007_199_254_740_992.0), Some(Greater)),
            (json!(9_007_199_254_740_992.0), json!(big), Some(Less)),
            (json!(u64::MAX), json!(i64::MAX), Some(Greater)),
            (json!(u64::MAX), json!(1e300), Some(Less)),
            (json!(0.0), json!(-0.0), Some(Equal)),
        ];
        for (a, b, expected) in cases {
            assert_eq!(compare(&a, &b), expected, "{a} with {b}");
        }
    }
}
