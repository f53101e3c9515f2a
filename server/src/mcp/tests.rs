//! Tests of the cuts and of the declarations.

use lexivec_access::Verb;
use serde_json::{Value, json};

use super::cut::{Room, beginning, part, payload};
use super::tools::ToolKind;
use crate::limits::{
    MAX_TOOL_ANSWER_BYTES, MAX_TOOL_HITS, MAX_TOOL_PASSAGE_CHARS, MAX_TOOL_PASSAGES,
    MAX_TOOL_READS, MAX_TOOL_WRITES, TOOL_PASSAGE_CHARS, TOOL_PAYLOAD_CHARS, TOOL_TEXT_CHARS,
};

#[test]
fn parts_join_to_the_text() {
    for text in ["", "a", "äöü \"x\"\n\u{1}漢字", "word word"] {
        for (chars, bytes) in [(1, usize::MAX), (2, 6), (usize::MAX, 7), (3, 9)] {
            let (mut joined, mut from) = (String::new(), 0);
            loop {
                let (piece, count) = part(text, from, chars, bytes);
                assert!(
                    serde_json::to_string(piece).expect("JSON").len() - 2 <= bytes,
                    "{piece:?}"
                );
                assert_eq!(piece.chars().count(), count);
                if count == 0 {
                    break;
                }
                joined.push_str(piece);
                from += count;
            }
            assert_eq!(joined, text, "{chars} {bytes}");
        }
    }
    assert_eq!(part("ab", 9, 5, 5), ("", 0));
}

#[test]
fn a_beginning_ends_with_a_word() {
    for (text, chars, expected) in [
        ("one two three", 20, "one two three"),
        ("one two three", 10, "one two …"),
        ("onetwothree", 4, "onet …"),
        ("漢字漢字", 2, "漢字 …"),
    ] {
        assert_eq!(beginning(text, chars), expected);
    }
}

#[test]
fn payloads_are_cut_and_left_out() {
    let object = |value: Value| value.as_object().expect("an object").clone();
    let long = "x".repeat(TOOL_PAYLOAD_CHARS + 1);
    let cut = payload(object(json!({"a": {"b": [long, 1]}}))).expect("short enough");
    assert_eq!(cut["a"]["b"][0].as_str().map(|s| s.chars().count()), Some(TOOL_PAYLOAD_CHARS + 2));
    let many: Vec<usize> = (0..5_000).collect();
    assert_eq!(payload(object(json!({ "a": many }))), None);
}

#[test]
fn a_room_takes_what_fits() {
    let mut room = Room::new();
    assert!(!room.takes(&"x".repeat(MAX_TOOL_ANSWER_BYTES), usize::MAX));
    assert!(!room.takes(&"xxx", 4));
    assert!(room.takes(&"xxx", 5));
    assert_eq!(room.left(), MAX_TOOL_ANSWER_BYTES - 5);
}

/// The numbers in the declarations are those of the limits.
#[test]
fn declarations_are_schemas_with_the_limits() {
    for tool in ToolKind::ALL {
        let shown = serde_json::to_value(tool.declaration()).expect("JSON");
        assert_eq!(shown["name"], tool.name());
        assert_eq!(shown["inputSchema"]["type"], "object", "{shown}");
        assert_eq!(shown["inputSchema"]["additionalProperties"], false, "{shown}");
        assert_eq!(shown["outputSchema"]["type"], "object", "{shown}");
        assert_eq!(shown["annotations"]["readOnlyHint"], tool.verb() != Verb::Write);
        assert!(!shown.to_string().contains("\"uint"), "{shown}");
        let arguments = shown["inputSchema"]["properties"].as_object().expect("an object");
        assert!(arguments.values().all(|one| one["description"].is_string()), "{shown}");
    }
    let of = |tool: ToolKind| serde_json::to_value(&tool.declaration().input_schema).expect("JSON");
    let search = &of(ToolKind::Search)["properties"];
    assert_eq!(search["limit"]["maximum"], MAX_TOOL_HITS);
    assert_eq!(search["passages"]["maximum"], MAX_TOOL_PASSAGES);
    assert_eq!(search["passage_chars"]["maximum"], MAX_TOOL_PASSAGE_CHARS);
    let says = |schema: &Value, number: usize| {
        let text = schema["description"].as_str().expect("a text");
        assert!(text.contains(&number.to_string()), "{text:?} lacks {number}");
    };
    says(&search["passage_chars"], TOOL_PASSAGE_CHARS);
    let get = &of(ToolKind::GetDocuments)["properties"];
    assert_eq!(get["ids"]["maxItems"], MAX_TOOL_READS);
    says(&get["ids"], MAX_TOOL_READS);
    says(&get["max_chars"], TOOL_TEXT_CHARS);
    for (tool, list) in [(ToolKind::AddDocuments, "documents"), (ToolKind::DeleteDocuments, "ids")]
    {
        let list = &of(tool)["properties"][list];
        assert_eq!(list["maxItems"], MAX_TOOL_WRITES);
        says(list, MAX_TOOL_WRITES);
    }
}
