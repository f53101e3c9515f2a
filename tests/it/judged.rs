//! Evaluation, tuning, comparison and profiles over HTTP: the library's results, and faults reported.

use lexivec::eval::compare::Resampling;
use lexivec::eval::report::report;
use lexivec::eval::trec::Qrels;
use lexivec::{Collection, SearchRequest};
use lexivec_tests::Random;
use serde_json::{Value, json};

use crate::http::Running;

const WORDS: [&str; 6] = ["wing", "heat", "flow", "shock", "cone", "plate"];
const ROUTE: &str = "/v1/collections/c";

/// Rows whose words and vectors say the same with some noise; queries by one word and its vector.
fn fill(server: &Running) -> (Vec<Value>, Qrels) {
    let mut random = Random(3);
    let axis = |of: usize| (0..6).map(|i| if i == of { 1.0 } else { 0.0 }).collect::<Vec<f32>>();
    let created = json!({"vectors": [{"name": "vector", "dim": 6}]});
    assert_eq!(server.json("PUT", ROUTE, &created).0, 201);
    let mut qrels = Qrels::new();
    let documents: Vec<Value> = (0..120)
        .map(|row| {
            let (subject, other) = (row % 6, random.below(6));
            let vector: Vec<f32> = axis(subject).iter().map(|x| x + 0.8 * random.unit()).collect();
            let text = format!("{} {} {}", WORDS[subject], WORDS[other], WORDS[random.below(6)]);
            let of_subject = qrels.entry(format!("q{subject}")).or_default();
            of_subject.insert(format!("d{row}"), 1);
            json!({"id": format!("d{row}"), "text": text, "vector": vector})
        })
        .collect();
    let written = server.json("POST", &format!("{ROUTE}/documents"), &json!(documents));
    assert_eq!(written.0, 200, "{}", written.1);
    let query = |subject: usize| {
        let id = format!("q{subject}");
        json!({"id": id, "judgments": qrels[&id],
            "request": {"text": WORDS[subject], "vector": axis(subject)}})
    };
    ((0..6).map(query).collect(), qrels)
}

#[test]
fn evaluation_over_http_equals_the_library() {
    let scratch = tempfile::tempdir().expect("a directory");
    let (answer, changed, tuned, queries, qrels) = {
        let server = Running::start(scratch.path());
        let (queries, qrels) = fill(&server);
        let post = |verb: &str, body: &Value| server.json("POST", &format!("{ROUTE}/{verb}"), body);
        let settings = json!({"mode": "text", "text": {"candidates": 20}});
        let profile = format!("{ROUTE}/profiles/words");
        assert_eq!(server.json("PUT", &profile, &settings).0, 200);
        let listed = server.json("GET", &format!("{ROUTE}/profiles"), &Value::Null).1;
        assert_eq!(listed, json!({"words": settings}));
        let asked = json!({"queries": queries, "against_profile": "words", "depth": 50, "seed": 7});
        let (status, answer) = post("evaluate", &asked);
        assert_eq!(status, 200, "{answer}");
        let (status, changed) = post("diff", &json!({"queries": queries, "with_profile": "words"}));
        assert_eq!(status, 200, "{changed}");
        let same = post("diff", &json!({"queries": queries, "with_collection": "c"})).1;
        assert_eq!((&same["changed"], &same["rbo"]), (&json!(0), &json!(1.0)));
        let asked = json!({"queries": queries, "folds": 3, "save": "best", "save_anyway": true});
        let (status, tuned) = post("tune", &asked);
        assert_eq!((status, &tuned["saved"]), (200, &json!("best")), "{tuned}");
        let listed = server.json("GET", &format!("{ROUTE}/profiles"), &Value::Null).1;
        assert_eq!(listed["best"], tuned["profile"]);
        assert_eq!(server.json("DELETE", &profile, &Value::Null).0, 200);
        assert_eq!(server.json("DELETE", &profile, &Value::Null).0, 404);
        for (verb, body, expected) in [
            ("evaluate", json!({"queries": [queries[0], queries[0]]}), "two queries have the id"),
            ("evaluate", json!({"queries": queries, "profile": "none"}), "none"),
            ("evaluate", json!({"queries": queries, "depht": 3}), "depht"),
            ("tune", json!({"queries": queries, "metric": "ndgc@10"}), "metric"),
            ("tune", json!({"queries": queries, "save": "No Good"}), "save"),
            ("tune", json!({"queries": [], "folds": 2}), ""),
            ("diff", json!({"queries": queries, "with_profile": "none"}), "none"),
            ("diff", json!({"queries": [{"id": "q", "request": {}}]}), "queries[0]"),
        ] {
            let (status, problem) = post(verb, &body);
            let detail = problem["detail"].as_str().expect("a problem");
            assert!(status == 400 && detail.contains(expected), "{verb} {status} {problem}");
        }
        let missing = post("diff", &json!({"queries": queries, "with_collection": "none"}));
        assert_eq!(missing.0, 404);
        (answer, changed, tuned, queries, qrels)
    };
    let folder = std::fs::read_dir(scratch.path()).expect("listed").flatten();
    let folder = folder.map(|e| e.path()).find(|p| p.is_dir()).expect("the collection");
    let collection = Collection::open_read_only(folder).expect("opened");
    let requests: Vec<_> = queries
        .iter()
        .map(|query| {
            let vector = query["request"]["vector"].as_array().expect("a vector");
            let vector: Vec<f32> =
                vector.iter().map(|x| x.as_f64().expect("a number") as f32).collect();
            let text = query["request"]["text"].as_str().expect("text");
            let request = SearchRequest::hybrid(text, vector).limit(50);
            (query["id"].as_str().expect("an id").to_owned(), request)
        })
        .collect();
    let run = collection.searcher().expect("a view").rank(&requests).expect("ranked");
    let resampling = Resampling { seed: 7, ..Resampling::default() };
    let expected = report(&run, None, &qrels, &resampling).expect("scored");
    let expected = serde_json::to_value(expected).expect("JSON");
    for part in ["ndcg@10", "map", "mrr", "recall@100", "queries", "intervals"] {
        assert!(!answer[part].is_null(), "{part} in {answer}");
        assert_eq!(answer[part], expected[part], "{part}");
    }
    assert!(answer["against"]["ndcg@10"]["p_value"].is_number(), "{answer}");
    assert!(changed["changed"].as_u64() > Some(0), "{changed}");
    assert_eq!(tuned["queries"], json!(6));
}

/// Runs `lexivec answers`; gives its exit code and what it printed to both streams.
fn answers(args: &[&std::ffi::OsStr]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(lexivec_tests::command());
    let output = command.arg("answers").args(args).output().expect("run");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn answers_to_cases_are_scored_alike_by_command_and_over_http() {
    let scratch = tempfile::tempdir().expect("a directory");
    let cases = |answer: &str, latency: f64| -> Vec<Value> {
        let case = |word: &&str| {
            json!({"question": format!("what is a {word}"), "ground_truth": format!("a {word}"),
                "contexts": [format!("a {word} of steel")], "latency_ms": latency,
                "retrieved_contexts": [format!("a {word} of steel"), "something else"],
                "generated_answer": answer.replace('%', word)})
        };
        WORDS.iter().map(case).collect()
    };
    let (good, poor) = (cases("a % is a % of steel", 2.0), cases("nobody knows", 3.0));
    let write = |name: &str, cases: &[Value]| {
        let path = scratch.path().join(name);
        let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
        std::fs::write(&path, lines.join("\n")).expect("written");
        path.into_os_string()
    };
    let (first, second) = (write("good.jsonl", &good), write("poor.jsonl", &poor));
    let (code, printed, _) = answers(&[&first, "--against".as_ref(), &second, "--json".as_ref()]);
    assert_eq!(code, Some(0));
    let printed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(printed["aggregated"]["faithfulness_mean"], json!(1.0));
    assert_eq!(printed["aggregated"]["context_recall_mean"], json!(1.0));
    assert_eq!(printed["against"]["comparison"]["recommendation"], "experiment_b");
    assert_eq!(printed["results"].as_array().map(Vec::len), Some(6));
    let test = &printed["against"]["significance"]["faithfulness"];
    assert_eq!((&test["pairs"], &test["difference"]["mean"]), (&json!(6), &json!(1.0)));
    let (_, read, _) = answers(&[&first, "--against".as_ref(), &second]);
    assert!(read.contains("this one is better") && read.contains("faithfulness      1.0000"));

    let server = Running::start(scratch.path());
    let post = |body: &Value| server.json("POST", "/v1/answers", body);
    assert_eq!(post(&json!({"cases": good, "against": poor})), (200, printed));
    for (body, expected) in [
        (json!({"cases": []}), "no results"),
        (json!({"cases": good, "against": poor[1..]}), "is not in"),
        (json!({"cases": [{"question": "q", "ground_truth": "a"}]}), "retrieved_contexts"),
        (json!({"cases": good, "agianst": poor}), "agianst"),
    ] {
        let (status, problem) = post(&body);
        let detail = problem["detail"].as_str().expect("a problem").to_lowercase();
        assert!(status == 400 && detail.contains(expected), "{status} {problem}");
    }
    let broken = write("broken.jsonl", &[good[0].clone(), json!({"question": "q"})]);
    let (code, _, stderr) = answers(&[&broken]);
    assert!(code == Some(1) && stderr.contains("broken.jsonl line 2"), "{stderr}");
}
