//! Types of members: a shape of JSON in which each value is the name of a type, as `"int|null"`.

use serde_json::Value;

/// Asserts that a value has a shape; members that the shape does not name are allowed.
pub(super) fn assert_shape(value: &Value, shape: &Value) {
    let faults = faults(value, shape, "");
    assert_eq!(faults, [""; 0], "{value}");
}

fn faults(value: &Value, shape: &Value, at: &str) -> Vec<String> {
    match shape {
        Value::String(types) if types.split('|').any(|name| is_a(value, name)) => Vec::new(),
        Value::String(types) => vec![format!("{at}: {types} expected, not {value}")],
        Value::Array(shapes) => {
            let Some(values) = value.as_array() else { return vec![format!("{at}: no list")] };
            values.iter().flat_map(|value| faults(value, &shapes[0], at)).collect()
        }
        Value::Object(shapes) => shapes
            .iter()
            .flat_map(|(name, shape)| {
                let at = format!("{at}.{name}");
                match value.get(name) {
                    None => vec![format!("{at}: missing")],
                    Some(value) => faults(value, shape, &at),
                }
            })
            .collect(),
        _ => panic!("{shape} is no shape"),
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "str" => value.is_string(),
        "int" => value.is_u64() || value.is_i64(),
        "float" => value.is_f64(),
        "bool" => value.is_boolean(),
        "null" => value.is_null(),
        "dict" => value.is_object(),
        "list[str]" => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "list[int]" => value.as_array().is_some_and(|list| list.iter().all(Value::is_u64)),
        "uuid4" => value.as_str().is_some_and(is_uuid4),
        _ => panic!("{name} is no type"),
    }
}

fn is_uuid4(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str| part.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| hex(part))
        && parts[2].starts_with('4')
        && parts[3].starts_with(['8', '9', 'a', 'b'])
}

#[test]
fn a_value_of_another_shape_is_noticed() {
    use serde_json::json;
    let shape = json!({"a": "int|null", "b": [{"c": "float"}], "id": "uuid4", "n": "list[int]"});
    let id = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
    let right = json!({"a": null, "b": [{"c": 1.0}], "id": id, "n": [1], "more": 1});
    assert_eq!(faults(&right, &shape, ""), [""; 0]);
    for wrong in [
        json!({"a": 1.0, "b": [], "id": id, "n": []}),
        json!({"a": 1, "b": [{"c": 1}], "id": id, "n": []}),
        json!({"a": 1, "b": {}, "id": id, "n": []}),
        json!({"b": [], "id": id, "n": []}),
        json!({"a": 1, "b": [], "id": id.replace("-41", "-11"), "n": []}),
        json!({"a": 1, "b": [], "id": id, "n": ["1"]}),
    ] {
        assert_eq!(faults(&wrong, &shape, "").len(), 1, "{wrong}");
    }
}
