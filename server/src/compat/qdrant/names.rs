//! Names of collections and vectors: those that lexivec has no place for are written in its signs.

use lexivec::schema::DEFAULT_VECTOR_FIELD;

/// The beginning of names that stand for others.
const MARK: &str = "q--";

/// The name of a collection.
pub(super) fn collection(name: &str) -> String {
    match is_plain(name) && !name.starts_with(MARK) {
        true => name.to_owned(),
        false => encode(name),
    }
}

/// The name of a collection as its creator gave it.
pub(super) fn collection_of(stored: &str) -> String {
    decode(stored).filter(|name| collection(name) == stored).unwrap_or_else(|| stored.to_owned())
}

/// The field of a vector; the vector without a name has the default one.
pub(super) fn field(name: &str) -> String {
    match name {
        "" => DEFAULT_VECTOR_FIELD.to_owned(),
        DEFAULT_VECTOR_FIELD => encode(name),
        name => collection(name),
    }
}

/// The name of the vector of a field.
pub(super) fn vector_of(stored: &str) -> String {
    match stored {
        DEFAULT_VECTOR_FIELD => String::new(),
        stored => {
            decode(stored).filter(|n| field(n) == stored).unwrap_or_else(|| stored.to_owned())
        }
    }
}

fn is_plain(name: &str) -> bool {
    let sign = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    name.bytes().all(sign) && !name.starts_with(['_', '-']) && !name.is_empty()
}

/// Letters and digits stand for themselves, any other byte is a hyphen and two hexadecimal digits.
fn encode(name: &str) -> String {
    let mut written = MARK.to_owned();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'_' => written.push(char::from(byte)),
            other => written.push_str(&format!("-{other:02x}")),
        }
    }
    written
}

fn decode(stored: &str) -> Option<String> {
    let mut rest = stored.strip_prefix(MARK)?.as_bytes();
    let mut name = Vec::new();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'-' {
            name.push(byte);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        name.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = after;
    }
    String::from_utf8(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_were_given() {
        for (name, stored) in [
            ("papers", "papers"),
            ("my-docs_2", "my-docs_2"),
            ("Document", "q---44ocument"),
            ("a b/ä", "q--a-20b-2f-c3-a4"),
            ("_x", "q--_x"),
            ("q--papers", "q--q-2d-2dpapers"),
            ("Q", "q---51"),
        ] {
            assert_eq!(collection(name), stored);
            assert_eq!(collection_of(stored), name);
        }
        for (name, stored) in [("", "vector"), ("vector", "q--vector"), ("image", "image")] {
            assert_eq!(field(name), stored);
            assert_eq!(vector_of(stored), name);
        }
        // Names of lexivec's own that only look like one stay.
        for stored in ["q--papers", "q--zz-zz", "q--a-4", "q---ff"] {
            assert_eq!(collection_of(stored), stored);
        }
    }
}
