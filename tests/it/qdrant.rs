//! Routes in Qdrant's shape: driven by its published client, and compared with the client's own local mode.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::http::Running;
use crate::metrics::python;

/// Requests that are compared.
const ROUNDS: &str = "1500";

/// Runs the comparison; `None` if Python lacks the client.
fn compared(arguments: &[&str]) -> Option<Value> {
    let there = Command::new(python()).args(["-c", "import qdrant_client"]).output();
    if !there.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI needs the client; `make test` installs it");
        lexivec_tests::left_out("the Python package qdrant-client; `make test`");
        return None;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let server = Running::start(scratch.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("qdrant.py");
    let output = Command::new(python())
        .arg(script)
        .arg(format!("http://{}", server.address))
        .arg(ROUNDS)
        .args(arguments)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout);
    Some(serde_json::from_str(printed.lines().last().expect("a line")).expect("JSON"))
}

#[test]
fn the_client_of_qdrant_gets_what_its_local_mode_answers() {
    let Some(answer) = compared(&[]) else { return };
    assert!(answer["compared"].as_u64().is_some_and(|count| count > 1_000), "{answer}");
    assert_eq!(answer["different"], 0, "{answer}");
}

#[test]
fn the_comparison_with_the_local_mode_finds_a_planted_difference() {
    let Some(answer) = compared(&["--planted"]) else { return };
    assert!(answer["different"].as_u64().is_some_and(|count| count > 0), "{answer}");
}
