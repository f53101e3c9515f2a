//! The memory that a JSON text takes once it is read, estimated from its bytes before any is read.

/// Bytes of an object: the smallest tree of its members, or the largest type that a request is read into.
const OBJECT_BYTES: usize = 1_024;
/// Bytes of a member of an object besides: its name, and its share of further nodes of the tree.
const MEMBER_BYTES: usize = 64;
/// Bytes of a value of an array, with the space that a growing array has in advance.
const VALUE_BYTES: usize = 48;

/// Bytes that a JSON text takes as a tree, at most: the signs outside strings show how many values it has.
pub(crate) fn weight(json: &[u8]) -> usize {
    let (mut bytes, mut quoted, mut escaped) = (0usize, false, false);
    for &byte in json {
        let more = match (quoted, byte) {
            (true, _) if escaped => {
                escaped = false;
                1
            }
            (true, b'\\') => {
                escaped = true;
                1
            }
            (_, b'"') => {
                quoted = !quoted;
                1
            }
            (true, _) => 1,
            (false, b'{') => OBJECT_BYTES,
            (false, b':') => MEMBER_BYTES,
            (false, b'[' | b',') => VALUE_BYTES,
            (false, _) => 0,
        };
        bytes = bytes.saturating_add(more);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_count_and_signs_within_strings_do_not() {
        for (json, expected) in [
            ("{}", 1_024),
            ("[1, 2]", 2 * 48),
            (r#"{"a": [{"b": 1}, {}]}"#, 3 * 1_024 + 2 * 64 + 2 * 48 + 6),
            (r#"["{[,:\"{", 1]"#, 2 * 48 + 9),
            (r#"["\\", {}]"#, 2 * 48 + 4 + 1_024),
        ] {
            assert_eq!(weight(json.as_bytes()), expected, "{json}");
        }
    }
}
