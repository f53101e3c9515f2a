//! Integration tests: the engine, the command and the server as their users meet them.
#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout)] // a test's ways to fail and report

mod admission;
mod advice;
mod answers;
mod architecture;
mod attacked;
mod bad_input;
mod bench;
mod bodies;
mod command;
mod corpora;
mod corruption;
mod costs;
mod cursor;
mod database;
mod deadline;
mod docs;
mod embedder;
mod endpoint;
mod equivalence;
mod error_kinds;
mod examples;
mod expand;
mod filters;
mod first_guess;
mod floors;
mod format_doc;
mod fusion;
mod gathered;
mod generate;
mod graph;
mod hard_sets;
mod heads;
mod health;
mod http;
mod inputs;
mod isolated;
mod judged;
mod keyed;
mod keys;
mod late;
mod learning;
mod loaders;
mod matrix;
mod mcp;
mod metrics;
mod model_registry;
mod models;
mod named;
mod operator;
mod packaging;
mod page;
mod plans;
mod processes;
mod qdrant;
mod ranking;
mod reembed;
mod reindex;
mod scope;
mod searcher;
mod sharded;
mod stable;
mod suggest;
mod taken;
mod text;
mod tidy;
mod tidy_words;
mod tls;
mod tokens;
mod transformer;
mod tuning;
mod unopened;
mod upkeep;
mod weights;
mod words;
mod writes;

use std::path::Path;
use std::process::Output;

/// Runs the command.
fn lexivec(args: &[&str]) -> Output {
    lexivec_tests::bare(args).output().expect("the command runs")
}

/// Runs the command, which must succeed, and gives what it printed.
fn lexivec_ok(args: &[&str]) -> String {
    let output = lexivec(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).expect("UTF-8 output")
}

/// A path as an argument.
fn arg(path: &Path) -> &str {
    path.to_str().expect("a UTF-8 path")
}
