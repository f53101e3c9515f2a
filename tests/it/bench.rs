//! `bench` and `recall` as their users meet them: on vectors alone, whatever the files hold.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use lexivec_tests::Random;
use npyz::WriterBuilder;
use serde_json::Value;

use crate::{arg, lexivec, lexivec_ok};

const DIM: usize = 8;

fn write<T: npyz::Serialize + npyz::AutoSerialize + Copy>(path: &Path, rows: &[T], width: usize) {
    let file = BufWriter::new(File::create(path).expect("made"));
    let shape = [(rows.len() / width) as u64, width as u64];
    let mut npy = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&shape)
        .writer(file)
        .begin_nd()
        .expect("npy");
    npy.extend(rows.iter().copied()).expect("written");
    npy.finish().expect("written");
}

/// Writes vectors, queries and their exact neighbours, and ingests the vectors.
fn ingested(folder: &Path) {
    let at = |name: &str| folder.join(name);
    let mut random = Random(31);
    let rows: Vec<f32> = (0..12_000).flat_map(|_| random.vector(DIM)).collect();
    let queries: Vec<f32> = (0..40).flat_map(|_| random.vector(DIM)).collect();
    write(&at("x.npy"), &rows, DIM);
    write(&at("q.npy"), &queries, DIM);
    let index = at("index");
    // Without ids a row's number is its id.
    lexivec_ok(&["ingest", arg(&index), "--vectors", arg(&at("x.npy")), "--metric", "l2"]);
    let far = |row: usize, query: &[f32]| -> f32 {
        let row = &rows[row * DIM..][..DIM];
        row.iter().zip(query).map(|(x, y)| (x - y) * (x - y)).sum()
    };
    let truth: Vec<i32> = queries
        .chunks(DIM)
        .flat_map(|query| {
            let mut order: Vec<usize> = (0..rows.len() / DIM).collect();
            order.sort_by(|&a, &b| far(a, query).total_cmp(&far(b, query)));
            order.into_iter().take(12).map(|row| row as i32)
        })
        .collect();
    write(&at("gt.npy"), &truth, 12);
}

#[test]
fn speed_and_recall_are_measured_on_the_callers_queries() {
    let scratch = tempfile::tempdir().expect("a directory");
    ingested(scratch.path());
    let at = |name: &str| scratch.path().join(name);
    let index = at("index");
    let (npy, gt) = (at("q.npy"), at("gt.npy"));
    let asked = ["bench", arg(&index), "--query-vectors", arg(&npy), "--json", "--rounds", "1"];
    let settings = |more: &[&str]| -> Vec<Value> {
        let printed = lexivec_ok(&[&asked, more].concat());
        let report: Value = serde_json::from_str(&printed).expect("JSON");
        report["settings"].as_array().expect("settings").clone()
    };
    let recall = |setting: &Value| setting["recall@10"].as_f64().expect("a recall");
    let given = settings(&["--truth", arg(&gt), "--ef", "16,200", "--target-recall", "0.9"]);
    assert_eq!(given.len(), 3);
    assert_eq!((&given[0]["ef"], &given[2]["target_recall"]), (&16.into(), &0.9.into()));
    assert!(recall(&given[1]) >= 0.99, "{given:?}");
    for setting in &given {
        for key in ["qps", "qps_wall", "p50_ms", "p99_ms"] {
            assert!(setting[key].as_f64().is_some_and(|x| x > 0.0), "{key}: {setting}");
        }
    }
    // Found by scanning it is the same.
    let found = settings(&["--ef", "16,200", "--target-recall", "0.9"]);
    let recalls = |of: &[Value]| of.iter().map(recall).collect::<Vec<_>>();
    assert_eq!(recalls(&given), recalls(&found));
    assert_eq!(recalls(&settings(&["--truth", arg(&gt), "--exact"])), [1.0]);
    // The figure has the name of its limit.
    let other = settings(&["--truth", arg(&gt), "--exact", "--limit", "12"]);
    assert_eq!((&other[0]["recall@12"], &other[0]["recall@10"]), (&1.0.into(), &Value::Null));
    assert_eq!(recalls(&settings(&["--batch", "--ef", "200"])), [recall(&given[1])]);
    assert_eq!(recalls(&settings(&["--threads", "2", "--ef", "200"])), [recall(&given[1])]);

    let printed = lexivec_ok(&["recall", arg(&index), "--query-vectors", arg(&npy), "--json"]);
    let report: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(report["queries"], 40);
    let mean = report["recall"]["mean"].as_f64().expect("a mean");
    assert!(mean >= 0.99 && report["recall"]["low"].as_f64().is_some_and(|low| low < mean));
    let shares = report["selectivity"].as_array().expect("shares");
    assert_eq!(shares.len(), 4);
    let table = lexivec_ok(&["recall", arg(&index), "--samples", "20", "--target-recall", "0.9"]);
    assert!(table.contains("recall@10 of 20 queries"), "{table}");

    for (command, message) in [
        (vec!["bench", arg(&index)], "no queries"),
        (vec!["bench", arg(&index), "--query-vectors", arg(&gt)], "float"),
        (vec!["bench", arg(&index), "--query-vectors", arg(&npy), "--truth", arg(&npy)], "int"),
        (vec!["bench", arg(&index), "--query-vectors", arg(&npy), "--ef", "9999999"], "limit"),
        (vec!["recall", arg(&index), "--target-recall", "1.5"], "target_recall"),
        (vec!["recall", arg(&index), "--ef", "9", "--target-recall", "0.5"], "cannot be used"),
        (vec!["recall", arg(&index), "--field", "none"], "no such field"),
    ] {
        let output = lexivec(&command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && stderr.contains(message), "{command:?}: {stderr}");
    }
}
