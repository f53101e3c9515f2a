//! The four judged collections through the command's own lines, against reference figures.

use std::path::Path;

use lexivec_tests::test_data;
use serde_json::Value;

use crate::{arg, lexivec_ok, metrics};

/// Reference nDCG@10 of BM25, exact dense and their complete z-scores with a half for each (100 a leg).
const REFERENCE: [(&str, [f64; 3]); 4] = [
    ("cranfield", [0.3597, 0.3736, 0.4102]),
    ("med", [0.6986, 0.7875, 0.7916]),
    ("cacm", [0.4991, 0.4459, 0.5679]),
    ("vaswani", [0.4362, 0.4335, 0.4966]),
];
/// Largest difference of a leg below the reference: the analyzers of the text leg differ, vectors are equal.
const MODES: [(&str, f64); 3] = [("text", 0.012), ("vector", 0.002), ("hybrid", 0.005)];

#[test]
fn legs_and_their_fusion_reach_the_reference_figures() {
    let Some(data) = test_data("ir") else { return };
    let scratch = tempfile::tempdir().expect("a directory");
    for (name, figures) in REFERENCE {
        let folder = data.join(name);
        let index = scratch.path().join(name);
        ingest(&folder, &index);
        for ((mode, tolerance), reference) in MODES.iter().zip(figures) {
            let run = scratch.path().join(format!("{name}-{mode}.run"));
            let line = evaluate(&folder, &index, mode, &run);
            let ndcg = line["ndcg@10"].as_f64().expect("a number");
            assert!(ndcg >= reference - tolerance, "{name} {mode}: {ndcg} against {reference}");
            if *mode == "vector" {
                assert!((ndcg - reference).abs() <= *tolerance, "{name} {mode}: {ndcg}");
            }
            metrics::equal_trec_eval(&run, &folder.join("qrels.tsv"), &line);
        }
        let report = lexivec_ok(&["verify", arg(&index), "--json"]);
        assert!(report.contains("\"problems\":[]"), "{report}");
    }
}

fn ingest(folder: &Path, index: &Path) {
    let (vectors, ids) = (folder.join("emb_corpus.npy"), folder.join("emb_corpus.ids"));
    lexivec_ok(&[
        "ingest",
        arg(index),
        "--beir",
        arg(folder),
        "--vectors",
        arg(&vectors),
        "--vector-ids",
        arg(&ids),
        "--metric",
        "cosine",
    ]);
}

fn evaluate(folder: &Path, index: &Path, mode: &str, run: &Path) -> Value {
    let (vectors, ids) = (folder.join("emb_queries.npy"), folder.join("emb_queries.ids"));
    let line = lexivec_ok(&[
        "evaluate",
        arg(index),
        "--beir",
        arg(folder),
        "--mode",
        mode,
        "--query-vectors",
        arg(&vectors),
        "--query-vector-ids",
        arg(&ids),
        "--exact",
        "--run",
        arg(run),
        "--json",
    ]);
    serde_json::from_str(&line).expect("one line of JSON")
}
