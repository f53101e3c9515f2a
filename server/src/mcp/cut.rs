//! Cutting of texts and payloads, so that an answer fits into an agent's context.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::limits::{MAX_TOOL_ANSWER_BYTES, MAX_TOOL_PAYLOAD_BYTES, TOOL_PAYLOAD_CHARS};

/// The bytes that an answer has left.
pub(super) struct Room(usize);

impl Room {
    pub(super) fn new() -> Self {
        Self(MAX_TOOL_ANSWER_BYTES)
    }

    pub(super) fn left(&self) -> usize {
        self.0
    }

    /// Takes the bytes of a value as JSON; false, and nothing is taken, if it is longer than `most` or what is left.
    pub(super) fn takes<T: Serialize>(&mut self, value: &T, most: usize) -> bool {
        let bytes = bytes_of(value);
        let fits = bytes <= self.0.min(most);
        if fits {
            self.0 -= bytes;
        }
        fits
    }
}

/// Bytes of a value as JSON.
fn bytes_of<T: Serialize>(value: &T) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

/// The part of a text from a character on, of at most `chars` characters and at most `bytes` bytes as JSON, and the
/// number of its characters.
pub(super) fn part(text: &str, from: usize, chars: usize, bytes: usize) -> (&str, usize) {
    let rest = text.char_indices().nth(from).and_then(|(at, _)| text.get(at..)).unwrap_or_default();
    let (mut end, mut count, mut taken) = (0, 0, 0);
    for c in rest.chars().take(chars) {
        taken += match c {
            '"' | '\\' | '\n' | '\r' | '\t' => 2,
            c if c.is_control() => 6,
            c => c.len_utf8(),
        };
        if taken > bytes {
            break;
        }
        end += c.len_utf8();
        count += 1;
    }
    (rest.get(..end).unwrap_or_default(), count)
}

/// The beginning of a text, of at most `chars` characters; it ends with a word if its second half has a space.
pub(super) fn beginning(text: &str, chars: usize) -> String {
    let (head, count) = part(text, 0, chars, usize::MAX);
    if head.len() == text.len() {
        return head.to_owned();
    }
    let space = head.rfind(char::is_whitespace).filter(|&space| space >= head.len() / 2);
    let whole = space.and_then(|end| head.get(..end)).filter(|_| count > 1).unwrap_or(head);
    format!("{whole} …")
}

/// A payload for a hit: long strings are cut, and `None` if it is long still.
pub(super) fn payload(mut payload: Map<String, Value>) -> Option<Map<String, Value>> {
    payload.values_mut().for_each(shorten);
    (bytes_of(&payload) <= MAX_TOOL_PAYLOAD_BYTES).then_some(payload)
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > TOOL_PAYLOAD_CHARS => {
            *text = beginning(text, TOOL_PAYLOAD_CHARS);
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(members) => members.values_mut().for_each(shorten),
        _ => {}
    }
}
