//! Our metrics against pytrec_eval, on the same run file.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use lexivec::eval::evaluate;
use lexivec::eval::trec::{parse_qrels, parse_run};
use lexivec_tests::Random;
use serde_json::Value;

/// Largest difference of two evaluators, which add up in another order.
const TOLERANCE: f64 = 1e-6;

/// The Python that has pytrec_eval: `LEXIVEC_PYTHON`, or the `.venv` that `make test` makes.
pub(crate) fn python() -> PathBuf {
    match std::env::var_os("LEXIVEC_PYTHON") {
        Some(python) => PathBuf::from(python),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/python"),
    }
}

/// The values of pytrec_eval for a run, by query and metric.
fn judge(run: &Path, qrels: &Path) -> BTreeMap<String, BTreeMap<String, f64>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("judge.py");
    let output = Command::new(python()).arg(script).arg(run).arg(qrels).output();
    let output = output.expect("Python with pytrec_eval; `make test` installs it in .venv");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Checks the means that the command printed for a run it wrote.
pub(crate) fn equal_trec_eval(run: &Path, qrels: &Path, printed: &Value) {
    let judged = judge(run, qrels);
    assert_eq!(printed["queries"], judged.len());
    for (ours, theirs) in [
        ("ndcg@10", "ndcg_cut_10"),
        ("recall@100", "recall_100"),
        ("map", "map"),
        ("mrr", "recip_rank"),
    ] {
        let mean = judged.values().map(|q| q[theirs]).sum::<f64>() / judged.len() as f64;
        let printed = printed[ours].as_f64().expect("a number");
        assert!((printed - mean).abs() <= TOLERANCE, "{ours}: {printed}, pytrec_eval {mean}");
    }
}

#[test]
fn every_query_of_a_seeded_run_scores_as_pytrec_eval_says() {
    let mut random = Random(7);
    let (mut qrels, mut run) = (String::new(), String::new());
    for query in 0..60 {
        for document in 0..random.below(40) {
            let grade = random.below(5) as i64 - 1;
            let _ = writeln!(qrels, "q{query} 0 d{document} {grade}");
        }
        // Some queries have no hits, many scores are equal.
        for document in 0..random.below(4) * 50 {
            let score = random.below(12) as f64 / 4.0;
            let _ = writeln!(run, "q{query} Q0 d{document} 0 {score} test");
        }
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let (run_path, qrels_path) = (scratch.path().join("run"), scratch.path().join("qrels"));
    std::fs::write(&run_path, &run).expect("written");
    std::fs::write(&qrels_path, &qrels).expect("written");

    let judged = judge(&run_path, &qrels_path);
    let ours = evaluate(&parse_run(&run).expect("a run"), &parse_qrels(&qrels).expect("qrels"));
    assert!(ours.queries > 40);
    assert_eq!(ours.per_query.keys().collect::<Vec<_>>(), judged.keys().collect::<Vec<_>>());
    for (query, scores) in &ours.per_query {
        let theirs = &judged[query];
        for (metric, score) in [
            ("ndcg_cut_10", scores.ndcg_at_10),
            ("recall_100", scores.recall_at_100),
            ("map", scores.map),
            ("recip_rank", scores.mrr),
        ] {
            let expected = theirs[metric];
            assert!((score - expected).abs() <= TOLERANCE, "{query} {metric}: {score} {expected}");
        }
    }
}
